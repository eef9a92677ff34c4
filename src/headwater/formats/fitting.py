"""Fit columns to the types that a format has: what it lacks is converted without loss, or refused by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

from headwater.core.arrays import cast
from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.schema import plain_type
from headwater.core.types import type_name
from headwater.formats.base import BATCH_ROWS
from headwater.formats.text import input_error

__all__ = [
    "Leaf",
    "fitted",
    "fitted_schema",
    "handed_over",
    "mapped_type",
    "plain_columns",
    "reading",
    "rows_at_once",
    "short",
]

BATCH_BYTES = 16 << 20

Leaf = Callable[[pa.DataType], pa.DataType | None]
"""Says which type a format holds values of a plain type in; None where it cannot hold them."""


def fitted_schema(
    schema: pa.Schema,
    leaf: Leaf,
    format: str,
    note: Callable[[str], None],
    *,
    has_maps: bool = True,
    has_sizes: bool = True,
) -> pa.Schema:
    """Return ``schema`` in the types of a format.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the data.
    leaf : callable
        Says the type of values that are not nested.
    format : str
        Name of the format, for messages.
    note : callable
        Told which columns get another type.
    has_maps : bool
        Whether the format has maps; otherwise they become lists of key and value.
    has_sizes : bool
        Whether the format has lists of one length; otherwise they become lists of any.

    Raises
    ------
    UsageError
        If the format has no type for some columns; all of them are named.
    """
    fields, lost = [], []
    for field in schema:
        kind = mapped_type(field.type, leaf, has_maps=has_maps, has_sizes=has_sizes)
        if kind is None:
            lost.append(f"{field.name!r} ({type_name(field.type)})")
            continue
        if kind != plain_type(field.type):
            note(f"Column {field.name!r} is {type_name(field.type)}; {format} holds it as {type_name(kind)}.")
        fields.append(pa.field(field.name, kind))
    if lost:
        raise UsageError(
            f"{format} has no type for {'column' if len(lost) == 1 else 'columns'} {', '.join(lost)}. Leave them "
            "out with --columns, or write Parquet or Arrow instead.",
            columns=lost,
        )
    return pa.schema(fields)


def mapped_type(
    kind: pa.DataType, leaf: Leaf, *, has_maps: bool = True, has_sizes: bool = True
) -> pa.DataType | None:
    """Return ``kind`` with each type that is not nested replaced by what ``leaf`` says; None if one has none."""
    kind = plain_type(kind)
    if pa.types.is_struct(kind):
        inner = [
            (field.name, mapped_type(field.type, leaf, has_maps=has_maps, has_sizes=has_sizes))
            for field in kind
        ]
        return None if any(found is None for _, found in inner) else pa.struct(inner)
    if pa.types.is_map(kind):
        key = mapped_type(kind.key_type, leaf, has_maps=has_maps, has_sizes=has_sizes)
        item = mapped_type(kind.item_type, leaf, has_maps=has_maps, has_sizes=has_sizes)
        if key is None or item is None:
            return None
        return pa.map_(key, item) if has_maps else pa.list_(pa.struct([("key", key), ("value", item)]))
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        value = mapped_type(kind.value_type, leaf, has_maps=has_maps, has_sizes=has_sizes)
        size = kind.list_size if has_sizes and pa.types.is_fixed_size_list(kind) else -1
        return None if value is None else pa.list_(value, size)
    return leaf(kind)


def fitted(batches: Iterable[pa.RecordBatch], schema: pa.Schema, format: str) -> Iterator[pa.RecordBatch]:
    """Yield ``batches`` with their columns cast to ``schema``, which `fitted_schema` gave.

    Raises
    ------
    UsageError
        If a value does not fit, for example nanoseconds where a format has microseconds.
    """
    for batch in batches:
        columns = []
        for field, values in zip(schema, batch.columns, strict=True):
            try:
                columns.append(cast(values, field.type))
            except pa.ArrowException as error:
                raise UsageError(
                    f"A value of column {field.name!r} ({type_name(values.type)}) does not fit {format}, which "
                    f"holds it as {type_name(field.type)}: {short(error)}. Write Parquet or Arrow instead.",
                    column=field.name,
                ) from error
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


@contextlib.contextmanager
def handed_over(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatchReader]:
    """Give batches to a library that hands on only the text of what goes wrong inside them; raise that itself."""
    failures: list[Exception] = []

    def drawn() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            failures.append(error)
            raise

    try:
        yield pa.RecordBatchReader.from_batches(schema, drawn())
    except Exception:
        if failures:
            raise failures[0] from None
        raise


@contextlib.contextmanager
def reading(place: str, what: str) -> Iterator[None]:
    """Say in our terms what a library makes of a table that is not whole; its errors have no base of their own.

    Parameters
    ----------
    place : str
        What to call the table.
    what : str
        What it should be, such as ``"Delta table"``.

    Raises
    ------
    InputError
        For whatever the library raises, panics of libraries in Rust, which are no exceptions, among them.
    """
    try:
        yield
    except HeadwaterError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        said = f"{type(error).__name__}: {short(error)}" if isinstance(error, LookupError) else short(error)
        raise input_error(
            place,
            f"it is not a whole {what}, or one of a kind that cannot be read yet ({said})",
            mend="check that all its files are there, the log or metadata first",
        ) from error


def plain_columns(schema: pa.Schema) -> pa.Schema:
    """Return ``schema`` with plain types, as a store keeps them, and without metadata."""
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def rows_at_once(size_bytes: int, rows: int) -> int:
    """Return how many rows to read at once, so that a batch is some megabytes however large the values are."""
    return max(16, min(BATCH_ROWS, BATCH_BYTES * max(rows, 1) // max(size_bytes, 1)))


def short(error: BaseException) -> str:
    """Return the first line of what a library says, without its own paths and backtraces."""
    text = str(error).strip().split("\n")[0].partition(", /")[0].strip()
    return (text or type(error).__name__).rstrip(".")
