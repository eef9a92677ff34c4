"""``clean.units``: measures with units become numbers of one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.methods.number_text import DecimalMark, NumberForm
from headwater.methods.units import UnitEvidence, known_unit, look_at_units, read_measures
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

__all__ = ["CleanUnits"]

_LEAST = 0.5
_TAG = "unit"


@TRANSFORMS.register("clean.units")
@dataclass(frozen=True, kw_only=True)
class CleanUnits(RowTransform[Mapping[str, Reading]]):
    """Turn measures such as ``12.0 oz`` or ``5 ft 11 in`` into numbers of one unit.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default the text columns at least half of whose values are measures.
    unit : str
        The unit to convert to, such as ``kg`` or ``inch``; by default the most frequent of each column. It is kept
        with the column as its tag ``unit``.
    bare : str
        The unit of numbers that have none; without it they are not read.
    rest : {"leave", "drop"}
        Whether values with words after the unit, such as ``16 oz can``, are left, or these words let go.
    decimal : {"auto", ".", ","}
        The decimal mark; ``auto`` takes the one that the values of the column show.
    unparsed : {"leave", "null", "quarantine", "refuse"}
        What becomes of values that are no such measures. ``leave`` keeps them, and the column stays text.
    placeholders : bool
        Whether texts such as ``N/A`` are missing values.

    Notes
    -----
    Units are those of pint (``pip install "headwater[clean]"``): ``oz`` is a weight, ``fl oz`` a volume.
    """

    id = "clean.units"
    title = "One unit"

    columns: tuple[str, ...] = ()
    unit: str = ""
    bare: str = ""
    rest: str = "leave"
    decimal: DecimalMark = "auto"
    unparsed: Unparsed = "leave"
    placeholders: bool = True

    def __post_init__(self) -> None:
        require_unparsed(self.unparsed)
        NumberForm(decimal=self.decimal)
        if self.rest not in ("leave", "drop"):
            raise UsageError(f"rest is 'leave' or 'drop', not {self.rest!r}.")
        if self.unit and not self.columns:
            raise UsageError("Name the columns that are to be in that unit: columns=.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or nested, or there is no such unit."""
        require_readable(self, source, self.columns)
        empty = pa.array([], pa.string())
        for unit in (self.unit, self.bare):
            if unit:
                read_measures(empty, unit, NumberForm())

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may be read."""
        return columns_to_read(source, self.columns)

    def fit(self, source: Source) -> Mapping[str, Reading]:
        """Return how each column is read, as its values show."""
        tags = source.dataset.manifest.tags
        wanted = known_unit(self.unit) if self.unit else ""
        names = []
        for name in self.targets(source):
            has = tags.get(name, {}).get(_TAG)
            is_text = pa.types.is_string(source.schema.field(name).type)
            if is_text or not has or (wanted and has != wanted):
                names.append(name)
        found = look(source, names, look_at_units, UnitEvidence(), placeholders=self.placeholders)
        readers = {}
        for name, evidence in found.items():
            is_measured = evidence.measures and evidence.measures >= _LEAST * evidence.values
            is_text = pa.types.is_string(source.schema.field(name).type)
            unit = wanted or evidence.main or known_unit(self.bare)
            if not unit or not (self.columns or is_measured):
                continue
            bare = self.bare if is_text else self.bare or tags.get(name, {}).get(_TAG, "")
            form = evidence.numbers.form(NumberForm(decimal=self.decimal))
            readers[name] = _MeasureReader(unit, form, bare, self.rest == "drop")
        readings = parsed(source, readers, unparsed=self.unparsed, placeholders=self.placeholders)
        return {
            # A number without its unit would be read as something else the next time.
            name: replace(reading, suffix=f" {readers[name].unit}").with_facts(
                unit=readers[name].unit, units=dict(found[name].units)
            )
            for name, reading in readings.items()
        }

    def facts(self, fitted: Mapping[str, Reading]) -> Mapping[str, Any]:
        """Return how each column was read, and what could not be."""
        return {"columns": {name: reading.facts for name, reading in fitted.items()}}

    def apply(self, rows: pa.Table, fitted: Mapping[str, Reading], rng: np.random.Generator) -> Edit:
        """Read the columns."""
        edit = read_with(rows, fitted, unparsed=self.unparsed)
        units = {
            name: {_TAG: reading.facts["unit"]} for name, reading in fitted.items() if not reading.keeps_text
        }
        return edit.with_tags(units)


@dataclass(frozen=True)
class _MeasureReader:
    unit: str
    form: NumberForm
    bare: str
    rest: bool

    @property
    def kind(self) -> pa.DataType:
        return pa.float64()

    def read(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        read = read_measures(texts, self.unit, self.form, bare=self.bare, rest=self.rest)
        return pa.array(read.values, mask=~read.known), read.reasons
