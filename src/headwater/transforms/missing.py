"""``clean.missing``: fill in missing values, drop the rows that have them, or mark where they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, plain, require_targets
from headwater.transforms.training_rows import training_rows

__all__ = ["CleanMissing", "Strategy"]

Strategy = Literal["auto", "mean", "median", "most_frequent", "constant", "drop_rows", "indicator"]

Fillings = Mapping[str, pa.Scalar]
Mask = NDArray[np.bool_]


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
        ``most_frequent``, ``constant``, ``drop_rows``, or ``indicator`` (adds ``COLUMN_missing``, true where
        the value is missing, for each column that lacks values).
    value : Any
        The constant.
    holdout : float
        The share of keys that recipes hold out: the values that fill are then learnt from the other rows
        alone, and fill all rows. 0 learns from all.

    Notes
    -----
    In columns of whole numbers the mean and median are rounded to the nearest whole number, so that the
    column keeps its type. Ties of the most frequent value go to the smallest. A column without any value
    cannot be filled from its own values and stays as it is. Finding a median holds one column in memory.
    """

    id = "clean.missing"
    title = "Missing values"

    columns: tuple[str, ...] = ()
    strategy: Strategy = "auto"
    value: Any = None
    holdout: float = 0.0

    def __post_init__(self) -> None:
        require_choice("strategy", self.strategy, get_args(Strategy))
        if (self.strategy == "constant") != (self.value is not None):
            raise UsageError("Strategy 'constant' goes with a value, and only that one does.")
        if self.strategy == "constant" and not self.columns:
            raise UsageError("Strategy 'constant' needs the columns to fill: one value rarely fits them all.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, is part of the key, or is of a kind the strategy cannot fill."""
        require_targets(self, source, self.columns)
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
        """Return the columns, or those that mark what is missing in them."""
        names = self.reads(source)
        return tuple(_indicator(name) for name in names) if self.strategy == "indicator" else names

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may lack values."""
        return self.columns or _default(source, numbers=self.strategy in ("mean", "median"))

    def fit(self, source: Source) -> Fillings:
        """Return the value that fills each column that lacks some; null where there is none to fill with."""
        lacking = [name for name in self.reads(source) if _lacks(source, name)]
        learn = training_rows(source, self.holdout).train if self.holdout and lacking else None
        return {name: self._filling(source, name, learn) for name in lacking}

    def facts(self, fitted: Fillings) -> Mapping[str, Any]:
        """Return the values that fill."""
        if self.strategy in ("drop_rows", "indicator"):
            return {"columns": list(fitted)}
        values = {name: plain(scalar.as_py()) for name, scalar in fitted.items()}
        empty = [name for name, value in values.items() if value is None]
        filled = {name: value for name, value in values.items() if value is not None}
        return {"filled_with": filled} | ({"not_filled": empty} if empty else {})

    def apply(self, rows: pa.Table, fitted: Fillings, rng: np.random.Generator) -> Edit:
        """Fill, drop or mark."""
        missing = {name: _is_missing(rows.column(name)) for name in fitted}
        if self.strategy == "drop_rows":
            gone = np.zeros(rows.num_rows, np.bool_)
            for mask in missing.values():
                gone |= np.asarray(mask)
            return Edit(delete=np.flatnonzero(gone).astype(np.int64))
        if self.strategy == "indicator":
            return Edit.between(rows, pa.table({_indicator(name): mask for name, mask in missing.items()}))
        filled = {
            name: pc.if_else(missing[name], scalar, rows.column(name))
            for name, scalar in fitted.items()
            if scalar.is_valid
        }
        return Edit.between(rows, pa.table(filled))

    def _filling(self, source: Source, name: str, learn: Mask | None) -> pa.Scalar:
        kind = source.schema.field(name).type
        if self.strategy in ("drop_rows", "indicator"):
            return pa.scalar(None, kind)
        if self.strategy == "constant":
            return self._constant(name, kind)
        if self.strategy == "most_frequent" or (self.strategy == "auto" and not _is_number(kind)):
            return _most_frequent(_values(source, name, learn))
        return _centre(_values(source, name, learn), mean=self.strategy == "mean")

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


def _lacks(source: Source, name: str) -> bool:
    if source.schema.field(name).type not in (pa.float32(), pa.float64()):
        # Statistics count deleted rows too: without a null among them there is none.
        counts = [chunk.statistics.get(name, [None, None, chunk.rows])[2] for _, chunk in source.chunks()]
        if not any(counts):
            return False
    return any(pc.any(_is_missing(chunk.read([name]).column(0))).as_py() for _, chunk in source.chunks())


def _is_missing(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _values(source: Source, name: str, learn: Mask | None) -> pa.ChunkedArray:
    """Return the values that are there, of the rows to learn from."""
    column = source.dataset.to_arrow([name]).column(0)
    if learn is not None:
        column = column.filter(pa.array(learn))
    return column.filter(pc.invert(_is_missing(column)))


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
