"""``clean.interpolate``: missing values are filled along an order such as time, from the rows before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.schema import require_columns
from headwater.methods.along import Neighbours, Way, between, neighbours
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, require_targets
from headwater.transforms.grouping import row_groups
from headwater.transforms.training_rows import learning_rows

__all__ = ["CleanInterpolate"]

F64 = NDArray[np.float64]


@TRANSFORMS.register("clean.interpolate")
@dataclass(frozen=True, kw_only=True)
class CleanInterpolate(Transform):
    """Fill missing values along an order such as time: from the row before, the row after, or between the two.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all of numbers that lack values, other than the key, the label, and columns that
        the contract calls sensitive.
    way : {"linear", "forward", "backward", "nearest"}
        On the straight line between the values before and after; the last value before; the first one after; the
        nearer of the two. ``linear`` is for numbers and never goes beyond the first and last value.
    order : str
        A column of numbers or times; by default the one that the contract calls the time.
    by : tuple of str
        Fill within rows with equal values here, such as those of one sensor.
    limit : int
        The most rows away that a value may come from; 0 for any.
    indicator : bool
        Also add ``COLUMN_missing``, true where a value was missing.
    part : str
        The part of the dataset's split that values come from, or ``all``; the first one by default.
    holdout : float
        Without a split, the share of keys that recipes hold out and that no value comes from.

    Notes
    -----
    Rows without an order are left alone. Rows at the same time are in the order of the dataset. Holds the order, the
    groups and one column in memory.
    """

    id = "clean.interpolate"
    title = "Gaps filled along an order"

    columns: tuple[str, ...] = ()
    way: Way = "linear"
    order: str = ""
    by: tuple[str, ...] = ()
    limit: int = 0
    indicator: bool = False
    part: str = ""
    holdout: float = 0.0

    def __post_init__(self) -> None:
        require_choice("way", self.way, get_args(Way))
        if self.limit < 0:
            raise UsageError(f"limit is {self.limit}; it is a number of rows, or 0 for any.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or of a kind that cannot be filled so."""
        require_targets(self, source, self.columns)
        order = self._order(source)
        require_columns(source.schema, (order, *self.by), where=f"dataset {source.dataset.name!r}")
        kind = source.schema.field(order).type
        if not (_is_number(kind) or pa.types.is_temporal(kind)):
            raise SchemaError(f"Column {order!r} is {kind}; an order is of numbers or times.", column=order)
        for name in self.columns:
            if self.way == "linear" and not _is_number(source.schema.field(name).type):
                raise SchemaError(
                    f"Column {name!r} is {source.schema.field(name).type}: there is no line between its values. Use "
                    "forward, backward or nearest.",
                    column=name,
                )
            if name in (order, *self.by):
                raise UsageError(
                    f"Column {name!r} gives the order or the group, so it cannot be filled by them."
                )

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns, and those that mark what is missing in them."""
        names = self._columns(source)
        return (*names, *(f"{name}_missing" for name in names)) if self.indicator else names

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield one edit for all rows that lack values."""
        dataset, learning = source.dataset, learning_rows(source, self.part, self.holdout)
        order = _places(dataset.to_arrow([self._order(source)]).column(0))
        groups = row_groups(source, self.by)[1]
        donates = np.ones(len(order), np.bool_) if learning.mask is None else learning.mask
        filled: dict[str, pa.Array] = {}
        touched = np.zeros(len(order), np.bool_)
        counts: dict[str, dict[str, int]] = {}
        for name, values in source.columns(self._columns(source)):
            column = values.combine_chunks()
            missing = np.asarray(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type))).astype(
                np.bool_
            )
            if not missing.any():
                continue
            near = neighbours(order, groups, donates & ~missing)
            made = self._filled(column, missing, near, order)
            still = np.asarray(pc.is_null(made, nan_is_null=pa.types.is_floating(made.type))).astype(np.bool_)
            counts[name] = {"filled": int((missing & ~still).sum()), "left": int(still.sum())}
            if self.indicator or counts[name]["filled"]:
                filled[name] = made
                touched |= missing if self.indicator else missing & ~still
            if self.indicator:
                mark = f"{name}_missing"
                known = np.zeros(len(order), np.bool_)
                if mark in source.schema.names:
                    known = np.asarray(pc.fill_null(dataset.to_arrow([mark]).column(0), False)).astype(
                        np.bool_
                    )
                filled[mark] = pa.array(known | missing)
                touched[:] |= mark not in source.schema.names
        facts = {"order": self._order(source), "columns": counts, **learning.facts}
        yield Edit(facts=facts)
        rows = np.flatnonzero(touched).astype(np.int64)
        if len(rows):
            there = [name for name in filled if name in source.schema.names]
            before = dataset.to_arrow(there).take(pa.array(rows)) if there else pa.table({})
            after = pa.table({name: values.take(pa.array(rows)) for name, values in filled.items()})
            word = f"missing; {self.way} along {self._order(source)}"
            why = {name: pa.repeat(pa.scalar(word), len(rows)) for name in there if name in counts}
            yield Edit.between(before, after, rows=rows, why=why)

    def _filled(self, column: pa.Array, missing: NDArray[np.bool_], near: Neighbours, order: F64) -> pa.Array:
        if self.way != "linear":
            source = near.source(self.way, order, self.limit)
            at = np.where(missing & (source >= 0), source, np.arange(len(order)))
            return column.take(pa.array(at))
        values = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan))
        line = between(near, order, values, self.limit)
        line = np.rint(line) if pa.types.is_integer(column.type) else line
        fits = missing & np.isfinite(line)
        new = pa.array(line, mask=~fits).cast(column.type)
        return pc.if_else(pa.array(fits), new, column)

    def _order(self, source: Source) -> str:
        order = self.order or source.contract.time
        if not order:
            raise UsageError(
                f"Dataset {source.dataset.name!r} has no time in its contract. Name the column that gives the order: "
                "order=."
            )
        return order

    def _columns(self, source: Source) -> tuple[str, ...]:
        if self.columns:
            return self.columns
        contract = source.contract
        spared = {*source.key, *contract.sensitive, contract.label, self._order(source), *self.by}
        return tuple(f.name for f in source.schema if f.name not in spared and _is_number(f.type))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _places(column: pa.ChunkedArray) -> F64:
    """Return the order as numbers; NaN where it is missing."""
    flat = column.combine_chunks()
    if pa.types.is_temporal(flat.type):
        width = pa.int32() if flat.type.bit_width == 32 else pa.int64()
        flat = flat.cast(width)
    return np.asarray(pc.fill_null(flat.cast(pa.float64(), safe=False), np.nan))
