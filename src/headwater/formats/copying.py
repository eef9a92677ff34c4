"""Arrow batches to text files, by DuckDB's COPY: streamed, in order, in the forms that our readers take back.

Bytes are written as base64, lists and structs as JSON, decimals in JSON as strings (a JSON number would lose
digits), times as ISO 8601, with their zone turned to UTC,
durations as whole numbers of their unit. In delimited text null is an empty field, and empty
text is ``""``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from headwater.core.errors import UsageError

__all__ = ["copy_csv", "copy_json"]


def copy_csv(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, delimiter: str = ","
) -> None:
    """Write batches as delimited text with a header.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Drawn as they are written.
    schema : pyarrow.Schema
        Of all batches.
    target : Path
        A new file; ``.gz`` and ``.zst`` compress.
    delimiter : str
        Between fields.
    """
    if not schema.names:
        raise UsageError("Delimited text needs at least one column.")
    _copy(batches, schema, target, f"FORMAT csv, HEADER, DELIMITER '{delimiter}'", _as_field)


def copy_json(batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path) -> None:
    """Write batches as JSON Lines: one object a line, keys in the order of the columns, nulls written out.

    Numbers that are not finite are written as ``NaN`` and ``Infinity``, as Python and JavaScript's JSON5 do.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Drawn as they are written.
    schema : pyarrow.Schema
        Of all batches.
    target : Path
        A new file; ``.gz`` and ``.zst`` compress.
    """
    _copy(batches, schema, target, "FORMAT json", _as_value)


def _as_field(name: str, kind: pa.DataType) -> str:
    if _is_bytes(kind):
        return f"to_base64({name})"
    return (
        f"to_json({_without_bytes(name, kind)})::VARCHAR"
        if pa.types.is_nested(kind)
        else _as_time(name, kind)
    )


def _as_value(name: str, kind: pa.DataType) -> str:
    if _is_bytes(kind):
        return f"to_base64({name})"
    if pa.types.is_decimal(kind):
        return f"{name}::VARCHAR"
    return _without_bytes(name, kind) if pa.types.is_nested(kind) else _as_time(name, kind)


def _as_time(name: str, kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return f"regexp_replace({name}::VARCHAR, '\\+00$', 'Z')"
    return name


def _without_bytes(name: str, kind: pa.DataType) -> str:
    """Return the column, having made sure that it has no bytes, which JSON cannot hold, deep inside."""
    children = [kind.field(at) for at in range(kind.num_fields)]
    for child in children:
        if _is_bytes(child.type):
            raise UsageError(
                f"Column {name} has bytes inside a {str(kind).partition('<')[0]}; write it to Parquet or Arrow instead."
            )
        if pa.types.is_nested(child.type):
            _without_bytes(name, child.type)
    return name


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(test(kind) for test in tests)


def _handed_over(kind: pa.DataType) -> pa.DataType:
    """Return the type in which DuckDB, which lacks some, is given a column."""
    if pa.types.is_duration(kind):
        return pa.int64()
    return pa.string() if pa.types.is_decimal256(kind) else kind


def _copy(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    target: Path,
    options: str,
    form: Callable[[str, pa.DataType], str],
) -> None:
    picked = []
    for at, column in enumerate(schema):
        written = '"' + column.name.replace('"', '""') + '"'
        picked.append(f"{form(f'c{at}', column.type)} AS {written}")
    compression = {".gz": "gzip", ".zst": "zstd"}.get(target.suffix, "none")
    path = str(target).replace("'", "''")
    failures: list[Exception] = []
    kinds = [_handed_over(kind) for kind in schema.types]
    plain = pa.schema([(f"c{at}", kind) for at, kind in enumerate(kinds)])

    def drawn() -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches:
                columns = [column.cast(kind) for column, kind in zip(batch.columns, kinds, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=plain)
        except Exception as error:  # DuckDB would hand on its text only
            failures.append(error)
            raise

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            connection.register("incoming", pa.RecordBatchReader.from_batches(plain, drawn()))
            connection.execute(
                f"COPY (SELECT {', '.join(picked)} FROM incoming) TO '{path}' ({options}, COMPRESSION {compression})"
            ).fetchall()
        except duckdb.Error as error:
            if failures:
                raise failures[0] from None
            if isinstance(error, duckdb.NotImplementedException | duckdb.ConversionException):
                raise UsageError(
                    f"These columns cannot be written as text: {str(error).splitlines()[0]}. Write them to Parquet or "
                    "Arrow instead."
                ) from error
            raise
