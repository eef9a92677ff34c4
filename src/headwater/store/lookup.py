"""Find rows of a manifest by key: by hash in the row indexes, then verified on the real key."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_array, hash_keys, is_one_to_one
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.store.chunk import Chunk, live_mask, read_chunk
from headwater.store.chunklist import Entry
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.rowindex import Keys

__all__ = [
    "SERIAL",
    "Places",
    "equal_rows",
    "gather",
    "live_places",
    "locate",
    "may_hold_keys",
    "may_overlap",
    "occurrence",
    "row_codes",
]

I64 = NDArray[np.int64]

SERIAL: Executor = LocalExecutor(1)
_UNKNOWN = (None, None, None)
_FEW = 16
"""A chunk that has so many times the rows of those sought is searched by halves, others are walked through."""
_MARK_BITS = 24


@dataclass(frozen=True, slots=True)
class Places:
    """Rows of a manifest: the chunk and the position of each; chunk -1 means not found."""

    chunks: I64
    positions: I64

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, which: NDArray[np.bool_] | I64 | slice) -> Places:
        return Places(self.chunks[which], self.positions[which])

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which rows were found."""
        return self.chunks >= 0

    def by_chunk(self) -> dict[int, I64]:
        """Return the positions in each chunk, of rows that were found."""
        order = np.argsort(self.chunks, kind="stable")
        chunks = self.chunks[order]
        numbers, starts = np.unique(chunks, return_index=True)
        parts = np.split(self.positions[order], starts[1:])
        return {int(n): part for n, part in zip(numbers, parts, strict=True) if n >= 0} if len(chunks) else {}

    @classmethod
    def join(cls, parts: Sequence[Places]) -> Places:
        """Return all places one after the other."""
        if not parts:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        return cls(np.concatenate([p.chunks for p in parts]), np.concatenate([p.positions for p in parts]))


def locate(manifest: Manifest, keys: pa.Table, objects: Objects, executor: Executor = SERIAL) -> Places:
    """Find the live row of each key.

    Parameters
    ----------
    manifest : Manifest
        A dataset with a key.
    keys : pyarrow.Table
        The key columns of the rows sought, in the dataset's types.
    objects : Objects
        Where from.
    executor : Executor
        Who looks through the chunks.

    Returns
    -------
    Places
        One place a row of ``keys``.

    Notes
    -----
    O(m log n) a chunk of n rows for m keys, O(n) where m is not much smaller than n; chunks whose bounds say
    that they hold none of the keys are not opened. Reads the key columns only of chunks with a hash hit, and
    none where the hash alone tells keys apart.
    """
    count = keys.num_rows
    chunks, positions = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    if count == 0:
        return Places(chunks, positions)
    sought = keys.select(list(manifest.key))
    hashes = hash_keys(sought, manifest.key)
    sure = is_one_to_one(sought.schema.types, hashes)
    order = np.argsort(hashes)
    search = _Search.of(hashes[order])

    def task(numbered: tuple[int, Chunk]) -> tuple[int, I64, I64]:
        number, chunk = numbered
        index = chunk.key_index(objects)
        hits, low = search.among(index.hashes)
        if not hits.size:
            return number, order[:0], order[:0]
        keys = (
            None if sure else read_chunk(chunk, manifest.schema, objects, columns=manifest.key, deleted=True)
        )
        rows, at = _verified(live_mask(chunk, objects), index, sought, keys, hashes, order[hits], low)
        return number, rows, at

    for number, rows, at in executor.map(task, manifest.chunks.where(may_hold_keys(sought))):
        chunks[rows], positions[rows] = number, at
    return Places(chunks, positions)


@dataclass(frozen=True, slots=True)
class _Search:
    """Hashes sought, in ascending order, with a table of their first bits to rule others out."""

    sought: U64
    marks: NDArray[np.bool_]
    shift: np.uint64

    @classmethod
    def of(cls, sought: U64) -> _Search:
        """Prepare a search that is done in many chunks."""
        bits = min(len(sought).bit_length() + 5, _MARK_BITS)
        shift = np.uint64(64 - bits)
        marks = np.zeros(1 << bits, np.bool_)
        marks[sought >> shift] = True
        return cls(sought, marks, shift)

    def among(self, stored: U64) -> tuple[I64, I64]:
        """Return which of the sought are in ``stored``, which ascends, and the first place of each there."""
        if len(self.sought) * _FEW <= len(stored):
            low = np.searchsorted(stored, self.sought)
            inside = low < len(stored)
            inside[inside] = stored[low[inside]] == self.sought[inside]
            return np.flatnonzero(inside), low[inside]
        near = np.flatnonzero(self.marks[stored >> self.shift])
        values, first = np.unique(stored[near], return_index=True)
        start = np.searchsorted(self.sought, values)
        count = np.searchsorted(self.sought, values, side="right") - start
        steps = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(start, count) + steps, np.repeat(near[first], count)


def may_hold_keys(keys: pa.Table) -> Callable[[Entry], bool]:
    """Return a test of chunks and pages: False for those whose bounds say that they hold none of these keys."""
    columns: dict[str, Any] = {}
    for field, column in zip(keys.schema, keys.columns, strict=True):
        if pa.types.is_integer(field.type):
            columns[field.name] = pc.unique(column).sort().to_numpy(zero_copy_only=False)
        elif pa.types.is_string(field.type):
            # In the order of bytes, which is that of Python and of the bounds.
            columns[field.name] = pc.unique(column).sort().to_pylist()

    def test(entry: Entry) -> bool:
        for name, values in columns.items():
            low, high, _ = entry.statistics.get(name, _UNKNOWN)
            if low is None or high is None or isinstance(low, str) != isinstance(values, list):
                continue
            at = bisect_left(values, low)
            if at == len(values) or values[at] > high:
                return False
        return True

    return test


def may_overlap(chunks: Sequence[Chunk], key: Sequence[str]) -> Callable[[Entry], bool]:
    """Return a test of chunks and pages: False for those whose bounds say that they share no key with ``chunks``."""
    bounds = [[chunk.statistics.get(name, _UNKNOWN)[:2] for name in key] for chunk in chunks]

    def test(entry: Entry) -> bool:
        mine = [entry.statistics.get(name, _UNKNOWN)[:2] for name in key]
        return any(all(map(_touch, mine, yours)) for yours in bounds)

    return test


def _touch(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Say whether two ranges may have a value in common; None is an unknown end, and text only fits text."""
    ends = (*left, *right)
    if None in ends or len({isinstance(end, str) for end in ends}) > 1:
        return True
    return bool(left[0] <= right[1] and right[0] <= left[1])


def _verified(
    live: NDArray[np.bool_],
    index: Keys,
    sought: pa.Table,
    stored: pa.Table | None,
    hashes: U64,
    rows: I64,
    places: I64,
) -> tuple[I64, I64]:
    """Return those ``rows`` of ``sought`` that are ``live`` rows of a chunk, with their positions there.

    ``stored`` are the keys of the chunk; None where equal hashes are equal keys. ``places`` are the first
    places of their hashes in the index. Different keys with equal hashes, and deleted rows of the same key, are
    rare: they are looked at one after the other.
    """
    found, where = [rows[:0]], [rows[:0]]
    while rows.size:
        at = index.positions[places].astype(np.int64)
        same = live[at]
        if stored is not None:
            same &= equal_rows(sought.take(pa.array(rows)), stored.take(pa.array(at)))
        found.append(rows[same])
        where.append(at[same])
        rows, places = rows[~same], places[~same] + 1
        more = places < len(index.hashes)
        rows, places = rows[more], places[more]
        again = index.hashes[places] == hashes[rows]
        rows, places = rows[again], places[again]
    return np.concatenate(found), np.concatenate(where)


def gather(
    manifest: Manifest,
    places: Places,
    objects: Objects,
    *,
    columns: Sequence[str] | None = None,
    executor: Executor = SERIAL,
) -> pa.Table:
    """Return the rows at ``places``, in that order, in the dataset's schema; chunks are read by ``executor``."""
    names = manifest.schema.names if columns is None else list(columns)

    def task(item: tuple[int, I64]) -> pa.Table:
        number, positions = item
        return read_chunk(manifest.chunks[number], manifest.schema, objects, columns=names, rows=positions)

    groups = places.by_chunk()
    parts = list(executor.map(task, groups.items()))
    order = [np.flatnonzero(places.chunks == number) for number in groups]
    if not parts:
        return pa.schema([manifest.schema.field(name) for name in names]).empty_table()
    table = pa.concat_tables(parts)
    back = np.argsort(np.concatenate(order), kind="stable")
    return table if np.array_equal(back, np.arange(len(back))) else table.take(pa.array(back))


def live_places(manifest: Manifest, objects: Objects) -> Places:
    """Return the places of all rows, in the order of a scan."""
    parts = []
    for number, chunk in enumerate(manifest.chunks):
        live = np.flatnonzero(live_mask(chunk, objects)).astype(np.int64)
        parts.append(Places(np.full(len(live), number, np.int64), live))
    return Places.join(parts)


def occurrence(values: U64) -> I64:
    """Return, for each value, how many equal ones stand before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    fresh = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, np.bool_)
    starts = np.flatnonzero(fresh)
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    out = np.empty(len(values), np.int64)
    out[order] = rank
    return out


def row_codes(keys: pa.Table) -> I64:
    """Return a number for each row, equal exactly where the rows are equal."""
    names = [f"key{number}" for number in range(keys.num_columns)]
    numbered = keys.rename_columns(names).append_column("row", pa.array(np.arange(keys.num_rows)))
    groups = numbered.group_by(names, use_threads=False).aggregate([("row", "list")])
    lists = groups.column("row_list").combine_chunks()
    codes = np.empty(keys.num_rows, np.int64)
    codes[np.asarray(lists.flatten())] = np.repeat(
        np.arange(len(lists)), np.asarray(pc.list_value_length(lists))
    )
    return codes


def equal_rows(left: pa.Table, right: pa.Table) -> NDArray[np.bool_]:
    """Compare two tables row by row, column by column, without relying on the hash where values can be compared."""
    same = np.ones(left.num_rows, np.bool_)
    for name in left.schema.names:
        a, b = left.column(name), right.column(name)
        if pa.types.is_nested(a.type):
            same &= hash_array(a) == hash_array(b)
        else:
            same &= np.asarray(pc.equal(a, b).fill_null(False))
    return same
