"""Immutable objects, each named by the BLAKE3 hash of its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import pyarrow as pa
from blake3 import blake3

from headwater.core.errors import CorruptObject, StorageError
from headwater.core.hashing import ValueHash
from headwater.core.ids import ObjectId, canonical_json, digest
from headwater.core.references import Reference
from headwater.store.storage import Storage

__all__ = ["Objects", "corrupt", "object_path", "require_format"]

_READS = 2
"""A download may be cut short without an error."""
_CACHED_BYTES = 64 << 20
_PIECE_BYTES = 4 << 20
_YOUNG = timedelta(hours=1)
"""No garbage collection takes what is younger; see `headwater.versions.gc.collect`."""


def object_path(name: ObjectId | str) -> str:
    """Return where the object of that name is kept."""
    return f"objects/{name[:2]}/{name[2:]}"


class Objects:
    """The objects of one repository.

    Writing the same bytes twice gives the same name and renews the object's time, so that a garbage
    collection running meanwhile leaves it alone.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._documents: dict[ObjectId, Any] = {}
        self._cached_bytes = 0

    def __getstate__(self) -> dict[str, Any]:
        # Documents are read again where it goes: what is sent to other processes is to be small.
        return {**self.__dict__, "_documents": {}, "_cached_bytes": 0}

    def put(self, data: bytes | memoryview | pa.Buffer) -> ObjectId:
        """Store ``data`` and return its name."""
        view = memoryview(data)
        name = digest(view)
        self.storage.write(object_path(name), view)
        return name

    def get(self, name: ObjectId) -> bytes:
        """Return the bytes of an object, checked against its name.

        Raises
        ------
        CorruptObject
            If they do not match.
        ObjectMissing
            If it is not there.
        """
        for _ in range(_READS):
            data = self.storage.read(object_path(name))
            if digest(data) == name:
                return data
        raise corrupt(name, self.storage)

    def open(self, name: ObjectId) -> pa.Buffer:
        """Return the bytes of a large object, mapped into memory where it is a local file; not checked."""
        return self.storage.buffer(object_path(name))

    def put_value(self, data: memoryview) -> Reference:
        """Store one large value that is in memory; return what refers to it."""
        return self.put_stream(data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))

    def put_stream(self, pieces: Iterable[bytes | memoryview], *, name: ObjectId | None = None) -> Reference:
        """Store a value that comes in pieces, never in memory as a whole.

        Parameters
        ----------
        pieces : iterable of bytes
            The value, from its start.
        name : ObjectId, optional
            What its name must be.

        Returns
        -------
        Reference
            Its name, size and hash.

        Raises
        ------
        CorruptObject
            If the value does not have the name it must have; nothing is stored then.
        """
        names, hashes = blake3(), ValueHash()
        size = 0

        def hashed() -> Iterator[bytes | memoryview]:
            nonlocal size
            for piece in pieces:
                names.update(piece)
                hashes.update(piece)
                size += len(piece)
                yield piece

        def path() -> str | None:
            found = ObjectId(names.hexdigest())
            if name is not None and found != name:
                raise corrupt(name, self.storage)
            if name is not None:
                return object_path(name)
            when = self.storage.modified(object_path(found))
            return None if when and when > datetime.now(UTC) - _YOUNG else object_path(found)

        self.storage.write_stream(hashed(), path)
        return Reference(ObjectId(names.hexdigest()), hashes.value(), size)

    def reader(self, name: ObjectId) -> BinaryIO:
        """Open an object as a stream, which can seek; not checked against its name.

        Raises
        ------
        ObjectMissing
            If it is not there.
        """
        return self.storage.reader(object_path(name))

    def stream(self, name: ObjectId) -> Iterator[bytes]:
        """Yield the bytes of an object in pieces; not checked against its name.

        Raises
        ------
        ObjectMissing
            If it is not there.
        """
        with self.reader(name) as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def is_here(self, name: ObjectId) -> bool:
        """Say whether an object is in this repository."""
        return self.storage.exists(object_path(name))

    def put_document(self, value: Any) -> ObjectId:
        """Store a JSON-able value and return its name; equal values get equal names."""
        return self.put(canonical_json(value))

    def get_document(self, name: ObjectId, parse: Callable[[Any], Any] = lambda value: value) -> Any:
        """Return the JSON value stored under ``name``. Treat it as read-only: it is shared.

        Parameters
        ----------
        name : ObjectId
            The object.
        parse : callable
            Makes of the value what is returned, and kept for the next who asks; of one name always the same.

        Raises
        ------
        CorruptObject
            If the object is damaged, or no JSON.
        ObjectMissing
            If it is not there.
        """
        # Other threads may clear the cache at any moment: look once.
        value = self._documents.get(name)
        if value is None:
            data = self.get(name)
            try:
                value = json.loads(data)
            except ValueError as error:
                raise CorruptObject(
                    f"Object {name[:12]} is no document. Run `hw fsck`.", object=name
                ) from error
            value = parse(value)
            self._cached_bytes += len(data)
            if self._cached_bytes > _CACHED_BYTES:
                self._documents.clear()
                self._cached_bytes = len(data)
            if len(data) <= _CACHED_BYTES:
                self._documents[name] = value
        return value

    def forget(self) -> None:
        """Forget the documents kept in memory, for objects may have been removed."""
        self._documents.clear()
        self._cached_bytes = 0


def require_format(value: Any, newest: int, *, what: str) -> None:
    """Refuse a document of a form that is newer than we know.

    Raises
    ------
    StorageError
        If so.
    """
    if value.get("format", 1) > newest:
        raise StorageError(
            f"{what} has format {value['format']}; this Headwater reads up to {newest}. Install a newer version."
        )


def corrupt(name: ObjectId, storage: Storage) -> CorruptObject:
    """Build the error for an object whose bytes are not what its name says."""
    return CorruptObject(
        f"Object {name[:12]} in {storage.location} is damaged: its bytes do not match its name. "
        "Run `hw fsck` for the full list; fetch it again from another copy of the repository.",
        object=name,
    )
