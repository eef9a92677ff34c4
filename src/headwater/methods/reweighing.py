"""Weights that make the label independent of a sensitive feature, without changing a row.

References
----------
Kamiran, Calders (2012). Data preprocessing techniques for classification without discrimination.
Knowledge and Information Systems 33(1). doi:10.1007/s10115-011-0463-8 (section 4.2, reweighing).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type

__all__ = ["cell_weights", "row_weights"]

F64 = NDArray[np.float64]


def cell_weights(counts: ArrayLike) -> F64:
    """Return the weight of rows of each group and label.

    Parameters
    ----------
    counts : array_like of float, shape (groups, labels)
        Rows of each group with each label.

    Returns
    -------
    numpy.ndarray of float64, shape (groups, labels)
        P(group) P(label) / P(group, label): below 1 where a group has a label more often than if the two
        were independent. NaN where no row is. Weighted by it, every group has the same rate of every
        label, provided that each group has each label; the weights of all rows add up to their number
        then.

    Examples
    --------
    >>> cell_weights([[30, 10], [30, 30]]).round(3).tolist()
    [[0.8, 1.6], [1.2, 0.8]]
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or (table < 0).any():
        raise UsageError(
            f"Counts of groups by labels have two axes and are not negative; got shape {table.shape}."
        )
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(table.sum(), 1.0)
    out = np.full(table.shape, np.nan)
    np.divide(expected, table, out=out, where=table > 0)
    return out


def row_weights(groups: pa.ChunkedArray | pa.Array, labels: pa.ChunkedArray | pa.Array) -> F64:
    """Return the weight of every row.

    Parameters
    ----------
    groups, labels : pyarrow.Array or pyarrow.ChunkedArray
        The sensitive feature (null is a group of its own) and the label of every row.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        As ``cell_weights``; 1 where the label is null.

    Notes
    -----
    Time is linear in rows.
    """
    if len(groups) != len(labels):
        raise UsageError(f"Groups and labels have different lengths: {len(groups)} and {len(labels)}.")
    group, label = _codes(groups), _codes(labels)
    labelled = np.asarray(pc.is_valid(labels))
    if not labelled.any():
        return np.ones(len(groups))
    width = int(label.max()) + 1
    cell = group * width + label
    counts = np.bincount(cell[labelled], minlength=(int(group.max()) + 1) * width).reshape(-1, width)
    return np.where(labelled, cell_weights(counts).ravel()[cell], 1.0)


def _codes(values: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    plain = values.cast(plain_type(values.type))
    codes = pc.index_in(plain, value_set=plain.unique())
    return np.asarray(
        codes.to_numpy(zero_copy_only=False) if isinstance(codes, pa.Array) else codes.to_numpy(), np.int64
    )
