"""Which format a file has: by what its bytes say, by its suffix, or by its text."""

from __future__ import annotations

import zipfile
from pathlib import Path

from headwater.core.errors import NotFound
from headwater.formats.base import READERS, FolderReader, Reader
from headwater.formats.text import TEXT_SUFFIXES, input_error, utf8_chunks

__all__ = ["by_suffix", "detect", "reader_named"]

_MAGIC = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
_TAR, _TAR_AT = b"ustar", 257
_ARCHIVES = ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a", "RAR"))


def reader_named(name: str) -> Reader:
    """Return the reader of a format.

    Raises
    ------
    NotFound
        If there is none; the message lists the formats.
    """
    if name not in READERS:
        raise NotFound.among("format", name, READERS)
    return READERS[name]


def by_suffix(name: str) -> str | None:
    """Return the format that a file's name says, looking past the suffix of a compression, or None."""
    path = Path(name.lower())
    suffix = Path(path.stem).suffix if path.suffix in TEXT_SUFFIXES else path.suffix
    if not suffix:
        return None
    return next((READERS[format].names[0] for format in READERS if suffix in READERS[format].suffixes), None)


def detect(path: Path) -> tuple[str, str | None]:
    """Return the format of a file, and a note where its content is not what its name says.

    Raises
    ------
    InputError
        If the content is of no known format.
    """
    for name in READERS:
        reader = READERS[name]
        if isinstance(reader, FolderReader) and reader.recognises(path):
            return reader.names[0], None
    named, said = by_suffix(path.name), _by_magic(path)
    if said is not None:
        surprise = f"{path.name} is {said} in spite of its name." if named not in (None, said) else None
        return said, surprise
    if named is not None:
        return named, None
    return _by_text(path), None


def _by_magic(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(_TAR_AT + len(_TAR))
    packed = next((kind for magic, kind in _ARCHIVES if start.startswith(magic)), None)
    if packed is not None:
        mend = "unpack it; what is compressed by gzip or zstd can be read as it is"
        raise input_error(path.name, f"it is compressed by {packed}", mend=mend)
    found = next((format for magic, format in _MAGIC if start.startswith(magic)), None)
    if found is None and start[_TAR_AT:] == _TAR:
        return "webdataset"
    if found is None and start.startswith(b"PK\x03\x04") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        if "mimetype" in members or any(member.startswith("xl/") for member in members):
            return "excel"
        raise input_error(
            path.name, "it is a zip archive", mend="unpack it and give the file or folder in it"
        )
    return found


def _by_text(path: Path) -> str:
    start = next(utf8_chunks(path, size=1 << 16), b"").lstrip()
    if b"\0" in start[:4096]:
        known = ", ".join(READERS)
        raise input_error(path.name, "its format is not known", mend=f"name it with --input-format ({known})")
    return "json" if start[:1] in (b"{", b"[") else "csv"
