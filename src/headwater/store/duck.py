"""DuckDB over rows of a repository: conditions, and streams it can read again; it reaches nothing else."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from headwater.core.arrays import cast
from headwater.core.errors import UsageError

__all__ = ["Stream", "connect", "equal_but_for_case", "filtered", "rows_where"]

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


class Stream:
    """Rows for DuckDB, in types that it knows, read anew at each scan.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and types of the rows.
    batches : callable
        Gives the rows from the start, each time it is called.

    Attributes
    ----------
    error : Exception or None
        What stopped the last scan. DuckDB only passes its text on.
    """

    def __init__(self, schema: pa.Schema, batches: Callable[[], Iterable[pa.RecordBatch]]) -> None:
        self.schema = _known_schema(schema)
        self.error: Exception | None = None
        self._batches = batches

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._known())
        return reader.__arrow_c_stream__(requested_schema)

    def _known(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches():
                yield batch if batch.schema.equals(self.schema) else batch.cast(self.schema)
        except Exception as error:
            self.error = error
            raise


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
    schema = _known_schema(table.schema)
    known = pa.table(
        [cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)], schema
    )
    numbered = known.append_column(number, pa.array(np.arange(table.num_rows)))
    with _shared().cursor() as session:
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
        groups.setdefault(_CAPITALS.sub(lambda match: match.group().lower(), name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shared() -> duckdb.DuckDBPyConnection:
    """Return this process's database for conditions: opening one takes longer than a condition on a chunk."""
    # A forked process must not touch its parent's.
    process = os.getpid()
    with _lock:
        if process not in _databases:
            _databases.clear()
            _databases[process] = connect(threads=1)
        return _databases[process]


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


def _known_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, _known(field.type)) for field in schema])


def _known(kind: pa.DataType) -> pa.DataType:
    """Return a type DuckDB has: wide decimals become narrow ones where they fit, or reals."""
    if pa.types.is_decimal256(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.precision <= _DIGITS else pa.float64()
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_known(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_known(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _known(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_known(kind.key_type), _known(kind.item_type))
    return kind


def _free_name(name: str, taken: Sequence[str]) -> str:
    lower = {other.lower() for other in taken}
    while name in lower:
        name += "_"
    return name
