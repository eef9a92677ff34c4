"""Names and values as SQL text, in DuckDB's dialect."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from headwater.core.errors import UsageError

__all__ = ["identifier", "literal", "literals"]


def identifier(name: str) -> str:
    """Return a column name quoted for SQL.

    Examples
    --------
    >>> print(identifier('the "big" one'))
    "the ""big"" one"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Return a value as a SQL literal.

    Raises
    ------
    UsageError
        If SQL has no literal for its type.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    >>> literal(float("inf"))
    "'inf'::DOUBLE"
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if text.strip("-")[0].isdigit() else f"'{text}'::DOUBLE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"'{value.isoformat(' ')}'::" + ("TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ")
    if isinstance(value, date | time):
        return f"'{value.isoformat()}'::{type(value).__name__.upper()}"
    if isinstance(value, bytes):
        return "'" + "".join(f"\\x{byte:02x}" for byte in value) + "'::BLOB"
    raise UsageError(f"There is no SQL literal for {value!r} of type {type(value).__name__}.", value=value)


def literals(values: Iterable[Any]) -> str:
    """Return values as a comma-separated list of SQL literals."""
    return ", ".join(literal(value) for value in values)
