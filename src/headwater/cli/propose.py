"""Commands for proposals: bring a branch into another one through checks and reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Group, Session, command
from headwater.cli.options import column_names, joined, shell_word

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.versions.proposal import Proposal
    from headwater.versions.standing import Standing

__all__ = ["proposals", "propose"]

_NEW = "new"
_number = click.argument("number", type=click.IntRange(min=1))
_text = click.option("-m", "--message", "text", default="", metavar="TEXT", help="What to say with it.")
_needed_text = click.option("-m", "--message", "text", required=True, metavar="TEXT", help="What to say.")
_commit = click.option(
    "--commit",
    metavar="REF",
    help="The commit you looked at; if the branch is at another one, nothing is done.",
)
_dataset = click.option(
    "--dataset", metavar="NAME", help="The dataset for --impact; the only one that changes."
)


class Proposing(Group):
    """A group whose words, where they name none of its commands, mean ``new``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``new`` before a branch."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_NEW, *args]
        return super().parse_args(ctx, args)


@click.group("propose", cls=Proposing)
def propose() -> None:
    """Propose a branch for merging, review it, merge it through a gate.

    `hw propose BRANCH` is short for `hw propose new BRANCH`. A proposal holds the diff, the outcome of the checks and
    all that was said. It is merged if the checks do not fail for the commits that both branches are at, enough
    others approved the very commit that is merged, nobody requests changes and nothing conflicts. Proposals go along
    with push, fetch and clone.

    Examples
    --------
    hw propose fix-labels --into main --title "41 labels" --reviewer bob
    hw propose show 1
    hw propose approve 1 -m "looked at all 41"
    hw propose merge 1
    """


@command(_NEW)
@click.argument("branch")
@click.option("--into", metavar="BRANCH", help="The branch it shall go into; the current one by default.")
@click.option("--title", default="", help="What it is about; the message of the last commit by default.")
@click.option("-m", "--description", default="", metavar="TEXT", help="More about it.")
@click.option("--reviewer", "reviewers", multiple=True, metavar="NAME", help="Ask somebody to review it.")
@click.option(
    "--approvals", type=click.IntRange(min=0), metavar="N", help="How many others must approve; 1 by default."
)
@click.option(
    "--only",
    type=column_names,
    metavar="ID,…",
    multiple=True,
    help="Hold it to these checks, or families of checks, alone.",
)
@click.option("--impact", is_flag=True, help="Measure what it does to a model, too.")
@_dataset
def new(
    session: Session,
    branch: str,
    into: str | None,
    title: str,
    description: str,
    reviewers: tuple[str, ...],
    approvals: int | None,
    only: tuple[tuple[str, ...], ...],
    impact: bool,
    dataset: str | None,
) -> None:
    """Propose a branch, or look again at its proposal.

    Examples
    --------
    hw propose fix-labels
    hw propose new fix-labels --into main --title "41 labels" --reviewer bob --impact
    """
    repo = session.repo()
    made = repo.propose(
        branch,
        into=into,
        title=title,
        description=description,
        reviewers=reviewers,
        approvals=approvals,
        only=joined(only) if only else None,
        impact=(dataset or True) if impact else False,
    )
    _show(session, repo, made)
    if len(made.events) == 1:
        session.next(f"hw propose show {made.number}")


@command("show")
@_number
def show(session: Session, number: int) -> None:
    """Show a proposal: diff, checks, reviews, history.

    Examples
    --------
    hw propose show 1
    hw propose show 1 --json
    """
    repo = session.repo()
    found = repo.proposals.look(number)
    _show(session, repo, found)
    if found.is_open:
        span = f"{found.picture.target_commit[:12]}..{found.picture.source_commit[:12]}"
        session.next(f"hw diff {span}", f"hw propose approve {number}")


@command("approve")
@_number
@_text
@_commit
def approve(session: Session, number: int, text: str, commit: str | None) -> None:
    """Approve the commit that the branch is at.

    Should the branch move, that commit has to be approved again.

    Examples
    --------
    hw propose approve 1
    hw propose approve 1 --commit 3f2a91c -m "looked at all 41"
    """
    repo = session.repo()
    done = repo.proposals.approve(number, text, commit=commit)
    _tell(session, repo, done, f"Approved {done.picture.source_commit[:12]}")
    if done.status == "approved":
        session.next(f"hw propose merge {number}")


@command("request-changes")
@_number
@_needed_text
@_commit
def request_changes(session: Session, number: int, text: str, commit: str | None) -> None:
    """Ask for changes: it is not merged until you approve.

    Examples
    --------
    hw propose request-changes 1 -m "rows 7 and 9 were right before"
    """
    repo = session.repo()
    _tell(session, repo, repo.proposals.request_changes(number, text, commit=commit), "Requested changes")


@command("comment")
@_number
@_needed_text
def comment(session: Session, number: int, text: str) -> None:
    """Say something about a proposal.

    Examples
    --------
    hw propose comment 1 -m "who labelled batch 7?"
    """
    repo = session.repo()
    _tell(session, repo, repo.proposals.comment(number, text), "Noted")


@command("refresh")
@_number
@click.option("--impact", is_flag=True, help="Measure what it does to a model, too.")
@_dataset
def refresh(session: Session, number: int, impact: bool, dataset: str | None) -> None:
    """Look where the branches are now, and check that.

    The exit code is 1 if the checks fail, 3 if one broke.

    Examples
    --------
    hw propose refresh 1
    hw propose refresh 1 --impact
    """
    repo = session.repo()
    done = repo.proposals.refresh(number, force=True)
    if impact and done.is_open:
        done = repo.measure_impact(number, dataset=dataset)
    _show(session, repo, done)
    if code := {"fail": 1, "error": 3}.get(done.picture.outcome or "", 0):
        click.get_current_context().exit(code)


@command("merge")
@_number
@click.option("-m", "--message", help="Message of the merge commit.")
def merge(session: Session, number: int, message: str | None) -> None:
    """Merge a proposal, if its gate lets it through.

    Else it says why not, with exit code 1. The checks run again if a branch has moved since they ran.

    Examples
    --------
    hw propose merge 1
    """
    repo = session.repo()
    done = repo.proposals.merge(number, message=message)
    _tell(session, repo, done, f"Merged {done.source} into {done.target}: {str(done.merge_commit)[:12]}")
    session.next(f"hw show {shell_word(done.target)}")


@command("close")
@_number
@_text
def close(session: Session, number: int, text: str) -> None:
    """Close a proposal without merging it.

    Examples
    --------
    hw propose close 1 -m "done differently"
    """
    repo = session.repo()
    _tell(session, repo, repo.proposals.close(number, text), "Closed")


@command("reopen")
@_number
@_text
def reopen(session: Session, number: int, text: str) -> None:
    """Open a closed proposal again.

    Examples
    --------
    hw propose reopen 1
    """
    repo = session.repo()
    _tell(session, repo, repo.proposals.reopen(number, text), "Opened")


@command("proposals")
@click.option("--all", "everything", is_flag=True, help="List merged and closed ones, too.")
def proposals(session: Session, everything: bool) -> None:
    """List the proposals, newest first.

    Examples
    --------
    hw proposals
    hw proposals --all --json
    """
    there = session.repo().proposals
    found = sorted(there.values(), key=lambda one: -one.number)
    shown = [(one, there.standing(one)) for one in found if everything or one.is_open]

    def draw(out: Any) -> None:
        from headwater.cli.render_proposals import draw_proposals

        if shown:
            draw_proposals(out, shown)

    session.show([_brief(*pair) for pair in shown], draw)
    if not shown:
        rest = f" ({len(found)} merged or closed: --all)" if found else ""
        session.say(f"There are no open proposals{rest}.")


for each in (new, show, comment, approve, request_changes, refresh, merge, close, reopen):
    propose.add_command(each)


def _show(session: Session, repo: Repo, proposal: Proposal) -> None:
    standing = repo.proposals.standing(proposal)
    value = {**proposal.to_dict(), "reasons": standing.reasons, "is_current": standing.is_current}

    def draw(out: Any) -> None:
        from headwater.cli.render_proposals import draw_proposal

        draw_proposal(out, proposal, standing.reasons)

    session.show(value, draw)


def _tell(session: Session, repo: Repo, proposal: Proposal, words: str) -> None:
    """Say in a line what was done, and how the proposal stands."""
    standing = repo.proposals.standing(proposal)
    value = {**proposal.to_dict(), "reasons": standing.reasons, "is_current": standing.is_current}
    line = f"{words} (proposal {proposal.number}, {proposal.status})"
    session.show(value, lambda out: out.print(line, markup=False, soft_wrap=True))


def _brief(proposal: Proposal, standing: Standing) -> dict[str, Any]:
    facts = proposal.to_dict()
    brief = {name: value for name, value in facts.items() if name not in ("events", "reports", "diff")}
    now = {"status": standing.status, "is_current": standing.is_current, "reasons": standing.reasons}
    return {**brief, **now}
