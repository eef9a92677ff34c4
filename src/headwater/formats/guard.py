"""Reading never leaves the folder that a user named: what its files refer to must lie inside."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headwater.core.errors import InputError
from headwater.formats.text import input_error

__all__ = ["inside", "local_path", "require_no_links_out"]


def inside(path: str | Path, root: Path, place: str) -> Path:
    """Return a path that a table names, which must lie in the table's folder, links followed.

    Raises
    ------
    InputError
        If it lies elsewhere.
    """
    if "\0" in str(path):
        raise _elsewhere(path, place)
    full = (root / path).resolve()
    if not full.is_relative_to(root.resolve()):
        raise _elsewhere(path, place)
    return full


def local_path(address: str) -> str:
    """Return the path of a ``file:`` address, or of a path in which letters are escaped as in addresses."""
    parts = urlsplit(address)
    return unquote(parts.path) if parts.scheme == "file" else unquote(address)


def require_no_links_out(root: Path) -> None:
    """Refuse a folder with symbolic links that lead out of it.

    Raises
    ------
    InputError
        If there is one.
    """
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                inside(path.resolve(), root, root.name)


def _elsewhere(path: str | Path, place: str) -> InputError:
    return input_error(
        place,
        f"it refers to {str(path)!r}, which is not inside its folder",
        mend="nothing outside a folder that you name is read; put the whole table in one folder",
    )
