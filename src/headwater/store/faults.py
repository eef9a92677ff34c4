"""Storage that fails on purpose: what a full disk, a read-only folder or a kill does at each write.

A test counts the writes of some work first, then lets each of them fail in turn::

    storage = FaultyStorage(path)
    work(storage)
    for point in range(1, storage.points + 1):
        work(FaultyStorage(path, at=point, fault="full"))
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Literal

from headwater.store.storage import Storage

__all__ = ["Fault", "FaultyStorage"]

Fault = Literal["none", "full", "denied", "broken", "kill", "torn", "delay"]

_ERRORS = {"full": errno.ENOSPC, "denied": errno.EROFS, "broken": errno.EIO}


class FaultyStorage(Storage):
    """A `Storage` whose writes are counted, and one or all of which go wrong.

    Parameters
    ----------
    location : str or Path
        As for `Storage`.
    at : int
        The write that goes wrong, counted from 1; 0 for every write.
    fault : {"none", "full", "denied", "broken", "kill", "torn", "delay"}
        What happens instead of the write: nothing out of the ordinary, an error as of a full disk, of a
        read-only file system or of a broken one, the end of this process by SIGKILL, the same in the middle
        of a local write so that half a file stays, or (before the write) a rest.
    delay_s : float
        How long a ``delay`` lasts.
    **options : Any
        As for `Storage`.

    Attributes
    ----------
    points : int
        Writes so far, failed ones included.
    paths : list of str
        Where they went.
    """

    def __init__(
        self,
        location: str | Path,
        *,
        at: int = 0,
        fault: Fault = "none",
        delay_s: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(location, **options)
        self.at, self.fault, self.delay_s = at, fault, delay_s
        self.points = 0
        self.paths: list[str] = []
        self._counting = threading.Lock()

    def _put(self, path: str, data: bytes, mode: Any = "overwrite") -> bool:
        self._point(path, data)
        return super()._put(path, data, mode)

    def _put_file(self, path: str, file: Path) -> None:
        self._point(path, file.read_bytes())
        super()._put_file(path, file)

    def _remove(self, path: str) -> None:
        self._point(path)
        super()._remove(path)

    def _renew(self, path: str) -> None:
        self._point(path)
        super()._renew(path)

    def _point(self, path: str, data: bytes = b"") -> None:
        with self._counting:
            self.points += 1
            self.paths.append(path)
            due = self.at in (0, self.points)
        if not due or self.fault == "none":
            return
        if self.fault == "delay":
            time.sleep(self.delay_s)
        elif self.fault in _ERRORS:
            number = _ERRORS[self.fault]
            raise OSError(number, os.strerror(number), path)
        else:
            if self.fault == "torn" and data and self.root is not None:
                half = self.root / f"{path}#1"
                half.parent.mkdir(parents=True, exist_ok=True)
                half.write_bytes(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
