"""Text files as a stream of UTF-8: decompressed, decoded, and without a byte order mark."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from headwater.core.errors import InputError, UsageError

__all__ = [
    "BLOCK_BYTES",
    "TEXT_SUFFIXES",
    "input_error",
    "is_compressed",
    "line_blocks",
    "require_utf8",
    "utf8_chunks",
]

BLOCK_BYTES = 4 << 20
TEXT_SUFFIXES = (".gz", ".zst")

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def input_error(
    file: str, reason: str, *, line: int | None = None, mend: str = "", **facts: Any
) -> InputError:
    """Return the error for a place in a file: file, line (from 1), reason, and how to mend it."""
    place = f"{file}, line {line}" if line is not None else file
    return InputError(
        f"{place}: {reason}{'; ' + mend if mend else ''}", file=file, line=line, reason=reason, **facts
    )


def is_compressed(path: Path) -> bool:
    """Say whether the file begins as gzip or zstd files do."""
    with path.open("rb") as file:
        return file.read(4).startswith((_GZIP, _ZSTD))


def require_utf8(data: bytes, file: str, *, line: int, newline: bytes = b"\n") -> None:
    """Raise an `InputError` that names the line if ``data``, which begins on ``line``, is not UTF-8."""
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise input_error(
            file,
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            line=line + data.count(newline, 0, error.start),
            mend="name the encoding, for example --encoding latin-1 (Western European) or cp1252 (Windows)",
        ) from error


def utf8_chunks(path: Path, encoding: str | None = None, *, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, in chunks of about ``size`` bytes.

    Without ``encoding`` the byte order mark decides, and a file without one is passed on as it is: the
    caller says on which line it is not UTF-8.

    Parameters
    ----------
    path : Path
        A file, plain or compressed by gzip or zstd.
    encoding : str, optional
        Name of the encoding, as Python knows it.
    size : int
        Bytes to read at a time.

    Yields
    ------
    bytes
        The next chunk; none is empty.

    Raises
    ------
    UsageError
        If there is no such encoding.
    InputError
        If the compressed data is damaged, or the text is not in the encoding.
    """
    if encoding is not None:
        _decoder(encoding)
    decoder: codecs.IncrementalDecoder | None = None
    lines = 1
    with _opened(path) as file:
        first = True
        while chunk := _read(file, size, path):
            if first:
                encoding, mark = _recognised(chunk, encoding)
                chunk = chunk[mark:]
                decoder = _decoder(encoding) if encoding else None
                first = False
            if decoder is not None:
                chunk, lines = _decoded(decoder, chunk, path, str(encoding), lines)
            if chunk:
                yield chunk
        if decoder is not None:
            rest, _ = _decoded(decoder, b"", path, str(encoding), lines, final=True)
            if rest:
                yield rest


def line_blocks(
    path: Path, encoding: str | None = None, *, size: int = BLOCK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines, each with the number of its first line (from 1)."""
    line, carry = 1, b""
    for chunk in utf8_chunks(path, encoding, size=size):
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            carry += chunk
            continue
        block = carry + chunk[:end]
        carry = chunk[end:]
        yield line, block
        line += block.count(b"\n")
    if carry:
        yield line, carry


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        b" ".decode(encoding, "ignore")  # refuses codecs that are not of text, such as hex
        return codecs.getincrementaldecoder(encoding)("strict")
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"There is no encoding {encoding!r}. Known are for example utf-8, utf-16, latin-1, cp1252, shift_jis.",
            encoding=encoding,
        ) from error


def _recognised(chunk: bytes, named: str | None) -> tuple[str | None, int]:
    """Return the encoding to decode by, None for UTF-8 as it is, and the length of the byte order mark."""
    wanted = codecs.lookup(named).name.removesuffix("-sig") if named else None
    for mark, marked in _MARKS:
        if chunk.startswith(mark) and (wanted is None or marked.startswith(wanted)):
            return (None if marked == "utf-8" and wanted is None else marked), len(mark)
    return (f"{wanted}-le" if wanted in ("utf-16", "utf-32") else wanted), 0


def _decoded(
    decoder: codecs.IncrementalDecoder,
    chunk: bytes,
    path: Path,
    encoding: str,
    lines: int,
    *,
    final: bool = False,
) -> tuple[bytes, int]:
    try:
        text = decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        # The decoder's input may begin with bytes kept from the chunk before: count from its own object.
        before = bytes(error.object[: error.start]).decode(encoding, "replace")
        raise input_error(
            path.name,
            f"byte 0x{error.object[error.start]:02x} is not {encoding}",
            line=lines + before.count("\n"),
            mend="name another encoding with --encoding",
        ) from error
    return text.encode("utf-8", "surrogatepass"), lines + text.count("\n")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Readable]:
    with path.open("rb") as raw:
        start = raw.read(4)
        raw.seek(0)
        if start.startswith(_GZIP):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked
        elif start.startswith(_ZSTD):
            with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as unpacked:
                yield unpacked
        else:
            yield raw


def _read(file: _Readable, size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except EOFError as error:
        raise input_error(
            path.name, "the compressed data ends too early", mend="fetch the file again"
        ) from error
    except (OSError, zlib.error) as error:  # gzip and Arrow raise an OSError without a number
        if getattr(error, "errno", None) is not None:
            raise
        reason = f"the compressed data is damaged ({error})"
        raise input_error(path.name, reason, mend="fetch the file again") from error
