"""What a step prints and logs, kept apart from what other steps do at the same time."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

__all__ = ["Log", "captured", "current_log", "written_to"]

_CURRENT: ContextVar[Log | None] = ContextVar("headwater_log", default=None)
_lock = threading.Lock()
_users = 0


class Log:
    """The lines of one step; secrets in them are covered."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._buffer = io.StringIO()
        self._secrets = sorted((one for one in secrets if one), key=len, reverse=True)

    def write(self, text: str) -> None:
        """Add text."""
        self._buffer.write(text)

    @property
    def text(self) -> str:
        """All lines so far, without secrets."""
        return self.covered(self._buffer.getvalue())

    def covered(self, text: str) -> str:
        """Return text without secrets."""
        for one in self._secrets:
            text = text.replace(one, "***")
        return text


class _Switch(io.TextIOBase):
    """A stream that writes to the log of the step that this thread works for; else to where it always went."""

    def __init__(self, usual: TextIO) -> None:
        self.usual = usual

    def write(self, text: str) -> int:
        log = _CURRENT.get()
        if log is None:
            return self.usual.write(text)
        log.write(text)
        return len(text)

    def flush(self) -> None:
        self.usual.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.usual, name)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = _CURRENT.get()
        if log is not None:
            log.write(f"{record.levelname} {record.name}: {record.getMessage()}\n")


_handler = _Handler()


@contextmanager
def captured(log: Log) -> Iterator[Log]:
    """Send what is printed and logged inside the block, by this thread, to a log."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            sys.stdout, sys.stderr = _Switch(sys.stdout), _Switch(sys.stderr)
            logging.getLogger().addHandler(_handler)
    token = _CURRENT.set(log)
    try:
        yield log
    finally:
        _CURRENT.reset(token)
        with _lock:
            _users -= 1
            if _users == 0:
                for name in ("stdout", "stderr"):
                    stream = getattr(sys, name)
                    if isinstance(stream, _Switch):
                        setattr(sys, name, stream.usual)
                logging.getLogger().removeHandler(_handler)


def current_log() -> Log | None:
    """Return the log that this thread writes to."""
    return _CURRENT.get()


@contextmanager
def written_to(log: Log | None) -> Iterator[None]:
    """Send what this thread prints inside the block to a log that is `captured` elsewhere."""
    token = _CURRENT.set(log)
    try:
        yield
    finally:
        _CURRENT.reset(token)
