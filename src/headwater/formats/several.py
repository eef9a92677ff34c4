"""Several files as one source: rows in the order of the files, columns matched by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from headwater.core.errors import SchemaError
from headwater.core.schema import widen
from headwater.core.types import type_name
from headwater.formats.base import BAD_LINES_KEPT, Source

__all__ = ["combine", "few"]

NOTES_KEPT = 20

# Formats whose values are text to begin with, so that a column can become text without loss.
_TEXTUAL = frozenset(("csv", "tsv", "json", "jsonl"))


def combine(
    sources: Sequence[Source], names: Sequence[str], reread: Callable[[int, dict[str, pa.DataType]], Source]
) -> Source:
    """Return the rows of several sources as one.

    A column gets the type that holds the values of all files; where there is none, text, if the files are text.
    A column that a file lacks is null there.

    Parameters
    ----------
    sources : sequence of Source
        At least one.
    names : sequence of str
        What to call each of them in messages.
    reread : callable
        Reads a source again, given its place in the sequence and types of some columns.

    Returns
    -------
    Source

    Raises
    ------
    SchemaError
        If a column has types in two files that no type holds.
    """
    schema = _joined(sources, names)
    aligned = []
    for at, source in enumerate(sources):
        other = {
            field.name: schema.field(field.name).type
            for field in source.schema
            if field.type != schema.field(field.name).type
        }
        aligned.append(replace(reread(at, other), notes=source.notes) if other else source)
    rows = [source.num_rows for source in aligned]
    return Source(
        location=names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more",
        format=sources[0].format,
        schema=schema,
        num_rows=None if None in rows else sum(count for count in rows if count is not None),
        batches=lambda: _batches(aligned, schema),
        notes=few(_notes(aligned, names)),
        skipped=sum(source.skipped for source in aligned),
        bad_lines=tuple(bad for source in aligned for bad in source.bad_lines)[:BAD_LINES_KEPT],
        unsettled=frozenset(
            name
            for name in schema.names
            if all(name in source.unsettled for source in sources if name in source.schema.names)
        ),
    )


def few(notes: Sequence[str]) -> tuple[str, ...]:
    """Return the first notes, and how many more there are."""
    left = len(notes) - NOTES_KEPT
    return (*notes[:NOTES_KEPT], *([f"There are {left:,} more notes like these."] if left > 0 else []))


def _joined(sources: Sequence[Source], names: Sequence[str]) -> pa.Schema:
    kinds: dict[str, pa.DataType] = {}
    first: dict[str, str] = {}
    is_textual = all(source.format in _TEXTUAL for source in sources)
    for source, name in zip(sources, names, strict=True):
        for field in source.schema:
            if field.name in source.unsettled:
                kinds.setdefault(field.name, pa.null())
                continue
            known = kinds.get(field.name, pa.null())
            kind = _wider(known, field.type)
            if kind is None and is_textual:
                kind = pa.string()
            if kind is None:
                raise SchemaError(
                    f"Column {field.name!r} is {type_name(known)} in {first[field.name]} and "
                    f"{type_name(field.type)} in {name}. Read them apart, or give the column one type with --schema.",
                    column=field.name,
                    expected=type_name(known),
                    found=type_name(field.type),
                )
            first.setdefault(field.name, name)
            kinds[field.name] = kind
    return pa.schema(
        [(name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in kinds.items()]
    )


def _wider(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    found = widen(one, two)
    if found is None and {one, two} == {pa.int64(), pa.float64()}:
        return pa.float64()  # reading again refuses whole numbers that a double cannot hold
    return found


def _batches(sources: Sequence[Source], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for source in sources:
        for batch in source.batches():
            if batch.schema.equals(schema):
                yield batch
                continue
            columns = [
                batch.column(field.name)
                if field.name in batch.schema.names
                else pa.nulls(len(batch), field.type)
                for field in schema
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _notes(sources: Sequence[Source], names: Sequence[str]) -> tuple[str, ...]:
    """Return the notes of all, each but once, with the name of the first file that has it."""
    notes: dict[str, str] = {}
    for source, name in zip(sources, names, strict=True):
        for note in source.notes:
            notes.setdefault(note, name)
    return tuple(f"{name}: {note}" for note, name in notes.items())
