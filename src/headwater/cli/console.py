"""The two consoles, and values as JSON."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any, cast

import click
from rich.console import Console

__all__ = ["console", "jsonable", "print_json"]

_NARROWEST = 40
_BLANKS = re.compile(r"[ ]+(?=\n)")


def console(*, stderr: bool = False) -> Console:
    """Return a console for results (stdout) or messages (stderr); it respects NO_COLOR, COLUMNS and pipes."""
    stream = sys.stderr if stderr else sys.stdout
    file = None if stream.isatty() else cast("IO[str]", _Trimmed(stream))
    made = Console(file=file, stderr=stderr, highlight=False, emoji=False)
    if made.width < _NARROWEST:
        made.width = _NARROWEST
    return made


class _Trimmed:
    """A stream without the blanks that tables leave at the ends of lines."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(_BLANKS.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def print_json(value: Any) -> None:
    """Print a value on stdout as one JSON document."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=not unicode, allow_nan=False))


def jsonable(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Times become ISO 8601 text, bytes hexadecimal digits, numbers that are none null, Arrow tables lists of rows, and
    anything with ``to_dict`` what that gives.
    """
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in (type(None), bool, int, str) else _plain(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        # Whole ones, as DuckDB's sums of integers, are numbers; others are text, which keeps every digit.
        return int(value) if value.is_finite() and value.as_tuple().exponent == 0 else str(value)
    if hasattr(value, "to_pylist"):
        return _arrow(value)
    for method in ("to_dict", "tolist"):
        if hasattr(value, method):
            return jsonable(getattr(value, method)())
    return str(value)


def _arrow(value: Any) -> Any:
    """Return a table as a list of rows, an array as a list of values."""
    from headwater.core.arrays import rows_to_python, to_python

    return jsonable(rows_to_python(value) if hasattr(value, "columns") else to_python(value))


def _plain(value: Any) -> Any:
    """Return an enumeration member or other subclass as its plain value."""
    return str(value) if isinstance(value, str) else int(value)
