"""Which value survives where several rows become one: a rule for each column."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError, require_choice

__all__ = ["Rule", "surviving"]

Rule = Literal["first", "frequent", "max", "min", "longest", "concat"]
"""The first value that is not null, the most frequent, the largest, the smallest, the longest, or all joined."""

I64 = NDArray[np.int64]

_BETWEEN = "; "


def surviving(values: pa.Array | pa.ChunkedArray, groups: I64, rule: Rule) -> pa.Array:
    """Return the value of each group.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        The values, the rows of a group side by side and the preferred ones first.
    groups : numpy.ndarray of int64
        The group of each row: 0, 1, 2, …, ascending.
    rule : {"first", "frequent", "max", "min", "longest", "concat"}
        Which value survives; of equally good ones that of the preferred row. ``concat`` joins the distinct texts.

    Returns
    -------
    pyarrow.Array
        As many values as groups; null where all are.

    Raises
    ------
    UsageError
        If the rule does not fit the type.

    Examples
    --------
    >>> surviving(pa.array([None, "b", "cc", "cc"]), np.array([0, 0, 1, 1]), "first").to_pylist()
    ['b', 'cc']
    """
    require_choice("rule", rule, get_args(Rule))
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(flat, pa.ChunkedArray):
        flat = pa.concat_arrays(flat.chunks or [pa.array([], flat.type)])
    count = int(groups[-1]) + 1 if len(groups) else 0
    text = pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type)
    if rule in ("longest", "concat") and not text:
        raise UsageError(f"The rule {rule!r} is for text, and this is {flat.type}.")
    there = np.flatnonzero(np.asarray(flat.is_valid()))
    if rule == "concat":
        return _joined(flat, groups, there, count)
    rank = _rank(flat, groups, there, rule)
    order = np.lexsort((there, -rank, groups[there]))
    owner, first = np.unique(groups[there][order], return_index=True)
    chosen = np.full(count, -1, np.int64)
    chosen[owner] = there[order][first]
    return flat.take(pa.array(chosen, mask=chosen < 0))


def _rank(flat: pa.Array, groups: I64, there: I64, rule: Rule) -> NDArray[np.int64]:
    """Return how good each value that is not null is; greater is better."""
    if rule == "first":
        return np.zeros(len(there), np.int64)
    values = flat.take(pa.array(there))
    if rule == "longest":
        return np.asarray(pc.utf8_length(values)).astype(np.int64)
    if pa.types.is_nested(flat.type):
        raise UsageError(f"The rule {rule!r} is for plain values, and this is {flat.type}: take 'first'.")
    encoded = values.dictionary_encode()
    codes = np.asarray(encoded.indices).astype(np.int64)
    if rule == "frequent":
        _, inverse, counts = np.unique(
            groups[there] * (len(encoded.dictionary) + 1) + codes, return_inverse=True, return_counts=True
        )
        return np.asarray(counts[inverse])
    place = np.empty(len(encoded.dictionary), np.int64)
    place[np.asarray(pc.sort_indices(encoded.dictionary)).astype(np.int64)] = np.arange(len(place))
    return np.asarray(place[codes] if rule == "max" else -place[codes])


def _joined(flat: pa.Array, groups: I64, there: I64, count: int) -> pa.Array:
    encoded = flat.take(pa.array(there)).dictionary_encode()
    codes = np.asarray(encoded.indices).astype(np.int64)
    _, first = np.unique(groups[there] * (len(encoded.dictionary) + 1) + codes, return_index=True)
    kept = there[np.sort(first)]
    counts = np.bincount(groups[kept], minlength=count)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), flat.take(pa.array(kept)))
    joined = pc.binary_join(lists, _BETWEEN).cast(flat.type)
    return pc.if_else(pa.array(counts > 0), joined, pa.scalar(None, flat.type))
