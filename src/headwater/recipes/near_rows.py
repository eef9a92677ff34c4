"""Rows that are nearly the same: equal in text and the like, close in numbers and times."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, hash_array, mix
from headwater.profile.kinds import kind_of
from headwater.recipes.alike import Likeness, Side, Signatures
from headwater.recipes.near_text import plain_text

__all__ = ["NearRows"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_GRIDS = 3
_DAY = 86_400.0
_LEAST = 1e-12


@dataclass(frozen=True, kw_only=True)
class NearRows(Likeness):
    """Rows are alike when their texts read the same and their numbers and times lie within a tolerance.

    Parameters
    ----------
    names : tuple of str
        The columns.
    relative : float
        How far numbers may differ, as a share of the larger one.
    absolute : float
        How far they may differ beside that.
    days : float
        How far dates and times may differ.

    Notes
    -----
    Rows are compared where their texts agree and three of their numbers fall into the same cells of shifted grids:
    two numbers within the tolerance share a cell of one grid at least.
    """

    names: tuple[str, ...]
    relative: float = 1e-6
    absolute: float = 0.0
    days: float = 0.0

    def __post_init__(self) -> None:
        if not self.names or min(self.relative, self.absolute, self.days) < 0 or self.relative >= 1:
            raise UsageError(
                "Name columns, and give tolerances of at least 0: relative below 1, absolute, and days."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return self.names

    @property
    def facts(self) -> list[Any]:
        """The tolerances."""
        return [self.relative, self.absolute, self.days]

    def sign(self, rows: pa.Table) -> Signatures:
        """Return hashes of the texts with the cells of the numbers."""
        total, empty = np.zeros(rows.num_rows, np.uint64), np.ones(rows.num_rows, np.bool_)
        exact = np.zeros(rows.num_rows, np.uint64)
        cells: list[tuple[U64, U64]] = []
        for place, name in enumerate(self.names):
            column, salt = rows.column(name), np.uint64(place + 1)
            hashed = hash_array(column) if _span(column.type) else _hash_plain(column)
            empty &= hashed == 0
            exact += mix(hashed + mix(np.full(1, salt)))
            if not _span(column.type):
                total += mix(hashed + mix(np.full(1, salt)))
            elif len(cells) < _GRIDS:
                cells.append(self._cells(_numbers(column), _span(column.type) == "time"))
        bands = []
        for choice in product((0, 1), repeat=len(cells)):
            band = total.copy()
            for place, (shift, grids) in enumerate(zip(choice, cells, strict=True)):
                band = mix(band + grids[shift] + np.uint64(2 * place + shift))
            bands.append(band)
        return Signatures(np.where(empty, np.uint64(0), np.maximum(exact, np.uint64(1))), np.stack(bands))

    def scores(self, one: Side, left: I64, two: Side, right: I64) -> F64:
        """Return 1 less the largest difference as a share of what is allowed, halved; NaN beyond it."""
        at, bt = np.unique(left), np.unique(right)
        mine, theirs = one.rows(at), two.rows(bt)
        a, b = np.searchsorted(at, left), np.searchsorted(bt, right)
        worst = np.zeros(len(left))
        for name in self.names:
            kind = _span(mine.column(name).type)
            if kind is None:
                here, there = _hash_plain(mine.column(name))[a], _hash_plain(theirs.column(name))[b]
                worst[here != there] = np.inf
                continue
            x, y = _numbers(mine.column(name))[a], _numbers(theirs.column(name))[b]
            allowed = (
                np.full(len(x), self.days * _DAY)
                if kind == "time"
                else self.absolute + self.relative * np.maximum(np.abs(x), np.abs(y))
            )
            with np.errstate(invalid="ignore"):
                apart = np.abs(x - y)
                share = np.where(
                    (x == y) | (np.isnan(x) & np.isnan(y)), 0.0, apart / np.maximum(allowed, _LEAST)
                )
            worst = np.maximum(worst, np.where(np.isnan(share), np.inf, share))
        return np.where(worst <= 1 + 1e-9, 1 - worst / 2, np.nan)

    def _cells(self, values: F64, is_time: bool) -> tuple[U64, U64]:
        """Return the cells of two grids shifted by half a cell, at least twice as wide as the tolerance."""
        if is_time:
            place = values / max(4 * self.days * _DAY, _LEAST)
        elif self.relative and self.absolute:
            # asinh is linear near 0 and logarithmic beyond: neighbours within either tolerance stay near.
            scale = self.absolute / self.relative
            place = np.arcsinh(values / scale) / (8 * self.relative / (1 - self.relative))
        elif self.relative:
            with np.errstate(divide="ignore"):
                size = np.where(values == 0, -1e6, np.log(np.abs(values)))
            place = np.sign(values) * (size / (4 * -np.log1p(-self.relative)) + 1e9)
        else:
            place = values / max(4 * self.absolute, _LEAST)
        known = np.where(np.isfinite(place), place, np.where(np.isnan(values), 2e17, np.sign(values) * 1e17))
        known = np.clip(known, -4e18, 4e18)
        return (
            np.floor(known).astype(np.int64).view(np.uint64),
            np.floor(known + 0.5).astype(np.int64).view(np.uint64),
        )


def _span(kind: pa.DataType) -> str | None:
    """Say whether values are compared as numbers or times; None for those that must be equal."""
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    return "number" if kind_of(kind).is_numeric else None


def _numbers(column: pa.ChunkedArray) -> F64:
    """Return values as numbers, times in seconds; NaN for null."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = pc.divide(
            column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64(), safe=False), 1e6
        )
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _hash_plain(column: pa.ChunkedArray) -> U64:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = plain_text(column)
        hashed = hash_array(text)
        hashed[np.asarray(pc.equal(pc.binary_length(text), 0))] = 0
        return hashed
    return hash_array(column)
