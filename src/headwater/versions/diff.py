"""What differs between two versions of a dataset: by chunk list, then by row index, then by cell.

Only rows that differ are read. Rows are compared over the columns both versions have; columns that
came or went are told apart from changed rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.arrays import cast
from headwater.core.hashing import U64, is_one_to_one, mix
from headwater.core.references import Reference, hash_rows, references
from headwater.core.schema import widen
from headwater.engine.base import Executor
from headwater.store.chunk import Chunk, live_mask
from headwater.store.chunklist import unshared
from headwater.store.lookup import SERIAL, Places, equal_rows, gather, occurrence, row_codes
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects

__all__ = ["Diff", "RowChanges", "as_text", "key_names", "row_changes"]

Cells = tuple[NDArray[np.int64], pa.ChunkedArray, pa.ChunkedArray]
"""Cells of one column that differ: the numbers of their rows, the values before and after."""

_SAMPLE = 1000
_WORTH_A_SAMPLE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChanges:
    """The rows that differ: gone from the old version, new in the new one, and pairs with the same key."""

    removed: Places
    added: Places
    before: Places
    after: Places


class Diff:
    """What changed in one dataset from ``old`` to ``new``.

    Parameters
    ----------
    name : str
        Name of the dataset.
    old, new : Manifest, optional
        The two versions; None where the dataset is not there.
    objects : Objects
        Where from.
    executor : Executor
        Who reads the chunks.
    """

    def __init__(
        self,
        name: str,
        old: Manifest | None,
        new: Manifest | None,
        objects: Objects,
        executor: Executor = SERIAL,
    ) -> None:
        self.name = name
        self.old, self.new = old, new
        self._old = old if old is not None else _nothing_of(new)
        self._new = new if new is not None else _nothing_of(old)
        self._objects = objects
        self._executor = executor

    def __repr__(self) -> str:
        stat = self.stat()
        return (
            f"Diff({self.name!r}: {stat['added']} added, {stat['removed']} removed, {stat['changed']} changed, "
            f"{stat['unchanged']} unchanged)"
        )

    def __bool__(self) -> bool:
        return self.old is None or self.new is None or self.stat()["same"] is False

    @cached_property
    def changes(self) -> RowChanges:
        """The places of the rows that differ."""
        return row_changes(self._old, self._new, self._objects, self._executor)

    def stat(self) -> dict[str, Any]:
        """Return the number of rows added, removed, changed and unchanged, and how the columns changed."""
        changes = self.changes
        columns = self.columns()
        counts = {
            "dataset": self.name,
            "added": len(changes.added),
            "removed": len(changes.removed),
            "changed": len(changes.before),
            "unchanged": self._old.rows - len(changes.removed) - len(changes.before),
            "rows_before": self._old.rows,
            "rows_after": self._new.rows,
            "columns": columns,
        }
        contract = (self._old.contract or None) != (self._new.contract or None)
        quiet = not (counts["added"] or counts["removed"] or counts["changed"] or any(columns.values()))
        return {**counts, "contract_changed": contract, "same": quiet and not contract}

    def columns(self) -> dict[str, Any]:
        """Return the columns added and dropped, and those whose type changed."""
        old, new = self._old.schema, self._new.schema
        return {
            "added": [f"{f.name}: {f.type}" for f in new if f.name not in old.names],
            "dropped": [f"{f.name}: {f.type}" for f in old if f.name not in new.names],
            "retyped": [
                f"{f.name}: {f.type} → {new.field(f.name).type}"
                for f in old
                if f.name in new.names and f.type != new.field(f.name).type
            ],
        }

    def rows(self, limit: int | None = None) -> pa.Table:
        """Return the rows that differ, with a first column ``_change``.

        Parameters
        ----------
        limit : int, optional
            The most rows of each kind.

        Returns
        -------
        pyarrow.Table
            ``_change`` is ``removed``, ``added``, or ``before`` and ``after`` for the two sides of a changed
            row; then the columns of both versions. A large value is told by its size and object.
        """
        changes = self.changes
        schema = self._union()
        removed, added, before, after = (
            places if limit is None else places[np.arange(min(limit, len(places)))]
            for places in (changes.removed, changes.added, changes.before, changes.after)
        )
        parts = [
            _marked(self._gather(self._old, removed), "removed", schema),
            _marked(self._gather(self._new, added), "added", schema),
        ]
        first = _marked(self._gather(self._old, before), "before", schema)
        second = _marked(self._gather(self._new, after), "after", schema)
        pairs = pa.concat_tables([first, second])
        order = np.arange(len(pairs)).reshape(2, -1).T.ravel()
        table = pa.concat_tables([*parts, pairs.take(pa.array(order))])
        for place, field in enumerate(table.schema):
            column = table.column(place)
            table = table.set_column(place, field, _told(column, references(column)))
        return table

    def cells(self, limit: int | None = None) -> pa.Table:
        """Return the cells that differ in rows that both versions have.

        Returns
        -------
        pyarrow.Table
            The key columns, then ``_column``, ``_before`` and ``_after`` as text; null means null.
        """
        changes = self.changes
        pick = slice(None) if limit is None else slice(0, limit)
        before, after = changes.before[pick], changes.after[pick]
        key = list(self._new.key)
        rows, found = self._differing(before, after)
        parts = [_no_cells(self._new)]
        keys = self._gather(self._new, after[rows], key)
        for column, (which, was, now) in found.items():
            index = pa.array(np.searchsorted(rows, which))
            names = pa.array([column] * len(which), pa.string())
            parts.append(
                pa.table(
                    [*(keys.column(name).take(index) for name in key), names, as_text(was), as_text(now)],
                    schema=parts[0].schema,
                )
            )
        return pa.concat_tables(parts)

    def _differing(self, before: Places, after: Places) -> tuple[NDArray[np.int64], dict[str, Cells]]:
        """Return the numbers of the pairs that differ in a cell, and for each column that differs where and how.

        The hash of a row is the sum over its columns, so what is left of the difference of two rows after some
        columns were compared tells whether any other column differs: the columns that differ in a sample come
        first, and the rest is read only for rows that these do not explain.
        """
        columns = [name for name in _common(self._old, self._new) if name not in self._new.key]
        found: dict[str, Cells] = {}
        left: U64 | None = None
        batches = [columns]
        if _same_columns(self._old, self._new):
            left = _row_hashes(self._new, after, self._objects)
            left -= _row_hashes(self._old, before, self._objects)
            batches = self._in_likely_order(before, after, columns)
        for batch in batches:
            rows = np.arange(len(before)) if left is None else np.flatnonzero(left)
            if not len(rows) or not batch:
                continue
            was = self._gather(self._old, before[rows], batch)
            now = self._gather(self._new, after[rows], batch)
            for column in batch:
                change = hash_rows(now, [column]) - hash_rows(was, [column])
                differs = np.flatnonzero(change)
                if left is not None:
                    left[rows] -= change
                if len(differs):
                    index = pa.array(differs)
                    found[column] = (
                        rows[differs],
                        was.column(column).take(index),
                        now.column(column).take(index),
                    )
        rows = np.unique(np.concatenate([which for which, _, _ in found.values()])) if found else np.arange(0)
        return rows, {column: found[column] for column in columns if column in found}

    def _in_likely_order(self, before: Places, after: Places, columns: list[str]) -> list[list[str]]:
        """Return the columns that differ in a sample of the pairs, then the others."""
        chunks = before.chunks * len(self._new.chunks) + after.chunks
        if len(np.unique(before.chunks)) + len(np.unique(after.chunks)) < _WORTH_A_SAMPLE:
            return [columns]
        values, counts = np.unique(chunks, return_counts=True)
        sample = np.flatnonzero(chunks == values[np.argmax(counts)])[:_SAMPLE]
        was = self._gather(self._old, before[sample], columns)
        now = self._gather(self._new, after[sample], columns)
        likely = [
            name for name in columns if not np.array_equal(hash_rows(was, [name]), hash_rows(now, [name]))
        ]
        return [likely, [name for name in columns if name not in likely]]

    def to_dict(self, limit: int = 1000) -> dict[str, Any]:
        """Return the diff as JSON-able values, at most ``limit`` rows and cells of each kind."""
        rows = self.rows(limit)
        names = [name for name in rows.schema.names if name != "_change"]
        texts = pa.table(
            {"_change": rows.column("_change"), **{name: as_text(rows.column(name)) for name in names}}
        )
        return {**self.stat(), "rows": texts.to_pylist(), "cells": _texts(self.cells(limit)).to_pylist()}

    def _gather(self, manifest: Manifest, places: Places, columns: Sequence[str] | None = None) -> pa.Table:
        return gather(manifest, places, self._objects, columns=columns, executor=self._executor)

    def _union(self) -> pa.Schema:
        fields = []
        for field in self._new.schema:
            kind = field.type
            if field.name in self._old.schema.names:
                kind = widen(self._old.schema.field(field.name).type, kind) or pa.string()
            fields.append(pa.field(field.name, kind))
        fields += [field for field in self._old.schema if field.name not in self._new.schema.names]
        return pa.schema(fields)


def row_changes(old: Manifest, new: Manifest, objects: Objects, executor: Executor = SERIAL) -> RowChanges:
    """Return the rows that differ between two versions of a dataset.

    Notes
    -----
    O(rows in chunks that are not shared, plus deletions that are not shared). With other columns, row
    hashes are taken anew over the common ones, which reads those rows.
    """
    common = _common(old, new)
    left, right = _candidates(old, new, common, objects)
    same_columns = _same_columns(old, new)
    left_rows = (
        _row_hashes(old, left, objects) if same_columns else _hashes_over(old, left, common, new, objects)
    )
    right_rows = (
        _row_hashes(new, right, objects) if same_columns else _hashes_over(new, right, common, new, objects)
    )
    keep_left, keep_right = _cancel(left_rows, right_rows)
    left, right = left[keep_left], right[keep_right]
    none = Places.join([])
    if not old.key or old.key != new.key:
        return RowChanges(removed=left, added=right, before=none, after=none)
    pairs_left, pairs_right = _pairs(old, left, new, right, objects, executor)
    before, after = left[pairs_left], right[pairs_right]
    alone_left, alone_right = np.ones(len(left), np.bool_), np.ones(len(right), np.bool_)
    alone_left[pairs_left], alone_right[pairs_right] = False, False
    return RowChanges(removed=left[alone_left], added=right[alone_right], before=before, after=after)


def as_text(array: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return values as text for people; nested and binary ones by their Python form, cut to size."""
    values = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = values.type
    if pa.types.is_nested(kind):
        return pa.array(
            [None if value is None else str(value)[:200] for value in values.to_pylist()], pa.string()
        )
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        lengths = [None if v is None else f"<{len(v)} bytes {v[:8].hex()}>" for v in values.to_pylist()]
        return _told(pa.array(lengths, pa.string()), references(values))
    return _told(pc.cast(values, pa.string()), references(values))


def _told(values: Any, large: Mapping[int, Reference]) -> Any:
    """Return a column with the size and object of its large values in their place."""
    if not large:
        return values
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    texts = [f"<{one.size} bytes, object {one.object[:16]}>" for one in large.values()]
    mask = np.zeros(len(flat), np.bool_)
    mask[list(large)] = True
    return pc.replace_with_mask(flat, pa.array(mask), pa.array(texts).cast(flat.type))


def key_names(keys: pa.Table) -> pa.Array:
    """Return the keys of rows as text for people, as tables of conflicts name them."""
    texts = [as_text(part) for part in keys.columns]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, ", ")


def _candidates(
    old: Manifest, new: Manifest, common: Sequence[str], objects: Objects
) -> tuple[Places, Places]:
    """Return the live rows of both sides that are not plainly shared."""
    shared: dict[str, list[int]] = defaultdict(list)
    before_chunks, after_chunks = unshared(old.chunks, new.chunks)
    for number, chunk in after_chunks:
        shared[_identity(chunk, common)].append(number)
    fresh = dict(after_chunks)
    left, right, paired = [], [], set()
    for number, chunk in before_chunks:
        twins = shared[_identity(chunk, common)]
        if not twins:
            left.append(_all_live(number, chunk, objects))
            continue
        twin = twins.pop(0)
        paired.add(twin)
        other = fresh[twin]
        if chunk.deleted == other.deleted:
            continue
        before, after = chunk.deletion_vector(objects), other.deletion_vector(objects)
        left.append(_places(number, np.asarray((after - before).to_array(), dtype=np.int64)))
        right.append(_places(twin, np.asarray((before - after).to_array(), dtype=np.int64)))
    right += [_all_live(number, chunk, objects) for number, chunk in after_chunks if number not in paired]
    return Places.join(left), Places.join(right)


def _identity(chunk: Chunk, common: Sequence[str]) -> str:
    return f"{chunk.keys or chunk.row_hashes}{chunk.identity(common)}"


def _all_live(number: int, chunk: Chunk, objects: Objects) -> Places:
    return _places(number, np.flatnonzero(live_mask(chunk, objects)).astype(np.int64))


def _places(number: int, positions: NDArray[np.int64]) -> Places:
    return Places(np.full(len(positions), number, np.int64), positions)


def _cancel(left: U64, right: U64) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows remain on each side after equal ones are struck out in pairs."""
    if not len(left) or not len(right):
        return np.ones(len(left), np.bool_), np.ones(len(right), np.bool_)
    a, b = left + mix(occurrence(left).astype(np.uint64)), right + mix(occurrence(right).astype(np.uint64))
    return ~np.isin(a, b), ~np.isin(b, a)


def _pairs(
    old: Manifest, left: Places, new: Manifest, right: Places, objects: Objects, executor: Executor
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indexes of rows with the same key on both sides."""
    mine, yours = _key_hashes(old, left, objects), _key_hashes(new, right, objects)
    first, second = _pair(mine, yours)
    kinds, fresh = ([side.schema.field(name).type for name in side.key] for side in (old, new))
    if not len(first) or (kinds == fresh and is_one_to_one(kinds, mine[first])):
        return first, second
    real = equal_rows(
        _keys(old, left[first], new, objects, executor),
        gather(new, right[second], objects, columns=new.key, executor=executor),
    )
    first, second = first[real], second[real]
    # Different keys with equal hashes are rare: those left over are compared by value.
    rest, other = np.setdiff1d(np.arange(len(left)), first), np.setdiff1d(np.arange(len(right)), second)
    rest, other = rest[np.isin(mine[rest], yours[other])], other[np.isin(yours[other], mine[rest])]
    if len(rest) and len(other):
        keys = [
            _keys(old, left[rest], new, objects, executor),
            gather(new, right[other], objects, columns=new.key, executor=executor),
        ]
        codes = row_codes(pa.concat_tables(keys)).astype(np.uint64)
        more = _pair(codes[: len(rest)], codes[len(rest) :])
        first, second = np.r_[first, rest[more[0]]], np.r_[second, other[more[1]]]
        order = np.argsort(first, kind="stable")
        first, second = first[order], second[order]
    return first, second


def _pair(left: U64, right: U64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indexes of rows with equal key hashes on both sides."""
    order = np.argsort(right, kind="stable")
    at = np.searchsorted(right[order], left)
    inside = at < len(right)
    inside[inside] = right[order[at[inside]]] == left[inside]
    inside &= occurrence(left) == 0
    return np.flatnonzero(inside), order[at[inside]]


def _row_hashes(manifest: Manifest, places: Places, objects: Objects) -> U64:
    out = np.zeros(len(places), np.uint64)
    for number, positions in places.by_chunk().items():
        out[places.chunks == number] = manifest.chunks[number].hashes(objects)[positions]
    return out


def _key_hashes(manifest: Manifest, places: Places, objects: Objects) -> U64:
    out = np.zeros(len(places), np.uint64)
    for number, positions in places.by_chunk().items():
        out[places.chunks == number] = manifest.chunks[number].key_index(objects).by_position()[positions]
    return out


def _hashes_over(
    manifest: Manifest, places: Places, common: Sequence[str], new: Manifest, objects: Objects
) -> U64:
    """Return row hashes over the common columns, in the types of the new version."""
    out = np.zeros(len(places), np.uint64)
    fields = pa.schema([new.schema.field(name) for name in common])
    for number, positions in places.by_chunk().items():
        table = gather(manifest, _places(number, positions), objects, columns=common)
        out[places.chunks == number] = hash_rows(_cast(table, fields))
    return out


def _keys(old: Manifest, places: Places, new: Manifest, objects: Objects, executor: Executor) -> pa.Table:
    table = gather(old, places, objects, columns=new.key, executor=executor)
    return _cast(table, pa.schema([new.schema.field(name) for name in new.key]))


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Cast where that can be done; a column that cannot be cast keeps its type and so differs."""
    arrays = []
    for field in schema:
        column = table.column(field.name)
        try:
            arrays.append(cast(column, field.type))
        except pa.ArrowException:
            arrays.append(as_text(column))
    return pa.table(arrays, names=schema.names)


def _common(old: Manifest, new: Manifest) -> list[str]:
    return [name for name in new.schema.names if name in old.schema.names]


def _same_columns(old: Manifest, new: Manifest) -> bool:
    """Say whether the rows of both versions are hashed over the same columns, in types that go together."""
    return set(old.schema.names) == set(new.schema.names) and all(
        widen(field.type, new.schema.field(field.name).type) is not None for field in old.schema
    )


def _nothing_of(other: Manifest | None) -> Manifest:
    assert other is not None, "a diff needs one version at least"
    return Manifest(schema=other.schema, key=other.key)


def _marked(table: pa.Table, change: str, schema: pa.Schema) -> pa.Table:
    arrays = [pa.array([change] * table.num_rows, pa.string())]
    for field in schema:
        if field.name not in table.schema.names:
            arrays.append(pa.nulls(table.num_rows, field.type))
        elif pa.types.is_string(field.type) and not pa.types.is_string(table.schema.field(field.name).type):
            arrays.append(as_text(table.column(field.name)))
        else:
            arrays.append(cast(table.column(field.name), field.type))
    return pa.table(arrays, schema=schema.insert(0, pa.field("_change", pa.string())))


def _no_cells(manifest: Manifest) -> pa.Table:
    fields = [manifest.schema.field(name) for name in manifest.key]
    texts = [pa.field(name, pa.string()) for name in ("_column", "_before", "_after")]
    return pa.schema([*fields, *texts]).empty_table()


def _texts(table: pa.Table) -> pa.Table:
    return pa.table([as_text(column) for column in table.columns], names=table.schema.names)
