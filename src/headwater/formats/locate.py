"""From what a user names (paths, globs, folders, URLs) to local files and databases."""

from __future__ import annotations

import fnmatch
import functools
import glob
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from headwater.core.errors import InputError, UsageError
from headwater.formats.base import READERS, FolderReader
from headwater.formats.detect import by_suffix
from headwater.formats.folder import is_media
from headwater.formats.text import input_error
from headwater.formats.walk import names_in

__all__ = ["Place", "TemporaryFolder", "locate"]

_DATABASES = {"postgres": "postgres", "postgresql": "postgres", "sqlite": "sqlite"}
_STORES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss")
_MAGIC_LETTERS = "*?["
_CHUNK_BYTES = 1 << 20
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class TemporaryFolder:
    """A folder that is removed when nothing refers to this object any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="headwater-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Place:
    """One file, folder or database to read.

    ``shown`` is its address without secrets; ``format`` is set where the kind of place decides it;
    ``holds`` keeps a temporary folder alive.
    """

    location: str
    shown: str
    format: str | None = None
    holds: TemporaryFolder | None = None


def locate(location: str | Path, *, format: str | None = None) -> list[Place]:
    """Return the places that one location names, in order.

    Parameters
    ----------
    location : str or Path
        A path, a pattern, a folder, a database URL, or a URL of a web server or object store.
    format : str, optional
        What the user says the format is.

    Returns
    -------
    list of Place
        At least one.

    Raises
    ------
    InputError
        If there is nothing there.
    UsageError
        If it is not clear what in a folder is to be read.
    """
    text = str(location)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in _DATABASES:
        return [Place(text, text, _DATABASES[scheme])]
    if scheme in ("http", "https"):
        return [_fetched_web(text)]
    if scheme in _STORES:
        return _fetched_objects(text)
    if scheme == "file":
        text = unquote(urlsplit(text).path)
    elif scheme:
        known = "file, http, https, s3, gs, az, postgresql and sqlite"
        raise UsageError(f"There is no way to read {scheme}:// addresses. Known are {known}.", scheme=scheme)
    return _local(text, format)


def _local(text: str, format: str | None) -> list[Place]:
    if not text:
        raise UsageError("The name of a file is empty.")
    path = Path(text).expanduser()
    if path.is_dir():
        return _in_folder(path, format)
    if path.exists():
        return [Place(str(path), str(path))]
    if any(letter in text for letter in _MAGIC_LETTERS):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        places = [Place(name, name) for name in found if Path(name).is_file()]
        if places:
            return places
        raise input_error(text, "no file fits the pattern")
    near = sorted(entry.name for entry in path.parent.iterdir())[:10] if path.parent.is_dir() else []
    mend = f"beside it are {', '.join(near)}" if near else ""
    raise input_error(text, "there is no such file", mend=mend)


def _in_folder(folder: Path, format: str | None) -> list[Place]:
    if format == "folder":
        return [Place(str(folder), str(folder), "folder")]
    kind = _table_kind(folder, format)
    if kind is not None:
        return [Place(str(folder), str(folder), kind)]
    names = names_in(folder) if format is None else []
    if format is None and all(by_suffix(name) is None for name in _endings(names)):
        # Nothing in it is a table: each file is a row. Looking no closer keeps large folders quick.
        if not names:
            raise input_error(str(folder), "there is nothing in it that can be read")
        return [Place(str(folder), str(folder), "folder")]
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_hidden(file, folder)]
    _require_no_tables(folder, files)
    formats = {file: by_suffix(file.name) for file in files}
    if format is not None:
        wanted = READERS[format].names[0] if format in READERS else format
        chosen = [file for file in files if formats[file] == wanted] or files
    else:
        chosen = [file for file in files if formats[file] is not None]
        media = [file for file in files if is_media(file.name)]
        kinds = sorted({str(formats[file]) for file in chosen} | ({"folder"} if media else set()))
        if len(kinds) > 1:
            raise UsageError(
                f"Folder {folder} holds several formats: {', '.join(kinds)}. Say which to read with --input-format.",
                formats=kinds,
            )
        if media:
            return [Place(str(folder), str(folder), "folder")]
    if not chosen:
        raise input_error(str(folder), "there is nothing in it that can be read")
    return [Place(str(file), str(file)) for file in chosen]


def _endings(names: Iterable[str]) -> set[str]:
    """Return enough of the names of files to tell their formats by: their last two suffixes."""
    tails = {name.partition(".")[2] for name in names}
    return {".".join(["x", *tail.rsplit(".", 2)[-2:]]) if tail else "x" for tail in tails}


def _table_kind(folder: Path, format: str | None) -> str | None:
    """Return the format of a folder that is one table, such as a Delta table, or None."""
    names = READERS if format is None else [format] if format in READERS else []
    readers = [reader for reader in (READERS[name] for name in names) if isinstance(reader, FolderReader)]
    found = (reader for reader in readers if format is not None or reader.recognises(folder))
    return next((reader.names[0] for reader in found), None)


def _require_no_tables(folder: Path, files: list[Path]) -> None:
    """Refuse a folder of tables: files of theirs may be of older versions or hold deleted rows."""
    inner = dict.fromkeys(above for file in files for above in file.relative_to(folder).parents)
    for below in sorted(path for path in inner if path.parts):
        kind = _table_kind(folder / below, None)
        if kind is not None:
            raise UsageError(
                f"Folder {folder} holds a whole dataset, {below} ({kind}). Name that folder instead.",
                folder=str(folder / below),
            )


def _is_hidden(file: Path, folder: Path) -> bool:
    """Say whether a file is one that tools leave beside the data: hidden, or a marker like _SUCCESS."""
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def _fetched_web(url: str) -> Place:
    from obstore.store import HTTPStore

    def fetch() -> Iterable[bytes]:
        store = HTTPStore.from_url(url, client_options={"allow_http": True}, retry_config=_RETRIES)
        return _get(store, "")

    return _fetched(url, Path(unquote(urlsplit(url).path)).name, TemporaryFolder(), fetch)


def _fetched_objects(url: str) -> list[Place]:
    import obstore
    from obstore.store import from_url

    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    try:
        store: Any = from_url(f"{parts.scheme}://{parts.netloc}")
        names = [path]
        is_pattern = any(letter in path for letter in _MAGIC_LETTERS)
        if is_pattern or path.endswith("/") or not path:
            start = path[
                : min((path.find(letter) for letter in _MAGIC_LETTERS if letter in path), default=len(path))
            ]
            prefix = start.rpartition("/")[0]
            listed = sorted(meta["path"] for batch in obstore.list(store, prefix or None) for meta in batch)
            names = [name for name in listed if not is_pattern or fnmatch.fnmatchcase(name, path)]
    except (obstore.exceptions.BaseError, OSError) as error:
        raise _unreachable(url, error) from error
    if not names:
        raise input_error(_without_secrets(url), "no object is there")
    folder = TemporaryFolder()
    base = f"{parts.scheme}://{parts.netloc}"
    return [
        _fetched(f"{base}/{name}", name.replace("/", "-"), folder, functools.partial(_get, store, name))
        for name in names
    ]


def _get(store: Any, path: str) -> Iterable[bytes]:
    import obstore

    return obstore.get(store, path).stream(min_chunk_size=_CHUNK_BYTES)


def _fetched(url: str, name: str, folder: TemporaryFolder, fetch: Callable[[], Iterable[bytes]]) -> Place:
    import obstore

    file = folder.path / (name or "data")
    try:
        with file.open("wb") as target:
            for chunk in fetch():
                target.write(chunk)
    except (obstore.exceptions.BaseError, OSError) as error:
        if getattr(error, "errno", None) is not None and not isinstance(error, FileNotFoundError):
            raise
        raise _unreachable(url, error) from error
    return Place(str(file), _without_secrets(url), holds=folder)


def _unreachable(url: str, error: Exception) -> InputError:
    first = str(error).split("\n\nDebug source")[0].split("<", 1)[0]
    said = re.sub(r"Error performing .*? - |\w+://\S+", "", " ".join(first.split())).rstrip(" :,")
    return input_error(
        _without_secrets(url), f"it cannot be fetched ({said})", mend="check the address and the access"
    )


def _without_secrets(url: str) -> str:
    """Return a URL without user, password and parameters, of which signed ones give access."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
