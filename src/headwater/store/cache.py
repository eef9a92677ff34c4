"""What can be made again, kept by name: summaries of chunks, notes beside commits."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pyarrow as pa

from headwater.core.errors import ObjectMissing, StorageDenied, StorageFull
from headwater.store.storage import Storage

__all__ = ["Cache"]

logger = logging.getLogger(__name__)


class Cache:
    """Named bytes that can be made again: summaries of chunks, notes beside commits.

    In a repository that cannot be written, for want of rights or of space, nothing is kept and a warning is
    logged once, so that it can be profiled and checked all the same.
    """

    def __init__(self, storage: Storage, prefix: str = "") -> None:
        self._storage, self._prefix = storage, prefix
        self._told = False

    def get(self, path: str) -> bytes | None:
        """Return what was put under ``path``; None if nothing was."""
        try:
            return self._storage.read(self._prefix + path)
        except ObjectMissing:
            return None

    def holds(self, path: str) -> bool:
        """Say whether something was put under ``path``."""
        return self._storage.exists(self._prefix + path)

    def buffer(self, path: str) -> pa.Buffer | None:
        """Return what was put under ``path``, mapped into memory where it is a local file; None if nothing was."""
        try:
            return self._storage.buffer(self._prefix + path)
        except ObjectMissing:
            return None

    def put(self, path: str, data: bytes) -> None:
        """Keep ``data`` under ``path``."""
        try:
            self._storage.write(self._prefix + path, data)
        except (StorageDenied, StorageFull) as error:
            if not self._told:
                logger.warning("Results are not kept for the next time. %s", error)
            self._told = True

    def forget(self, paths: Iterable[str]) -> None:
        """Remove what was put under ``paths``; those that are not there count as removed."""
        try:
            self._storage.delete(self._prefix + path for path in paths)
        except StorageDenied as error:
            logger.warning("Results that nobody needs any more are left. %s", error)

    def list(self, folder: str) -> list[str]:
        """Return the paths below ``folder``, sorted."""
        start = self._prefix + folder
        return sorted(
            entry.path.removeprefix(self._prefix) for entry in self._storage.list(start.rstrip("/"))
        )
