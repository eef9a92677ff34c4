"""Copy history from one repository to another: what is missing there, checked as it arrives.

Data goes first, then manifests, then commits; the refs are moved afterwards by whoever calls. A copy that was
cut leaves objects that the next one finds there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headwater.core.ids import CommitId, ObjectId
from headwater.core.progress import SILENT, Progress
from headwater.engine.local import LocalExecutor
from headwater.store.commit import Commit, load_commit
from headwater.store.objects import Objects, object_path
from headwater.store.reachable import commits_from, needed_objects

__all__ = ["EVERYTHING", "Part", "Transferred", "copy_history", "known_commits"]

_STREAMS = 16
_RETRIES = 3
_FRESH = timedelta(hours=12)
_LISTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a history is copied.

    Parameters
    ----------
    datasets : tuple of str
        Only the rows of these datasets; empty for all.
    depth : int, optional
        Only so many commits back from each ref.
    rows : bool
        Whether rows are copied; without them only commits and manifests are.
    """

    datasets: tuple[str, ...] = ()
    depth: int | None = None
    rows: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self == EVERYTHING


EVERYTHING = Part()


@dataclass(frozen=True, slots=True)
class Transferred:
    """What was copied, without what was there already."""

    commits: int = 0
    objects: int = 0
    bytes: int = 0


def known_commits(roots: Iterable[CommitId], objects: Objects) -> set[CommitId]:
    """Return the commits that can be reached from those of ``roots`` that are here."""
    here = [root for root in set(roots) if objects.is_here(ObjectId(root))]
    return {commit.id for commit in commits_from(here, objects)}


def copy_history(
    roots: Collection[CommitId],
    source: Objects,
    target: Objects,
    *,
    known: Callable[[], set[CommitId]],
    part: Part = EVERYTHING,
    progress: Progress = SILENT,
) -> Transferred:
    """Copy commits with all they need, as far as they are missing in the target.

    Parameters
    ----------
    roots : collection of str
        The commits to copy, with their ancestors.
    source, target : Objects
        Where from and where to.
    known : callable
        Returns the commits that the target has in whole, with their ancestors; asked if there is need to.
    part : Part
        What is copied.
    progress : Progress
        Told of each object.

    Returns
    -------
    Transferred

    Raises
    ------
    ObjectMissing, CorruptObject
        If the source lacks an object, or it arrives damaged several times. The target keeps what has arrived.
    """
    if not roots:
        return Transferred()
    there = known()
    commits, border = _missing_commits(roots, source, there, part.depth)
    if not commits:
        return Transferred()
    executor = LocalExecutor(_STREAMS)
    before = _manifests((load_commit(name, source) for name in border), ())
    wanted = _manifests(commits, part.datasets) - before
    versions = _manifests(commits, ()) - before
    pages, _ = needed_objects(versions, before, source, executor)
    data = needed_objects(wanted, before, source, executor)[1] if part.rows else set()
    copied = size = 0
    steps: tuple[tuple[str, list[ObjectId]], ...] = (
        ("copy rows", sorted(data)),
        ("copy pages", sorted(pages)),
        ("copy versions", sorted(versions)),
        ("copy commits", [ObjectId(commit.id) for commit in reversed(commits)]),
    )
    for label, names in steps:
        there_already = _fresh(names, target)
        missing = [name for name in names if name not in there_already]
        sizes = executor.map(
            lambda name: _copy(name, source, target),
            missing,
            retries=_RETRIES,
            label=label,
            progress=progress,
        )
        size += sum(sizes)
        copied += len(missing)
    return Transferred(len(commits), copied, size)


def _missing_commits(
    roots: Collection[CommitId], source: Objects, there: set[CommitId], depth: int | None
) -> tuple[list[Commit], set[CommitId]]:
    """Return the commits that the target lacks, and those it has whose children it lacks."""
    executor = LocalExecutor(_STREAMS)
    found: dict[CommitId, Commit] = {}
    border: set[CommitId] = set()
    frontier = set(roots)
    level = 0
    while frontier and (depth is None or level < depth):
        border |= frontier & there
        fresh = sorted(frontier - there - found.keys())
        # One level at a time, all commits of it at once.
        commits = list(executor.map(lambda name: load_commit(name, source), fresh, retries=_RETRIES))
        found.update((commit.id, commit) for commit in commits)
        frontier = {parent for commit in commits for parent in commit.parents}
        level += 1
    return list(found.values()), border


def _manifests(commits: Iterable[Commit], datasets: Sequence[str]) -> set[ObjectId]:
    return {
        manifest
        for commit in commits
        for name, manifest in commit.datasets.items()
        if not datasets or name in datasets
    }


def _fresh(names: Sequence[ObjectId], target: Objects) -> set[ObjectId]:
    """Return those objects that are there and so young that no garbage collection will take them."""
    since = datetime.now(UTC) - _FRESH
    if len(names) <= _LISTED:
        times = LocalExecutor(_STREAMS).map(lambda name: target.storage.modified(object_path(name)), names)
        return {name for name, when in zip(names, times, strict=True) if when is not None and when > since}
    young = (entry.path for entry in target.storage.list("objects") if entry.modified > since)
    return {ObjectId("".join(path.split("/")[-2:])) for path in young}


def _copy(name: ObjectId, source: Objects, target: Objects) -> int:
    data = source.get(name)
    target.put(data)
    return len(data)
