"""Write batches to a file or folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from headwater.core.errors import NotFound, StorageDenied, StorageError, StorageFull, UsageError
from headwater.core.ids import ObjectId
from headwater.formats.base import (
    SHARD_BYTES,
    WRITERS,
    About,
    FolderWriter,
    WriteOptions,
    Writer,
    batches_of,
    unheard,
)
from headwater.formats.text import TEXT_SUFFIXES

__all__ = ["write"]

_COMPRESSED = ("csv", "tsv", "jsonl")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def write(
    batches: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch],
    schema: pa.Schema,
    target: str | Path,
    *,
    format: str | None = None,
    label: str | None = None,
    content: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    open_value: Callable[[ObjectId], Iterable[bytes]] | None = None,
    about: About | None = None,
    shard_bytes: int = SHARD_BYTES,
    note: Callable[[str], None] = unheard,
) -> int:
    """Write batches to ``target``, all or nothing.

    The data goes to a temporary name beside the target, is flushed to disk, and then takes the target's
    place in one step. Whatever fails on the way, a file that was there stays as it was, and nothing is left over.

    Parameters
    ----------
    batches : table, batch, or iterable of batches
        Drawn as they are written.
    schema : pyarrow.Schema
        Of all batches.
    target : str or Path
        File to write; a suffix ``.gz`` or ``.zst`` after that of delimited text or JSON compresses it. For
        a folder of files, a folder that is not there yet, or is empty.
    format : str, optional
        ``csv``, ``tsv``, ``jsonl``, ``parquet``, ``arrow``, ``folder``, ``huggingface``, ``delta``, ``lance``,
        ``iceberg``, ``webdataset`` or ``croissant``; the suffix says it by default.
    label, content, name : str, optional
        For a folder, the columns that give class folder, content and name of a file.
    overwrite : bool
        Write into a folder that holds something: files of the same paths are replaced, each at once; others stay.
    open_value : callable, optional
        Gives the pieces of a large value that a reference stands for; see `headwater.core.references`.
    about : About, optional
        What is known of the dataset besides its rows; formats that have room for it keep it.
    shard_bytes : int
        Where formats of several files begin a new one, about.
    note : callable, optional
        Told what was changed on the way, such as a type that the format lacks.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    UsageError
        If the format is not known, or cannot hold the columns.
    StorageFull, StorageDenied, StorageError
        If the disk does not take it.
    """
    path = Path(os.path.realpath(Path(target).expanduser()))  # of a link, the file it points to is replaced
    writer = _writer(path, format)
    _require_place(path, writer, overwrite=overwrite)
    if shard_bytes < 1:
        raise UsageError(f"The size of a shard is {shard_bytes} bytes; it must be at least 1.")
    options = WriteOptions(
        label=label,
        content=content,
        name=name,
        open_value=open_value,
        about=about or About(name=path.name.partition(".")[0] or "data"),
        shard_bytes=shard_bytes,
        becomes=path,
        note=note,
    )
    rows = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in batches_of(batches):
            rows += batch.num_rows
            yield batch

    with _translated(path):
        partial = path.with_name(f".{secrets.token_hex(4)}.partial-{path.name}")
        try:
            writer.write(counted(), schema, partial, options=options)
            if partial.is_dir() and path.is_dir() and any(path.iterdir()):
                _put_over(partial, path)
            else:
                _put(partial, path)
        except BaseException:
            _remove(partial)
            raise
    return rows


def _writer(path: Path, format: str | None) -> Writer:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_compressed = bool(suffixes) and suffixes[-1] in TEXT_SUFFIXES
    suffix = suffixes[-2] if is_compressed and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
    if format is None:
        format = next((name for name in WRITERS if suffix and suffix in WRITERS[name].suffixes), None)
    if format is None:
        known = ", ".join(sorted({suffix for name in WRITERS for suffix in WRITERS[name].suffixes}))
        raise UsageError(
            f"The name {path.name!r} does not say a format. End it in one of {known}, or name it with --format.",
            target=str(path),
        )
    if format not in WRITERS:
        raise NotFound.among("format", format, WRITERS)
    writer = WRITERS[format]
    if is_compressed and writer.names[0] not in _COMPRESSED:
        raise UsageError(f"{format} is compressed inside; leave {suffixes[-1]} off {path.name!r}.")
    return writer


def _require_place(path: Path, writer: Writer, *, overwrite: bool) -> None:
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} to write {path.name} into; make it first.")
    if writer.names[0] == "folder":
        if path.exists() and not (path.is_dir() and (overwrite or not any(path.iterdir()))):
            raise UsageError(
                f"{path} is there already; choose a new folder, empty it, or write into it with --overwrite.",
                target=str(path),
            )
    elif isinstance(writer, FolderWriter) and writer.makes_folder(path):
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise UsageError(f"{path} is there already; choose a new folder, or empty it.", target=str(path))
    elif path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.", target=str(path))


def _put(partial: Path, path: Path) -> None:
    """Flush what was written and let it take the place of the target."""
    if partial.is_file():
        if path.exists():
            shutil.copymode(path, partial)
        _flush(partial)
    partial.replace(path)
    _flush(path.parent)


def _put_over(partial: Path, path: Path) -> None:
    """Let files take the places of those of the same paths, once it is clear that all of them can."""
    files = [Path(folder, name) for folder, _, names in os.walk(partial) for name in names]
    places = [path / file.relative_to(partial) for file in files]
    for place in places:
        for above in place.relative_to(path).parents:
            folder = path / above
            if folder.is_symlink() and folder != path:
                raise UsageError(f"{folder} is a link; nothing is written through links.", target=str(folder))
            if folder.exists() and not folder.is_dir():
                raise UsageError(f"{folder} is a file where a folder must be.", target=str(folder))
        if place.is_dir() and not place.is_symlink():
            raise UsageError(f"{place} is a folder where a file must be.", target=str(place))
    for file, place in zip(files, places, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    _remove(partial)
    _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Say what the disk did in our terms."""
    try:
        yield
    except StorageError:
        raise
    except (OSError, duckdb.IOException) as error:
        raise _storage_error(path, error) from error


def _storage_error(path: Path, error: Exception) -> StorageError:
    code = getattr(error, "errno", None)
    said = str(error)
    after = f"Nothing of {path} was changed."
    if code in _FULL or "No space left" in said or "File too large" in said:
        return StorageFull(
            f"The disk is full while writing {path.name}. {after} Make room, then try again.", path=str(path)
        )
    if code in _DENIED or "Permission denied" in said or "Read-only" in said:
        return StorageDenied(f"Writing into {path.parent} is not allowed. {after}", path=str(path))
    return StorageError(f"Could not write {path.name} ({said.splitlines()[0]}). {after}", path=str(path))
