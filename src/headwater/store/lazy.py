"""Objects of a partial clone: what is not here is fetched from its remote when it is read, and kept for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa
from blake3 import blake3

from headwater.core.errors import ObjectMissing
from headwater.core.ids import ObjectId, digest
from headwater.store.objects import Objects, corrupt
from headwater.store.storage import Storage

__all__ = ["CACHE_BYTES", "LazyObjects"]

CACHE_BYTES = 10 << 30
"""How much of what was fetched on reading is kept, unless a clone says otherwise."""

_SLACK = 0.8


class LazyObjects(Objects):
    """Objects that are here, or at a remote.

    What is fetched on reading lies apart from the repository's own objects, so that it can be dropped again:
    past ``cache_bytes`` that which was fetched first goes.

    Parameters
    ----------
    storage : Storage
        Of the repository here.
    remote : callable
        Opens the objects of the remote; called once, when it is first needed.
    cache_bytes : int
        How much to keep.
    """

    def __init__(
        self, storage: Storage, remote: Callable[[], Objects], *, cache_bytes: int = CACHE_BYTES
    ) -> None:
        super().__init__(storage)
        self._open_remote = remote
        self._remote: Objects | None = None
        self._cache_bytes = cache_bytes
        self._cached: int | None = None

    def get(self, name: ObjectId) -> bytes:
        """Return the bytes of an object, from the remote if need be; see `Objects.get`."""
        try:
            return super().get(name)
        except ObjectMissing:
            return bytes(self._fetched(name))

    def open(self, name: ObjectId) -> pa.Buffer:
        """Return the bytes of a large object, from the remote if need be; see `Objects.open`."""
        try:
            return super().open(name)
        except ObjectMissing:
            return self._fetched(name)

    def reader(self, name: ObjectId) -> BinaryIO:
        """Open an object as a stream, from the remote if need be; see `Objects.reader`."""
        try:
            return super().reader(name)
        except ObjectMissing:
            return self._fetched_stream(name)

    def _fetched_stream(self, name: ObjectId) -> BinaryIO:
        path = f"lazy/{name[:2]}/{name[2:]}"
        if self.storage.exists(path):
            return self.storage.reader(path)
        names = blake3()
        size = 0

        def pieces() -> Iterator[bytes]:
            nonlocal size
            for piece in self._home.stream(name):
                names.update(piece)
                size += len(piece)
                yield piece

        def checked() -> str:
            if names.hexdigest() != name:
                raise corrupt(name, self._home.storage)
            return path

        self.storage.write_stream(pieces(), checked)
        # Opened before room is made: what is open can be read, dropped or not.
        file = self.storage.reader(path)
        self._make_room(size)
        return file

    @property
    def _home(self) -> Objects:
        if self._remote is None:
            self._remote = self._open_remote()
        return self._remote

    def _fetched(self, name: ObjectId) -> pa.Buffer:
        path = f"lazy/{name[:2]}/{name[2:]}"
        try:
            kept = self.storage.buffer(path)
        except ObjectMissing:
            pass
        else:
            if digest(kept) == name:
                return kept
        data = self._home.get(name)
        if digest(data) != name:
            raise corrupt(name, self._home.storage)
        if len(data) <= self._cache_bytes:
            self.storage.write(path, data)
            self._make_room(len(data))
        return pa.py_buffer(data)

    def _make_room(self, added: int) -> None:
        """Drop what was fetched first, once there is too much."""
        if self._cached is None:
            self._cached = sum(entry.size for entry in self.storage.list("lazy"))
        else:
            self._cached += added
        if self._cached <= self._cache_bytes:
            return
        for entry in sorted(self.storage.list("lazy"), key=lambda entry: entry.modified):
            if self._cached <= self._cache_bytes * _SLACK:
                break
            self.storage.delete([entry.path])
            self._cached -= entry.size
