"""A commit: the manifests of all datasets of a repository at one moment, with its parents and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from headwater.core.errors import CorruptObject
from headwater.core.ids import CommitId, ObjectId
from headwater.store.objects import Objects, require_format

__all__ = ["Commit", "Provenance", "load_commit", "save_commit"]

FORMAT = 1
"""The newest form of commits we know."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Kind = Literal["edit", "import", "transform", "merge", "revert", "run", "proposal", "gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a commit's change came from.

    Parameters
    ----------
    kind : str
        ``edit`` by hand, ``import`` from a source, ``transform``, ``merge``, ``revert``, a pipeline ``run``, an
        event of a ``proposal``, or a word of a ``gate``.
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
    """One commit; ``id`` is the hash of everything else.

    ``order`` is its time in microseconds since 1970, but at least 1 more than that of its parents: so a child comes
    after its parents even where a clock was wrong.
    """

    id: CommitId
    order: int
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
            "order": self.order,
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
    after = max((load_commit(parent, objects).order for parent in parents), default=0)
    body = {
        "format": FORMAT,
        "order": max((when - _EPOCH) // timedelta(microseconds=1), after + 1),
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
    StorageError
        If a newer version of Headwater wrote it.
    """
    value = objects.get_document(ObjectId(name))
    if not is_commit(value):
        raise CorruptObject(f"Object {name[:12]} is not a commit. Run `hw fsck`.", object=name)
    require_format(value, FORMAT, what=f"Commit {name[:12]}")
    provenance = {**value["provenance"], "inputs": tuple(value["provenance"]["inputs"])}
    return Commit(
        id=name,
        order=value["order"],
        datasets=value["datasets"],
        parents=tuple(value["parents"]),
        author=value["author"],
        time=datetime.fromisoformat(value["time"]),
        message=value["message"],
        provenance=Provenance(**provenance),
    )


def is_commit(value: Any) -> bool:
    """Say whether a stored JSON value is a commit."""
    return isinstance(value, dict) and {"datasets", "parents", "message", "order"} <= value.keys()
