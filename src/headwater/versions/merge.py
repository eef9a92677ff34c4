"""Three-way merge of a dataset, by key and cell; without a key, by counts of equal rows.

No cell that somebody wrote goes without somebody having decided so: where one side changed what the
other side changed, dropped or deleted, that is a conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.arrays import cast
from headwater.core.contract import Contract
from headwater.core.errors import MergeConflict
from headwater.core.hashing import U64, hash_keys
from headwater.core.references import hash_rows, hash_values
from headwater.core.text import clipped
from headwater.store.chunk import read_chunk
from headwater.store.lookup import Places, gather, live_places, locate, occurrence, row_codes
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions.align import Sides, align
from headwater.versions.columns import add_columns, drop_columns
from headwater.versions.diff import RowChanges, as_text, key_names, row_changes
from headwater.versions.documents import documents, merge_documents, named
from headwater.versions.edit import delete_places, upsert, with_rows
from headwater.versions.incoming import Rows, fit

__all__ = ["CONFLICTS", "Level", "Merged", "Resolve", "example", "merge_manifests", "same"]

Resolve = Literal["ours", "theirs"]
Level = Literal["cells", "rows"]

CONFLICTS = pa.schema(
    [(name, pa.string()) for name in ("dataset", "key", "column", "base", "ours", "theirs")]
)
"""The table of conflicts: one row a cell; ``column`` is null where a whole row is in dispute.

Where contracts or tags are, ``key`` names the statement, such as ``contract: label``.
"""


def example(conflicts: pa.Table) -> str:
    """Return the first conflict in words."""
    first = conflicts.slice(0, 1).to_pylist()[0]
    key = "" if first["key"] is None else f" at {clipped(first['key'])}"
    column = "" if first["column"] is None else f" in column {first['column']!r}"
    ours, theirs = (clipped(repr(first[side])) for side in ("ours", "theirs"))
    return f"for example{key}{column} of dataset {first['dataset']!r}: ours {ours}, theirs {theirs}"


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
        Whether two changes of different cells of one row go together, or conflict. Without a key: whether
        the same rows added on both sides are one change, or each counts.
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
    counted = level == "rows" and ours is not None and not ours.key
    if same(base, theirs) or (same(ours, theirs) and not counted):
        return Merged(ours, none)
    if same(base, ours):
        return Merged(theirs, none)
    if ours is None or theirs is None:
        if resolve:
            return Merged(ours if resolve == "ours" else theirs, none)
        side = "ours deleted it" if ours is None else "theirs deleted it"
        return Merged(ours, _whole(name, None, f"{side}, the other side changed it"))
    sides = align(name, base, ours, theirs, shop)
    merge = _Merge(name, sides, shop, level, resolve)
    manifest = merge.with_documents(merge.by_key() if sides.ours.key else merge.by_content())
    return Merged(manifest, pa.concat_tables(merge.conflicts))


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
        self, name: str, sides: Sides, shop: Workshop, level: Level, resolve: Resolve | None
    ) -> None:
        self.name, self.base, self.ours, self.theirs = name, sides.base, sides.ours, sides.theirs
        self.shop, self.level, self.resolve = shop, level, resolve
        self.objects = shop.objects
        self.documents = [documents(side) for side in (self.base, self.ours, self.theirs)]
        self.newly_named: set[str] = set()
        self.conflicts: list[pa.Table] = [CONFLICTS.empty_table()]

    def by_key(self) -> Manifest:
        """Bring their change into ours."""
        kept = self._dropped_columns()
        mine, yours = self._changes(self.ours), self._changes(self.theirs)
        fresh = [n for n in self.theirs.schema.names if n not in self.ours.schema.names]
        fresh = [n for n in fresh if n not in self.base.schema.names or n in kept]
        if fresh:
            self.ours = self._with_their_columns(fresh)
        key = list(self.ours.key)
        touched = self._touched(mine, self.ours)
        gone = self._gather(self.base, yours.removed, key).cast(touched.schema)
        incoming = self._gather(self.theirs, Places.join([yours.added, yours.after]))
        disputed_gone = among(gone, touched)
        disputed_rows = among(incoming.select(key), touched)
        result = self.ours
        places = self._locate(result, gone.filter(pa.array(~disputed_gone)))
        result = delete_places(result, places[places.found], self.shop)
        result = self._disputed_deletions(result, gone.filter(pa.array(disputed_gone)))
        shared = [n for n in self.ours.schema.names if n in incoming.schema.names]
        clear = incoming.filter(pa.array(~disputed_rows)).select(shared)
        table = pa.concat_tables(
            [clear, self._disputed_rows(incoming.filter(pa.array(disputed_rows)), shared)]
        )
        if not table.num_rows:
            return result
        return upsert(
            result, Rows(table.schema, table.to_batches(), is_stored=True), self.shop, name=self.name
        )

    def by_content(self) -> Manifest:
        """Apply the multiset difference of one side to the other: take away what it removed, add what it added.

        Where both sides changed the number of a row alike, that is one change; but of two transactions that
        add the same row, each adds its own.
        """
        kept = self._dropped_columns()
        added = [self._columns_beyond(self.ours), self._columns_beyond(self.theirs, kept)]
        if all(added):
            raise MergeConflict(
                f"Dataset {self.name!r} has no key, so the columns {added[0][0]!r} and {added[1][0]!r} that the two "
                "sides added cannot be matched row by row. Give the dataset a key.",
                dataset=self.name,
                column=added[1][0],
            )
        # The side with further columns takes in the change of the other, which lacks them.
        into, other = (self.theirs, self.ours) if added[1] else (self.ours, self.theirs)
        gone = [n for n in into.schema.names if n in self.base.schema.names and n not in other.schema.names]
        gone = [n for n in gone if n not in kept]
        into = drop_columns(into, gone, self.shop) if gone else into
        changes = self._changes(other)
        removed = fit(self._gather(self.base, changes.removed), into.schema)
        rows = fit(self._gather(other, changes.added), into.schema)
        if self.level == "cells":
            done = self._changes(into)
            removed = _not_alike(removed, fit(self._gather(self.base, done.removed), into.schema))
            rows = _not_alike(rows, fit(self._gather(into, done.added), into.schema))
        result = delete_places(into, self._matches(into, removed), self.shop)
        return with_rows(result, rows.to_batches(), self.shop, self.name)

    def with_documents(self, result: Manifest) -> Manifest:
        """Give the result the contract and tags of both sides."""
        merged, disputed = merge_documents(*self.documents, resolve=self.resolve)
        for item in disputed:
            row = {"dataset": self.name, "key": item.name, "column": item.column}
            texts = {"base": item.base, "ours": item.ours, "theirs": item.theirs}
            self.conflicts.append(pa.Table.from_pylist([{**row, **texts}], schema=CONFLICTS))
        tags = {column: value for column, value in merged.tags.items() if column in result.schema.names}
        contract, gone = merged.contract, self.newly_named.difference(result.schema.names)
        if contract and gone:
            contract = Contract.from_odcs(contract).without_columns(gone).to_odcs()
        return replace(result, contract=contract, tags=tags)

    def _changes(self, side: Manifest) -> RowChanges:
        return row_changes(self.base, side, self.objects, self.shop.executor)

    def _gather(self, manifest: Manifest, places: Places, columns: Sequence[str] | None = None) -> pa.Table:
        return gather(manifest, places, self.objects, columns=columns, executor=self.shop.executor)

    def _locate(self, manifest: Manifest, keys: pa.Table) -> Places:
        names = list(manifest.key)
        return locate(
            manifest,
            keys.select(names).cast(_fields(manifest.schema, names)),
            self.objects,
            self.shop.executor,
        )

    def _columns_beyond(self, side: Manifest, kept: Sequence[str] = ()) -> list[str]:
        """Return the columns that a side has and the ancestor lacks, or that ours dropped and shall come back."""
        back = [n for n in kept if n not in self.ours.schema.names]
        return [n for n in side.schema.names if n not in self.base.schema.names or n in back]

    def _dropped_columns(self) -> list[str]:
        """Drop from ours what theirs dropped, and return the columns that are kept against the other side's wish.

        A column that one side dropped while the other wrote cells of it, or said something new of it in the
        contract or its tags, is in dispute.
        """
        kept: list[str] = []
        for side, other in (("ours", self.ours), ("theirs", self.theirs)):
            rest = self.theirs if side == "ours" else self.ours
            names = [
                n for n in self.base.schema.names if n in other.schema.names and n not in rest.schema.names
            ]
            # Both are asked, so that all conflicts are told at once.
            disputed = self._written(side, other, names) | self._named(side, other, names) if names else False
            if disputed and self.resolve == side:
                kept += names
            elif names and side == "ours":
                self.ours = drop_columns(self.ours, names, self.shop)
        return kept

    def _written(self, side: str, manifest: Manifest, columns: Sequence[str]) -> bool:
        """Say whether a side wrote cells of columns that the other one dropped; tell each as a conflict."""
        changes = self._changes(manifest)
        before = self._gather(self.base, changes.before, columns)
        padding = pa.table(
            [pa.nulls(len(changes.added), f.type) for f in before.schema], schema=before.schema
        )
        old = pa.concat_tables([before, padding])
        new = self._gather(manifest, Places.join([changes.after, changes.added]))
        written = False
        for column in columns:
            values = new.column(column)
            differs = hash_values(old.column(column)) != hash_values(values)
            if not differs.any():
                continue
            written = True
            if self.resolve is None:
                which = pa.array(differs)
                texts = [as_text(old.column(column).filter(which)), as_text(values.filter(which))]
                dropped = pa.array(["dropped"] * len(texts[0]), pa.string())
                cells = (texts[1], dropped) if side == "ours" else (dropped, texts[1])
                self._conflict(self._names(new.filter(which)), column, texts[0], *cells)
        return written

    def _named(self, side: str, manifest: Manifest, columns: Sequence[str]) -> bool:
        """Say whether a side newly named columns that the other one dropped; tell each as a conflict."""
        mentioned = [
            named(version.contract, columns) | (version.tags.keys() & set(columns))
            for version in (manifest, self.base)
        ]
        fresh = mentioned[0] - mentioned[1]
        self.newly_named |= fresh
        for column in sorted(fresh) if self.resolve is None else ():
            says = {"ours": "dropped", "theirs": "dropped", side: "named in the contract or tags"}
            row = {"dataset": self.name, "key": None, "column": column, "base": None, **says}
            self.conflicts.append(pa.Table.from_pylist([row], schema=CONFLICTS))
        return bool(fresh)

    def _names(self, rows: pa.Table) -> pa.Table:
        """Return what names the rows: the key columns, or the row hash without a key."""
        if self.ours.key:
            return rows.select(list(self.ours.key))
        return pa.table({"row": [f"{int(value):016x}" for value in hash_rows(rows)]})

    def _with_their_columns(self, names: Sequence[str]) -> Manifest:
        key = list(self.ours.key)
        rows = _live_rows(self.theirs, [*key, *names], self.shop)
        table = rows.filter(pa.array(self._locate(self.ours, rows).found))
        return add_columns(
            self.ours, Rows(table.schema, table.to_batches(), is_stored=True), self.shop, name=self.name
        )

    def _matches(self, manifest: Manifest, rows: pa.Table) -> Places:
        """Return a live row of a manifest for each of ``rows``; those not there are left out.

        Rows are compared over the columns of the ancestor. Of rows that are equal there but not in the further
        columns of the manifest, none may be preferred.
        """
        columns = [n for n in manifest.schema.names if n in self.base.schema.names]
        candidates = live_places(manifest, self.objects)
        stored = _hashes_over(manifest, candidates, columns, self.shop)
        sought = hash_rows(rows, columns)
        order = np.argsort(stored, kind="stable")
        ordered = stored[order]
        at = np.searchsorted(ordered, sought) + occurrence(sought)
        found = at < len(ordered)
        found[found] = ordered[at[found]] == sought[found]
        chosen = order[at[found]]
        if len(columns) < len(manifest.schema.names):
            left = np.setdiff1d(np.flatnonzero(np.isin(stored, sought[found])), chosen)
            whole = _hashes_over(manifest, candidates, manifest.schema.names, self.shop)
            if len(left) and not np.isin(whole[left], whole[chosen]).all():
                raise MergeConflict(
                    f"Dataset {self.name!r} has no key; one side removed rows of which there are several, and the "
                    "other side added columns in which these differ. Give the dataset a key.",
                    dataset=self.name,
                )
        return candidates[chosen]

    def _touched(self, changes: RowChanges, new: Manifest) -> pa.Table:
        """Return the keys of the rows that a side removed, added or changed."""
        schema = _fields(new.schema, new.key)
        gone = self._gather(self.base, changes.removed, new.key).cast(schema)
        fresh = self._gather(new, Places.join([changes.added, changes.after]), new.key)
        return pa.concat_tables([gone, fresh.cast(schema)])

    def _disputed_deletions(self, result: Manifest, keys: pa.Table) -> Manifest:
        """Handle rows that they deleted and we changed or deleted."""
        places = self._locate(result, keys)
        if places.found.any() and self.resolve == "theirs":
            return delete_places(result, places[places.found], self.shop)
        if self.resolve is None:
            self._conflict_rows(keys.filter(pa.array(places.found)), ours="changed", theirs="deleted")
        return result

    def _disputed_rows(self, rows: pa.Table, columns: Sequence[str]) -> pa.Table:
        """Merge, cell by cell, rows that both sides wrote; return them over ``columns``."""
        rows = rows.select(list(columns))
        key = list(self.ours.key)
        places = self._locate(self.ours, rows)
        lost = pa.array(~places.found)
        if self.resolve is None:
            self._conflict_rows(rows.select(key).filter(lost), ours="deleted", theirs="changed")
        again = rows.filter(lost) if self.resolve == "theirs" else rows.slice(0, 0)
        rows, places = rows.filter(pa.array(places.found)), places[places.found]
        keys = rows.select(key)
        ours = self._gather(self.ours, places, columns)
        base = self._base_cells(keys, rows.schema)
        merged = {name: self._cell(name, keys, base, ours, rows) for name in columns}
        return pa.concat_tables([again, pa.table(merged, schema=rows.schema)])

    def _base_cells(self, keys: pa.Table, schema: pa.Schema) -> pa.Table:
        """Return the cells at the ancestor; null where the row or column was not there, or of another type."""
        names = [n for n in schema.names if n in self.base.schema.names]
        places = self._locate(self.base, keys)
        stored = self._gather(self.base, places[places.found], names)
        source = np.full(keys.num_rows, -1, np.int64)
        source[places.found] = np.arange(int(places.found.sum()))
        index = pa.array(source, mask=source < 0)
        arrays = []
        for field in schema:
            try:
                arrays.append(cast(stored.column(field.name).take(index), field.type))
            except (KeyError, pa.ArrowException):
                arrays.append(pa.nulls(keys.num_rows, field.type))
        return pa.table(arrays, schema=schema)

    def _cell(
        self, name: str, keys: pa.Table, base: pa.Table, ours: pa.Table, theirs: pa.Table
    ) -> pa.ChunkedArray | pa.Array:
        a, b, c = (hash_values(table.column(name)) for table in (base, ours, theirs))
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
        if not count:
            return
        fill = [pa.array([text] * count, pa.string()) for text in (None, ours, theirs)]
        self._conflict(keys, None, *fill)

    def _conflict(
        self, keys: pa.Table, column: str | None, base: pa.Array, ours: pa.Array, theirs: pa.Array
    ) -> None:
        count = keys.num_rows
        arrays = [
            pa.array([self.name] * count, pa.string()),
            key_names(keys),
            pa.array([column] * count, pa.string()),
        ]
        self.conflicts.append(pa.table([*arrays, base, ours, theirs], schema=CONFLICTS))


def among(rows: pa.Table, others: pa.Table) -> NDArray[np.bool_]:
    """Say which rows of a table are among those of another of the same columns; by value, not by hash."""
    names = rows.schema.names
    hashes, known = hash_keys(rows, names), hash_keys(others, names)
    out = np.isin(hashes, known)
    if out.any():
        mine = rows.filter(pa.array(out))
        codes = row_codes(pa.concat_tables([mine, others.filter(pa.array(np.isin(known, hashes)))]))
        out[out] = np.isin(codes[: mine.num_rows], codes[mine.num_rows :])
    return out


def _not_alike(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Return the rows of which there is another number among ``others``."""
    hashes, known = hash_rows(rows), np.sort(hash_rows(others))
    mine = np.sort(hashes)
    counts, there = (
        np.searchsorted(side, hashes, "right") - np.searchsorted(side, hashes, "left")
        for side in (mine, known)
    )
    return rows.filter(pa.array(counts != there))


def _live_rows(manifest: Manifest, columns: Sequence[str], shop: Workshop) -> pa.Table:
    parts = [read_chunk(chunk, manifest.schema, shop.objects, columns=columns) for chunk in manifest.chunks]
    return pa.concat_tables([_fields(manifest.schema, columns).empty_table(), *parts])


def _hashes_over(manifest: Manifest, places: Places, columns: Sequence[str], shop: Workshop) -> U64:
    """Return the hashes of all live rows over some columns; `places` are their places."""
    parts = [np.zeros(0, np.uint64)]
    for number, positions in places.by_chunk().items():
        chunk = manifest.chunks[number]
        if set(columns) >= set(chunk.columns):
            parts.append(chunk.hashes(shop.objects)[positions])
        else:
            table = read_chunk(chunk, manifest.schema, shop.objects, columns=columns, rows=positions)
            parts.append(hash_rows(table))
    return np.concatenate(parts)


def _fields(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def _whole(name: str, key: str | None, reason: str) -> pa.Table:
    row = {"dataset": name, "key": key, "column": None, "base": None, "ours": reason, "theirs": reason}
    return pa.Table.from_pylist([row], schema=CONFLICTS)
