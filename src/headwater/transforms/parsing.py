"""Columns of text read as something else: what they say is found out from all values, then each value is read once.

What ``clean.types``, ``clean.dates`` and ``clean.units`` share. Work is done on the distinct values of a chunk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.types import type_name
from headwater.methods.placeholders import is_placeholder
from headwater.transforms.base import Edit, Source, require_targets
from headwater.versions.diff import as_text

__all__ = [
    "Reader",
    "Reading",
    "Unparsed",
    "columns_to_read",
    "look",
    "parsed",
    "read_with",
    "require_readable",
    "require_unparsed",
]

Unparsed = Literal["leave", "null", "quarantine", "refuse"]
I64 = NDArray[np.int64]

_EXAMPLES = 5
_MISSING = "missing"


class Evidence(Protocol):
    """What values say; that of two parts adds up."""

    def __add__(self, other: Any, /) -> Any:
        """Return the evidence of both."""
        ...


E = TypeVar("E", bound=Evidence)


class Reader(Protocol):
    """Reads texts as values of one type."""

    @property
    def kind(self) -> pa.DataType:
        """The type."""
        ...

    def read(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return the values, null where a text is none, and why it is none, null where it is one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How one column is read.

    Parameters
    ----------
    reader : Reader
        Reads its texts.
    keeps_text : bool
        Whether it stays text, as not all of its values can be read.
    placeholders : bool
        Whether texts such as ``N/A`` are missing values.
    facts : mapping
        For the record.
    suffix : str
        What is written after a value that was read, where the column stays text.
    rests : bool
        Whether the column is left as it is.
    """

    reader: Reader
    keeps_text: bool
    placeholders: bool
    facts: Mapping[str, Any]
    suffix: str = ""
    rests: bool = False

    def as_text(self) -> Reading:
        """Return the same reading with the values in one form, but as text."""
        return replace(self, keeps_text=True, facts={**self.facts, "type": "string"})

    def with_facts(self, **facts: Any) -> Reading:
        """Return the same reading with more for the record."""
        return replace(self, facts={**self.facts, **{name: fact for name, fact in facts.items() if fact}})


def require_unparsed(unparsed: str) -> None:
    """Raise unless it says what becomes of values that cannot be read."""
    require_choice("unparsed", unparsed, get_args(Unparsed))


def columns_to_read(source: Source, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns named, or all text columns other than the key and the one that the split goes by.

    Raises
    ------
    SchemaError
        If a column is nested or binary.
    """
    for name in columns:
        kind = source.schema.field(name).type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
            raise SchemaError(
                f"Column {name!r} is {type_name(kind)}; only plain values are read.", column=name
            )
    text = (field.name for field in source.schema if pa.types.is_string(field.type))
    said = source.dataset.splits
    spared = {*source.key, *(said.by if said else ())}
    return tuple(columns) or tuple(name for name in text if name not in spared)


def look(
    source: Source,
    columns: Sequence[str],
    function: Callable[[pa.Array, I64], E],
    empty: E,
    *,
    placeholders: bool = True,
) -> dict[str, E]:
    """Return what a function finds in the distinct values of each column, chunk by chunk and added up."""

    def task(numbered: Any) -> list[E]:
        _, chunk = numbered
        rows = chunk.read(list(columns))
        found = []
        for name in columns:
            texts, index = _distinct(rows.column(name), placeholders)
            counts = np.bincount(index[index >= 0], minlength=len(texts)).astype(np.int64)
            found.append(function(texts, counts))
        return found

    total = dict.fromkeys(columns, empty)
    for part in source.executor.map(task, source.chunks(), label="look", progress=source.progress):
        for name, evidence in zip(columns, part, strict=True):
            total[name] = total[name] + evidence
    return total


def parsed(
    source: Source, readers: Mapping[str, Reader], *, unparsed: Unparsed, placeholders: bool
) -> dict[str, Reading]:
    """Count what each reader can read, and say how its column is read.

    Raises
    ------
    UsageError
        If some values cannot be read and ``unparsed`` is ``refuse``; the message counts and shows them.
    """
    tallies = _tallies(source, readers, placeholders)
    found = {}
    for name, reader in readers.items():
        counts, examples = tallies[name]
        lost = sum(counts.values()) - counts["read"] - counts[_MISSING]
        reasons = {reason: counts[reason] for reason in sorted(counts) if reason not in ("read", _MISSING)}
        if lost and unparsed == "refuse":
            listed = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
            raise UsageError(
                f"{lost:,} values of column {name!r} cannot be read as {type_name(reader.kind)}: {listed}; for example "
                f"{', '.join(map(repr, examples))}. Leave them, make them null or put their rows into quarantine: "
                "unparsed=.",
                column=name,
                reasons=reasons,
            )
        keeps = bool(lost) and unparsed == "leave"
        if keeps and not pa.types.is_string(source.schema.field(name).type):
            raise UsageError(
                f"{lost:,} values of column {name!r} cannot be read as {type_name(reader.kind)}, for example "
                f"{', '.join(map(repr, examples))}, and a column that is no text cannot keep them. Make them null or "
                "put their rows into quarantine: unparsed=.",
                column=name,
                reasons=reasons,
            )
        facts: dict[str, Any] = {
            "type": "string" if keeps else type_name(reader.kind),
            "read": counts["read"],
        }
        if counts[_MISSING]:
            facts["missing"] = counts[_MISSING]
        if lost:
            facts["unparsed"] = reasons
            facts["examples"] = examples
        found[name] = Reading(reader=reader, keeps_text=keeps, placeholders=placeholders, facts=facts)
    return found


def read_with(rows: pa.Table, readings: Mapping[str, Reading], *, unparsed: Unparsed) -> Edit:
    """Return the edit that reads the columns of some rows."""
    after: dict[str, pa.Array] = {}
    why: dict[str, pa.Array] = {}
    lost = pa.nulls(rows.num_rows, pa.string())
    for name, reading in readings.items():
        if reading.rests:
            continue
        column = rows.column(name)
        texts, index = _distinct(column, reading.placeholders)
        values, reasons = reading.reader.read(texts)
        place = pa.array(index, mask=index < 0)
        read = values.take(place)
        if reading.keeps_text:
            plain = as_text(values)
            if reading.suffix:
                plain = pc.binary_join_element_wise(plain, pa.scalar(reading.suffix), "")
            kept = pc.coalesce(plain, texts).take(place)
            after[name], read = kept, kept
        else:
            after[name] = read
        reason = reasons.take(place)
        word = "text" if reading.keeps_text else type_name(reading.reader.kind)
        told = pc.binary_join_element_wise(pa.scalar("not read: "), reason, "")
        gone = pa.array(index < 0)
        why[name] = pc.coalesce(told, pc.if_else(gone, "stands for a missing value", f"read as {word}"))
        if unparsed == "quarantine":
            shown = pc.utf8_slice_codeunits(_flat(as_text(column)), 0, 80)
            said = pc.binary_join_element_wise(pa.scalar(f"{name}: "), reason, ": ", shown, "")
            lost = pc.coalesce(lost, said)
    waits = np.asarray(lost.is_valid())
    if not waits.any():
        return Edit.between(rows, pa.table(after), why=why)
    stays = np.flatnonzero(~waits).astype(np.int64)
    index = pa.array(stays)
    edit = Edit.between(
        rows.take(index),
        pa.table(after).take(index),
        rows=stays,
        why={name: texts.take(index) for name, texts in why.items()},
    )
    return replace(edit, delete=np.flatnonzero(waits).astype(np.int64), divert=lost.drop_null())


def require_readable(transform: Any, source: Source, columns: Sequence[str]) -> None:
    """Raise unless the columns are there, are none of the key, and hold plain values."""
    require_targets(transform, source, tuple(columns))
    columns_to_read(source, columns)


def _tallies(
    source: Source, readers: Mapping[str, Reader], placeholders: bool
) -> dict[str, tuple[Counter[str], list[str]]]:
    """Count by column the values that are read, that are missing, and that are not, by reason, with examples."""

    def task(numbered: Any) -> list[tuple[Counter[str], list[str]]]:
        _, chunk = numbered
        rows = chunk.read(list(readers))
        found = []
        for name, reader in readers.items():
            column = rows.column(name)
            texts, index = _distinct(column, placeholders)
            counts = np.bincount(index[index >= 0], minlength=len(texts)).astype(np.int64)
            _, reasons = reader.read(texts)
            tally: Counter[str] = Counter(read=int(counts[~np.asarray(reasons.is_valid())].sum()))
            tally[_MISSING] = int((index < 0).sum()) - column.null_count
            said = reasons.drop_null()
            many = counts[np.asarray(reasons.is_valid())]
            for reason in set(said.to_pylist()):
                tally[reason] = int(many[np.asarray(pc.equal(said, reason)).astype(np.bool_)].sum())
            shown = texts.filter(pc.and_(reasons.is_valid(), pa.array(counts > 0)))
            found.append((tally, shown.slice(0, _EXAMPLES).to_pylist()))
        return found

    total: dict[str, tuple[Counter[str], list[str]]] = {
        name: (Counter({"read": 0, _MISSING: 0}), []) for name in readers
    }
    for part in source.executor.map(task, source.chunks(), label="read", progress=source.progress):
        for name, (tally, examples) in zip(readers, part, strict=True):
            known = total[name]
            total[name] = known[0] + tally, _first([*known[1], *examples])
    return total


def _first(examples: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text[:80] for text in examples))[:_EXAMPLES]


def _distinct(column: pa.ChunkedArray, placeholders: bool) -> tuple[pa.Array, I64]:
    """Return the distinct values of a column as texts, and the place of each row's own; -1 where it is missing."""
    flat = _flat(column)
    encoded = flat.dictionary_encode()
    texts = encoded.dictionary
    texts = texts if pa.types.is_string(texts.type) else as_text(texts)
    index = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)
    if placeholders and len(texts):
        stands = np.asarray(is_placeholder(texts)).astype(np.bool_)
        index = np.where((index >= 0) & stands[index], -1, index)
    return texts, index


def _flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
