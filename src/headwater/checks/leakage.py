"""``leakage.target``: columns that give the label away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import judged, percent
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.methods.association import label_gain, variance_gain
from headwater.profile.kinds import kind_of

__all__ = ["GIVEN_AWAY", "TargetLeakage", "shares_explained"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

GIVEN_AWAY = 0.9
"""The share explained from which a column gives the label away."""

_BINS = 256
_MOST_CLASSES = 50
_LEAST_MINORITY = 10
_MOST_DISTINCT = 0.5


@CHECKS.register("leakage.target")
@dataclass(frozen=True, kw_only=True)
class TargetLeakage(Check):
    """No single column gives the label away.

    A column that all but decides the label is mostly the label itself, written differently, or something
    that is known only afterwards. A model trained on it looks perfect and is of no use.

    Parameters
    ----------
    label : str
        The label column; the contract's by default.
    maximum : float
        The share of the label's uncertainty that one column may explain, from 0 (it tells nothing) to 1 (it
        decides the label).
    rows : int
        The most rows looked at, spread evenly.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Each row's label is predicted as the most frequent one of the other rows with the same value of the column
    (the mean, for labels that are numbers). The share explained is ``1 - errors / errors without the column``:
    Goodman and Kruskal's lambda, leaving one out, and R² for numbers. Columns of many numbers are cut into
    256 ranges; columns whose values hardly ever come twice tell nothing this way. O(n log n) a column.

    References
    ----------
    Goodman, Kruskal (1954). Measures of association for cross classifications. doi:10.2307/2281536
    """

    id = "leakage.target"
    title = "Columns that give the label away"
    cost: ClassVar[Cost] = "rows"

    label: str = ""
    maximum: float = GIVEN_AWAY
    rows: int = 200_000
    level: Level = "fail"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a label, and columns beside it and the key."""
        others = set(target.schema.names) - {*target.key, target.label}
        return (cls(),) if target.label and others else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Try each column."""
        label = self.label or target.label
        if not label:
            raise UsageError("Leakage needs a label column. Name one in the contract, or with --label.")
        require_columns(target.schema, [label], where=f"dataset {target.dataset.name!r}")
        shares = shares_explained(target, label, rows=self.rows)
        if not shares:
            return [self._finding(label, None, 0.0, "too few rows of each label to learn from")]
        best = max(shares, key=lambda name: shares[name])
        guilty = sorted((n for n in shares if shares[n] > self.maximum), key=lambda name: -shares[name])
        if not guilty:
            return [self._finding(label, None, shares[best], f"the one that tells most is {best!r}")]
        return [self._finding(label, column, shares[column], "") for column in guilty]

    def _finding(self, label: str, column: str | None, share: float, why: str) -> Finding:
        message = (
            f"No column alone gives {label!r} away ({why}: {percent(max(share, 0.0))} of what is uncertain)."
            if column is None
            else f"Column {column!r} alone decides {label!r}: it explains {percent(share)} of what is uncertain about "
            "it. If it is not known when the model is used, or is the label written differently, drop it."
        )
        return judged(
            self,
            column is not None,
            message,
            severity=0.95,
            column=column,
            value=share,
            threshold=self.maximum,
        )


def shares_explained(target: Target, label: str, *, rows: int = 200_000) -> dict[str, float]:
    """Return for each column the share of what is uncertain about the label that it explains.

    Empty where there are too few rows of each label, or no column beside the key and the label.
    """
    spared = {*target.key, label}
    columns = [
        field.name for field in target.schema if field.name not in spared and kind_of(field.type).is_countable
    ]
    table = _sample(target, [label, *columns], rows)
    table = table.filter(_is_there(table.column(label)))
    truth = _Truth.of(table.column(label))
    if truth is None or not columns:
        return {}

    def explained(column: str) -> float:
        return truth.explained_by(_codes(table.column(column)))

    return dict(zip(columns, target.executor.map(explained, columns), strict=True))


@dataclass(frozen=True, slots=True)
class _Truth:
    """The label as class numbers, or as numbers to predict."""

    classes: I64 | None
    numbers: F64 | None

    @classmethod
    def of(cls, label: pa.ChunkedArray) -> _Truth | None:
        """Return the label, or None where there is too little of it to learn from."""
        encoded = label.combine_chunks().dictionary_encode()
        if len(encoded.dictionary) > _MOST_CLASSES and kind_of(label.type).is_numeric:
            return cls(None, np.asarray(label.cast(pa.float64())))
        codes = np.asarray(encoded.indices).astype(np.int64)
        counts = np.bincount(codes) if len(codes) else np.zeros(1, np.int64)
        return cls(codes, None) if len(codes) - counts.max() >= _LEAST_MINORITY else None

    def explained_by(self, codes: I64) -> float:
        """Return the share of what is uncertain about the label that the codes explain."""
        size = int(codes.max()) + 1 if len(codes) else 0
        if size > _MOST_DISTINCT * len(codes):
            return 0.0
        if self.numbers is not None:
            sums = (
                np.bincount(codes, weights, minlength=size) for weights in (self.numbers, self.numbers**2)
            )
            found = variance_gain(np.bincount(codes, minlength=size), *sums)
        else:
            assert self.classes is not None
            kinds = int(self.classes.max()) + 1
            pairs = np.bincount(codes * kinds + self.classes, minlength=size * kinds)
            found = label_gain(pairs.reshape(size, kinds))
        return 0.0 if np.isnan(found) else found


def _codes(values: pa.ChunkedArray) -> I64:
    """Return a code for each value, null being one; many numbers are cut into ranges."""
    encoded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    places = np.asarray(encoded.indices).astype(np.int64)
    if len(encoded.dictionary) <= _BINS or not kind_of(values.type).is_ordered:
        return places
    if pa.types.is_temporal(values.type):
        width = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = values.cast(width)
    numbers = np.asarray(values.cast(pa.float64(), safe=False).fill_null(np.nan))
    there = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[there], np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(there, np.searchsorted(edges, numbers, side="right"), len(edges) + 1)


def _sample(target: Target, columns: Sequence[str], rows: int) -> pa.Table:
    """Return at most about ``rows`` rows, spread evenly over the dataset."""
    step, start, parts = -(-target.dataset.num_rows // rows) or 1, 0, []
    for batch in target.dataset.scan(columns):
        numbers = np.arange(start, start + batch.num_rows)
        parts.append(batch if step == 1 else batch.filter(pa.array(numbers % step == 0)))
        start += batch.num_rows
    return pa.Table.from_batches(parts, pa.schema([target.schema.field(name) for name in columns]))


def _is_there(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.invert(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type)))
