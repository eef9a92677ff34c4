"""What lies in a folder: every file with its size and times, without reading any; links are not followed out."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    facts: list[tuple[int, int, int, int]] = []
    left_out: Counter[str] = Counter()
    inside = os.path.realpath(root)
    waiting = [(str(root), "")]
    while waiting:
        folder, above = waiting.pop()
        try:
            with os.scandir(folder) as entries, _opened(folder) as descriptor:
                for entry in entries:
                    name = entry.name
                    if name.startswith(_HIDDEN):
                        continue
                    if not _is_utf8(name):
                        if not skip_bad:
                            raise _bad_name(above + name)
                        left_out["names that are not UTF-8"] += 1
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, f"{above}{name}/"))
                        continue
                    if entry.is_symlink() and not _leads_inside(entry.path, inside):
                        left_out["links out of the folder or to folders"] += 1
                        continue
                    # By name in the open folder, which spares the system the way there.
                    found = os.stat(entry.path if descriptor is None else name, dir_fd=descriptor)
                    if not stat.S_ISREG(found.st_mode):
                        left_out["neither files nor folders"] += 1
                        continue
                    paths.append(above + name)
                    facts.append((found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
        except OSError as error:
            mend = "allow reading it, or move it out of the folder"
            raise input_error(folder, f"it cannot be listed ({error.strerror})", mend=mend) from error
    columns = np.array(facts, np.uint64).reshape(len(facts), 4).view(np.int64).T
    table = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            **dict(zip(("size", "mtime", "ctime", "inode"), columns, strict=True)),
        }
    )
    return Walked(files=table.sort_by("path"), left_out=left_out)


def names_in(root: Path) -> list[str]:
    """Return the names of the files below a folder that are not hidden, for a look at what they are."""
    names: list[str] = []
    waiting = [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name.startswith(_HIDDEN):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    names.append(entry.name)
    return names


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
