"""A commit: the manifests of all datasets of a repository at one moment, with its parents and provenance."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from headwater.core.errors import CorruptObject
from headwater.core.ids import CommitId, ObjectId
from headwater.store.objects import Objects

__all__ = ["Commit", "Provenance", "ancestors", "load_commit", "merge_base", "save_commit"]

Kind = Literal["edit", "import", "transform", "merge", "revert", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a commit's change came from.

    Parameters
    ----------
    kind : str
        ``edit`` by hand, ``import`` from a source, ``transform``, ``merge``, ``revert`` or a pipeline ``run``.
    id : str
        The source's location, or the transform's or run's id.
    version : str
        Version of the transform.
    parameters : mapping
        Its parameters, JSON-able.
    seed : int, optional
        Its seed.
    inputs : tuple of str
        Commits it read.
    record : mapping
        What it did: rows touched, guarantee and the like, JSON-able.
    code : str
        Revision of the code that ran.
    """

    kind: Kind = "edit"
    id: str = ""
    version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    inputs: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit; ``id`` is the hash of everything else."""

    id: CommitId
    datasets: Mapping[str, ObjectId]
    parents: tuple[CommitId, ...]
    author: str
    time: datetime
    message: str
    provenance: Provenance

    @property
    def summary(self) -> str:
        """First line of the message."""
        return self.message.partition("\n")[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the commit as JSON-able values."""
        return {
            "id": self.id,
            "datasets": dict(self.datasets),
            "parents": list(self.parents),
            "author": self.author,
            "time": self.time.isoformat(),
            "message": self.message,
            "provenance": asdict(self.provenance),
        }


def save_commit(
    objects: Objects,
    *,
    datasets: Mapping[str, ObjectId],
    parents: tuple[CommitId, ...],
    author: str,
    message: str,
    provenance: Provenance,
    time: datetime | None = None,
) -> Commit:
    """Store a commit; ``time`` is now by default."""
    when = (time or datetime.now(UTC)).astimezone(UTC)
    body = {
        "format": 1,
        "datasets": dict(datasets),
        "parents": list(parents),
        "author": author,
        "time": when.isoformat(),
        "message": message,
        "provenance": asdict(provenance),
    }
    return load_commit(CommitId(objects.put_document(body)), objects)


def load_commit(name: CommitId, objects: Objects) -> Commit:
    """Read the commit of that id.

    Raises
    ------
    CorruptObject
        If the object is something else.
    """
    value = objects.get_document(ObjectId(name))
    if not is_commit(value):
        raise CorruptObject(f"Object {name[:12]} is not a commit. Run `hw fsck`.", object=name)
    provenance = {**value["provenance"], "inputs": tuple(value["provenance"]["inputs"])}
    return Commit(
        id=name,
        datasets=value["datasets"],
        parents=tuple(value["parents"]),
        author=value["author"],
        time=datetime.fromisoformat(value["time"]),
        message=value["message"],
        provenance=Provenance(**provenance),
    )


def is_commit(value: Any) -> bool:
    """Say whether a stored JSON value is a commit."""
    return isinstance(value, dict) and {"datasets", "parents", "message"} <= value.keys()


def ancestors(start: CommitId, objects: Objects) -> Iterator[Commit]:
    """Yield ``start`` and all its ancestors once each, newest first.

    Notes
    -----
    Commits are drawn by time and only after one of their children, so a child comes before its parents as
    long as no clock ran backwards. Each commit is read when it is needed, so that the first ones cost
    little in a long history.
    """
    seen = {start}
    first = load_commit(start, objects)
    waiting = [(-first.time.timestamp(), start, first)]
    while waiting:
        _, _, commit = heapq.heappop(waiting)
        yield commit
        for parent in commit.parents:
            if parent not in seen:
                seen.add(parent)
                found = load_commit(parent, objects)
                heapq.heappush(waiting, (-found.time.timestamp(), parent, found))


def merge_base(ours: CommitId, theirs: CommitId, objects: Objects) -> CommitId | None:
    """Return the best common ancestor of two commits, or None if they share none.

    The best one is not an ancestor of another common ancestor; where several are best (after criss-cross
    merges), the newest, and of equally new ones the one with the smallest id.
    """
    mine = {commit.id for commit in ancestors(ours, objects)}
    common = [commit for commit in ancestors(theirs, objects) if commit.id in mine]
    beaten: set[CommitId] = set()
    for commit in common:
        if commit.id not in beaten:
            beaten.update(older.id for older in ancestors(commit.id, objects) if older.id != commit.id)
    best = [commit for commit in common if commit.id not in beaten]
    return min(best, key=lambda commit: (-commit.time.timestamp(), commit.id)).id if best else None
