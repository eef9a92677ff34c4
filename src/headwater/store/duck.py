"""DuckDB over rows of a repository: conditions on rows, and the types it has; it reaches nothing else."""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from headwater.core.arrays import cast
from headwater.core.errors import UsageError

__all__ = [
    "connect",
    "equal_but_for_case",
    "filtered",
    "known_schema",
    "known_type",
    "lower_ascii",
    "rows_where",
    "shared_session",
]

_lock = threading.Lock()
_databases: dict[int, duckdb.DuckDBPyConnection] = {}
_DIGITS = 38
_CAPITALS = re.compile("[A-Z]+")


def connect(*, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Return a database in memory that reads what is registered with it and nothing else.

    No files, no network, no extensions, no variables of the program; times are UTC on every machine.

    Parameters
    ----------
    threads : int, optional
        How many threads it may use; DuckDB's choice by default.
    """
    config: dict[str, Any] = {"enable_external_access": False, "python_enable_replacements": False}
    connection = duckdb.connect(config=config if threads is None else {**config, "threads": threads})
    # Global, so that it holds in each session of this database.
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET lock_configuration = true")
    return connection


def filtered(table: pa.Table, where: str, columns: Sequence[str], dataset: str) -> pa.Table:
    """Return ``columns`` of the rows for which a SQL condition holds; see `rows_where`."""
    rows = rows_where(table, where, dataset)
    if not columns:
        # Arrow forgets how many rows a table without columns has when it takes some.
        return pa.table({"_": pa.nulls(len(rows))}).select([])
    return table.select(list(columns)).take(pa.array(rows))


def rows_where(table: pa.Table, where: str, dataset: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the numbers of the rows for which a SQL condition holds, ascending.

    DuckDB only says which rows: not all types come back from it as they went in. The condition sees one
    row at a time and nothing else: neither other tables, nor files.

    Raises
    ------
    UsageError
        If it is not one condition that DuckDB understands, or names a column that SQL cannot tell from another.
    """
    names = table.schema.names
    _refuse_unclear(where, names, dataset)
    number = _free_name("_row", names)
    schema = known_schema(table.schema)
    known = pa.table(
        [cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)], schema
    )
    numbered = known.append_column(number, pa.array(np.arange(table.num_rows)))
    with shared_session() as session:
        try:
            rows = session.from_arrow(numbered).set_alias(dataset).filter(duckdb.SQLExpression(where))
            found = rows.project(f'"{number}"').to_arrow_table()
        except (duckdb.Error, TypeError) as error:
            lines = str(error).strip().splitlines()
            raise UsageError(
                f"The condition {where!r} does not fit dataset {dataset!r}: {lines[0]} "
                "A condition is one SQL expression over the columns, such as \"price > 3 AND name LIKE 'A%'\".",
                where=where,
                dataset=dataset,
            ) from error
    return np.sort(np.asarray(found.column(0).combine_chunks()).astype(np.int64))


def equal_but_for_case(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of names that SQL takes for one: they differ in the case of the letters A to Z only."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(lower_ascii(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def lower_ascii(name: str) -> str:
    """Return the name with the letters A to Z as a to z: names are equal in SQL where these are."""
    return _CAPITALS.sub(lambda match: match.group().lower(), name)


def shared_session() -> duckdb.DuckDBPyConnection:
    """Open a session, to be closed, on this process's database: opening one takes longer than a small query."""
    # A forked process must not touch its parent's.
    process = os.getpid()
    with _lock:
        if process not in _databases:
            _databases.clear()
            _databases[process] = connect(threads=1)
        return _databases[process].cursor()


def _refuse_unclear(where: str, names: Sequence[str], dataset: str) -> None:
    for group in equal_but_for_case(names):
        if re.search(rf"(?<!\w){re.escape(group[0])}(?!\w)", where, re.IGNORECASE):
            raise UsageError(
                f"The condition {where!r} is not clear: SQL does not tell the columns {_listed(group)} of "
                f"dataset {dataset!r} apart. Rename one of them.",
                where=where,
                dataset=dataset,
                columns=list(group),
            )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)


def known_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with types that DuckDB has; see `known_type`."""
    return pa.schema([pa.field(field.name, known_type(field.type)) for field in schema])


def known_type(kind: pa.DataType) -> pa.DataType:
    """Return a type DuckDB has: wide decimals become narrow ones where they fit, or reals."""
    if pa.types.is_decimal256(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= _DIGITS else pa.float64()
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(known_type(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(known_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, known_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(known_type(kind.key_type), known_type(kind.item_type))
    return kind


def _free_name(name: str, taken: Sequence[str]) -> str:
    lower = {other.lower() for other in taken}
    while name in lower:
        name += "_"
    return name


@atexit.register
def _close() -> None:
    """Close this process's database before modules go, or DuckDB's binding tells the user that it leaks."""
    if own := _databases.pop(os.getpid(), None):
        own.close()
