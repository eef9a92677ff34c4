"""How numeric columns vary together: the sums behind their correlations, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.columns import require_kind
from headwater.profile.kinds import Kind, kind_of

__all__ = ["Comoments", "ComomentsState"]

F64 = NDArray[np.float64]

_LARGEST = 1e150  # its square is a number still; what is beyond counts as missing


@dataclass(frozen=True, slots=True)
class ComomentsState:
    """For each pair of columns, over the rows where both are there: count, means, sums of products.

    Parameters
    ----------
    count : numpy.ndarray of float64, shape (d, d)
        Rows with both.
    mean : numpy.ndarray of float64, shape (d, d)
        ``mean[i, j]``: the mean of column i where j is there too.
    square : numpy.ndarray of float64, shape (d, d)
        ``square[i, j]``: squared deviations of column i from that mean, summed.
    product : numpy.ndarray of float64, shape (d, d)
        Products of the deviations of both, summed.

    References
    ----------
    Schubert, Gertz (2018). Numerically stable parallel computation of (co-)variance.
    doi:10.1145/3221269.3223036
    """

    count: F64
    mean: F64
    square: F64
    product: F64
    stale_rows: int = 0

    def correlations(self) -> F64:
        """Return Pearson's correlation of each pair, NaN where one is constant or fewer than two rows have both."""
        spread = self.square * self.square.T
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.product / np.sqrt(spread)
        return np.clip(np.where((spread > 0) & (self.count > 1), found, np.nan), -1.0, 1.0)

    def merge(self, other: Self) -> Self:
        """Return the sums of both sets of rows."""
        count = self.count + other.count
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(count > 0, other.count / count, 0.0)
            shift = other.mean - self.mean
            weight = self.count * share
        return replace(
            self,
            count=count,
            mean=self.mean + shift * share,
            square=self.square + other.square + shift * shift * weight,
            product=self.product + other.product + shift * shift.T * weight,
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Not offered: what is left would differ in the last digits from what a fresh scan gives."""
        raise NotImplementedError("co-moments are measured again, not subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same sums with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        sums = np.stack([self.count, self.mean, self.square, self.product])
        return encode("comoments", 1, {"sums": sums, "stale": self.stale_rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("comoments", 1, data)
        count, mean, square, product = fields["sums"]
        return cls(count, mean, square, product, fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Comoments(Measure[ComomentsState]):
    """The co-moments of some numeric or boolean columns. Time is quadratic in their number."""

    id: ClassVar[str] = "columns.comoments"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    of: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return self.of

    def validate(self, schema: pa.Schema) -> None:
        """Require numbers."""
        for name in self.of:
            require_kind(schema, name, "a correlation", numbers=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> ComomentsState:
        """Multiply matrices of deviations, missing values as zeros."""
        if not self.of:
            empty = np.zeros((0, 0))
            return ComomentsState(empty, empty, empty, empty)
        data = np.stack([_floats(batch.array(name)) for name in self.of])
        there = np.abs(data) < _LARGEST
        sizes = np.maximum(there.sum(axis=1), 1)
        np.copyto(data, 0.0, where=~there)
        centre = data.sum(axis=1) / sizes
        data -= centre[:, None]
        np.copyto(data, 0.0, where=~there)
        mask = there.astype(np.float64)
        count = mask @ mask.T
        sums = data @ mask.T
        safe = np.maximum(count, 1.0)
        mean = sums / safe
        square = np.maximum((data * data) @ mask.T - sums * mean, 0.0)
        product = data @ data.T - sums * mean.T
        return ComomentsState(count, np.where(count > 0, mean + centre[:, None], 0.0), square, product)

    def load(self, data: bytes) -> ComomentsState:
        """Read a state."""
        return ComomentsState.from_bytes(data)


def _floats(array: pa.Array) -> F64:
    """Return the values as floats, NaN where there is none."""
    kind = kind_of(array.type)
    if kind is Kind.TIME:
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    numbers = array.cast(pa.float64(), safe=False)
    if numbers.null_count:
        numbers = pc.fill_null(numbers, float("nan"))
    return np.asarray(numbers)
