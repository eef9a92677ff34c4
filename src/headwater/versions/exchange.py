"""Proposals go from one repository to another, and what both sides said is joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from headwater.core.errors import ConcurrentUpdate
from headwater.core.ids import CommitId
from headwater.store.commit import load_commit
from headwater.store.objects import Objects
from headwater.store.reachable import keep_alive
from headwater.store.refs import KINDS
from headwater.versions.proposal import event_names, join_events, record_of
from headwater.versions.transfer import EVERYTHING, Part, Transferred, copy_history

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Exchanged", "bring_proposals", "send_proposals"]

_ATTEMPTS = 20
_FETCH = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What an exchange of proposals changed on the side that it wrote to.

    Parameters
    ----------
    changes : tuple
        Number, event before (None: it is new there) and event after, of each proposal.
    renumbered : mapping of int to int
        Proposals of ours whose number was taken: old number to new.
    copied : Transferred
        What was copied.
    """

    changes: tuple[tuple[int, CommitId | None, CommitId], ...] = ()
    renumbered: dict[int, int] = field(default_factory=dict)
    copied: Transferred = field(default_factory=Transferred)


def bring_proposals(repo: Repo, there: Repo, *, part: Part = EVERYTHING) -> Exchanged:
    """Bring the proposals of another repository here, with all they speak of.

    A record that both have is joined. A proposal keeps the number that it has there; one of ours that has it, and
    that nobody has seen yet, gets another.
    """
    theirs = _heads(there)
    ours = _heads(repo)
    fresh = {number: head for number, head in theirs.items() if ours.get(number) != head}
    if not fresh:
        return Exchanged()
    began = monotonic()
    copied = _copy(fresh.values(), there, repo, part)
    known = {_root(head, there.objects) for head in theirs.values()}
    changes: list[tuple[int, CommitId | None, CommitId]] = []
    renumbered: dict[int, int] = {}
    for number, head in fresh.items():
        keep_alive(repo.commit(head), repo.objects, began)
        root = _root(head, repo.objects)
        place = _number_of(repo, root)
        if place is None:
            place = _make_room(repo, there, number, known, renumbered)
        before, after = _join(repo, place, head)
        if before != after:
            changes.append((place, before, after))
    return Exchanged(changes=tuple(changes), renumbered=renumbered, copied=copied)


def send_proposals(repo: Repo, there: Repo, *, part: Part = EVERYTHING) -> Exchanged:
    """Bring our proposals to another repository, after what was said there has been joined into them.

    Raises
    ------
    ConcurrentUpdate
        If others were faster too often.
    """
    sent = Exchanged()
    for _ in range(_ATTEMPTS):
        brought = bring_proposals(repo, there, part=part)
        sent = replace(sent, renumbered={**sent.renumbered, **brought.renumbered})
        theirs = {_root(head, there.objects): (n, head) for n, head in _heads(there).items()}
        ours = {_root(head, repo.objects): (n, head) for n, head in _heads(repo).items()}
        news = {root: here for root, here in ours.items() if theirs.get(root, (0, None))[1] != here[1]}
        if not news:
            return sent
        began = monotonic()
        copied = _copy([head for _, head in news.values()], repo, there, EVERYTHING)
        sent = replace(sent, copied=sent.copied + copied)
        was_first = True
        for root, (number, head) in news.items():
            keep_alive(there.commit(head), there.objects, began)
            place, before = theirs.get(root, (number, None))
            if before is None and there.refs.get("proposals", str(place)) is not None:
                place = _free(there)
            if there.refs.move(
                "proposals", str(place), head, expected=before, reason="push", author=repo.author
            ):
                sent = replace(sent, changes=(*sent.changes, (place, before, head)))
            else:
                was_first = False
        if was_first:
            return sent
    raise ConcurrentUpdate("The proposals there moved under us too often. Nothing was lost; push again.")


def _heads(repo: Repo) -> dict[int, CommitId]:
    return {int(name): head for name, head in repo.refs.names("proposals").items() if name.isdigit()}


def _root(head: CommitId, objects: Objects) -> CommitId:
    return record_of(load_commit(head, objects))


def _copy(heads: Iterable[CommitId], source: Repo, target: Repo, part: Part) -> Transferred:
    known = [commit for kind in KINDS for commit in target.refs.names(kind).values()]
    return copy_history(
        list(dict.fromkeys(heads)),
        source.objects,
        target.objects,
        known=known,
        part=part,
        progress=source.progress,
    )


def _number_of(repo: Repo, root: CommitId) -> int | None:
    return next((n for n, head in _heads(repo).items() if _root(head, repo.objects) == root), None)


def _make_room(repo: Repo, there: Repo, number: int, known: set[CommitId], renumbered: dict[int, int]) -> int:
    """Return the number that a new proposal gets here: the one it has there, if ours can give way.

    Ours gives way if nobody knows it by its number yet: it was made here, and they have not got it.
    """
    held = repo.refs.get("proposals", str(number))
    if held is None:
        return number
    reasons = {move.reason for move in repo.refs.reflog("proposals", str(number))}
    if _root(held, repo.objects) in known or _FETCH in reasons:
        return _free(repo, there)
    # One that was killed on the way has made the new name already.
    twin = next((n for n, head in _heads(repo).items() if n != number and head == held), None)
    place = twin or _free(repo, there)
    for name, before, after in ((place, held if twin else None, held), (number, held, None)):
        if before != after:
            repo.refs.require_move(
                "proposals",
                str(name),
                after,
                expected=before,
                reason=f"number {number} is taken",
                author=repo.author,
            )
    renumbered[number] = place
    return number


def _free(*repos: Repo) -> int:
    """Return a number that no repository has used."""
    names = (name for repo in repos for name in repo.refs.all_names("proposals"))
    return max((int(name) for name in names if name.isdigit()), default=0) + 1


def _join(repo: Repo, number: int, incoming: CommitId) -> tuple[CommitId | None, CommitId]:
    """Make an incoming record part of ours; return where ours was and is."""
    for _ in range(_ATTEMPTS):
        ours = repo.refs.get("proposals", str(number))
        if ours is None:
            after = incoming
        elif incoming in event_names(ours, repo.objects):
            return ours, ours
        elif ours in event_names(incoming, repo.objects):
            after = incoming
        else:
            after = join_events(repo.objects, [ours, incoming]).id
        if repo.refs.move("proposals", str(number), after, expected=ours, reason=_FETCH, author=repo.author):
            return ours, after
    raise ConcurrentUpdate(f"Proposal {number} moved under us too often. Nothing was lost; try again.")
