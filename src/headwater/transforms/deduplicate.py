"""``clean.deduplicate``: of rows that are equal over chosen columns, keep one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_columns
from headwater.core.schema import require_columns
from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform
from headwater.transforms.grouping import group_numbers
from headwater.transforms.training_rows import take_rows

__all__ = ["Deduplicate"]

I64 = NDArray[np.int64]


@TRANSFORMS.register("clean.deduplicate")
@dataclass(frozen=True, kw_only=True)
class Deduplicate(Transform):
    """Of rows that are equal over chosen columns, keep the one with the smallest key.

    Parameters
    ----------
    columns : tuple of str
        The columns that must agree; by default all but the key.

    Notes
    -----
    Null equals null, but rows without any value in the columns are never duplicates of each other. Holds
    eight bytes a row; only rows that look equal by hash are read, and compared in full. Nested values are
    compared by a 64-bit hash. Without a key equal rows are alike in everything when all columns count, so
    which one stays makes no difference; otherwise it is the first in scan order.
    """

    id = "clean.deduplicate"
    title = "Duplicate rows"

    columns: tuple[str, ...] = ()

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return no columns: rows go or stay as they are."""
        return ()

    def validate(self, source: Source) -> None:
        """Raise if a column is not there."""
        require_columns(source.schema, self.columns, where=f"dataset {source.dataset.name!r}")

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the rows to delete."""
        columns = self.columns or tuple(name for name in source.schema.names if name not in source.key)
        chunks = source.chunks()

        def hashes(numbered: tuple[int, DatasetChunk]) -> U64:
            return hash_columns(numbered[1].read(columns))

        parts = list(source.executor.map(hashes, chunks, label=self.id, progress=source.progress))
        suspects = _repeated(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
        if not len(suspects):
            return
        rows = take_rows(source, suspects, list(dict.fromkeys([*source.key, *columns])))
        groups = group_numbers(rows.select(list(dict.fromkeys(columns))))
        order = _key_order(rows, source.key)
        _, first, sizes = np.unique(groups[order], return_index=True, return_counts=True)
        gone = np.ones(len(suspects), np.bool_)
        gone[order[first]] = False
        yield Edit(
            delete=np.sort(suspects[gone]),
            facts={"columns": list(columns), "groups": int((sizes > 1).sum())},
        )


def _repeated(hashes: U64) -> I64:
    """Return the rows whose hash another row has too; hash 0 stands for no value at all."""
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.flatnonzero((counts[inverse] > 1) & (hashes != 0)).astype(np.int64)


def _key_order(rows: pa.Table, key: tuple[str, ...]) -> I64:
    if not key:
        return np.arange(rows.num_rows, dtype=np.int64)
    order = pc.sort_indices(rows.select(list(key)), sort_keys=[(name, "ascending") for name in key])
    return np.asarray(order).astype(np.int64)
