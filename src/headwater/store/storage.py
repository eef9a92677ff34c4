"""The one door to bytes at rest: a directory, a bucket or memory, through obstore.

Everything above speaks of paths relative to the repository. Writes are atomic per path on every
backend; `Storage.compare_and_swap` is the only way a path that means something changes its meaning.

All effects go through `Storage._put`, `Storage._put_file`, `Storage._remove` and `Storage._renew`, which a subclass may
override to make them fail (`headwater.store.faults`).
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import obstore
import pyarrow as pa
from filelock import FileLock
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
)
from obstore.store import LocalStore, MemoryStore, from_url

from headwater.core.errors import ObjectMissing, StorageDenied, StorageError, StorageFull, UsageError
from headwater.store.relay import relayed

__all__ = ["Entry", "Storage", "Version", "is_url"]

_STAGED = re.compile(r"#\d+$")
_POLL_S = 0.005
_READS = 5
_BLOCK_BYTES = 8 << 20
_LARGEST_PUT = 64 << 20
_PARTS_AT_ONCE = 4
_IN_MEMORY = (
    "What is in {} stays in its process, and other processes cannot read it. Use a directory or a bucket."
)
_PROCESS = os.urandom(16)
"""A name for this process among those of all machines."""
_memories: dict[str, MemoryStore] = {}
_known: dict[str, Storage] = {}
"""The places that other processes sent here, so that each is opened once."""
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored path with its size, the time it was last written, and the tag that a bucket has for its content."""

    path: str
    size: int
    modified: datetime
    tag: str | None = None


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
        self.options = options
        if text.startswith("file://"):
            text = unquote(text.removeprefix("file://").removeprefix("localhost"))
        self.location = text
        self.root: Path | None = None
        self._store: Any
        if text.startswith("memory://"):
            name = text.removeprefix("memory://")
            self._store = _memories.setdefault(name, MemoryStore()) if name else MemoryStore()
        elif is_url(text):
            self._store = from_url(text, **options)
        else:
            # Links stay as they are; `..` must go, for object paths have none.
            self.root = Path(os.path.abspath(text))  # noqa: PTH100
            self._store = LocalStore()

    def __repr__(self) -> str:
        return f"Storage({self.location!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.location == "memory://":
            raise TypeError(_IN_MEMORY.format(self.location))
        return _reopened, (type(self), self.location, self.options, _PROCESS)

    def read(self, path: str) -> bytes:
        """Return the bytes at ``path``.

        Raises
        ------
        ObjectMissing
            If nothing is there.
        """
        with self._translated("read", path):
            return self._get(path).data

    def buffer(self, path: str) -> pa.Buffer:
        """Return the bytes at ``path``, mapped into memory where they are a local file.

        Raises
        ------
        ObjectMissing
            If nothing is there.
        """
        if self.root is None:
            return pa.py_buffer(self.read(path))
        with self._translated("read", path):
            file = self.root / path
            # An empty file cannot be mapped.
            if file.stat().st_size == 0:
                return pa.py_buffer(b"")
            with pa.memory_map(str(file)) as mapped:
                return mapped.read_buffer()

    def read_version(self, path: str) -> Version | None:
        """Return what ``path`` holds now, for `compare_and_swap`; None if nothing is there."""
        try:
            with self._translated("read", path):
                return self._get(path)
        except ObjectMissing:
            return None

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Put ``data`` at ``path``, replacing what is there, all or nothing."""
        with self._translated("write", path):
            self._put(path, _as_bytes(data))

    def write_stream(self, pieces: Iterable[bytes | memoryview], path: Callable[[], str | None]) -> None:
        """Put what ``pieces`` give at a path that is known once all have come, all or nothing.

        Parameters
        ----------
        pieces : iterable of bytes
            One after the other; only one is in memory at a time.
        path : callable
            Called after the last piece; returns where to put them, or None to leave it.
        """
        # A name that a garbage collection knows as that of a half-written file.
        name = f"stream#{os.getpid()}{time.time_ns()}{next(_counter)}"
        with self._translated("write", f"objects/{name}"):
            folder = Path(tempfile.gettempdir()) if self.root is None else self.root / "objects"
            folder.mkdir(parents=True, exist_ok=True)
            staged = folder / name
            file = staged.open("xb")
        try:
            with file:
                for piece in pieces:
                    with self._translated("write", f"objects/{name}"):
                        file.write(piece)
                with self._translated("write", f"objects/{name}"):
                    file.flush()
            target = path()
            if target is not None:
                with self._translated("write", target):
                    self._put_file(target, staged)
        finally:
            staged.unlink(missing_ok=True)

    def reader(self, path: str) -> BinaryIO:
        """Open what is at ``path`` as a stream that can seek.

        Raises
        ------
        ObjectMissing
            If nothing is there.
        """
        with self._translated("read", path):
            if self.root is not None:
                return (self.root / path).open("rb")
            size = int(self._head(path)["size"])
            raw: Any = _Remote(self, path, size)
            buffered: Any = io.BufferedReader(raw, _BLOCK_BYTES)
            return buffered  # type: ignore[no-any-return]

    def compare_and_swap(
        self, path: str, data: bytes, expected: Version | None, *, is_unique: bool = False
    ) -> bool:
        """Put ``data`` at ``path`` if it still holds ``expected`` (None: still nothing).

        A write to a bucket whose answer is lost on the way is tried again, and then refused because of itself.
        With ``is_unique``, which says that nobody else writes the same bytes, that counts as done.

        Returns
        -------
        bool
            False if the path held something else, which stays.
        """
        with self._translated("write", path):
            if self.root is None:
                mode: Any = "create" if expected is None else {"e_tag": expected.tag}
                if self._put(path, data, mode):
                    return True
                now = self.read_version(path) if is_unique else None
                return now is not None and now.data == data
            with self._locked():
                return self._holds(path, expected) and self._put(path, data)

    def compare_and_delete(self, path: str, expected: Version) -> bool:
        """Remove ``path`` if it still holds ``expected``.

        Returns
        -------
        bool
            False if the path held something else, which stays; always on object stores, which cannot
            delete on a condition.
        """
        if self.root is None:
            return False
        with self._translated("delete", path), self._locked():
            if not self._holds(path, expected):
                return False
            self._remove(path)
            return True

    def delete(self, paths: Iterable[str]) -> None:
        """Remove ``paths``; those that are not there count as removed."""
        for path in paths:
            with self._translated("delete", path):
                self._remove(path)

    def delete_unless_renewed(self, path: str, since: datetime) -> bool:
        """Remove ``path`` unless it was written after ``since``, even while somebody writes it anew.

        Returns
        -------
        bool
            Whether it was removed.

        Notes
        -----
        Locally the file is first moved aside, looked at, and put back if it turns out to be new, so that no
        write is lost. Object stores look just before they delete.
        """
        with self._translated("delete", path):
            modified = self.modified(path)
            if modified is None or modified > since:
                return False
            if self.root is None:
                self._remove(path)
                return True
            aside = f"{path}#{os.getpid()}{time.time_ns()}{next(_counter)}"
            try:
                (self.root / path).rename(self.root / aside)
            except FileNotFoundError:
                return False
            moved = self.modified(aside)
            if moved is not None and moved > since:
                with suppress(FileExistsError):
                    os.link(self.root / aside, self.root / path)
                (self.root / aside).unlink()
                return False
            self._remove(aside)
            return True

    def renew(self, paths: Iterable[str]) -> None:
        """Set the time of ``paths`` to now, so that a garbage collection leaves them alone.

        Raises
        ------
        ObjectMissing
            If one is not there any more.
        """
        for path in paths:
            with self._translated("read", path):
                self._renew(path)

    def modified(self, path: str) -> datetime | None:
        """Return when ``path`` was last written; None if nothing is there."""
        try:
            with self._translated("read", path):
                if self.root is None:
                    when: datetime = self._head(path)["last_modified"]
                    return when
                return datetime.fromtimestamp((self.root / path).stat().st_mtime, UTC)
        except ObjectMissing:
            return None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries below ``prefix`` (a folder), in no particular order."""
        start = "" if self.root is None else f"{self._full('')}/"
        with self._translated("list", prefix):
            for page in self._pages(self._full(prefix) or None):
                for item in page:
                    yield Entry(
                        item["path"].removeprefix(start), item["size"], item["last_modified"], item["e_tag"]
                    )

    def staged(self, prefix: str) -> Iterator[Entry]:
        """Yield half-written files that a killed writer left below ``prefix``."""
        if self.root is None:
            return
        for file in (self.root / prefix).rglob("*#*"):
            if _STAGED.search(file.name) and file.is_file():
                with suppress(FileNotFoundError):
                    stat = file.stat()
                    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
                    yield Entry(file.relative_to(self.root).as_posix(), stat.st_size, modified)

    def exists(self, path: str) -> bool:
        """Say whether something is at ``path``."""
        try:
            with self._translated("read", path):
                self._head(path)
        except ObjectMissing:
            return False
        return True

    def _full(self, path: str) -> str:
        return path if self.root is None else f"{self.root.as_posix()}/{path}".strip("/")

    @relayed
    def _head(self, path: str) -> Any:
        return dict(obstore.head(self._store, self._full(path)))

    @relayed
    def _get(self, path: str) -> Version:
        for left in reversed(range(_READS)):
            try:
                result = obstore.get(self._store, self._full(path))
                return Version(bytes(result.bytes()), result.meta["e_tag"])
            except GenericError as error:
                if not (left and _was_cut(error)):
                    raise
        raise AssertionError("unreachable")

    @relayed
    def _pages(self, prefix: str | None) -> Iterator[Any]:
        last = None
        left = _READS
        while True:
            try:
                for page in obstore.list(self._store, prefix=prefix, offset=last):
                    yield page
                    last = page[-1]["path"] if len(page) else last
                return
            except GenericError as error:
                left -= 1
                if not (left and _was_cut(error)):
                    raise

    @relayed
    def _put(self, path: str, data: bytes, mode: Any = "overwrite") -> bool:
        try:
            obstore.put(self._store, self._full(path), data, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    @relayed
    def _put_file(self, path: str, file: Path) -> None:
        """Put a file of this machine, which a local storage may take for itself."""
        if self.root is not None:
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        else:
            obstore.put(
                self._store,
                path,
                file,
                use_multipart=file.stat().st_size > _LARGEST_PUT,
                chunk_size=_BLOCK_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    @relayed
    def _range(self, path: str, start: int, length: int) -> bytes:
        for left in reversed(range(_READS)):
            try:
                with self._translated("read", path):
                    return bytes(obstore.get_range(self._store, path, start=start, length=length))
            except StorageError as error:
                if not (left and isinstance(error.__cause__, GenericError) and _was_cut(error.__cause__)):
                    raise
        raise AssertionError("unreachable")

    @relayed
    def _remove(self, path: str) -> None:
        if self.root is not None:
            (self.root / path).unlink(missing_ok=True)
        else:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, path)

    @relayed
    def _renew(self, path: str) -> None:
        if self.root is not None:
            os.utime(self.root / path)
        else:
            # Some stores refuse to copy a path onto itself.
            if self._head(path)["size"] <= _LARGEST_PUT:
                self._put(path, self.read(path))
            else:
                aside = f"{path}#{os.getpid()}{time.time_ns()}{next(_counter)}"
                obstore.copy(self._store, path, aside)
                obstore.copy(self._store, aside, path)
                obstore.delete(self._store, aside)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock under which local paths are compared and changed."""
        assert self.root is not None
        lock = self.root / "locks" / "refs"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock).acquire(poll_interval=_POLL_S):
            yield

    def _holds(self, path: str, expected: Version | None) -> bool:
        assert self.root is not None
        target = self.root / path
        now = target.read_bytes() if target.exists() else None
        return now == (None if expected is None else expected.data)

    @contextmanager
    def _translated(self, verb: str, path: str) -> Iterator[None]:
        where = f"{self.location}/{path}"
        try:
            yield
        except FileNotFoundError as error:
            if verb != "read":
                raise _translate(error, verb, where) from error
            raise ObjectMissing(
                f"Nothing is stored at {where}. `hw fsck` tells what else is missing.", path=path
            ) from error
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            if isinstance(error, StorageError | UsageError):
                raise
            raise _translate(error, verb, where) from error


class _Remote(io.RawIOBase):
    """The bytes at a path of a bucket, read in ranges."""

    def __init__(self, storage: Storage, path: str, size: int) -> None:
        self._storage, self._path, self._size, self._at = storage, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        if count <= 0:
            return 0
        data = self._storage._range(self._path, self._at, count)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _was_cut(error: GenericError) -> bool:
    """Say whether an answer was cut off in its body: obstore tries other requests again, but not these."""
    return "body error" in str(error)


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


def _reopened(kind: type[Storage], location: str, options: dict[str, Any], process: bytes) -> Storage:
    """Open a place again, in another process mostly."""
    if process == _PROCESS:
        return kind(location, **options)
    if location.startswith("memory://"):
        raise StorageError(_IN_MEMORY.format(location))
    # Opening a bucket makes connections anew, which chunks by the thousand should share.
    key = f"{kind.__qualname__} {location} {options!r}"
    if key not in _known:
        _known[key] = kind(location, **options)
    return _known[key]
