"""``clean.outliers``: numbers far from the others are clipped, made missing, marked, or their rows dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.schema import require_columns
from headwater.methods.bounds import BoundMethod, bounds_by_group
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, plain, require_targets
from headwater.transforms.grouping import group_places, row_groups
from headwater.transforms.training_rows import learning_rows

__all__ = ["CleanOutliers"]

Action = Literal["clip", "null", "drop", "flag"]
F64 = NDArray[np.float64]

_LEAST = 10
_SHOWN = 50


@dataclass(frozen=True)
class _Limits:
    """Lower and upper limit by column and group; the last group is for rows of a group that was too small."""

    groups: NDArray[np.uint64]
    names: list[str]
    low: Mapping[str, F64]
    high: Mapping[str, F64]
    learnt: Mapping[str, Any]

    def of(self, rows: pa.Table, by: tuple[str, ...], name: str) -> tuple[F64, F64]:
        """Return the limits of each row."""
        if not by:
            place = np.zeros(rows.num_rows, np.int64)
        else:
            place = np.asarray(pc.fill_null(group_places(rows, by, self.groups), len(self.groups)))
        return self.low[name][place], self.high[name][place]


@TRANSFORMS.register("clean.outliers")
@dataclass(frozen=True, kw_only=True)
class CleanOutliers(RowTransform[_Limits]):
    """Clip numbers to the limits of ordinary values, make those beyond missing, mark them, or drop their rows.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all of numbers other than the key, the label, and columns that the contract calls
        sensitive.
    method : {"iqr", "mad", "quantiles"}
        The limits: the quartiles, less and plus ``factor`` times their distance; the median, less and plus ``factor``
        times 1.4826 times the median absolute deviation; or two quantiles (winsorising, with ``clip``).
    factor : float
        How wide. With 1.5, ``iqr`` finds 0.7 % of normal values; with 3, two in a million.
    quantiles : tuple of float
        Lower and upper share of ``quantiles``.
    low, high : float, optional
        Limits that are known, instead of learnt ones.
    action : {"clip", "null", "drop", "flag"}
        What becomes of values beyond: the limit, missing, their rows go, or ``COLUMN_outlier`` is true.
    by : tuple of str
        Limits of their own for each group of rows with equal values here. Groups of fewer than 10 values have those
        of all rows.
    part : str
        The part of the dataset's split that limits are learnt from, or ``all``; the first one by default.
    holdout : float
        Without a split, the share of keys that recipes hold out and that nothing is learnt from.

    Notes
    -----
    A value at a limit is no outlier. Limits of whole numbers are rounded towards the middle. Learning holds one column
    in memory.
    """

    id = "clean.outliers"
    title = "Outliers"

    columns: tuple[str, ...] = ()
    method: BoundMethod = "iqr"
    factor: float = 3.0
    quantiles: tuple[float, float] = (0.01, 0.99)
    low: float | None = None
    high: float | None = None
    action: Action = "clip"
    by: tuple[str, ...] = ()
    part: str = ""
    holdout: float = 0.0

    def __post_init__(self) -> None:
        require_choice("method", self.method, get_args(BoundMethod))
        require_choice("action", self.action, get_args(Action))
        if self.factor <= 0:
            raise UsageError(f"factor is {self.factor}; it is greater than 0.")
        shares = list(map(float, self.quantiles))
        if shares != sorted(set(shares)) or len(shares) != 2 or not 0 <= shares[0] < shares[1] <= 1:
            raise UsageError(f"quantiles are {shares}; they are two shares, the lower one first.")
        if (self.low is not None or self.high is not None) and not self.columns:
            raise UsageError("Name the columns that the limits are for: columns=.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise UsageError(f"low is {self.low} and high {self.high}: no value lies between them.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or holds no numbers."""
        require_targets(self, source, self.columns)
        for name in self.columns:
            if not _is_number(source.schema.field(name).type):
                raise SchemaError(
                    f"Column {name!r} is {source.schema.field(name).type}; outliers are looked for among numbers.",
                    column=name,
                )
        require_columns(source.schema, self.by, where=f"dataset {source.dataset.name!r}")

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return the columns looked at, and those of groups."""
        return (*self._columns(source), *self.by)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns, or those that mark their outliers."""
        names = self._columns(source)
        return tuple(f"{name}_outlier" for name in names) if self.action == "flag" else names

    def fit(self, source: Source) -> _Limits:
        """Return the limits."""
        names = list(self._columns(source))
        learning = learning_rows(source, self.part, self.holdout)
        groups, place = row_groups(source, self.by, learning)
        low: dict[str, F64] = {}
        high: dict[str, F64] = {}
        if self.low is not None or self.high is not None:
            ends = (-np.inf if self.low is None else self.low, np.inf if self.high is None else self.high)
            for name in names:
                low[name], high[name] = (np.full(len(groups) + 1, end) for end in ends)
        else:
            for name, column in source.columns(names):
                values = _doubles(learning.of(column))
                low[name], high[name] = self._learnt(values, place, len(groups))
        for name in names:
            if pa.types.is_integer(source.schema.field(name).type):
                low[name], high[name] = np.ceil(low[name]), np.floor(high[name])
        return _Limits(groups, names, low, high, learning.facts)

    def facts(self, fitted: _Limits) -> Mapping[str, Any]:
        """Return the limits of all rows, how many groups have their own, and what they were learnt from."""
        return {
            "limits": {
                name: plain([fitted.low[name][-1], fitted.high[name][-1]]) for name in fitted.names[:_SHOWN]
            },
            **({"groups": len(fitted.groups)} if self.by else {}),
            **fitted.learnt,
        }

    def apply(self, rows: pa.Table, fitted: _Limits, rng: np.random.Generator) -> Edit:
        """Clip, null, mark or drop."""
        after: dict[str, pa.Array] = {}
        why: dict[str, pa.Array] = {}
        gone = np.zeros(rows.num_rows, np.bool_)
        for name in fitted.names:
            column = rows.column(name).combine_chunks()
            values = _doubles(column)
            low, high = fitted.of(rows, self.by, name)
            below, above = values < low, values > high
            beyond = below | above
            gone |= beyond
            if self.action == "flag":
                after[f"{name}_outlier"] = pa.array(beyond)
            elif self.action == "null":
                after[name] = pc.if_else(pa.array(beyond), pa.scalar(None, column.type), column)
            elif self.action == "clip":
                limit = np.where(below, low, high)
                ends = pa.array(np.where(beyond, limit, 0.0)).cast(column.type)
                after[name] = pc.if_else(pa.array(beyond), ends, column)
            if self.action in ("null", "clip"):
                words = pa.array(np.where(below, "below", "above"))
                edges = pa.array(np.where(below, low, high)).cast(pa.string())
                said = pc.binary_join_element_wise(words, edges, " ")
                why[name] = pc.if_else(pa.array(beyond), said, pa.scalar(None, pa.string()))
        if self.action == "drop":
            return Edit(delete=np.flatnonzero(gone).astype(np.int64))
        return Edit.between(rows, pa.table(after), why=why)

    def _columns(self, source: Source) -> tuple[str, ...]:
        if self.columns:
            return self.columns
        contract = source.contract
        spared = {*source.key, *contract.sensitive, contract.label, *self.by}
        return tuple(f.name for f in source.schema if f.name not in spared and _is_number(f.type))

    def _learnt(self, values: F64, place: NDArray[np.int64], groups: int) -> tuple[F64, F64]:
        """Return the limits of each group, then those of all rows, which groups without enough values have too."""
        given: Any = {"factor": self.factor, "quantiles": self.quantiles}
        whole = bounds_by_group(values, np.zeros(len(values), np.int64), 1, self.method, **given)
        if not groups:
            return whole
        own = bounds_by_group(values, place, groups, self.method, least=_LEAST, **given)
        low, high = (
            np.append(np.where(np.isnan(mine), all_rows, mine), all_rows)
            for mine, all_rows in zip(own, whole, strict=True)
        )
        return low, high


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _doubles(column: Any) -> F64:
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(pc.fill_null(flat.cast(pa.float64(), safe=False), np.nan))
