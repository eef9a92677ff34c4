"""Copy history from one repository to another: what is missing there, checked as it arrives.

Data goes first, then manifests, then commits; the refs are moved afterwards by whoever calls. A copy that was
cut leaves objects that the next one finds there. What was measured and found goes along, so that it need not be
measured again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from headwater.core.errors import ObjectMissing
from headwater.core.ids import CommitId, ObjectId
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.store.commit import Commit, load_commit
from headwater.store.graph import only_in
from headwater.store.objects import Objects, object_path
from headwater.store.reachable import needed_objects
from headwater.store.storage import Entry, is_url

__all__ = ["EVERYTHING", "Part", "Transferred", "copy_history"]

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

    def __add__(self, other: Transferred) -> Transferred:
        return Transferred(
            self.commits + other.commits, self.objects + other.objects, self.bytes + other.bytes
        )


def copy_history(
    roots: Collection[CommitId],
    source: Objects,
    target: Objects,
    *,
    known: Collection[CommitId],
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
    known : collection of str
        Commits that the target has in whole, with their ancestors.
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
    near, far = (target, source) if is_url(source.storage.location) else (source, target)

    def load(name: CommitId) -> Commit:
        return load_commit(name, near if near.is_here(ObjectId(name)) else far)

    commits, border = only_in(roots, known, load, depth=part.depth)
    if not commits:
        return Transferred()
    executor = LocalExecutor(_STREAMS)
    before = _manifests((load(name) for name in border), ())
    wanted = _manifests(commits, part.datasets) - before
    versions = _manifests(commits, ()) - before
    pages, _ = needed_objects(versions, before, source, executor)
    data = needed_objects(wanted, before, source, executor)[1] if part.rows else {}
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
            lambda name: _copy(name, source, target, is_large=data.get(name, 0) > 0),
            missing,
            retries=_RETRIES,
            label=label,
            progress=progress,
        )
        size += sum(sizes)
        copied += len(missing)
    owners = {"states": sorted(data), "notes": [ObjectId(commit.id) for commit in commits]}
    size += sum(
        executor.map(
            lambda path: _copy_kept(path, source, target),
            [path for folder, names in owners.items() for path in _kept(folder, names, source, executor)],
            retries=_RETRIES,
            label="copy results",
            progress=progress,
        )
    )
    return Transferred(len(commits), copied, size)


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
    entries = _listed("objects", names, target)
    if entries is None:
        times = LocalExecutor(_STREAMS).map(lambda name: target.storage.modified(object_path(name)), names)
        return {name for name, when in zip(names, times, strict=True) if when is not None and when > since}
    young = (entry.path for entry in entries if entry.modified > since)
    return {ObjectId("".join(path.split("/")[-2:])) for path in young}


def _kept(folder: str, names: Collection[ObjectId], source: Objects, executor: Executor) -> Iterator[str]:
    """Yield the paths of what is kept about objects: summaries of chunks, notes of commits."""
    entries = _listed(folder, names, source)
    if entries is None:
        found = executor.map(lambda name: list(source.storage.list(f"{folder}/{name}")), names)
        yield from (entry.path for entries in found for entry in entries)
        return
    wanted = set(names)
    yield from (entry.path for entry in entries if entry.path.split("/")[1] in wanted)


def _listed(folder: str, names: Collection[ObjectId], objects: Objects) -> Iterable[Entry] | None:
    """Return what lies in a folder; None where it is cheaper to ask for each of ``names``.

    A list names a thousand files in one request: few are asked for one by one, and many if it would not end.
    """
    if len(names) <= _STREAMS:
        return None
    begun = list(islice(objects.storage.list(folder), _LISTED + 1))
    if len(begun) <= _LISTED:
        return begun
    return objects.storage.list(folder) if len(names) > _LISTED else None


def _copy_kept(path: str, source: Objects, target: Objects) -> int:
    """Copy a result unless there is one; it can be made again, so one that has gone meanwhile is none."""
    if target.storage.exists(path):
        return 0
    try:
        data = source.storage.read(path)
    except ObjectMissing:
        return 0
    target.storage.write(path, data)
    return len(data)


def _copy(name: ObjectId, source: Objects, target: Objects, *, is_large: bool) -> int:
    if is_large:
        return target.put_stream(source.stream(name), name=name).size
    data = source.get(name)
    target.storage.write(object_path(name), data)
    return len(data)
