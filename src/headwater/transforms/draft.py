"""A repository to try things in: what is written stays apart and goes when nobody looks at it any more."""

from __future__ import annotations

import copy
import shutil
import tempfile
import weakref
from collections.abc import Iterator

import pyarrow as pa

from headwater.store.objects import Objects
from headwater.store.storage import Entry, Storage
from headwater.versions.repo import Repo

__all__ = ["draft_of"]


def draft_of(repo: Repo) -> Repo:
    """Return the repository with its refs as they are, and new objects in a temporary folder.

    Objects that were there are read from where they are. Nothing may be committed: a ref would name objects
    that are about to go.
    """
    view = copy.copy(repo)
    view.objects = Objects(_Draft(repo.storage))
    return view


class _Draft(Storage):
    """Storage over another one, which is only read."""

    def __init__(self, stored: Storage) -> None:
        folder = tempfile.mkdtemp(prefix="headwater-draft-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        super().__init__(folder)
        self._stored = stored
        self._own: set[str] = set()

    def read(self, path: str) -> bytes:
        return super().read(path) if path in self._own else self._stored.read(path)

    def buffer(self, path: str) -> pa.Buffer:
        return super().buffer(path) if path in self._own else self._stored.buffer(path)

    def write(self, path: str, data: bytes | memoryview) -> None:
        super().write(path, data)
        self._own.add(path)

    def exists(self, path: str) -> bool:
        return path in self._own or self._stored.exists(path)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        yield from self._stored.list(prefix)
        yield from super().list(prefix)
