"""``clean.deduplicate``: of rows that are equal, or stand for the same, keep one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError, require_choice
from headwater.core.hashing import U64, hash_columns
from headwater.core.schema import require_columns
from headwater.methods.survivorship import Rule, surviving
from headwater.reading.chunks import DatasetChunk
from headwater.recipes.alike import clusters
from headwater.recipes.duplicate_rows import By, duplicate_pairs, searched_columns
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, require_targets
from headwater.transforms.grouping import group_numbers
from headwater.transforms.training_rows import take_rows

__all__ = ["Deduplicate"]

I64 = NDArray[np.int64]
Keep = Literal["key", "first", "last", "complete", "newest", "longest"]


@TRANSFORMS.register("clean.deduplicate")
@dataclass(frozen=True, kw_only=True)
class Deduplicate(Transform):
    """Of rows that are equal, or stand for the same, keep one; its cells may be put together from all of them.

    Parameters
    ----------
    columns : tuple of str
        The columns that must agree; by default all but the key. For text, pictures and vectors, the one column.
    by : {"exact", "text", "image", "embedding", "rows", "entities"}
        How rows are compared: see the checks ``duplicates.exact``, ``near_text``, ``near_image``, ``embedding``,
        ``near_rows`` and ``entities``.
    keep : {"key", "first", "last", "complete", "newest", "longest"}
        Which row stays: that with the smallest key, the first or last in scan order, the one with the most values,
        the one with the greatest value or the longest text in the column ``order``. Of equally good ones the smallest
        key stays.
    order : str
        The column that ``newest`` and ``longest`` look at.
    merge : mapping of str to {"first", "frequent", "max", "min", "longest", "concat"}
        Columns whose cells come from all rows of the group: the first value that is not null, beginning with the row
        that stays, the most frequent, largest, smallest or longest one, or all texts joined. Other cells are those of
        the row that stays.
    threshold, relative, absolute, days, bits
        As for the checks.

    Notes
    -----
    Null equals null, but rows without any value in the columns are never duplicates of each other. Holds
    eight bytes a row; only rows that look equal by hash are read, and compared in full. Nested values are
    compared by a 64-bit hash. Without a key equal rows are alike in everything when all columns count, so
    which one stays makes no difference; otherwise it is the first in scan order.
    """

    id = "clean.deduplicate"
    title = "Duplicate rows"
    version = "2"

    columns: tuple[str, ...] = ()
    by: Literal["exact"] | By = "exact"
    keep: Keep = "key"
    order: str = ""
    merge: Mapping[str, Rule] = field(default_factory=dict)
    threshold: float | None = None
    relative: float = 1e-6
    absolute: float = 0.0
    days: float = 0.0
    bits: int = 5

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that are put together; else rows go or stay as they are."""
        return tuple(self.merge)

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, or a rule does not fit it."""
        where = f"dataset {source.dataset.name!r}"
        require_columns(source.schema, self.columns, where=where)
        require_choice("keep", self.keep, get_args(Keep))
        if (self.keep in ("newest", "longest")) != bool(self.order):
            raise UsageError(
                "Name the column `order` for keep='newest' and keep='longest', and for no other."
            )
        if self.order:
            require_columns(source.schema, (self.order,), where=where)
        require_targets(self, source, tuple(self.merge))
        for name, rule in self.merge.items():
            surviving(pa.array([], source.schema.field(name).type), np.zeros(0, np.int64), rule)
        if self.by != "exact":
            searched_columns(source.dataset, self.by, self.columns)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the rows to delete, and the cells put together."""
        rows, group = self._exact(source) if self.by == "exact" else self._alike(source)
        if not len(rows):
            return
        order = self._preferred(source, rows, group)
        rows, group = rows[order], group[order]
        stays = np.concatenate([np.ones(1, np.bool_), group[1:] != group[:-1]])
        facts = {"columns": list(self._columns(source)), "by": self.by, "groups": int(stays.sum())}
        gone = np.sort(rows[~stays])
        if not self.merge:
            yield Edit(delete=gone, facts=facts)
            return
        number = np.cumsum(stays) - 1
        before = take_rows(source, np.sort(rows), list(self.merge))
        there = before.take(pa.array(np.searchsorted(np.sort(rows), rows)))
        heads = np.argsort(rows[stays])
        after = pa.table(
            {
                name: surviving(there.column(name), number, rule).take(pa.array(heads))
                for name, rule in self.merge.items()
            }
        )
        kept = there.filter(pa.array(stays)).take(pa.array(heads))
        edit = Edit.between(kept, after, rows=rows[stays][heads])
        yield Edit(rows=edit.rows, values=edit.values, cells=edit.cells, delete=gone, facts=facts)

    def _columns(self, source: Source) -> tuple[str, ...]:
        if self.by != "exact":
            return searched_columns(source.dataset, self.by, self.columns)
        return self.columns or tuple(name for name in source.schema.names if name not in source.key)

    def _exact(self, source: Source) -> tuple[I64, I64]:
        """Return the rows that equal another, ascending, and the group of each."""
        columns = self._columns(source)

        def hashes(numbered: tuple[int, DatasetChunk]) -> U64:
            return hash_columns(numbered[1].read(columns))

        parts = list(source.executor.map(hashes, source.chunks(), label=self.id, progress=source.progress))
        suspects = _repeated(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
        if not len(suspects):
            return suspects, suspects
        rows = take_rows(source, suspects, list(dict.fromkeys(columns)))
        return _shared(suspects, group_numbers(rows))

    def _alike(self, source: Source) -> tuple[I64, I64]:
        """Return the rows that stand for the same as another, ascending, and the group of each."""
        assert self.by != "exact"
        pairs = duplicate_pairs(
            source.dataset,
            self.by,
            self.columns,
            threshold=self.threshold,
            relative=self.relative,
            absolute=self.absolute,
            days=self.days,
            bits=self.bits,
            cache=source.cache,
            executor=source.executor,
            progress=source.progress,
        )
        cluster = clusters(pairs, source.dataset.num_rows)
        return _shared(np.arange(len(cluster), dtype=np.int64), cluster)

    def _preferred(self, source: Source, rows: I64, group: I64) -> I64:
        """Return an order of the rows: group by group, the one that stays first."""
        key = np.empty(len(rows), np.int64)
        key[_key_order(take_rows(source, rows, list(source.key) or source.schema.names[:1]), source.key)] = (
            np.arange(len(rows))
        )
        if self.keep == "key":
            return np.lexsort((key, group))
        if self.keep in ("first", "last"):
            return np.lexsort((rows if self.keep == "first" else -rows, group))
        values = take_rows(source, rows, [self.order] if self.order else source.schema.names)
        if self.keep == "complete":
            good = sum(
                (np.asarray(column.is_valid()).astype(np.int64) for column in values.columns),
                np.zeros(len(rows), np.int64),
            )
        elif self.keep == "longest":
            good = np.asarray(pc.fill_null(pc.utf8_length(values.column(0).cast(pa.string())), -1)).astype(
                np.int64
            )
        else:
            encoded = values.column(0).combine_chunks().dictionary_encode()
            place = np.empty(len(encoded.dictionary), np.int64)
            place[np.asarray(pc.sort_indices(encoded.dictionary)).astype(np.int64)] = np.arange(len(place))
            codes = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)
            good = np.where(codes < 0, -1, np.append(place, -1)[codes])
        return np.lexsort((key, -good, group))


def _shared(rows: I64, group: I64) -> tuple[I64, I64]:
    """Return the rows whose group another row is in as well, with their groups."""
    sizes = np.bincount(group, minlength=1)
    those = sizes[group] > 1
    return rows[those], group[those]


def _repeated(hashes: U64) -> I64:
    """Return the rows whose hash another row has too; hash 0 stands for no value at all."""
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.flatnonzero((counts[inverse] > 1) & (hashes != 0)).astype(np.int64)


def _key_order(rows: pa.Table, key: tuple[str, ...]) -> I64:
    if not key:
        return np.arange(rows.num_rows, dtype=np.int64)
    order = pc.sort_indices(rows.select(list(key)), sort_keys=[(name, "ascending") for name in key])
    return np.asarray(order).astype(np.int64)
