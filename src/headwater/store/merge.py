"""Three-way merge of a dataset, by key and cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import MergeConflict
from headwater.core.hashing import hash_array, hash_columns, hash_keys
from headwater.core.schema import widen
from headwater.store.chunk import live_mask, read_chunk
from headwater.store.columns import add_columns, drop_columns, set_types
from headwater.store.diff import RowChanges, as_text, row_changes
from headwater.store.edit import delete_places, upsert, with_rows
from headwater.store.incoming import Rows, fit
from headwater.store.lookup import Places, gather, locate, occurrence
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop

__all__ = ["CONFLICTS", "Level", "Merged", "Resolve", "merge_manifests"]

Resolve = Literal["ours", "theirs"]
Level = Literal["cells", "rows"]

CONFLICTS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "key", "column", "base", "ours", "theirs")]
)
"""The table of conflicts: one row a cell; ``column`` is null where a whole row is in dispute."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged dataset (None: deleted) and the cells that both sides changed differently."""

    manifest: Manifest | None
    conflicts: pa.Table


def merge_manifests(
    name: str,
    base: Manifest | None,
    ours: Manifest | None,
    theirs: Manifest | None,
    shop: Workshop,
    *,
    level: Level = "cells",
    resolve: Resolve | None = None,
) -> Merged:
    """Bring the change from ``base`` to ``theirs`` into ``ours``.

    Parameters
    ----------
    name : str
        Name of the dataset, for messages and conflicts.
    base, ours, theirs : Manifest, optional
        The common ancestor and the two sides; None where the dataset is not there.
    shop : Workshop
        How to write.
    level : {"cells", "rows"}
        Whether two changes of different cells of one row go together, or conflict.
    resolve : {"ours", "theirs"}, optional
        Which side wins where both changed a cell; then there are no conflicts.

    Returns
    -------
    Merged

    Raises
    ------
    MergeConflict
        If the keys or the column types of the two sides cannot go together.
    """
    none = CONFLICTS.empty_table()
    if same(ours, theirs) or same(base, theirs):
        return Merged(ours, none)
    if same(base, ours):
        return Merged(theirs, none)
    if ours is None or theirs is None:
        if resolve:
            return Merged(ours if resolve == "ours" else theirs, none)
        side = "ours deleted it" if ours is None else "theirs deleted it"
        return Merged(ours, _whole(name, None, f"{side}, the other side changed it"))
    if base is None:
        base = Manifest(schema=ours.schema, key=ours.key)
    if ours.key != theirs.key:
        raise MergeConflict(
            f"Dataset {name!r} has the key {list(ours.key)} on one side and {list(theirs.key)} on the other. "
            "Give both the same key first.",
            dataset=name,
        )
    return _Merge(name, base, ours, theirs, shop, level, resolve).run()


def same(a: Manifest | None, b: Manifest | None) -> bool:
    """Say whether two versions are equal in rows, schema, key and contract."""
    if a is None or b is None:
        return a is b
    return (
        a.fingerprint == b.fingerprint
        and a.schema.equals(b.schema)
        and a.key == b.key
        and a.contract == b.contract
        and a.tags == b.tags
    )


class _Merge:
    def __init__(
        self,
        name: str,
        base: Manifest,
        ours: Manifest,
        theirs: Manifest,
        shop: Workshop,
        level: Level,
        resolve: Resolve | None,
    ) -> None:
        self.name, self.base, self.ours, self.theirs = name, base, ours, theirs
        self.shop, self.level, self.resolve = shop, level, resolve
        self.objects = shop.objects
        self.conflicts: list[pa.Table] = [CONFLICTS.empty_table()]

    def run(self) -> Merged:
        self._merge_columns()
        mine = row_changes(self.base, self.ours, self.objects)
        yours = row_changes(self.base, self.theirs, self.objects)
        result = self._keyed(mine, yours) if self.ours.key else self._by_content(yours)
        return Merged(self._with_documents(result), pa.concat_tables(self.conflicts))

    def _merge_columns(self) -> None:
        """Bring columns that theirs added or dropped into ours, and give both the wider types."""
        base, ours, theirs = (manifest.schema for manifest in (self.base, self.ours, self.theirs))
        for name in (n for n in theirs.names if n in ours.names):
            kind = widen(ours.field(name).type, theirs.field(name).type)
            if kind is None:
                raise MergeConflict(
                    f"Column {name!r} of dataset {self.name!r} is {ours.field(name).type} on one side and "
                    f"{theirs.field(name).type} on the other. Convert one of them first.",
                    dataset=self.name,
                    column=name,
                )
            at = self.ours.schema.get_field_index(name)
            self.ours = set_types(self.ours, self.ours.schema.set(at, pa.field(name, kind)), self.shop)
        dropped = [n for n in base.names if n in ours.names and n not in theirs.names]
        if dropped:
            self.ours = drop_columns(self.ours, dropped, self.shop)
        fresh = [n for n in theirs.names if n not in ours.names and n not in base.names]
        if fresh and self.ours.key:
            self.ours = self._with_their_columns(fresh)
        elif fresh:
            raise MergeConflict(
                f"Dataset {self.name!r} has no key, so the column {fresh[0]!r} that one side added cannot be matched "
                "to the rows of the other. Give the dataset a key.",
                dataset=self.name,
                column=fresh[0],
            )

    def _with_their_columns(self, names: Sequence[str]) -> Manifest:
        key = list(self.ours.key)
        rows = _live_rows(self.theirs, [*key, *names], self.shop)
        known = locate(self.ours, rows.select(key).cast(_fields(self.ours.schema, key)), self.objects).found
        table = rows.filter(pa.array(known))
        return add_columns(self.ours, Rows(table.schema, table.to_batches()), self.shop, name=self.name)

    def _by_content(self, yours: RowChanges) -> Manifest:
        """Apply their multiset difference to ours: take away what they removed, add what they added."""
        removed = gather(self.base, yours.removed, self.objects)
        sought = hash_columns(fit(removed, self.ours.schema)) if removed.num_rows else np.zeros(0, np.uint64)
        result = delete_places(self.ours, _rows_by_hash(self.ours, sought, self.shop), self.shop)
        added = fit(gather(self.theirs, yours.added, self.objects), self.ours.schema)
        return with_rows(result, added.to_batches(), self.shop, self.name)

    def _keyed(self, mine: RowChanges, yours: RowChanges) -> Manifest:
        key = list(self.ours.key)
        ours_touched = self._touched(mine, self.ours)
        gone = gather(self.base, yours.removed, self.objects, columns=key)
        written = Places.join([yours.added, yours.after])
        incoming = gather(self.theirs, written, self.objects)
        gone_both = np.isin(hash_keys(gone, key), ours_touched)
        written_both = np.isin(hash_keys(incoming, key), ours_touched)
        result = self.ours
        clear = gone.filter(pa.array(~gone_both))
        places = locate(result, clear.cast(_fields(result.schema, key)), self.objects)
        result = delete_places(result, places[places.found], self.shop)
        result = self._disputed_deletions(result, gone.filter(pa.array(gone_both)))
        rows = incoming.filter(pa.array(~written_both))
        disputed = self._disputed_rows(incoming.filter(pa.array(written_both)))
        shared = [n for n in self.ours.schema.names if n in incoming.schema.names]
        table = pa.concat_tables(
            [rows.select(shared).cast(_fields(self.ours.schema, shared)), disputed.select(shared)]
        )
        if not table.num_rows:
            return result
        return upsert(result, Rows(table.schema, table.to_batches()), self.shop, name=self.name)

    def _touched(self, changes: RowChanges, new: Manifest) -> NDArray[np.uint64]:
        key = list(new.key)
        gone = gather(self.base, changes.removed, self.objects, columns=key)
        fresh = gather(new, Places.join([changes.added, changes.after]), self.objects, columns=key)
        return np.concatenate([hash_keys(gone, key), hash_keys(fresh, key)])

    def _disputed_deletions(self, result: Manifest, keys: pa.Table) -> Manifest:
        """Handle rows that they deleted and we changed or deleted."""
        places = locate(result, keys.cast(_fields(result.schema, list(result.key))), self.objects)
        changed = keys.filter(pa.array(places.found))
        if changed.num_rows and self.resolve == "theirs":
            return delete_places(result, places[places.found], self.shop)
        if changed.num_rows and self.resolve is None:
            self._conflict_rows(changed, ours="changed", theirs="deleted")
        return result

    def _disputed_rows(self, rows: pa.Table) -> pa.Table:
        """Merge, cell by cell, rows that both sides wrote; return them in our schema."""
        key = list(self.ours.key)
        common = [n for n in self.ours.schema.names if n in rows.schema.names]
        schema = _fields(self.ours.schema, common)
        rows = rows.select(common).cast(schema)
        keys = rows.select(key)
        at_ours = locate(self.ours, keys, self.objects)
        lost = ~at_ours.found
        if lost.any():
            if self.resolve is None:
                self._conflict_rows(keys.filter(pa.array(lost)), ours="deleted", theirs="changed")
            kept = rows.filter(pa.array(lost)) if self.resolve == "theirs" else schema.empty_table()
            rows, keys, at_ours = rows.filter(pa.array(~lost)), keys.filter(pa.array(~lost)), at_ours[~lost]
        else:
            kept = schema.empty_table()
        ours = gather(self.ours, at_ours, self.objects, columns=common)
        base = self._base_cells(keys, schema)
        merged = {name: self._cell(name, keys, base, ours, rows) for name in common}
        return pa.concat_tables([kept, pa.table(merged, schema=schema)])

    def _base_cells(self, keys: pa.Table, schema: pa.Schema) -> pa.Table:
        """Return the cells at the base, null where the row or the column was not there."""
        names = [n for n in schema.names if n in self.base.schema.names]
        places = locate(self.base, keys.cast(_fields(self.base.schema, keys.schema.names)), self.objects)
        stored = gather(self.base, places[places.found], self.objects, columns=names)
        source = np.full(keys.num_rows, -1, np.int64)
        source[places.found] = np.arange(int(places.found.sum()))
        index = pa.array(source, mask=source < 0)
        return fit(stored.take(index), schema)

    def _cell(
        self, name: str, keys: pa.Table, base: pa.Table, ours: pa.Table, theirs: pa.Table
    ) -> pa.ChunkedArray | pa.Array:
        a, b, c = (hash_array(table.column(name)) for table in (base, ours, theirs))
        take_theirs = (b == a) & (c != a)
        both = (b != a) & (c != a) & (b != c)
        if self.level == "rows":
            both = ((b != a) | (c != a)) & (b != c)
        if self.resolve == "theirs":
            take_theirs |= both
        elif self.resolve is None and both.any():
            which = pa.array(both)
            parts = [table.column(name).filter(which) for table in (base, ours, theirs)]
            self._conflict(keys.filter(which), name, *(as_text(part) for part in parts))
        return pc.if_else(pa.array(take_theirs), theirs.column(name), ours.column(name))

    def _conflict_rows(self, keys: pa.Table, *, ours: str, theirs: str) -> None:
        count = keys.num_rows
        fill = [pa.array([text] * count, pa.string()) for text in (None, ours, theirs)]
        self._conflict(keys, None, *fill)

    def _conflict(
        self, keys: pa.Table, column: str | None, base: pa.Array, ours: pa.Array, theirs: pa.Array
    ) -> None:
        count = keys.num_rows
        texts = [as_text(part) for part in keys.columns]
        names = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, ", ")
        arrays = [pa.array([self.name] * count, pa.string()), names, pa.array([column] * count, pa.string())]
        self.conflicts.append(pa.table([*arrays, base, ours, theirs], schema=CONFLICTS))

    def _with_documents(self, result: Manifest) -> Manifest:
        """Take contract and tags from the side that changed them; ours where both did."""
        contract = self.theirs.contract if result.contract == self.base.contract else result.contract
        tags = self.theirs.tags if result.tags == self.base.tags else result.tags
        return replace(result, contract=contract, tags=tags)


def _live_rows(manifest: Manifest, columns: Sequence[str], shop: Workshop) -> pa.Table:
    parts = [read_chunk(chunk, manifest.schema, shop.objects, columns=columns) for chunk in manifest.chunks]
    return pa.concat_tables([_fields(manifest.schema, columns).empty_table(), *parts])


def _rows_by_hash(manifest: Manifest, sought: NDArray[np.uint64], shop: Workshop) -> Places:
    """Return a live row for each hash, the n-th row for the n-th of equal hashes; those not there are left out."""
    hashes, chunks, positions = [np.zeros(0, np.uint64)], [], []
    for number, chunk in enumerate(manifest.chunks):
        live = np.flatnonzero(live_mask(chunk, shop.objects)).astype(np.int64)
        rows = chunk.hashes(shop.objects)[live]
        hit = np.isin(rows, sought)
        hashes.append(rows[hit])
        positions.append(live[hit])
        chunks.append(np.full(int(hit.sum()), number, np.int64))
    there = np.concatenate(hashes)
    places = Places.join([Places(c, p) for c, p in zip(chunks, positions, strict=True)])
    order = np.argsort(there, kind="stable")
    at = np.searchsorted(there[order], sought) + occurrence(sought)
    found = at < len(there)
    found[found] = there[order[at[found]]] == sought[found]
    return places[order[at[found]]]


def _fields(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def _whole(name: str, key: str | None, reason: str) -> pa.Table:
    row = {"dataset": name, "key": key, "column": None, "base": None, "ours": reason, "theirs": reason}
    return pa.Table.from_pylist([row], schema=CONFLICTS)
