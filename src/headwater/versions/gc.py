"""Garbage collection: remove what no ref and no recent move of a ref needs.

Writers may be at work meanwhile. What they have written but not published yet is young, or is renewed just
before it is published (`headwater.store.reachable.keep_alive`); so nothing younger than ``grace`` is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from headwater.core.errors import UsageError
from headwater.core.ids import CommitId, ObjectId, digest
from headwater.store.objects import object_path
from headwater.store.reachable import reachable_objects
from headwater.store.refs import KINDS, RefKind
from headwater.store.storage import Entry

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["GRACE", "KEEP_REFLOG", "Collected", "collect"]

GRACE = timedelta(days=1)
"""How old garbage must be; longer than any change takes to make."""
KEEP_REFLOG = timedelta(days=30)
"""How far back `Repo.undo` can go after a collection."""

_OBJECT = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a garbage collection removed, or would remove in a dry run, and what it left.

    Parameters
    ----------
    removed, removed_bytes : int
        Objects, cached results and half-written files removed, and their size.
    kept, kept_bytes : int
        Objects that refs and recent moves need, and their size.
    young, young_bytes : int
        Garbage younger than the grace, which a later collection will remove.
    moves : int
        Entries removed from reflogs: `Repo.undo` cannot go back to them any more.
    dry_run : bool
        Whether nothing was removed in truth.
    """

    removed: int = 0
    removed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    young: int = 0
    young_bytes: int = 0
    moves: int = 0
    dry_run: bool = False


def collect(
    repo: Repo, *, grace: timedelta = GRACE, keep_reflog: timedelta = KEEP_REFLOG, dry_run: bool = False
) -> Collected:
    """Remove what no ref and no recent move of a ref needs.

    Parameters
    ----------
    repo : Repo
        The repository.
    grace : timedelta
        Keep garbage younger than this: it may be a change that is being made. With less than an hour, see
        that nobody writes meanwhile.
    keep_reflog : timedelta
        Keep the states in which branches and tags were during this time, deleted ones included.
    dry_run : bool
        Remove nothing; only say what would be.

    Returns
    -------
    Collected

    Raises
    ------
    UsageError
        If a time is negative.
    ObjectMissing, CorruptObject
        If history cannot be read in whole; nothing is removed then.
    """
    if grace < timedelta() or keep_reflog < timedelta():
        raise UsageError("The times to keep garbage and reflogs cannot be negative.")
    now = datetime.now(UTC)
    since, cutoff = now - grace, now - keep_reflog
    roots: list[CommitId] = []
    needed: set[ObjectId] = set()
    expired: list[ObjectId] = []
    for kind in KINDS:
        for name in repo.refs.all_names(kind):
            _recent_moves(repo, kind, name, cutoff, roots, needed, expired)
    # Everything is read before anything is removed, so that a damaged history loses nothing.
    needed |= reachable_objects(roots, repo.objects)
    if not dry_run:
        _restore(repo, needed)
        # These go first and at once, so that nobody can go back to a state of which a part is gone.
        repo.storage.delete(object_path(name) for name in expired)
        for kind in KINDS:
            for name in repo.refs.all_names(kind):
                repo.refs.forget(kind, name, before=cutoff)
    gone = {object_path(name) for name in expired}
    kept: list[Entry] = []
    old: list[Entry] = []
    young: list[Entry] = []
    for entry, is_needed in _entries(repo, needed, min(since, cutoff)):
        if entry.path not in gone:
            (kept if is_needed else old if entry.modified <= since else young).append(entry)
    if not dry_run:
        old = _remove(repo, old, since)
        repo.objects.forget()
    return Collected(
        removed=len(old),
        removed_bytes=sum(entry.size for entry in old),
        kept=len(kept),
        kept_bytes=sum(entry.size for entry in kept),
        young=len(young),
        young_bytes=sum(entry.size for entry in young),
        moves=len(expired),
        dry_run=dry_run,
    )


def _recent_moves(
    repo: Repo,
    kind: RefKind,
    name: str,
    cutoff: datetime,
    roots: list[CommitId],
    needed: set[ObjectId],
    expired: list[ObjectId],
) -> None:
    """Sort the moves of a ref: what it held after the cutoff is needed, what it held before has expired."""
    held_until: datetime | None = None
    entry: ObjectId | None = None
    moves = repo.refs.reflog(kind, name) if repo.refs.last_move(kind, name) else ()
    for move in moves:
        if held_until is None or held_until >= cutoff:
            if move.commit:
                roots.append(move.commit)
            if entry:
                needed.add(entry)
        elif entry:
            expired.append(entry)
        held_until, entry = move.time, move.previous


def _entries(repo: Repo, needed: set[ObjectId], cache_cutoff: datetime) -> Iterator[tuple[Entry, bool]]:
    """Yield all that is stored beside the refs, and whether it is needed."""
    storage = repo.storage
    for entry in storage.list("objects"):
        match = _OBJECT.fullmatch(entry.path)
        if match:
            yield entry, match[1] + match[2] in needed
    for folder in ("states", "notes"):
        for entry in storage.list(folder):
            # Named by the chunk they sum up, and by the commit they are about.
            yield entry, entry.path.split("/")[1] in needed
    for folder in ("scores", "kept", "steps"):
        for entry in storage.list(folder):
            # Named by a hash of what they were made from; they can be made again.
            yield entry, entry.modified > cache_cutoff
    for entry in storage.staged(""):
        yield entry, False


def _restore(repo: Repo, needed: set[ObjectId]) -> None:
    """Put objects back that a collection killed halfway had moved aside, and that are needed after all."""
    for entry in repo.storage.staged("objects"):
        path = entry.path.partition("#")[0]
        match = _OBJECT.fullmatch(path)
        if match and (name := ObjectId(match[1] + match[2])) in needed and not repo.storage.exists(path):
            data = repo.storage.buffer(entry.path)
            if digest(data) == name:
                repo.objects.put(data)


def _remove(repo: Repo, entries: list[Entry], since: datetime) -> list[Entry]:
    """Remove entries, several at once, unless somebody renewed them; return those that went."""

    def task(entry: Entry) -> bool:
        return repo.storage.delete_unless_renewed(entry.path, since)

    gone = repo.threads.map(task, entries, label="remove", progress=repo.progress)
    return [entry for entry, went in zip(entries, gone, strict=True) if went]
