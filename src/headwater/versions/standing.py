"""How a proposal stands: where its two branches are by now, and what is in the way of merging it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from headwater.core.ids import CommitId
from headwater.store.graph import merge_base
from headwater.store.refs import RefKind
from headwater.versions.proposal import Picture, Proposal, Status

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Standing", "standing_of"]

_MOVES = 1000
"""How far back in a reflog a state of a branch is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a proposal stands against where its branches are now.

    Parameters
    ----------
    source_commit, target_commit : CommitId
        Where they are.
    status : str
        That of the proposal; ``open`` if what was approved is no longer where the branch is.
    approvals : int
        How many others approved the commit that the branch is at.
    is_current : bool
        Whether the record was refreshed for these commits.
    is_merged : bool
        Whether the target has all commits of the branch.
    reasons : list of str
        Why it cannot be merged; empty if it can.
    """

    source_commit: CommitId
    target_commit: CommitId
    status: Status
    approvals: int
    is_current: bool
    is_merged: bool
    reasons: list[str]


def standing_of(repo: Repo, proposal: Proposal) -> Standing:
    """Return how a proposal stands against where its branches are now; nothing is written."""
    picture = proposal.picture
    if not proposal.is_open:
        return Standing(
            source_commit=picture.source_commit,
            target_commit=picture.target_commit,
            status=proposal.status,
            approvals=len(proposal.approvals),
            is_current=True,
            is_merged=proposal.status == "merged",
            reasons=proposal.reasons(),
        )
    pictures = [Picture.from_dict(e.facts["picture"]) for e in proposal.events if "picture" in e.facts]
    source, other = _now(repo, proposal.source, picture.source_commit, {p.source_commit for p in pictures})
    target, ahead = _now(repo, proposal.target, picture.target_commit, {p.target_commit for p in pictures})
    moved = [
        name
        for name, now, then in (
            (proposal.source, source, picture.source_commit),
            (proposal.target, target, picture.target_commit),
        )
        if now != then
    ]
    reasons = proposal.reasons()
    if moved:
        reasons.append(
            f"{' and '.join(moved)} moved since: `hw propose refresh {proposal.number}` looks again."
        )
    if other:
        reasons.append(
            f"{other} has other commits than were proposed. `hw propose {other} --into {proposal.target}` "
            "proposes those."
        )
    if ahead or repo.refs.get("heads", proposal.target) != target:
        reasons.append(
            f"Branch {proposal.target} here lacks commits that it has elsewhere: `hw switch {proposal.target}` "
            "and `hw pull` first."
        )
    stays = source == picture.source_commit
    return Standing(
        source_commit=source,
        target_commit=target,
        status=proposal.status if stays else "open",
        approvals=len(proposal.approvals) if stays else 0,
        is_current=not moved,
        is_merged=merge_base(target, source, repo.objects) == source,
        reasons=reasons,
    )


def _now(repo: Repo, branch: str, then: CommitId, known: set[CommitId]) -> tuple[CommitId, str]:
    """Return where a branch is now, here or at a remote, as far as it went on from ``then``.

    Also returned is the name of one that has commits of its own beside that; empty if none has. States in
    ``known`` are older ones.
    """
    refs = repo.refs
    places: list[tuple[RefKind, str]] = [("heads", branch)]
    places += [("remotes", name) for name in refs.names("remotes") if name.partition("/")[2] == branch]
    found = [(kind, name, at) for kind, name in places if (at := refs.get(kind, name)) is not None]
    now = then
    for kind, name, at in found:
        if at != now and _has_moved_on(repo, kind, name, now, at):
            now = at
    other = [
        name
        for _, name, at in found
        if at not in known and merge_base(at, now, repo.objects) not in (at, now)
    ]
    return now, (other or [""])[0]


def _has_moved_on(repo: Repo, kind: RefKind, name: str, then: CommitId, now: CommitId) -> bool:
    """Say whether a branch was at a commit and went on from there, be it by new commits or rewritten."""
    if merge_base(then, now, repo.objects) == then:
        return True
    return any(move.commit == then for move in islice(repo.refs.reflog(kind, name), _MOVES))
