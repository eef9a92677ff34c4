"""A table of an SQLite database, or the result of a query on it, by the standard library."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.formats.base import ReadOptions, Source, batches_of, register
from headwater.formats.dialect import name_columns
from headwater.formats.infer import EMPTY, EXACT_IN_DOUBLE, Kind, arrow_type, look, merge
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Sqlite"]

ROWS_AT_ONCE = 32_768
COLUMNS_AT_ONCE = 100

_CLASSES = ("integer", "real", "text", "blob")
_DATE_LIKE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
_TIMES = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)


class Sqlite:
    """Reads from SQLite. Its columns may hold any type in any row, so the types are found over all rows."""

    names = ("sqlite",)
    suffixes = (".sqlite", ".sqlite3", ".db", ".db3")

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the rows of a query, a table, or the only table there is; the database is opened read-only."""
        path = Path(location.removeprefix("sqlite:///"))
        if not path.is_file():
            raise input_error(str(path), "there is no such file")
        with _connected(path) as connection:
            query = _query(connection, options, path.name)
            columns, rows, notes = _columns(connection, query, path.name)
        plain = pa.schema([(column.name, column.kind) for column in columns])
        schema = retyped_schema(plain, options.schema, path.name)
        stored = pa.schema([(column.name, column.stored) for column in columns])
        picked = ", ".join(column.expression for column in columns)

        def batches() -> Iterator[pa.RecordBatch]:
            return retyped(_batches(path, f"SELECT {picked} FROM ({query})", stored), schema, path.name)

        return Source(
            location=location,
            format="sqlite",
            schema=schema,
            num_rows=rows,
            batches=lambda: batches_of(batches()),
            notes=notes,
        )


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: how it is fetched, the type it is fetched as, and its final type."""

    name: str
    expression: str
    stored: pa.DataType
    kind: pa.DataType


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise input_error(path.name, f"SQLite says: {error}", mend="check the file and the query") from error


def _query(connection: sqlite3.Connection, options: ReadOptions, place: str) -> str:
    tables = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    if options.query is not None:
        return options.query.strip().rstrip(";")
    if options.table is not None and options.table not in tables:
        raise NotFound.among("table", options.table, tables, where=place)
    if options.table is None and len(tables) != 1:
        listed = f"It has {', '.join(tables)}." if tables else "It has none."
        raise UsageError(f"Say which table of {place} to read, or give a query. {listed}", tables=tables)
    return f"SELECT * FROM {_quoted(options.table or tables[0])}"


def _columns(
    connection: sqlite3.Connection, query: str, place: str
) -> tuple[list[_Column], int, tuple[str, ...]]:
    """Return the columns of a query with the types of all their values, the number of rows, and notes."""
    described = connection.execute(query).description
    if not described:
        raise UsageError(f"The query on {place} gives no columns; write a SELECT.", query=query)
    names, _ = name_columns([column[0] for column in described], place, 1)
    rows = 0
    columns, notes = [], []
    for start in range(0, len(names), COLUMNS_AT_ONCE):
        some = names[start : start + COLUMNS_AT_ONCE]
        rows, counts = _counts(connection, query, some)
        for name in some:
            stored, note = _stored(name, counts[name], rows, place)
            kind = stored
            if stored == pa.string() and counts[name]["dates"] == counts[name]["text"] > 0 and note is None:
                kind = _time_type(connection, query, name)
            is_mixed = stored == pa.string() and counts[name]["text"] < sum(counts[name][k] for k in _CLASSES)
            expression = f"CAST({_quoted(name)} AS TEXT)" if is_mixed else _quoted(name)
            columns.append(_Column(name, expression, stored, kind))
            if note is not None:
                notes.append(note)
    return columns, rows, tuple(notes)


def _counts(
    connection: sqlite3.Connection, query: str, names: tuple[str, ...]
) -> tuple[int, dict[str, dict[str, int]]]:
    """Count rows, and the storage classes of each column's values."""
    sums = []
    for name in names:
        column = _quoted(name)
        sums += [f"total(typeof({column}) = '{kind}')" for kind in _CLASSES]
        sums.append(f"total(typeof({column}) = 'text' AND {column} GLOB '{_DATE_LIKE}')")
        sums.append(f"total(typeof({column}) = 'integer' AND abs({column} / 2) > {EXACT_IN_DOUBLE // 2})")
    found = connection.execute(f"SELECT count(*), {', '.join(sums)} FROM ({query})").fetchone()
    keys = (*_CLASSES, "dates", "large")
    values = iter(found[1:])
    return found[0], {name: {key: int(next(values)) for key in keys} for name in names}


def _stored(name: str, counts: dict[str, int], rows: int, place: str) -> tuple[pa.DataType, str | None]:
    """Return the type of a column by the storage classes of its values, and what a user may want to know."""
    present = [kind for kind in _CLASSES if counts[kind]]
    if not present:
        return pa.string(), f"Column {name!r} has no values; it is read as text." if rows else None
    if present == ["integer"]:
        return pa.int64(), None
    if present == ["blob"]:
        return pa.binary(), None
    if "blob" in present:
        raise input_error(
            place,
            f"column {name!r} has bytes in {counts['blob']} rows and other values in others",
            mend="write a query that casts it to one type",
            column=name,
        )
    if "text" not in present and not counts["large"]:
        return pa.float64(), None
    if present == ["text"]:
        return pa.string(), None
    mixed = ", ".join(f"{kind} in {counts[kind]:,} rows" for kind in present)
    return pa.string(), f"Column {name!r} is read as text: its values are {mixed}."


def _time_type(connection: sqlite3.Connection, query: str, name: str) -> pa.DataType:
    """Return date or timestamp where all values of a column of text are, else text."""
    facts = EMPTY
    cursor = connection.execute(f"SELECT {_quoted(name)} FROM ({query})")
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        facts = merge(facts, look(pa.array([value for (value,) in rows], pa.string()), facts))
    return arrow_type(facts) if facts.kind in _TIMES else pa.string()


def _batches(path: Path, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _connected(path) as connection:
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            try:
                columns = [
                    pa.array(values, kind)
                    for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
                ]
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise _changed(path, error) from error
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _changed(path: Path, error: Exception) -> InputError:
    return input_error(path.name, f"it changed while it was read ({error})", mend="read it again")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


register(reader=Sqlite())
