"""The one door to bytes at rest: a directory, a bucket or memory, through obstore.

Everything above speaks of paths relative to the repository. Writes are atomic per path on every
backend; `Storage.compare_and_swap` is the only way a path that means something changes its meaning.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import obstore
from filelock import FileLock
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError
from obstore.store import LocalStore, MemoryStore, from_url

from headwater.core.errors import ObjectMissing, StorageDenied, StorageError, StorageFull, UsageError

__all__ = ["Entry", "Storage", "Version", "is_url"]

_STAGED = re.compile(r"#\d+$")
_memories: dict[str, MemoryStore] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored path with its size and the time it was last written."""

    path: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """What a path held when it was read, to compare with when it is replaced."""

    data: bytes
    tag: str | None


def is_url(location: str) -> bool:
    """Say whether ``location`` is a URL rather than a path of the file system."""
    return re.match(r"^[a-z][a-z0-9+]+://", location) is not None


class Storage:
    """Bytes under paths.

    Parameters
    ----------
    location : str or Path
        A directory, or a URL with scheme ``file``, ``s3``, ``gs``, ``az`` or ``memory``. Memory is shared
        by everyone in this process who names the same ``memory://`` URL; ``memory://`` alone is fresh.
    **options : Any
        Passed to obstore for URLs: credentials, endpoint, region.
    """

    def __init__(self, location: str | Path, **options: Any) -> None:
        text = str(location)
        if text.startswith("file://"):
            text = urlparse(text).path
        self.location = text
        self.root: Path | None = None
        self._store: Any
        if text.startswith("memory://"):
            name = text.removeprefix("memory://")
            self._store = _memories.setdefault(name, MemoryStore()) if name else MemoryStore()
        elif is_url(text):
            self._store = from_url(text, **options)
        else:
            self.root = Path(text).absolute()
            self._store = LocalStore()

    def __repr__(self) -> str:
        return f"Storage({self.location!r})"

    def read(self, path: str) -> bytes:
        """Return the bytes at ``path``.

        Raises
        ------
        ObjectMissing
            If nothing is there.
        """
        with self._translated("read", path):
            return bytes(obstore.get(self._store, self._full(path)).bytes())

    def read_version(self, path: str) -> Version | None:
        """Return what ``path`` holds now, for `compare_and_swap`; None if nothing is there."""
        try:
            with self._translated("read", path):
                result = obstore.get(self._store, self._full(path))
                return Version(bytes(result.bytes()), result.meta["e_tag"])
        except ObjectMissing:
            return None

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Put ``data`` at ``path``, replacing what is there, all or nothing."""
        with self._translated("write", path):
            obstore.put(self._store, self._full(path), _as_bytes(data), use_multipart=False)

    def compare_and_swap(self, path: str, data: bytes, expected: Version | None) -> bool:
        """Put ``data`` at ``path`` if it still holds ``expected`` (None: still nothing).

        Returns
        -------
        bool
            False if the path held something else, which stays.
        """
        with self._translated("write", path):
            if self.root is not None:
                return self._swap_locally(path, data, expected)
            mode: Any = "create" if expected is None else {"e_tag": expected.tag}
            try:
                obstore.put(self._store, path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

    def delete(self, paths: Iterable[str]) -> None:
        """Remove ``paths``; those that are not there count as removed."""
        for path in paths:
            with self._translated("delete", path):
                if self.root is not None:
                    (self.root / path).unlink(missing_ok=True)
                else:
                    obstore.delete(self._store, path)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries below ``prefix`` (a folder), in no particular order."""
        start = "" if self.root is None else f"{self._full('')}/"
        with self._translated("list", prefix):
            for page in obstore.list(self._store, prefix=self._full(prefix) or None):
                for item in page:
                    yield Entry(item["path"].removeprefix(start), item["size"], item["last_modified"])

    def staged(self, prefix: str) -> Iterator[Entry]:
        """Yield half-written files that a killed writer left below ``prefix``."""
        if self.root is None:
            return
        for file in (self.root / prefix).rglob("*#*"):
            if _STAGED.search(file.name) and file.is_file():
                stat = file.stat()
                modified = datetime.fromtimestamp(stat.st_mtime).astimezone()
                yield Entry(file.relative_to(self.root).as_posix(), stat.st_size, modified)

    def exists(self, path: str) -> bool:
        """Say whether something is at ``path``."""
        try:
            with self._translated("read", path):
                obstore.head(self._store, self._full(path))
        except ObjectMissing:
            return False
        return True

    def local_path(self, path: str) -> Path | None:
        """Return the file that holds ``path``, where there is one, for reading by memory map."""
        return None if self.root is None else self.root / path

    def _full(self, path: str) -> str:
        return path if self.root is None else f"{self.root.as_posix()}/{path}".strip("/")

    def _swap_locally(self, path: str, data: bytes, expected: Version | None) -> bool:
        assert self.root is not None
        lock = self.root / "locks" / "refs"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            target = self.root / path
            now = target.read_bytes() if target.exists() else None
            if now != (None if expected is None else expected.data):
                return False
            obstore.put(self._store, self._full(path), data, use_multipart=False)
            return True

    @contextmanager
    def _translated(self, verb: str, path: str) -> Iterator[None]:
        where = f"{self.location}/{path}"
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissing(
                f"Nothing is stored at {where}. `hw fsck` tells what else is missing.", path=path
            ) from error
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            if isinstance(error, StorageError | UsageError):
                raise
            raise _translate(error, verb, where) from error


def _translate(error: Exception, verb: str, where: str) -> StorageError:
    text = str(error)
    number = getattr(error, "errno", None)
    code = re.search(r"os error (\d+)", text)
    if number is None and code:
        number = int(code.group(1))
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(
            f"No space left to {verb} {where}. Free some space and run the same command again.", path=where
        )
    if isinstance(error, PermissionDeniedError) or number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageDenied(
            f"Not allowed to {verb} {where}. Check the permissions of the repository.", path=where
        )
    reason = os.strerror(number) if number else text.splitlines()[0] if text else type(error).__name__
    return StorageError(f"Could not {verb} {where}: {reason}", path=where)


def _as_bytes(data: bytes | memoryview) -> bytes:
    return data if isinstance(data, bytes) else bytes(data)
