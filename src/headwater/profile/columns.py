"""What is counted of one column: nulls, zeros, blanks; its mean and spread; its least and greatest value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError
from headwater.core.schema import require_columns
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import Kind, kind_of, lengths_of
from headwater.profile.tally import Tally

__all__ = ["Counts", "Extent", "ExtentState", "Moments", "MomentsState", "require_kind"]

_SPACES = np.zeros(256, np.bool_)
_SPACES[[9, 10, 12, 13, 32]] = True
"""The bytes that the SQL pattern ``\\s`` matches."""


@dataclass(frozen=True, kw_only=True)
class Counts(Measure[Tally]):
    """How many values are null and, by kind, what else is worth counting.

    ``rows``, ``nulls``; numbers: ``nan``, ``infinite``, ``zeros``, ``negative``; booleans: ``true``; text:
    ``empty``, ``blank`` (white space alone), ``padded`` (white space at either end); binary and lists:
    ``empty``.
    """

    id: ClassVar[str] = "column.counts"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Count."""
        array = batch.array(self.column)
        counts = {"rows": batch.num_rows, "nulls": array.null_count}
        kind = kind_of(array.type)
        if kind.is_numeric:
            numbers = batch.numbers(self.column)
            infinite = int(np.isinf(numbers).sum()) if numbers.dtype.kind == "f" else 0
            counts |= {
                "nan": batch.num_rows - array.null_count - len(numbers),
                "infinite": infinite,
                "zeros": int((numbers == 0).sum()),
                "negative": int((numbers < 0).sum()),
            }
        elif kind is Kind.BOOLEAN:
            counts["true"] = int(pc.sum(array).as_py() or 0)
        elif kind is Kind.TEXT:
            counts |= _spaces(array)
        elif kind in (Kind.BINARY, Kind.LIST) and not pa.types.is_fixed_size_binary(array.type):
            counts["empty"] = int((lengths_of(array) == 0).sum())
        return Tally(counts)

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, slots=True)
class MomentsState:
    """Number, mean and sum of squared deviations of finite values.

    References
    ----------
    Chan, Golub, LeVeque (1983). Algorithms for computing the sample variance.
    doi:10.1080/00031305.1983.10483115
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    stale_rows: int = 0

    @property
    def variance(self) -> float:
        """Sample variance; NaN of fewer than two values."""
        return max(self.squares, 0.0) / (self.count - 1) if self.count > 1 else math.nan

    @property
    def std(self) -> float:
        """Sample standard deviation; NaN of fewer than two values."""
        return math.sqrt(self.variance) if self.count > 1 else math.nan

    def merge(self, other: Self) -> Self:
        """Return the moments of both sets of values."""
        stale = self.stale_rows + other.stale_rows
        if not self.count or not other.count:
            return replace(self if self.count else other, stale_rows=stale)
        count = self.count + other.count
        shift = other.mean - self.mean
        return replace(
            self,
            count=count,
            mean=self.mean + shift * other.count / count,
            squares=self.squares + other.squares + shift * shift * self.count * other.count / count,
            stale_rows=stale,
        )

    def subtract(self, part: Self) -> Self:
        """Not offered: what is left would differ in the last digits from what a fresh scan gives."""
        raise NotImplementedError("moments are measured again, not subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same moments with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        moments = np.array([self.mean, self.squares])
        return encode("moments", 1, {"count": self.count, "stale": self.stale_rows, "moments": moments})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("moments", 1, data)
        mean, squares = fields["moments"].tolist()
        return cls(fields["count"], mean, squares, fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Moments(Measure[MomentsState]):
    """Mean and standard deviation of the finite values of a column; times in their unit, booleans as 0 and 1."""

    id: ClassVar[str] = "column.moments"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require an ordered or boolean column."""
        require_kind(schema, self.column, "a mean", numbers=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> MomentsState:
        """Compute them in two passes, so that large means cost no digits."""
        return moments_of(batch.numbers(self.column))

    def load(self, data: bytes) -> MomentsState:
        """Read a state."""
        return MomentsState.from_bytes(data)


@dataclass(frozen=True, slots=True)
class ExtentState:
    """The least and greatest value, as physical numbers (`headwater.profile.kinds.as_python` reads them)."""

    low: float | None = None
    high: float | None = None
    stale_rows: int = 0

    def merge(self, other: Self) -> Self:
        """Return the extent of both sets of values."""
        lows = [value for value in (self.low, other.low) if value is not None]
        highs = [value for value in (self.high, other.high) if value is not None]
        return replace(
            self,
            low=min(lows, default=None),
            high=max(highs, default=None),
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Return the extent without ``part``: unknown where the least or greatest value went away."""
        if part.low is None or self.low is None or part.high is None or self.high is None:
            return self
        inside = self.low < part.low and part.high < self.high
        return self if inside else self.aged(1)

    def aged(self, rows: int) -> Self:
        """Return the same extent with ``rows`` more rows gone: the true one lies within it."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        return encode("extent", 1, {"low": self.low, "high": self.high, "stale": self.stale_rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("extent", 1, data)
        return cls(fields["low"], fields["high"], fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Extent(Measure[ExtentState]):
    """The least and greatest value of a column of numbers or times, NaN left out."""

    id: ClassVar[str] = "column.extent"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require an ordered or boolean column."""
        require_kind(schema, self.column, "a least and a greatest value", numbers=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> ExtentState:
        """Find them."""
        numbers = batch.numbers(self.column)
        if not len(numbers):
            return ExtentState()
        # Adding zero makes one of the two zeros that floats have, and leaves whole numbers whole.
        return ExtentState(numbers.min().item() + 0, numbers.max().item() + 0)

    def load(self, data: bytes) -> ExtentState:
        """Read a state."""
        return ExtentState.from_bytes(data)


def moments_of(numbers: NDArray[Any]) -> MomentsState:
    """Return the moments of an array of numbers; infinite ones are left out."""
    if numbers.dtype.kind == "f":
        finite = np.isfinite(numbers)
        numbers = numbers if finite.all() else numbers[finite]
    if len(numbers) == 0:
        return MomentsState()
    floats = numbers.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):  # near the largest float, moments are infinite
        mean = float(floats.mean())
        deviations = floats - mean
        # Not a dot product: that would start threads of its own for every chunk.
        return MomentsState(len(floats), mean, float(np.square(deviations, out=deviations).sum()))


def require_kind(
    schema: pa.Schema, column: str, what: str, *, numbers: bool = False, text: bool = False
) -> None:
    """Raise unless a column is there and of a kind that has ``what``.

    Raises
    ------
    NotFound
        If the column is not there.
    SchemaError
        If it is of another kind.
    """
    require_columns(schema, [column], where="the dataset")
    type_ = schema.field(column).type
    kind = kind_of(type_)
    fits = (numbers and (kind.is_ordered or kind is Kind.BOOLEAN)) or (text and kind is Kind.TEXT)
    if not fits:
        needed = " or ".join(
            name for name, wanted in (("numbers or times", numbers), ("text", text)) if wanted
        )
        raise SchemaError(
            f"Column {column!r} is {type_}: {what} needs {needed}. "
            "Choose another column, or convert this one first.",
            column=column,
            found=str(type_),
        )


def _spaces(array: pa.Array) -> dict[str, int]:
    """Count empty, blank and padded strings by their first and last byte."""
    if array.null_count:
        array = array.drop_null()
    wide = pa.types.is_large_string(array.type)
    _, offsets_buffer, data = array.buffers()
    if len(array) == 0 or offsets_buffer is None:
        return {"empty": 0, "blank": 0, "padded": 0}
    offsets = np.frombuffer(offsets_buffer, np.int64 if wide else np.int32)[array.offset :][: len(array) + 1]
    there = np.diff(offsets) > 0
    if data is None or not there.any():
        return {"empty": len(array), "blank": 0, "padded": 0}
    raw = np.frombuffer(data, np.uint8)
    padded = _SPACES[raw[offsets[:-1][there]]] | _SPACES[raw[offsets[1:][there] - 1]]
    suspects = array.filter(pa.array(there)).filter(pa.array(padded))
    blank = int(pc.sum(pc.match_substring_regex(suspects, r"^\s+$")).as_py() or 0)
    return {"empty": int((~there).sum()), "blank": blank, "padded": int(padded.sum())}
