"""The proposals of a repository: make, review and merge them; each word is appended, none is lost.

A proposal is merged through a gate: its checks pass for the commits that both branches are at, enough others approved
the very commit that is merged, nobody asks for changes, and there is no conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from headwater.core.errors import (
    ConcurrentUpdate,
    GateClosed,
    MergeConflict,
    NotFound,
    StorageDenied,
    StorageFull,
    UsageError,
)
from headwater.core.ids import CommitId
from headwater.store.commit import Commit, Provenance, save_commit
from headwater.store.graph import merge_base
from headwater.store.reachable import keep_alive
from headwater.versions.combine import preview
from headwater.versions.diff import Diff
from headwater.versions.proposal import EventKind, Picture, Proposal, add_event, read_events
from headwater.versions.publish import publish
from headwater.versions.standing import Standing, standing_of

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Checker", "Proposals"]

_ATTEMPTS = 100
_MERGES = 5
_RANK = ("pass", "warn", "fail", "error")
_KEPT_BESIDE = (".quarantine", ".confirmed")


class Checker(Protocol):
    """Checks a commit before it is made part of a branch; handed in from above."""

    def __call__(
        self, candidate: CommitId, target: CommitId, datasets: Sequence[str], only: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return for each dataset its name, outcome, counts, and the findings that do not pass."""


class Proposals(Mapping[int, Proposal]):
    """The proposals of a repository, by number.

    Parameters
    ----------
    repo : Repo
        The repository.
    checker : Checker, optional
        Runs the checks; without one they are not run, and nothing can be merged.
    """

    def __init__(self, repo: Repo, checker: Checker | None = None) -> None:
        self._repo = repo
        self._checker = checker

    def __getitem__(self, number: int) -> Proposal:
        head = self._repo.refs.get("proposals", str(number))
        if head is None:
            raise NotFound.among("proposal", str(number), map(str, self))
        return read_events(number, head, self._repo.objects)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(int(name) for name in self._repo.refs.names("proposals") if name.isdigit()))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def open(
        self,
        source: str,
        *,
        into: str | None = None,
        title: str = "",
        description: str = "",
        reviewers: Sequence[str] = (),
        approvals: int | None = None,
        only: Sequence[str] | None = None,
    ) -> Proposal:
        """Propose to bring a branch into another one; if that is proposed already, refresh it.

        Parameters
        ----------
        source : str
            A branch, here or of a remote.
        into : str, optional
            The branch that it shall go into; the one we are on by default.
        title, description : str
            What it is about; the first line of its last commit by default.
        reviewers : sequence of str
            Who is asked.
        approvals : int, optional
            How many others must approve; 1 by default.
        only : sequence of str, optional
            Hold it to these checks, or families of checks, alone.

        Raises
        ------
        UsageError
            If the branches have nothing apart, or how many must approve is negative.
        NotFound
            If there is no such branch.
        """
        repo = self._repo
        target = into or repo.require_branch()
        name, source_commit = self._branch(source)
        _, target_commit = self._branch(target)
        if name == target:
            raise UsageError(f"Into which branch shall {name!r} go? Name it: into='main', or --into main.")
        if approvals is not None and approvals < 0:
            raise UsageError(f"The number of approvals cannot be negative: {approvals}.")
        if merge_base(target_commit, source_commit, repo.objects) == source_commit:
            raise UsageError(
                f"{target!r} has everything that {source!r} has: there is nothing to propose.", name=source
            )
        given = {"title": title, "description": description, "reviewers": [*dict.fromkeys(reviewers)]}
        there = next((p for p in self.values() if p.is_open and (p.source, p.target) == (name, target)), None)
        if there is not None:
            return self._edit(there, given, approvals, only, source_commit, target_commit)
        facts: dict[str, Any] = {
            **given,
            "title": title or repo.commit(source_commit).summary,
            "source": name,
            "target": target,
            "required": 1 if approvals is None else approvals,
            "only": [*(only or ())],
        }
        picture = self._picture(source_commit, target_commit, facts["only"], check=True)
        commit = add_event(
            repo.objects,
            "open",
            {**facts, "picture": picture.to_dict()},
            after=None,
            author=repo.author,
            keeps=_kept(picture),
        )
        number = max((int(n) for n in repo.refs.all_names("proposals") if n.isdigit()), default=0) + 1
        while not repo.refs.move(
            "proposals", str(number), commit.id, expected=None, reason="open", author=repo.author
        ):
            number += 1
        return self[number]

    def standing(self, proposal: Proposal) -> Standing:
        """Return how a proposal stands against where its branches are now; nothing is written."""
        return standing_of(self._repo, proposal)

    def look(self, number: int) -> Proposal:
        """Return a proposal, refreshed without running checks; as it is where we may not write."""
        try:
            return self.refresh(number, check=False)
        except (StorageDenied, StorageFull):
            return self[number]

    def refresh(self, number: int, *, check: bool = True, force: bool = False) -> Proposal:
        """Bring a proposal up to where its branches are, and run the checks if they have not run for that, or broke.

        A proposal whose commits are all in the target is noted as merged.

        Parameters
        ----------
        number : int
            Which.
        check : bool
            Run the checks.
        force : bool
            Run them even if they have run.
        """
        proposal = self[number]
        if not proposal.is_open:
            return proposal
        now = self.standing(proposal)
        if now.is_merged:
            return self._merged(number, self._merged_by(proposal, now.target_commit))
        has_run = proposal.picture.outcome not in (None, "error") or bool(proposal.picture.conflicts)
        if now.is_current and not force and (has_run or not check or self._checker is None):
            return proposal
        picture = self._picture(now.source_commit, now.target_commit, proposal.only, check=check)
        return self._add(
            number, lambda _: ("update", {"picture": picture.to_dict()}, _kept(picture)), when_open=True
        )

    def add_impact(self, number: int, impact: Mapping[str, Any]) -> Proposal:
        """Note what the change does to a model; ``impact`` is JSON-able."""
        return self._add(
            number,
            lambda p: (
                "update",
                {
                    "impact": {
                        "source_commit": p.picture.source_commit,
                        "target_commit": p.picture.target_commit,
                        **impact,
                    }
                },
                [],
            ),
        )

    def comment(self, number: int, text: str) -> Proposal:
        """Say something about a proposal, open or not."""
        if not text.strip():
            raise UsageError("A comment needs a text.")
        return self._add(number, lambda _: ("comment", {"text": text}, []))

    def approve(self, number: int, text: str = "", *, commit: str | None = None) -> Proposal:
        """Approve the commit that the branch is at; should the branch move, that has to be done again.

        Parameters
        ----------
        number : int
            Which proposal.
        text : str
            What to say with it.
        commit : str, optional
            The commit that was looked at: if the branch is at another one by now, nothing is approved.

        Raises
        ------
        UsageError
            If it is our own proposal, is not open, or the branch is at another commit.
        """
        return self._review(number, "approve", text, commit)

    def request_changes(self, number: int, text: str, *, commit: str | None = None) -> Proposal:
        """Ask for changes: the proposal is not merged until we approve; parameters as for `approve`."""
        if not text.strip():
            raise UsageError("Which changes? A request for changes needs a text.")
        return self._review(number, "request-changes", text, commit)

    def close(self, number: int, text: str = "") -> Proposal:
        """Close a proposal without merging it."""
        return self._add(number, lambda _: ("close", {"text": text}, []), when_open=True)

    def reopen(self, number: int, text: str = "") -> Proposal:
        """Open a closed proposal again."""

        def step(proposal: Proposal) -> tuple[EventKind, dict[str, Any], list[CommitId]]:
            if proposal.status != "closed":
                raise UsageError(
                    f"Proposal {number} is {proposal.status}; only a closed one can be reopened."
                )
            return "reopen", {"text": text}, []

        return self._add(number, step)

    def merge(self, number: int, *, message: str | None = None) -> Proposal:
        """Merge a proposal, if its gate lets it through.

        What is merged is, row for row, what the checks looked at. Words that come in meanwhile are heard: the gate
        is then judged again.

        Raises
        ------
        GateClosed
            If it does not; ``reasons`` says why, ``findings`` what the checks found.
        """
        repo = self._repo
        was_open = self[number].is_open
        for _ in range(_MERGES):
            began = monotonic()
            proposal = self.refresh(number)
            if was_open and proposal.status == "merged":
                return proposal
            reasons = self.standing(proposal).reasons
            picture = proposal.picture
            if reasons or picture.candidate is None:
                listed = "".join(f"\n- {reason}" for reason in reasons)
                raise GateClosed(
                    f"Proposal {number} is not merged:{listed}",
                    number=number,
                    reasons=reasons,
                    findings=[f for report in picture.reports for f in report["findings"]],
                )
            checked = repo.commit(picture.candidate)
            commit = save_commit(
                repo.objects,
                datasets=checked.datasets,
                parents=(picture.target_commit, picture.source_commit),
                author=repo.author,
                message=message or f"Merge proposal {number}: {proposal.title}",
                provenance=Provenance(
                    kind="merge",
                    id=proposal.source,
                    inputs=(picture.source_commit,),
                    record={"proposal": proposal.id, "approved_by": list(proposal.approvals)},
                ),
            )
            done = publish(
                repo,
                proposal.target,
                commit,
                expected=picture.target_commit,
                reason=f"merge proposal {number}",
                began=began,
                last=partial(self._mark, number, proposal.head),
            )
            if done is not None:
                return self._merged(number, done.id)
        raise ConcurrentUpdate(
            f"Proposal {number} or its branches moved {_MERGES} times while it was being merged. Nothing was lost; "
            "try again.",
            number=number,
        )

    def _mark(self, number: int, head: CommitId, commit: Commit) -> bool:
        """Note that a commit is about to be published.

        The record moves first, and only from where it was judged: nobody's word comes too late unheard.
        """
        marked = add_event(
            self._repo.objects,
            "merging",
            {"commit": commit.id},
            after=head,
            author=self._repo.author,
            keeps=[commit.id],
        )
        return self._move(number, head, marked.id, "merging")

    def _edit(
        self,
        there: Proposal,
        given: dict[str, Any],
        approvals: int | None,
        only: Sequence[str] | None,
        source: CommitId,
        target: CommitId,
    ) -> Proposal:
        """Take over what was given anew, and look at these commits."""
        facts: dict[str, Any] = {name: value for name, value in given.items() if value}
        if given["reviewers"]:
            facts["reviewers"] = [*dict.fromkeys([*there.reviewers, *given["reviewers"]])]
        if approvals is not None and approvals != there.required:
            facts["required"] = approvals
        if only is not None and tuple(only) != there.only:
            facts["only"] = [*only]
        picture = there.picture
        moved = (source, target) != (picture.source_commit, picture.target_commit)
        if moved or "only" in facts or picture.outcome is None:
            new = self._picture(source, target, facts.get("only", there.only), check=True)
            facts["picture"] = new.to_dict()
        if not facts:
            return there
        keeps = _kept(Picture.from_dict(facts["picture"])) if "picture" in facts else []
        return self._add(there.number, lambda _: ("edit", facts, keeps), when_open=True)

    def _review(self, number: int, verdict: EventKind, text: str, commit: str | None) -> Proposal:
        seen = None if commit is None else self._repo.resolve(commit)

        def step(proposal: Proposal) -> tuple[EventKind, dict[str, Any], list[CommitId]]:
            if verdict == "approve" and proposal.author == self._repo.author:
                raise UsageError(
                    f"Proposal {number} is your own, {proposal.author}: somebody else has to approve it.",
                    number=number,
                )
            now = proposal.picture.source_commit
            if seen not in (None, now):
                raise UsageError(
                    f"{proposal.source} is at {now[:12]} by now, not at {str(seen)[:12]}. Look again: "
                    f"`hw propose show {number}`.",
                    number=number,
                )
            return verdict, {"commit": now, "text": text}, []

        proposal = self[number]
        if proposal.is_open and self.standing(proposal).source_commit != proposal.picture.source_commit:
            # What is reviewed is where the branch is now; the checks can wait until it is merged.
            self.refresh(number, check=False)
        return self._add(number, step, when_open=True)

    def _picture(self, source: CommitId, target: CommitId, only: Sequence[str], *, check: bool) -> Picture:
        """Merge two commits aside, and check the result."""
        repo = self._repo
        began = monotonic()
        try:
            candidate = preview(repo, target, source, message=f"Preview of merging {source[:12]}")
        except MergeConflict as error:
            base = merge_base(target, source, repo.objects)
            diff = _stats(repo, base, source)
            conflicts = error.facts["conflicts"].num_rows
            return Picture(source_commit=source, target_commit=target, diff=diff, conflicts=conflicts)
        diff = _stats(repo, target, candidate.id)
        reports: list[dict[str, Any]] = []
        outcome = None
        if check and self._checker is not None:
            names = [n for n in diff if n in candidate.datasets and not n.endswith(_KEPT_BESIDE)]
            reports = self._checker(candidate.id, target, names, only)
            outcome = max((report["outcome"] for report in reports), key=_RANK.index, default="pass")
            keep_alive(candidate, repo.objects, began)
        return Picture(
            source_commit=source,
            target_commit=target,
            diff=diff,
            candidate=candidate.id,
            outcome=outcome,
            reports=tuple(reports),
        )

    def _branch(self, name: str) -> tuple[str, CommitId]:
        """Return the name of a branch, without that of its remote, and the commit it is at."""
        refs = self._repo.refs
        commit = refs.get("heads", name)
        if commit is not None:
            return name, commit
        kinds: dict[str, tuple[str, CommitId]] = {}
        for full, at in refs.names("remotes").items():
            short = full.partition("/")[2]
            kinds.setdefault(short, (short, at))
            kinds[full] = (short, at)
        if name not in kinds:
            raise NotFound.among("branch", name, {*refs.names("heads"), *kinds})
        return kinds[name]

    def _merged(self, number: int, commit: CommitId) -> Proposal:
        return self._add(number, lambda _: ("merged", {"commit": commit}, [commit]))

    def _merged_by(self, proposal: Proposal, target: CommitId) -> CommitId:
        """Return the commit that brought a proposal into its target, which somebody may not have got to note."""
        made = [event.facts["commit"] for event in proposal.events if event.kind == "merging"]
        there = [c for c in made if merge_base(target, c, self._repo.objects) == c]
        return CommitId(there[-1]) if there else target

    def _add(
        self,
        number: int,
        step: Callable[[Proposal], tuple[EventKind, dict[str, Any], list[CommitId]]],
        *,
        when_open: bool = False,
    ) -> Proposal:
        """Append what ``step`` says about the proposal as it is, however many others append at the same time."""
        repo = self._repo
        for _ in range(_ATTEMPTS):
            proposal = self[number]
            if when_open and not proposal.is_open:
                raise UsageError(f"Proposal {number} is {proposal.status} already.", number=number)
            kind, facts, keeps = step(proposal)
            event = add_event(repo.objects, kind, facts, after=proposal.head, author=repo.author, keeps=keeps)
            if self._move(number, proposal.head, event.id, kind):
                return self[number]
        raise ConcurrentUpdate(
            f"Proposal {number} moved under us {_ATTEMPTS} times. Nothing was lost; try again.", number=number
        )

    def _move(self, number: int, before: CommitId, after: CommitId, reason: str) -> bool:
        return self._repo.refs.move(
            "proposals", str(number), after, expected=before, reason=reason, author=self._repo.author
        )


def _stats(repo: Repo, base: CommitId | None, head: CommitId) -> dict[str, Any]:
    """Return what changes from one commit to another, for each dataset."""
    if base is None:
        whole = {name: repo.manifest(name, head) for name in repo.commit(head).datasets}
        return {n: Diff(n, None, m, repo.objects, repo.threads).stat() for n, m in sorted(whole.items())}
    return {name: change.stat() for name, change in repo.diff(base, head).items()}


def _kept(picture: Picture) -> list[CommitId]:
    """Return the commits that a picture speaks of."""
    return [c for c in (picture.source_commit, picture.target_commit, picture.candidate) if c is not None]
