"""What proposals show in a terminal: a line each, or one with its checks, reviews and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from headwater.cli.render import SHORT, change_text
from headwater.cli.render_findings import badge
from headwater.cli.tables import plain_table, safe, when
from headwater.core.findings import Outcome

if TYPE_CHECKING:
    from headwater.versions.proposal import Event, Proposal
    from headwater.versions.standing import Standing

__all__ = ["draw_proposal", "draw_proposals"]

_STYLES = {"open": "yellow", "approved": "bold green", "merged": "bold magenta", "closed": "dim"}
_FINDINGS = 5
_ORDER = ("fail", "error", "warn", "pass")
_WORDS = {
    "open": "proposed this",
    "edit": "changed the proposal",
    "update": "looked again",
    "comment": "said",
    "approve": "approved",
    "request-changes": "requested changes",
    "close": "closed it",
    "reopen": "opened it again",
    "merged": "merged it",
}
"""What people did; events that only keep the record together are not told."""


def draw_proposals(out: Console, proposals: Sequence[tuple[Proposal, Standing]]) -> None:
    """Draw a line for each proposal."""
    rows: list[list[RenderableType]] = [
        [
            str(one.number),
            Text(standing.status, style=_STYLES[standing.status]),
            _outcome(one.picture.outcome if standing.is_current else None),
            f"{standing.approvals}/{one.required}",
            safe(f"{one.source} → {one.target}"),
            safe(one.author),
            safe(one.title),
        ]
        for one, standing in proposals
    ]
    titles = ["number", "status", "checks", "approved", "branches", "author", "title"]
    out.print(plain_table(titles, rows, right=("number", "approved")))


def draw_proposal(out: Console, proposal: Proposal, reasons: Sequence[str]) -> None:
    """Draw a proposal; ``reasons`` say why it cannot be merged now."""
    out.print(
        Text.assemble(
            (f"Proposal {proposal.number}", "bold"),
            "  ",
            (proposal.status, _STYLES[proposal.status]),
            "  ",
            (safe(proposal.title), "bold"),
        ),
        soft_wrap=True,
    )
    line = f"{proposal.source} → {proposal.target}, by {proposal.author}, {when(proposal.time)}"
    out.print(Text(safe(line), style="dim"), soft_wrap=True)
    for text in proposal.description.splitlines():
        out.print(Text(safe(text)))
    picture = proposal.picture
    out.print()
    out.print(Text(f"{picture.target_commit[:SHORT]} → {picture.source_commit[:SHORT]}", style="yellow"))
    for stat in picture.diff.values():
        out.print(change_text(stat))
    if picture.conflicts:
        out.print(Text(f"{picture.conflicts:,} conflict(s)", style="bold red"))
    out.print()
    _draw_checks(out, proposal)
    if proposal.impact is not None:
        at = (proposal.impact["source_commit"], proposal.impact["target_commit"])
        stale = "" if at == (picture.source_commit, picture.target_commit) else " (of earlier commits)"
        out.print(Text(f"\nImpact{stale}: {safe(str(proposal.impact['summary']))}"))
    _draw_reviews(out, proposal)
    told = [event for event in proposal.events if event.kind in _WORDS]
    out.print()
    for event in told:
        _draw_event(out, event)
    if proposal.is_open:
        out.print()
        if reasons:
            out.print(Text("Not to be merged yet:", style="yellow"))
        for reason in reasons:
            out.print(Padding(Text(f"- {safe(reason)}"), (0, 0, 0, 2), expand=False))
        if not reasons:
            out.print(Text("Ready to be merged", style="green"))
    elif proposal.merge_commit is not None:
        out.print(Text(f"\nMerged as {proposal.merge_commit[:SHORT]}", style="magenta"))


def _draw_checks(out: Console, proposal: Proposal) -> None:
    picture = proposal.picture
    held_to = f" (only {', '.join(proposal.only)})" if proposal.only else ""
    if picture.outcome is None:
        out.print(Text("The checks have not run for these commits.", style="dim"))
        return
    if not picture.reports:
        out.print(Text.assemble(badge(Outcome.PASS), " nothing to check"))
    for report in picture.reports:
        counts = ", ".join(f"{report['counts'][o]:,} {o}" for o in _ORDER if report["counts"].get(o))
        out.print(
            Text.assemble(
                badge(Outcome(report["outcome"])),
                " ",
                (safe(report["dataset"]), "bold"),
                f": {counts or 'nothing to check'}{held_to}",
            )
        )
        shown = report["findings"][:_FINDINGS]
        for finding in shown:
            _draw_finding(out, finding)
        if len(report["findings"]) > len(shown):
            out.print(
                Text(f"        … {len(report['findings']) - len(shown):,} more; --json has all", style="dim")
            )


def _draw_finding(out: Console, finding: Mapping[str, Any]) -> None:
    place = " ".join(safe(str(finding[name])) for name in ("column", "slice") if finding[name])
    head = Text.assemble(
        (f"{finding['outcome']} ", "dim"), (finding["check"], "bold"), f"  {place}" if place else ""
    )
    out.print(Padding(head, (0, 0, 0, 8), expand=False))
    out.print(Padding(Text(safe(finding["message"])), (0, 0, 0, 10), expand=False))


def _draw_reviews(out: Console, proposal: Proposal) -> None:
    words = []
    waiting = [
        name for name in proposal.reviewers if name not in {review.author for review in proposal.reviews}
    ]
    if waiting:
        words.append(f"Asked to review: {', '.join(waiting)}")
    if proposal.required:
        words.append(
            f"Approved by {', '.join(proposal.approvals) or 'nobody'} ({len(proposal.approvals)} of "
            f"{proposal.required})"
        )
    if words:
        out.print()
        out.print(Text(safe(". ".join(words))))


def _draw_event(out: Console, event: Event) -> None:
    at = event.facts.get("commit")
    where = f" {at[:SHORT]}" if at and event.kind in ("approve", "merged") else ""
    text = event.facts.get("text", "")
    words = "measured the impact" if event.facts.get("impact") else _WORDS[event.kind]
    line = Text.assemble(
        (when(event.time), "dim"),
        f"  {safe(event.author)} ",
        (f"{words}{where}", "bold"),
        f": {safe(text)}" if text else "",
    )
    out.print(line, soft_wrap=True)


def _outcome(outcome: str | None) -> Text:
    return Text("–", style="dim") if outcome is None else badge(Outcome(outcome))
