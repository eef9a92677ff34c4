"""``clean.types``: columns of text become numbers, booleans, dates or points in time."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type, require_columns
from headwater.core.types import parse_type, type_name
from headwater.methods.boolean_text import NO_WORDS, YES_WORDS, to_boolean
from headwater.methods.date_text import DateEvidence, DateOrder, look_at_dates
from headwater.methods.number_text import (
    DecimalMark,
    NumberEvidence,
    NumberForm,
    Percent,
    look_at_numbers,
    plain_numbers,
    to_number,
)
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source
from headwater.transforms.dates import DateReader, date_reader, require_pivot, require_zone
from headwater.transforms.parsing import (
    Reader,
    Reading,
    Unparsed,
    columns_to_read,
    look,
    parsed,
    read_with,
    require_readable,
    require_unparsed,
)

__all__ = ["CleanTypes"]

I64 = NDArray[np.int64]

_AUTO = "auto"


@TRANSFORMS.register("clean.types")
@dataclass(frozen=True, kw_only=True)
class CleanTypes(RowTransform[Mapping[str, Reading]]):
    """Turn columns of text into numbers, booleans, dates or points in time.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all text columns other than the key.
    type : str
        The type to read them as: ``int64``, ``double``, ``decimal(10, 2)``, ``bool``, ``date``, ``timestamp``, …
        With ``auto`` each gets the type that most of its values have; it stays as it is if they have none, or if it
        would have to stay text.
    types : mapping of str to str
        Types of single columns.
    unparsed : {"leave", "null", "quarantine", "refuse"}
        What becomes of values that are none of the type: they are left, and the column stays text for their sake;
        become null; their rows go to the dataset ``NAME.quarantine``; or nothing is done and they are named.
    minimum : float
        With ``auto``, the share of values that must have the type.
    decimal : {"auto", ".", ","}
        The decimal mark; ``auto`` takes the one that the values of the column show.
    percent : {"auto", "fraction", "number"}
        Whether ``5 %`` is 0.05 or 5; ``auto`` takes 5 where the bare numbers of the column are of that size.
    currency : str
        The only currency that may stand at a number; by default the most frequent one of the column.
    order, pivot, zone
        How dates are read; as in ``clean.dates``.
    true, false : tuple of str
        Words for true and false; by default those of several languages.
    placeholders : bool
        Whether texts such as ``N/A`` are missing values.

    Notes
    -----
    With ``auto``, columns of whole numbers some of which begin with a zero stay text: these are codes. The values are
    gone through three times, a chunk at a time, each different value of a chunk once.

    Examples
    --------
    >>> CleanTypes(columns=("price",), type="decimal(10,2)", unparsed="null").parameters["type"]
    'decimal(10,2)'
    """

    id = "clean.types"
    title = "Types"

    columns: tuple[str, ...] = ()
    type: str = _AUTO
    types: Mapping[str, str] = field(default_factory=dict)
    unparsed: Unparsed = "leave"
    minimum: float = 0.8
    decimal: DecimalMark = "auto"
    percent: Percent = "auto"
    currency: str = ""
    order: DateOrder = "auto"
    pivot: int = 69
    zone: str = ""
    true: tuple[str, ...] = YES_WORDS
    false: tuple[str, ...] = NO_WORDS
    placeholders: bool = True

    def __post_init__(self) -> None:
        require_unparsed(self.unparsed)
        require_pivot(self.pivot)
        require_zone(self.zone)
        NumberForm(decimal=self.decimal, percent=self.percent)
        DateEvidence().order(self.order)
        to_boolean(pa.array([], pa.string()), true=self.true, false=self.false)
        if not 0.0 < self.minimum <= 1.0:
            raise UsageError(f"minimum is {self.minimum}; it is a share of values, above 0 and up to 1.")
        if self.type != _AUTO and not self.columns:
            raise UsageError("Name the columns to read as that type: columns=.")
        for name in {self.type, *self.types.values()} - {_AUTO}:
            _require_readable_type(name)

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or nested."""
        require_readable(self, source, (*self.columns, *self.types))
        if self.columns:
            require_columns(
                pa.schema([source.schema.field(name) for name in self.columns]),
                list(self.types),
                where="columns",
            )

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may be read."""
        only_some = self.types and self.type == _AUTO and not self.columns
        return columns_to_read(source, tuple(self.types) if only_some else self.columns)

    def fit(self, source: Source) -> Mapping[str, Reading]:
        """Return how each column is read, as its values show."""
        wanted = {}
        for name in self.targets(source):
            asked, here = self.types.get(name, self.type), source.schema.field(name).type
            is_done = (
                not pa.types.is_string(here) if asked == _AUTO else plain_type(parse_type(asked)) == here
            )
            if not is_done:
                wanted[name] = asked
        found: dict[str, _Evidence] = {}
        for way in ("auto", "dates", "numbers", "words"):
            names = [name for name, asked in wanted.items() if _way(asked) == way]
            gather = functools.partial(self._gather, way)
            found |= look(source, names, gather, _Evidence(), placeholders=self.placeholders)
        readers: dict[str, Reader] = {}
        for name, asked in wanted.items():
            reader = self._reader(asked, found[name])
            if reader is not None:
                readers[name] = reader
        readings = parsed(source, readers, unparsed=self.unparsed, placeholders=self.placeholders)
        return {
            # A type that nobody asked for is no reason to rewrite texts that stay texts.
            name: replace(reading, rests=reading.keeps_text and wanted[name] == _AUTO).with_facts(
                **_said(readers[name])
            )
            for name, reading in readings.items()
        }

    def facts(self, fitted: Mapping[str, Reading]) -> Mapping[str, Any]:
        """Return how each column was read, and what could not be."""
        return {"columns": {name: reading.facts for name, reading in fitted.items()}}

    def apply(self, rows: pa.Table, fitted: Mapping[str, Reading], rng: np.random.Generator) -> Edit:
        """Read the columns."""
        return read_with(rows, fitted, unparsed=self.unparsed)

    def _gather(self, way: str, texts: pa.Array, counts: I64) -> _Evidence:
        """Return what texts can be read as, as far as that matters."""
        values = int(counts.sum())
        short = pc.fill_null(pc.less_equal(pc.utf8_length(texts), _LONGEST), False)
        texts = pc.if_else(short, texts, pa.scalar(None, pa.string()))
        if way == "words":
            return _Evidence(values=values)
        if way == "dates":
            return _Evidence(values=values, dates=look_at_dates(texts, counts))
        numbers = look_at_numbers(texts, counts)
        if way == "numbers" or numbers.numbers >= self.minimum * values:
            return _Evidence(values=values, numbers=numbers)
        booleans = np.asarray(to_boolean(texts, true=self.true, false=self.false).is_valid())
        dates = look_at_dates(texts, counts)
        return _Evidence(values=values, numbers=numbers, dates=dates, booleans=int(counts[booleans].sum()))

    def _reader(self, asked: str, evidence: _Evidence) -> Reader | None:
        kind = self._detected(evidence) if asked == _AUTO else plain_type(parse_type(asked))
        if kind is None:
            return None
        if pa.types.is_boolean(kind):
            return _BooleanReader(self.true, self.false)
        if pa.types.is_date(kind):
            return date_reader(evidence.dates, kind="date", order=self.order, pivot=self.pivot)
        if pa.types.is_timestamp(kind):
            reader = date_reader(
                evidence.dates, kind="timestamp", order=self.order, pivot=self.pivot, zone=self.zone
            )
            made = kind if asked != _AUTO and (kind.tz or kind.unit != "us") else reader.kind
            return DateReader(kind=made, order=reader.order, pivot=reader.pivot, zone=reader.zone)
        asked_form = NumberForm(decimal=self.decimal, percent=self.percent, currency=self.currency)
        return _NumberReader(kind, evidence.numbers.form(asked_form), bool(evidence.numbers.percents))

    def _detected(self, evidence: _Evidence) -> pa.DataType | None:
        """Return the type that most values have; None if there is none, or they are codes."""
        values, numbers, dates = evidence.values, evidence.numbers, evidence.dates
        if not values:
            return None
        least = self.minimum * values
        if numbers.numbers >= least:
            if numbers.coded:
                return None
            plain = numbers.whole == numbers.numbers and not numbers.percents
            return pa.int64() if plain else pa.float64()
        if evidence.booleans >= least:
            return pa.bool_()
        if dates.dates >= least:
            return pa.timestamp("us") if dates.timed else pa.date32()
        return None


_LONGEST = 64


def _way(asked: str) -> str:
    """Return what must be found out to read texts as a type."""
    if asked == _AUTO:
        return "auto"
    kind = plain_type(parse_type(asked))
    if pa.types.is_boolean(kind):
        return "words"
    return "dates" if pa.types.is_temporal(kind) else "numbers"


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the values of a column can be read as; evidence of two parts adds up."""

    values: int = 0
    numbers: NumberEvidence = field(default_factory=NumberEvidence)
    dates: DateEvidence = field(default_factory=DateEvidence)
    booleans: int = 0

    def __add__(self, other: _Evidence) -> _Evidence:
        return _Evidence(
            self.values + other.values,
            self.numbers + other.numbers,
            self.dates + other.dates,
            self.booleans + other.booleans,
        )


@dataclass(frozen=True)
class _NumberReader:
    kind: pa.DataType
    form: NumberForm
    has_percent: bool

    def read(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        plain = plain_numbers(texts, self.form)
        values = to_number(plain, self.kind)
        said = pc.if_else(plain.is_valid(), f"not within {type_name(self.kind)}", self._reasons(texts))
        lost = pc.and_(texts.is_valid(), values.is_null())
        return values, pc.if_else(lost, said, pa.scalar(None, pa.string()))

    def _reasons(self, texts: pa.Array) -> pa.Array:
        """Return why texts are no numbers: some are in another currency, or can be read in two ways."""
        loose = [NumberForm(decimal=mark) for mark in (".", ",")]
        point, comma = (plain_numbers(texts, form) for form in loose)
        money = pc.or_(point.is_valid(), comma.is_valid())
        own = NumberForm(decimal=self.form.decimal, percent=self.form.percent, is_strict=self.form.is_strict)
        other = plain_numbers(texts, own).is_valid()
        return pc.if_else(
            other, "another currency", pc.if_else(money, "the decimal mark is unclear", "no number")
        )


@dataclass(frozen=True)
class _BooleanReader:
    true: tuple[str, ...]
    false: tuple[str, ...]
    kind: pa.DataType = field(default_factory=pa.bool_)

    def read(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        values = to_boolean(texts, true=self.true, false=self.false)
        lost = pc.and_(texts.is_valid(), values.is_null())
        return values, pc.if_else(lost, "neither true nor false", pa.scalar(None, pa.string()))


def _said(reader: Reader) -> dict[str, Any]:
    """Return what was found out of how a column is written, for the record."""
    if isinstance(reader, _NumberReader):
        form = reader.form
        percent = form.percent if reader.has_percent else ""
        return {"decimal": form.decimal, "percent": percent, "currency": form.currency}
    return {"orders": dict(reader.order)} if isinstance(reader, DateReader) else {}


def _require_readable_type(name: str) -> None:
    kind = plain_type(parse_type(name))
    can = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_date,
        pa.types.is_timestamp,
    )
    if not any(is_type(kind) for is_type in can):
        raise UsageError(
            f"Text is not read as {name}. Types are those of numbers, bool, date and timestamp.", type=name
        )
