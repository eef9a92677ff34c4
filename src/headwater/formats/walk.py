"""What lies in a folder: every file with its size and times, without reading any; links are not followed out."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

import numpy as np
import pyarrow as pa

from headwater.formats.text import input_error

__all__ = ["Walked", "names_in", "walk"]

_HIDDEN = (".", "__MACOSX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The files of a folder, in the order of their paths.

    Parameters
    ----------
    files : pyarrow.Table
        ``path`` below the folder, parts divided by ``/``; ``size`` in bytes; ``mtime``, ``ctime`` in nanoseconds;
        ``inode``.
    left_out : Counter of str
        How many were left out, by reason.
    """

    files: pa.Table
    left_out: Counter[str] = field(default_factory=Counter)


def walk(root: Path, *, skip_bad: bool = False) -> Walked:
    """List the files below a folder.

    What is hidden is not there. A link to a file below the folder counts as that file; other links, and whatever
    is neither file nor folder, are left out.

    Parameters
    ----------
    root : Path
        The folder.
    skip_bad : bool
        Leave out files whose names are not UTF-8, instead of refusing the folder.

    Returns
    -------
    Walked

    Raises
    ------
    InputError
        If a folder cannot be listed, or a name is not UTF-8.
    """
    paths: list[str] = []
    states: list[os.stat_result] = []
    left_out: Counter[str] = Counter()
    inside = os.path.realpath(root)
    waiting = [(str(root), "")]
    while waiting:
        folder, above = waiting.pop()
        try:
            with os.scandir(folder) as found, _opened(folder) as descriptor:
                entries = [entry for entry in found if not entry.name.startswith(_HIDDEN)]
                if not "".join([entry.name for entry in entries]).isascii():
                    entries = _named(entries, above, left_out, skip_bad=skip_bad)
                waiting += [(e.path, f"{above}{e.name}/") for e in entries if e.is_dir(follow_symlinks=False)]
                files = [e for e in entries if e.is_file(follow_symlinks=False)]
                if len(files) < len(entries):
                    files += _odd(entries, inside, left_out)
                names = [e.name if descriptor is not None else e.path for e in files]
                # By name in the open folder, which spares the system the way there.
                states += [os.stat(name, dir_fd=descriptor) for name in names]
                paths += [above + e.name for e in files]
        except OSError as error:
            mend = "allow reading it, or move it out of the folder"
            raise input_error(folder, f"it cannot be listed ({error.strerror})", mend=mend) from error
    count = len(states)
    table = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "size": np.fromiter(map(attrgetter("st_size"), states), np.int64, count),
            "mtime": np.fromiter(map(attrgetter("st_mtime_ns"), states), np.int64, count),
            "ctime": np.fromiter(map(attrgetter("st_ctime_ns"), states), np.int64, count),
            "inode": np.fromiter(map(attrgetter("st_ino"), states), np.uint64, count).view(np.int64),
        }
    )
    return Walked(files=table.sort_by("path"), left_out=left_out)


def names_in(root: Path) -> list[str]:
    """Return the names of the files below a folder that are not hidden, for a look at what they are."""
    names: list[str] = []
    waiting = [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            entries = [entry for entry in found if not entry.name.startswith(_HIDDEN)]
        folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        waiting += [entry.path for entry in folders]
        names += [entry.name for entry in (set(entries).difference(folders) if folders else entries)]
    return names


def _named(
    entries: Iterable[os.DirEntry[str]], above: str, left_out: Counter[str], *, skip_bad: bool
) -> list[os.DirEntry[str]]:
    """Return the entries whose names are UTF-8."""
    kept = []
    for entry in entries:
        if _is_utf8(entry.name):
            kept.append(entry)
        elif skip_bad:
            left_out["names that are not UTF-8"] += 1
        else:
            raise _bad_name(above + entry.name)
    return kept


def _odd(entries: Iterable[os.DirEntry[str]], inside: str, left_out: Counter[str]) -> list[os.DirEntry[str]]:
    """Return the links that count as files; count what is left out."""
    kept = []
    for entry in entries:
        if entry.is_symlink():
            if _leads_inside(entry.path, inside):
                kept.append(entry)
            else:
                left_out["links out of the folder or to folders"] += 1
        elif not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
            left_out["neither files nor folders"] += 1
    return kept


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int | None]:
    """Open a folder, where the system looks up names in open folders."""
    if os.stat not in os.supports_dir_fd:
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_utf8(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _leads_inside(path: str, root: str) -> bool:
    target = os.path.realpath(path)
    return target.startswith(root + os.sep) and os.path.isfile(target)  # noqa: PTH113 - a hot loop over names


def _bad_name(path: str) -> Exception:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return input_error(
        shown,
        "its name is not UTF-8",
        mend="rename it, or leave such files out with --on-bad-lines skip",
    )
