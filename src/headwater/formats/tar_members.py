"""The files in a tar archive, one after the other: nothing is unpacked, and what a hostile one can do is bounded."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from headwater.core.errors import InputError
from headwater.core.text import clipped
from headwater.formats.text import input_error

__all__ = ["MOST_MEMBER_BYTES", "Member", "members"]

MOST_MEMBER_BYTES = 1 << 30
MOST_HEADER_BYTES = 1 << 20
MOST_EXPANSION = 200
"""A compressed archive may be at most so many times its size once it is unpacked, beyond the first `FREE_BYTES`."""

FREE_BYTES = 1 << 30

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Member:
    """A file of an archive; `data` reads it."""

    name: str
    size: int
    _start: int
    _stream: _Bounded

    def data(self) -> bytes:
        """Return the bytes of the file.

        Raises
        ------
        InputError
            If the archive ends before the file does.
        """
        self._stream.seek(self._start)
        found = self._stream.read_at_most(self.size, self.size)
        if len(found) != self.size:
            raise input_error(
                self._stream.place, f"it ends inside the file {clipped(self.name)!r}", mend="fetch it again"
            )
        return found


def members(path: Path) -> Iterator[Member]:
    """Yield the files of a tar archive, plain or compressed by gzip, in order; folders are left out.

    Raises
    ------
    InputError
        If the archive is cut or damaged; if it holds links or other things that are no files, a path that leads
        out of it, or a file beyond `MOST_MEMBER_BYTES`; or if it is compressed beyond what data can be.
    """
    place = path.name
    with _translated(place), _opened(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        while (entry := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined] # it would grow with the archive
            if entry.isdir():
                continue
            _require_plain(entry, place)
            yield Member(entry.name, entry.size, entry.offset_data, stream)
        # The library takes a broken header for the end, which is a block of zeros.
        if len(stream.last) < tarfile.BLOCKSIZE:
            raise input_error(place, "it is cut short: its end is missing", mend="fetch it again")
        if stream.last.strip(b"\0"):
            raise input_error(
                place, "it is damaged: what follows the last whole file is no file", mend="fetch it again"
            )


def _require_plain(entry: tarfile.TarInfo, place: str) -> None:
    name = clipped(entry.name)
    if not entry.isreg() or entry.issparse():
        kind = (
            "a link"
            if entry.issym() or entry.islnk()
            else "a file with holes"
            if entry.issparse()
            else "a device"
        )
        raise input_error(
            place, f"{name!r} is {kind}; samples are plain files", mend="write the archive anew"
        )
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or "\0" in entry.name:
        raise input_error(place, f"the path {name!r} leads out of the archive")
    if entry.size > MOST_MEMBER_BYTES:
        raise input_error(
            place, f"the file {name!r} has {entry.size:,} bytes; at most {MOST_MEMBER_BYTES:,} are read"
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Bounded]:
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
        file.seek(0)
        size = path.stat().st_size
        if not is_packed:
            yield _Bounded(file, path.name, size + tarfile.RECORDSIZE)
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield _Bounded(cast(BinaryIO, unpacked), path.name, FREE_BYTES + MOST_EXPANSION * size)


class _Bounded(io.RawIOBase):
    """A stream of at most ``most`` bytes, read in small parts, but for the files that are asked for."""

    def __init__(self, file: BinaryIO, place: str, most: int) -> None:
        self.place = place
        self.last = b""
        self._file = file
        self._most = most

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset > self._most:
            raise self._beyond()
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self.read_at_most(size, MOST_HEADER_BYTES)

    def read_at_most(self, size: int, most: int) -> bytes:
        """Read ``size`` bytes, or refuse if that is more than ``most``."""
        if not 0 <= size <= most:
            raise input_error(self.place, f"it has a header of {size:,} bytes, which no tool writes")
        self.last = self._file.read(size)
        if self._file.tell() > self._most:
            raise self._beyond()
        return self.last

    def _beyond(self) -> InputError:
        return input_error(
            self.place,
            f"it goes on past {self._most:,} bytes: it is cut short, or packed beyond what data can be",
            mend="fetch it again, or unpack it yourself if you trust it",
        )


@contextlib.contextmanager
def _translated(place: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, ValueError, UnicodeError) as error:
        if isinstance(error, InputError):
            raise
        raise input_error(place, f"it is no whole tar archive ({error})", mend="fetch it again") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise input_error(place, f"it is no whole tar archive ({error})", mend="fetch it again") from error
