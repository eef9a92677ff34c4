"""Equal rows get equal numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import hash_array

__all__ = ["group_numbers"]


def group_numbers(rows: pa.Table) -> NDArray[np.int64]:
    """Return a number from 0 for each row, equal exactly where the rows are equal; null equals null.

    Nested values are compared by a 64-bit hash. O(n log n) a column.

    Examples
    --------
    >>> group_numbers(pa.table({"a": [1, None, 1, None], "b": ["x", "y", "x", "z"]})).tolist()
    [0, 1, 0, 2]
    """
    codes = np.zeros(rows.num_rows, np.int64)
    for name in rows.schema.names:
        column = rows.column(name)
        if pa.types.is_nested(column.type):
            column = pa.chunked_array([pa.array(hash_array(column))])
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        values = np.asarray(encoded.indices).astype(np.int64)
        _, codes = np.unique(codes * (len(encoded.dictionary) + 1) + values, return_inverse=True)
    return codes.astype(np.int64)
