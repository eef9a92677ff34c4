"""``clean.dates``: dates in mixed forms become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError, require_choice
from headwater.methods.date_text import DateEvidence, DateOrder, look_at_dates, read_dates
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source
from headwater.transforms.parsing import (
    Reading,
    Unparsed,
    columns_to_read,
    look,
    parsed,
    read_with,
    require_readable,
    require_unparsed,
)

__all__ = ["CleanDates", "DateReader", "date_reader"]

To = Literal["auto", "date", "timestamp", "text"]

_LEAST = 0.5
_DAY = 86_400_000_000


@TRANSFORMS.register("clean.dates")
@dataclass(frozen=True, kw_only=True)
class CleanDates(RowTransform[Mapping[str, Reading]]):
    """Bring dates that are written in several ways into one form, or turn the column into dates.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default the text columns at least half of whose values are dates.
    to : {"auto", "date", "timestamp", "text"}
        What the column becomes: dates if no value has a time of day, else points in time; or text as in ISO 8601.
    order : {"auto", "day_first", "month_first"}
        What comes first in ``3/4/2024``. With ``auto`` it is what the other values with the same mark show; where
        they show nothing, such values are not read.
    pivot : int
        Two-digit years from this one on are in the 1900s, those before it in the 2000s.
    zone : str
        The time zone of times that name none, such as ``Europe/Berlin``. Points in time are then kept in UTC.
    unparsed : {"leave", "null", "quarantine", "refuse"}
        What becomes of values that are no dates. ``leave`` keeps them, and the column stays text for their sake.
    placeholders : bool
        Whether texts such as ``N/A`` are missing values.

    Notes
    -----
    If some values name a time zone and others none, those without are not read unless ``zone`` says theirs. Fractions
    of a second are kept to the microsecond.
    """

    id = "clean.dates"
    title = "Dates in one form"

    columns: tuple[str, ...] = ()
    to: To = "auto"
    order: DateOrder = "auto"
    pivot: int = 69
    zone: str = ""
    unparsed: Unparsed = "leave"
    placeholders: bool = True

    def __post_init__(self) -> None:
        require_unparsed(self.unparsed)
        require_choice("to", self.to, get_args(To))
        require_choice("order", self.order, get_args(DateOrder))
        require_pivot(self.pivot)
        require_zone(self.zone)

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or nested."""
        require_readable(self, source, self.columns)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may be read."""
        return columns_to_read(source, self.columns)

    def fit(self, source: Source) -> Mapping[str, Reading]:
        """Return how each column is read, as its values show."""
        names = [
            name for name in self.targets(source) if not pa.types.is_temporal(source.schema.field(name).type)
        ]
        found = look(source, names, look_at_dates, DateEvidence(), placeholders=self.placeholders)
        readers = {}
        for name, evidence in found.items():
            if self.columns or (evidence.dates and evidence.dates >= _LEAST * evidence.values):
                kind = {"date": "date", "timestamp": "timestamp"}.get(self.to, "auto")
                readers[name] = date_reader(
                    evidence, kind=kind, order=self.order, pivot=self.pivot, zone=self.zone
                )
        readings = parsed(source, readers, unparsed=self.unparsed, placeholders=self.placeholders)
        if self.to == "text":
            readings = {name: reading.as_text() for name, reading in readings.items()}
        return {name: reading.with_facts(orders=readers[name].order) for name, reading in readings.items()}

    def facts(self, fitted: Mapping[str, Reading]) -> Mapping[str, Any]:
        """Return how each column was read, and what could not be."""
        return {"columns": {name: reading.facts for name, reading in fitted.items()}}

    def apply(self, rows: pa.Table, fitted: Mapping[str, Reading], rng: np.random.Generator) -> Edit:
        """Read the columns."""
        return read_with(rows, fitted, unparsed=self.unparsed)


@dataclass(frozen=True, kw_only=True)
class DateReader:
    """Reads texts as dates or points in time; see `headwater.transforms.parsing.Reader`."""

    kind: pa.DataType
    order: Mapping[str, DateOrder]
    pivot: int = 69
    zone: str = ""

    def read(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return dates, and why a text is none."""
        read = read_dates(texts, self.order, pivot=self.pivot)
        reasons = np.full(len(texts), None, object)
        there = np.asarray(texts.is_valid())
        reasons[there & ~read.known] = "no date"
        reasons[there & read.unclear] = "day or month first"
        instants = read.instants
        if pa.types.is_date(self.kind):
            reasons[read.known & (instants % _DAY != 0)] = "a time of day"
        elif self.zone or self.kind.tz:
            naive = read.known & ~read.zoned
            if self.zone:
                instants, odd = _in_zone(instants, naive, self.zone)
                reasons[odd] = f"a time that comes twice or never in {self.zone}"
            else:
                reasons[naive] = "no time zone, while others have one"
        lost = np.array([reason is not None for reason in reasons.tolist()], np.bool_) | ~there
        values = pa.array(instants, mask=lost).cast(pa.timestamp("us"))
        if pa.types.is_date(self.kind):
            values = values.cast(self.kind)
        elif self.kind.tz:
            values = pc.assume_timezone(values, "UTC").cast(self.kind)
        else:
            values = values.cast(self.kind)
        return values, pa.array(reasons, pa.string())


def date_reader(
    evidence: DateEvidence, *, kind: str = "auto", order: DateOrder = "auto", pivot: int = 69, zone: str = ""
) -> DateReader:
    """Return the reader of a column that its values ask for.

    Parameters
    ----------
    evidence : DateEvidence
        What the values say.
    kind : {"auto", "date", "timestamp"}
        The type; a date if no value has a time of day.
    order, pivot, zone
        As in `CleanDates`.
    """
    if kind == "date" or (kind == "auto" and not evidence.timed):
        made = pa.date32()
    else:
        made = pa.timestamp("us", "UTC" if zone or evidence.zoned else None)
    return DateReader(kind=made, order=evidence.order(order), pivot=pivot, zone=zone)


def require_pivot(pivot: int) -> None:
    """Raise unless it is a two-digit year."""
    if not 0 <= pivot <= 100:
        raise UsageError(f"pivot is {pivot}; it is a two-digit year, from 0 to 100.")


def require_zone(zone: str) -> None:
    """Raise unless it is empty or a time zone."""
    if zone:
        try:
            pc.assume_timezone(pa.array([0], pa.timestamp("us")), zone)
        except (pa.ArrowInvalid, OSError) as error:
            raise UsageError(
                f"There is no time zone {zone!r}. Write it as in 'Europe/Berlin' or 'UTC'.", zone=zone
            ) from error


def _in_zone(
    instants: np.ndarray[Any, np.dtype[np.int64]], naive: np.ndarray[Any, np.dtype[np.bool_]], zone: str
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the instants in UTC of times of a zone, and which of them come twice or never."""
    local = pa.array(instants, mask=~naive).cast(pa.timestamp("us"))
    early, late = (
        np.asarray(
            pc.fill_null(
                pc.assume_timezone(local, zone, ambiguous=side, nonexistent=side).cast(pa.int64()), 0
            )
        )
        for side in ("earliest", "latest")
    )
    return np.where(naive, early, instants), naive & (early != late)
