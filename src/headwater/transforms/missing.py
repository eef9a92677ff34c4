"""``clean.missing``: fill in missing values, drop the rows that have them, or mark where they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.schema import require_columns
from headwater.methods.group_centres import group_means, group_medians, group_modes
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, plain, require_targets
from headwater.transforms.grouping import group_places, row_groups
from headwater.transforms.training_rows import learning_rows

__all__ = ["CleanMissing", "Fillings", "Strategy"]

Strategy = Literal[
    "auto", "mean", "median", "most_frequent", "constant", "drop_rows", "drop_columns", "indicator"
]

U64 = NDArray[np.uint64]

_AT_ONCE = 32
_FILLING = ("auto", "mean", "median", "most_frequent", "constant")


@dataclass(frozen=True)
class Fillings:
    """What fills each column that lacks values.

    Parameters
    ----------
    values : mapping of str to Scalar
        The value that fills a column; null where there is none to fill with.
    groups : numpy.ndarray of uint64
        The hashes of the groups, ascending.
    own : mapping of str to Array
        By column, the value of each group; null where it has none.
    dropped : tuple of str
        Columns that go.
    learnt : mapping
        What it was learnt from, for the record.
    """

    values: Mapping[str, pa.Scalar]
    groups: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    own: Mapping[str, pa.Array] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    learnt: Mapping[str, Any] = field(default_factory=dict)


@TRANSFORMS.register("clean.missing")
@dataclass(frozen=True, kw_only=True)
class CleanMissing(RowTransform[Fillings]):
    """Fill in missing values, drop the rows that have them, or mark where they were.

    Null and NaN are missing; text such as ``"N/A"`` is not: map it to null with ``clean.values`` first.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all that can be filled, other than the key, the label, and columns that
        the contract calls sensitive.
    strategy : str
        ``auto`` (the median of numbers, the most frequent of anything else), ``mean``, ``median``,
        ``most_frequent``, ``constant``, ``drop_rows``, ``drop_columns``, or ``indicator`` (adds
        ``COLUMN_missing``, true where the value is missing, for each column that lacks values).
    value : Any
        The constant.
    by : tuple of str
        Fill from rows with equal values here; where these have no value, from all rows.
    indicator : bool
        Also add ``COLUMN_missing`` for each column that is filled.
    max_fraction : float
        Rows and columns are dropped if more than this share of their values is missing; by default, if any is.
    part : str
        The part of the dataset's split that the values are learnt from, or ``all``; the first one by default.
    holdout : float
        Without a split, the share of keys that recipes hold out: the values that fill are then learnt from the
        other rows alone, and fill all rows. 0 learns from all.

    Notes
    -----
    ``clean.interpolate`` fills along time, ``clean.impute`` from other columns.
    In columns of whole numbers the mean and median are rounded to the nearest whole number, so that the
    column keeps its type. Ties of the most frequent value go to the smallest. A column without any value
    cannot be filled from its own values and stays as it is. Finding a median holds one column in memory.
    """

    id = "clean.missing"
    title = "Missing values"
    version = "2"

    columns: tuple[str, ...] = ()
    strategy: Strategy = "auto"
    value: Any = None
    by: tuple[str, ...] = ()
    indicator: bool = False
    max_fraction: float = 0.0
    part: str = ""
    holdout: float = 0.0

    def __post_init__(self) -> None:
        require_choice("strategy", self.strategy, get_args(Strategy))
        if (self.strategy == "constant") != (self.value is not None):
            raise UsageError("Strategy 'constant' goes with a value, and only that one does.")
        if self.strategy == "constant" and not self.columns:
            raise UsageError("Strategy 'constant' needs the columns to fill: one value rarely fits them all.")
        if (self.by or self.indicator) and self.strategy not in _FILLING:
            raise UsageError(
                f"Strategy {self.strategy!r} fills nothing, so it takes neither by nor indicator."
            )
        if self.by and self.strategy == "constant":
            raise UsageError("A constant is the same for all groups. Leave out by, or take another strategy.")
        if not 0.0 <= self.max_fraction < 1.0:
            raise UsageError(
                f"max_fraction is {self.max_fraction}; it is a share of values, from 0 to below 1."
            )
        if self.max_fraction and not self.strategy.startswith("drop"):
            raise UsageError("max_fraction is for the strategies drop_rows and drop_columns.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, is part of the key, or is of a kind the strategy cannot fill."""
        require_targets(self, source, self.columns)
        require_columns(source.schema, self.by, where=f"dataset {source.dataset.name!r}")
        for name in self.columns:
            kind = source.schema.field(name).type
            if self.strategy in ("mean", "median") and not _is_number(kind):
                raise SchemaError(
                    f"Column {name!r} is {kind}: it has no {self.strategy}. Use most_frequent or constant.",
                    column=name,
                )
            if pa.types.is_nested(kind) and self.strategy in ("auto", "most_frequent"):
                raise SchemaError(
                    f"Column {name!r} is {kind}: such values are not counted. Use drop_rows or indicator.",
                    column=name,
                )
            if self.strategy == "constant":
                self._constant(name, kind)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns, and those that mark what is missing in them."""
        names = self._columns(source)
        marks = tuple(_indicator(name) for name in names)
        if self.strategy == "indicator":
            return marks
        return (*names, *marks) if self.indicator else names

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may lack values, and those of groups."""
        return (*self._columns(source), *self.by)

    def fit(self, source: Source) -> Fillings:
        """Return the value that fills each column that lacks some; null where there is none to fill with."""
        counts = _lacking(source, self._columns(source))
        lacking = [name for name, count in counts.items() if count]
        if self.strategy == "drop_columns":
            most = self.max_fraction * source.dataset.num_rows
            return Fillings({}, dropped=tuple(name for name in lacking if counts[name] > most))
        if self.strategy not in _FILLING or not lacking:
            return Fillings({name: pa.scalar(None, source.schema.field(name).type) for name in lacking})
        if self.strategy == "constant":
            return Fillings({name: self._constant(name, source.schema.field(name).type) for name in lacking})
        learning = learning_rows(source, self.part, self.holdout)
        groups, place = row_groups(source, self.by, learning)
        values, own = {}, {}
        for name, whole in source.columns(lacking):
            column = learning.of(whole)
            there = pc.invert(_is_missing(column))
            known = column.filter(there)
            values[name] = self._centre(known)
            if self.by:
                own[name] = self._centres(known, place[np.asarray(there)], len(groups))
        return Fillings(values, groups, own, learnt=learning.facts)

    def facts(self, fitted: Fillings) -> Mapping[str, Any]:
        """Return the values that fill, and what they were learnt from."""
        if self.strategy == "drop_columns":
            return {}
        if self.strategy not in _FILLING:
            return {"columns": list(fitted.values)}
        values = {name: plain(scalar.as_py()) for name, scalar in fitted.values.items()}
        empty = [name for name, value in values.items() if value is None]
        filled = {name: value for name, value in values.items() if value is not None}
        return {
            "filled_with": filled,
            **({"not_filled": empty} if empty else {}),
            **({"groups": len(fitted.groups)} if self.by else {}),
            **fitted.learnt,
        }

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield what was learnt, then the edit of each chunk; or the columns that go."""
        if self.strategy == "drop_columns":
            yield Edit(drop=self.fit(source).dropped)
            return
        yield from RowTransform.plan(self, source)

    def apply(self, rows: pa.Table, fitted: Fillings, rng: np.random.Generator) -> Edit:
        """Fill, drop or mark."""
        missing = {name: _is_missing(rows.column(name)) for name in fitted.values}
        if self.strategy == "drop_rows":
            lacks = np.zeros(rows.num_rows, np.int64)
            for mask in missing.values():
                lacks += np.asarray(mask)
            most = self.max_fraction * len([n for n in rows.schema.names if n not in self.by])
            return Edit(delete=np.flatnonzero(lacks > most).astype(np.int64))
        if self.strategy == "indicator":
            return Edit.between(rows, pa.table({_indicator(name): mask for name, mask in missing.items()}))
        after, why = {}, {}
        place = group_places(rows, self.by, fitted.groups) if self.by else None
        for name, scalar in fitted.values.items():
            if not scalar.is_valid:
                continue
            filling = scalar
            if place is not None:
                filling = pc.coalesce(fitted.own[name].take(place), scalar)
            after[name] = pc.if_else(missing[name], filling, rows.column(name))
            why[name] = self._why(rows.num_rows)
            if self.indicator:
                mark = _indicator(name)
                known = rows.column(mark) if mark in rows.schema.names else pa.scalar(False)
                after[mark] = pc.or_(pc.fill_null(known, False), missing[name])
        return Edit.between(rows, pa.table(after), why=why)

    def _columns(self, source: Source) -> tuple[str, ...]:
        numbers = self.strategy in ("mean", "median")
        return self.columns or tuple(
            name for name in _default(source, numbers=numbers) if name not in self.by
        )

    def _why(self, rows: int) -> pa.Array:
        what = "a constant" if self.strategy == "constant" else self.strategy.replace("_", " ")
        what = "the middle" if self.strategy == "auto" else what
        group = f" by {', '.join(self.by)}" if self.by else ""
        return pa.repeat(pa.scalar(f"missing; filled with {what}{group}"), rows)

    def _centre(self, values: pa.ChunkedArray) -> pa.Scalar:
        """Return the value in the middle."""
        if self._counts(values.type):
            return _most_frequent(values)
        return _centre(values, mean=self.strategy == "mean")

    def _centres(self, values: pa.ChunkedArray, groups: NDArray[np.int64], number: int) -> pa.Array:
        """Return the value in the middle of each group."""
        if self._counts(values.type):
            return group_modes(values, groups, number)
        of = group_means if self.strategy == "mean" else group_medians
        found = of(np.asarray(values).astype(np.float64), groups, number)
        found = np.rint(found) if pa.types.is_integer(values.type) else found
        return pa.array(found, mask=np.isnan(found)).cast(values.type)

    def _counts(self, kind: pa.DataType) -> bool:
        return self.strategy == "most_frequent" or (self.strategy == "auto" and not _is_number(kind))

    def _constant(self, name: str, kind: pa.DataType) -> pa.Scalar:
        try:
            return pa.scalar(self.value, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise SchemaError(
                f"The value {self.value!r} does not fit column {name!r}, which is {kind}.", column=name
            ) from error


def _default(source: Source, *, numbers: bool) -> tuple[str, ...]:
    """Return the columns to fill when none are named."""
    contract = source.contract
    spared = {*source.key, *contract.sensitive, contract.label}
    return tuple(
        field.name
        for field in source.schema
        if field.name not in spared
        and not pa.types.is_nested(field.type)
        and (not numbers or _is_number(field.type))
    )


def _lacking(source: Source, names: tuple[str, ...]) -> dict[str, int]:
    """Return how many values of each column are missing."""
    found = dict.fromkeys(names, 0)
    for _, chunk in source.chunks():
        statistics = chunk.statistics
        # Statistics count deleted rows too: without a null among them there is none. NaN is not among the nulls.
        suspects = [
            name
            for name in names
            if pa.types.is_floating(source.schema.field(name).type)
            or statistics.get(name, [None, None, chunk.rows])[2]
        ]
        for start in range(0, len(suspects), _AT_ONCE):
            some = suspects[start : start + _AT_ONCE]
            for name, column in zip(some, chunk.read(some).columns, strict=True):
                found[name] += pc.sum(_is_missing(column)).as_py() or 0
    return found


def _is_missing(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _centre(values: pa.ChunkedArray, *, mean: bool) -> pa.Scalar:
    if not len(values):
        return pa.scalar(None, values.type)
    numbers = np.asarray(values)
    found = float(np.mean(numbers, dtype=np.float64) if mean else np.median(numbers))
    return pa.scalar(round(found) if pa.types.is_integer(values.type) else found, values.type)


def _most_frequent(values: pa.ChunkedArray) -> pa.Scalar:
    counted = pa.table({"value": values}).group_by("value").aggregate([("value", "count")])
    if not counted.num_rows:
        return pa.scalar(None, values.type)
    best = counted.sort_by([("value_count", "descending"), ("value", "ascending")])
    return best.column("value")[0]


def _indicator(name: str) -> str:
    return f"{name}_missing"
