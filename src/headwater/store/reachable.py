"""What the refs reach: what garbage collection keeps, and what must be renewed before it is published."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from headwater.core.errors import ConcurrentUpdate, ObjectMissing
from headwater.core.ids import CommitId, ObjectId
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.store.chunk import Chunk
from headwater.store.chunklist import ChunkList, missing
from headwater.store.commit import Commit, load_commit
from headwater.store.lookup import SERIAL
from headwater.store.manifest import Manifest, load_manifest
from headwater.store.objects import Objects, object_path

__all__ = [
    "add_objects",
    "commits_from",
    "keep_alive",
    "needed_objects",
    "reachable_objects",
]

_RENEW_AFTER_S = 600.0
_STREAMS = 16
_AT_ONCE = 256


def commits_from(roots: Iterable[CommitId], objects: Objects) -> Iterator[Commit]:
    """Yield the commits that can be reached from ``roots``, once each, in no particular order."""
    waiting = list(dict.fromkeys(roots))
    seen = set(waiting)
    while waiting:
        commit = load_commit(waiting.pop(), objects)
        yield commit
        new = [parent for parent in commit.parents if parent not in seen]
        seen.update(new)
        waiting.extend(new)


def add_objects(manifest: Manifest, found: set[ObjectId], objects: Objects) -> None:
    """Add what a manifest needs; what is below a page in ``found`` is there already."""
    for chunk in manifest.chunks.unseen(found):
        found.update(chunk.objects())
        found.update(chunk.large(objects))


def reachable_objects(roots: Iterable[CommitId], objects: Objects) -> set[ObjectId]:
    """Return the names of all objects that the history of ``roots`` needs.

    Raises
    ------
    ObjectMissing, CorruptObject
        If a commit or manifest cannot be read.
    """
    executor = LocalExecutor(_STREAMS)
    found: set[ObjectId] = set()
    versions: dict[ObjectId, None] = {}
    for commit in commits_from(roots, objects):
        found.add(ObjectId(commit.id))
        versions.update(dict.fromkeys(commit.datasets.values()))
    names = iter(versions)
    while batch := list(islice(names, _AT_ONCE)):
        lists = list(executor.map(lambda name: load_manifest(name, objects).chunks, batch))
        pages, chunks, _ = missing(lists, [], executor, seen=found)
        found.update(batch, pages, _data(chunks, objects, executor))
    return found


def needed_objects(
    manifests: Iterable[ObjectId], there: Iterable[ObjectId], objects: Objects, executor: Executor = SERIAL
) -> tuple[set[ObjectId], dict[ObjectId, int]]:
    """Return what manifests need beside themselves and those that are ``there`` do not: the pages, and the data.

    The data are objects, each with its size if it is a large value, else 0.
    """

    def chunks_of(names: Iterable[ObjectId]) -> list[ChunkList]:
        return list(executor.map(lambda name: load_manifest(name, objects).chunks, sorted(names)))

    pages, wanted, known = missing(chunks_of(manifests), chunks_of(there), executor)
    there_already = _data(known, objects, executor)
    data = _data(wanted, objects, executor)
    return pages, {name: size for name, size in data.items() if name not in there_already}


def _data(chunks: Sequence[Chunk], objects: Objects, executor: Executor) -> dict[ObjectId, int]:
    found = dict.fromkeys((name for chunk in chunks for name in chunk.objects()), 0)
    for values in executor.map(lambda chunk: chunk.large(objects), [c for c in chunks if c.has_large]):
        found.update(values)
    return found


def keep_alive(commit: Commit, objects: Objects, began: float) -> None:
    """Renew what a commit needs and its parents do not, if it took so long that it may pass for garbage.

    Call it just before a ref moves to the commit.

    Parameters
    ----------
    commit : Commit
        The commit.
    objects : Objects
        Where it is.
    began : float
        When the work began, as `time.monotonic` tells it.

    Raises
    ------
    ConcurrentUpdate
        If a garbage collection was faster.
    """
    if time.monotonic() - began < _RENEW_AFTER_S:
        return
    before = {name for parent in commit.parents for name in load_commit(parent, objects).datasets.values()}
    manifests = set(commit.datasets.values()) - before
    pages, data = needed_objects(manifests, before, objects)
    try:
        objects.storage.renew(map(object_path, {*data, *pages, *manifests, commit.id}))
    except ObjectMissing as error:
        raise ConcurrentUpdate(
            "A garbage collection removed rows of this change while it was being made, because it took longer "
            "than `hw gc --grace`. The branch is as it was: run the same command again, and gc with a longer grace."
        ) from error
