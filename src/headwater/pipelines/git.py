"""What git says of the folder that code is in: its top, its revision, and what differs from it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["changed_files", "git", "revision_of", "top_of"]

_WAIT_S = 10
_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def git(folder: Path, *words: str, wait_s: float | None = _WAIT_S) -> str | None:
    """Return what git prints in a folder; None if it fails, is not there, or takes too long.

    Variables that name another repository, as hooks of git have them, do not count.
    """
    variables = {name: value for name, value in os.environ.items() if name not in _PLACES}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            check=True,
            timeout=wait_s,
            env=variables,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout)


def top_of(folder: Path) -> Path | None:
    """Return the top of the work tree that a folder is in."""
    told = git(folder, "rev-parse", "--show-toplevel")
    return Path(told.removesuffix("\n")) if told and told.strip() else None


def changed_files(folder: Path) -> list[str]:
    """Return the tracked files of the work tree that differ from its revision, relative to its top."""
    told = git(folder, "diff", "--name-only", "--no-renames", "-z", "HEAD") or ""
    return [name for name in told.split("\0") if name]


def revision_of(folder: Path) -> str:
    """Return git's revision of the code, with ``+`` where files differ from it; nothing outside of git."""
    revision = (git(folder, "rev-parse", "HEAD") or "").strip()
    return revision + ("+" if revision and changed_files(folder) else "")
