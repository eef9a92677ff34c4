"""Which measures a profile takes of a column: those that make sense for its kind."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from headwater.profile.base import Measure
from headwater.profile.columns import Counts, Extent, Moments
from headwater.profile.comoments import Comoments
from headwater.profile.distinct import Distinct
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.quantiles import Quantiles
from headwater.profile.shapes import Shapes
from headwater.profile.top import TopValues

__all__ = ["column_measures", "comoments_of", "standard_measures"]

CORRELATED = 40
"""How many columns are correlated with each other at most: the matrix must stay readable."""


def column_measures(field: pa.Field) -> list[Measure[Any]]:
    """Return the measures that describe a column."""
    name, kind = field.name, kind_of(field.type)
    measures: list[Measure[Any]] = [Counts(column=name), Distinct(column=name)]
    if kind.is_ordered:
        measures += [Extent(column=name), Moments(column=name), Quantiles(column=name)]
    if kind in (Kind.TEXT, Kind.BINARY, Kind.LIST):
        measures.append(Quantiles(column=name, of="length"))
    if kind is Kind.TEXT:
        measures.append(Shapes(column=name))
    if kind.is_countable:
        measures.append(TopValues(column=name))
    return measures


def comoments_of(schema: pa.Schema, without: tuple[str, ...] = ()) -> Comoments | None:
    """Return the measure behind the correlations of the numeric and boolean columns; None for fewer than two."""
    kinds = {field.name: kind_of(field.type) for field in schema if field.name not in without}
    names = [name for name, kind in kinds.items() if kind.is_numeric or kind is Kind.BOOLEAN]
    return Comoments(of=tuple(names[:CORRELATED])) if len(names) > 1 else None


def standard_measures(schema: pa.Schema, *, key: tuple[str, ...] = ()) -> list[Measure[Any]]:
    """Return the measures of a whole profile."""
    measures = [one for field in schema for one in column_measures(field)]
    comoments = comoments_of(schema, key)
    return measures if comoments is None else [*measures, comoments]
