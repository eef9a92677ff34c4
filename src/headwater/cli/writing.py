"""Files that commands write for people: reports, tables, drafts."""

from __future__ import annotations

import errno
from pathlib import Path

from headwater.core.errors import StorageFull

__all__ = ["write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8.

    Raises
    ------
    StorageFull
        If there is no room for it; the message names the file, of which nothing is left.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        if path.is_file():
            path.unlink()
        raise StorageFull(
            f"There is no room for {path} ({len(text.encode()):,} bytes): the disk is full, or the quota used up. Free "
            "some space there, or name a file on another disk. What was to be reported is done; nothing else is lost.",
            path=str(path),
        ) from error
