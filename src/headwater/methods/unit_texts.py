"""Numbers with a unit written behind them, in a column that does not write them alike.

``12.0 oz``, ``12.0 OZ.`` and ``16 ounce`` in one column are texts that ought to be numbers; ``257 patients``
throughout is a format of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.methods.coded_values import kept_where

__all__ = ["Units", "canonical_number", "unit_errors"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_SHAPE = r"^\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<unit>[^\d]{0,30})$"
_NEARLY = 0.95
_MOST_UNITS = 30
_SAME = 0.9
_CHANCE = 0.9


class Units(NamedTuple):
    """What is wrong with each distinct value, and what it should be."""

    chance: F64
    suggestion: NDArray[np.object_]
    confidence: F64


def unit_errors(texts: pa.Array, counts: I64, *, ignore: NDArray[np.bool_]) -> Units | None:
    """Find values that write a number otherwise than the column does.

    Parameters
    ----------
    texts : pyarrow.Array of string
        The distinct values of a column.
    counts : numpy.ndarray of int64
        Rows with each.
    ignore : numpy.ndarray of bool
        Values that say nothing: missing ones and placeholders.

    Returns
    -------
    Units or None
        None unless nearly all values are numbers with few units. Where most are plain numbers, those with a
        unit are wrong; where nine tenths have one unit, the others; where one unit is spelled in several
        ways and no spelling prevails, all are.
    """
    total = counts[~ignore].sum()
    parts = pc.extract_regex(texts, _SHAPE)
    fits = np.asarray(parts.is_valid()) & ~ignore
    if total == 0 or counts[fits].sum() < _NEARLY * total:
        return None
    numbers = pc.struct_field(parts, "number")
    encoded = pc.fill_null(pc.utf8_rtrim_whitespace(pc.struct_field(parts, "unit")), "").dictionary_encode()
    unit, names = np.asarray(encoded.indices).astype(np.int64), encoded.dictionary
    rows = np.bincount(unit[fits], counts[fits], len(names)).astype(np.float64)
    share = rows / total
    if (rows > 0).sum() < 2 or (rows > 0).sum() > _MOST_UNITS:
        return None
    values = canonical_number(numbers)
    plain = np.asarray(pc.equal(names, ""))
    top = int(np.lexsort((np.arange(len(names)), -rows))[0])
    if share[plain].sum() >= 0.5:
        wrong, suggestion = fits & ~plain[unit], values
        confidence = 0.2 if _is_identifier(numbers, np.where(fits & plain[unit], counts, 0)) else 0.9
    elif share[top] >= _SAME:
        whole = pc.binary_join_element_wise(numbers, names[top], "")
        wrong, confidence = fits & (unit != top), 0.6
        suggestion = np.array(whole.to_pylist(), object)
    else:
        same = _share_of_one_unit(names, rows)
        if same < 0.5:
            return None
        wrong, confidence, suggestion = fits, same, values
    return Units(
        np.where(wrong, _CHANCE, 0.0), kept_where(wrong, suggestion), np.where(wrong, confidence, 0.0)
    )


def canonical_number(texts: pa.Array) -> NDArray[np.object_]:
    """Return numbers in their shortest text, to 12 digits: ``12.0`` as ``12``; None where there is none.

    Examples
    --------
    >>> canonical_number(pa.array(["12.0", "0.0820000000000001", None])).tolist()
    ['12', '0.082', None]
    """
    return np.array([None if v is None else format(float(v), ".12g") for v in texts.to_pylist()], object)


def _is_identifier(numbers: pa.Array, counts: I64) -> bool:
    """Say whether nearly all numbers are whole and of one length: then letters behind them are no unit."""
    lengths = np.asarray(pc.fill_null(pc.utf8_length(numbers), 0)).astype(np.int64)
    rows = np.bincount(lengths, counts)
    whole = not np.asarray(pc.fill_null(pc.match_substring(numbers, "."), False))[counts > 0].any()
    return whole and len(rows) > 2 and bool(rows.max() >= _SAME * rows.sum() and rows.argmax() > 1)


def _share_of_one_unit(names: pa.Array, rows: F64) -> float:
    """Return the share of the most frequent unit when case, dots and additions do not count; 0 if spelled one way."""
    bare = pc.replace_substring_regex(pc.utf8_lower(names), r"[^\p{L}%$€£°]+", " ")
    first = pc.replace_substring_regex(pc.utf8_trim_whitespace(bare), r" .*$", "")
    encoded = first.dictionary_encode()
    of = np.asarray(encoded.indices).astype(np.int64)
    weight = np.bincount(of, rows, len(encoded.dictionary))
    spelled = np.bincount(of[rows > 0], minlength=len(encoded.dictionary))
    weight[spelled < 2] = 0
    return float(weight.max() / rows.sum())
