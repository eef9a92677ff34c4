"""Which parts of a table grew or shrank: a shallow tree that tells new rows from old ones, leaf by leaf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Condition", "MovedSlice", "moved_slices", "separation"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Sign = Literal["<=", ">", "=", "<>", "missing", "there"]

_CUTS = 15
_VALUES = 20
_CHANCE = 20.0
_AGAIN = 0.25
"""What the gain of a column that was cut already counts beside that of another: a slice with two columns says more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column: a sign and what the value is held against.

    ``>`` and ``<>`` hold of missing values too where ``or_missing`` says so.
    """

    column: str
    sign: Sign
    value: Any = None
    or_missing: bool = False


@dataclass(frozen=True, slots=True)
class MovedSlice:
    """A part of the rows: the conditions that make it, and its share then and now."""

    conditions: tuple[Condition, ...]
    then: float
    now: float


def moved_slices(
    table: pa.Table, is_new: Mask, *, held: Mask, depth: int = 3, least: float = 0.005
) -> list[MovedSlice]:
    """Return the parts whose share changed, those that changed most first; together they are all rows.

    Parameters
    ----------
    table : pyarrow.Table
        Old and new rows: numbers, times, truth values and texts; other columns are not looked at.
    is_new : numpy.ndarray of bool
        Which rows are new.
    held : numpy.ndarray of bool
        Rows that the parts are not found by: the shares are theirs, so that chance does not flatter them.
    depth : int
        The most conditions of a part.
    least : float
        The least share of the rows, old and new ones counting the same, that a part has.

    Notes
    -----
    Each cut is the one that lessens the entropy of the domain most, old and new rows weighing the same in all. Numbers
    are cut at 15 quantiles, texts by their 20 most frequent values.

    References
    ----------
    Breiman et al. (1984). Classification and regression trees.
    """
    columns = [_column(table, name) for name in table.schema.names]
    known = [column for column in columns if column is not None]
    weight = np.where(
        is_new, 0.5 / max(int((is_new & ~held).sum()), 1), 0.5 / max(int((~is_new & ~held).sum()), 1)
    )
    # 2 N ln 2 gain is chi-square by chance, and the best of some hundred cuts is looked for.
    certain = _CHANCE / (2 * np.log(2) * max(int((~held).sum()), 1))
    leaves: list[tuple[tuple[Condition, ...], Mask]] = []

    def grow(rows: Mask, path: tuple[Condition, ...]) -> None:
        found = max(
            (_best(column, rows & ~held, is_new, weight, least) for column in known),
            key=lambda cut: cut.gain * (_AGAIN if any(cut.yes.column == one.column for one in path) else 1.0),
            default=_NOTHING,
        )
        if found.gain <= certain or len(path) >= depth or found.mask is None:
            leaves.append((path, rows))
            return
        grow(rows & found.mask, (*path, found.yes))
        grow(rows & ~found.mask, (*path, found.no))

    grow(np.ones(table.num_rows, np.bool_), ())
    old, new = max(int((held & ~is_new).sum()), 1), max(int((held & is_new).sum()), 1)
    slices = [
        MovedSlice(
            _shortened(path),
            int((rows & held & ~is_new).sum()) / old,
            int((rows & held & is_new).sum()) / new,
        )
        for path, rows in leaves
        if path
    ]
    return sorted(slices, key=_told, reverse=True)


def separation(table: pa.Table, is_new: Mask) -> dict[str, float]:
    """Return for each column how much of the entropy of the domain its best cut takes away, from 0 to 1."""
    weight = np.where(is_new, 0.5 / max(int(is_new.sum()), 1), 0.5 / max(int((~is_new).sum()), 1))
    everything = np.ones(table.num_rows, np.bool_)
    out = {}
    for name in table.schema.names:
        column = _column(table, name)
        out[name] = 0.0 if column is None else _best(column, everything, is_new, weight, 0.0).gain
    return out


def _told(one: MovedSlice) -> float:
    """Return the part's term of the population stability index: a part that tripled says more than one that shrank."""
    then, now = max(one.then, 1e-3), max(one.now, 1e-3)
    return (now - then) * float(np.log(now / then))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as numbers to be cut, or as codes of values."""

    name: str
    type: pa.DataType
    missing: Mask
    numbers: F64 | None = None
    codes: I64 | None = None
    values: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    gain: float
    mask: Mask | None
    yes: Condition
    no: Condition


_NOTHING = _Cut(0.0, None, Condition("", "there"), Condition("", "there"))


def _column(table: pa.Table, name: str) -> _Column | None:
    array = table.column(name).combine_chunks()
    type_ = array.type
    if pa.types.is_boolean(type_) or pa.types.is_string(type_) or pa.types.is_large_string(type_):
        encoded = array.dictionary_encode()
        codes = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)
        return _Column(name, type_, codes < 0, codes=codes, values=encoded.dictionary.to_pylist())
    if pa.types.is_temporal(type_):
        numbers = array.view(pa.int32() if type_.bit_width == 32 else pa.int64()).cast(
            pa.float64(), safe=False
        )
    elif pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        numbers = array.cast(pa.float64(), safe=False)
    else:
        return None
    floats = np.asarray(pc.fill_null(numbers, np.nan)).astype(np.float64)
    return _Column(name, type_, np.isnan(floats), numbers=floats)


def _best(column: _Column, rows: Mask, is_new: Mask, weight: F64, least: float) -> _Cut:
    """Return the cut of a column that tells most about which rows are new."""
    candidates: list[tuple[Mask, Condition, Condition]] = []
    gaps = bool((column.missing & rows).any())
    there = rows & ~column.missing
    if gaps:
        missing = Condition(column.name, "missing")
        candidates.append((column.missing, missing, Condition(column.name, "there")))
    if column.numbers is not None and there.any():
        values = column.numbers[there]
        cuts = np.unique(np.quantile(values, np.linspace(0, 1, _CUTS + 2)[1:-1], method="inverted_cdf"))
        if pa.types.is_floating(column.type):
            cuts = np.unique([float(f"{cut:.4g}") for cut in cuts])
        for cut in cuts[(cuts < values.max()) & (cuts >= values.min())].tolist():
            with np.errstate(invalid="ignore"):
                mask = column.numbers <= cut
            more = Condition(column.name, ">", cut, gaps)
            candidates.append((mask, Condition(column.name, "<=", cut), more))
    elif column.codes is not None and there.any():
        counts = np.bincount(column.codes[there])
        for code in np.argsort(-counts, kind="stable")[:_VALUES].tolist():
            if counts[code]:
                value = column.values[code]
                others = Condition(column.name, "<>", value, gaps)
                candidates.append((column.codes == code, Condition(column.name, "=", value), others))
    if not candidates:
        return _NOTHING
    new, old = weight * (rows & is_new), weight * (rows & ~is_new)
    total_new, total_old = float(new.sum()), float(old.sum())
    whole = _entropy(total_new, total_old)
    best = _NOTHING
    for mask, yes, no in candidates:
        a, b = float(new[mask].sum()), float(old[mask].sum())
        if min(a + b, total_new + total_old - a - b) < max(least, 1e-12):
            continue
        gain = whole - _entropy(a, b) - _entropy(total_new - a, total_old - b)
        if gain > best.gain:
            best = _Cut(gain, mask, yes, no)
    return best


def _entropy(a: float, b: float) -> float:
    """Return the entropy of the domain in bits times the weight of the rows."""
    total = a + b
    return -sum(part * float(np.log2(part / total)) for part in (a, b) if part > 0)


def _shortened(path: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return the conditions without those that a later one implies: the narrower of two limits alone."""
    kept: list[Condition] = []
    for place, one in enumerate(path):
        later = path[place + 1 :]
        implied = any(
            other.column == one.column
            and (
                (
                    other.sign == one.sign
                    and one.sign in ("<=", ">")
                    and not (other.or_missing and not one.or_missing)
                )
                or (one.sign in ("<>", "there") and other.sign in ("=", "<="))
                or (one.sign == "there" and not other.or_missing and other.sign in (">", "<>"))
            )
            for other in later
        )
        if not implied:
            kept.append(one)
    return tuple(kept)
