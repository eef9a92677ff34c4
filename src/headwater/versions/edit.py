"""Edits of rows: each takes a manifest and returns the next; nothing is changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import InvalidKeys, SchemaError, UsageError
from headwater.core.hashing import U64, hash_keys
from headwater.core.references import hash_rows
from headwater.core.schema import SchemaChange, evolve, require_columns
from headwater.core.text import clipped
from headwater.store.chunk import Chunk, live_mask
from headwater.store.chunklist import ChunkList
from headwater.store.lookup import Places, equal_rows, gather, locate, may_overlap, occurrence, row_codes
from headwater.store.manifest import Fingerprint, Manifest, fingerprint_chunk
from headwater.store.objects import Objects
from headwater.store.values import put_apart
from headwater.store.writing import Workshop, write_chunks
from headwater.versions.columns import drop_columns, set_types
from headwater.versions.incoming import Rows, first_misfit, fit

__all__ = ["append", "delete_places", "overwrite", "upsert", "with_rows"]

I64 = NDArray[np.int64]
_LISTED = 20
_REPORTED = 1000


def append(
    manifest: Manifest,
    rows: Rows,
    shop: Workshop,
    *,
    name: str,
    schema_change: SchemaChange = "safe",
    divert: bool = False,
) -> tuple[Manifest, pa.Table]:
    """Add rows whose keys are new.

    Parameters
    ----------
    manifest : Manifest
        The dataset; one without columns takes those of the rows.
    rows : Rows
        The rows, drawn once as a stream.
    shop : Workshop
        How to write.
    name : str
        The dataset's name, for messages.
    schema_change : {"none", "safe", "any"}
        Which schema changes are allowed.
    divert : bool
        Take rows with null or duplicate keys out and return them, instead of refusing all.

    Returns
    -------
    Manifest
        The dataset with the rows added.
    pyarrow.Table
        The rows that were diverted, with a ``_reason`` column.

    Raises
    ------
    InvalidKeys
        If keys are null, duplicate or there already, and ``divert`` is off.
    SchemaError
        If the rows do not fit.
    """
    manifest = _evolved(manifest, rows, shop, name, schema_change)
    nulls: list[pa.Table] = []
    batches = _keyed_batches(rows, manifest, name, nulls if divert else None, shop.objects)
    batches = map(rows.complete, batches)
    chunks = write_chunks(batches, manifest.schema, key=manifest.key, shop=shop, label=f"write {name}")
    diverted = nulls
    if manifest.key:
        chunks, doubles = _without_duplicates(manifest, chunks, shop, name, divert)
        diverted = nulls + doubles
    total = manifest.fingerprint
    for chunk in chunks:
        total += fingerprint_chunk(chunk, shop.objects)
    return manifest.edited(total, appended=chunks), _diverted(manifest.schema, diverted)


def upsert(
    manifest: Manifest, rows: Rows, shop: Workshop, *, name: str, schema_change: SchemaChange = "safe"
) -> Manifest:
    """Update rows whose keys are there, add the others.

    Columns that ``rows`` lacks keep their values where the key is there, and are null where it is new.
    Rows that are equal to what is there change nothing.

    Raises
    ------
    UsageError
        If the dataset has no key.
    InvalidKeys
        If a key is null or comes twice.
    """
    if not manifest.key:
        raise UsageError(
            f"Dataset {name!r} has no key, so nothing to update by. Append, overwrite, or import with a key.",
            dataset=name,
        )
    given = rows.schema.names
    manifest = _evolved(manifest, rows, shop, name, schema_change)
    table = pa.Table.from_batches(
        list(_keyed_batches(rows, manifest, name, None, shop.objects)), manifest.schema
    )
    hashes = hash_keys(table, manifest.key)
    _refuse_duplicates(table, hashes, manifest.key, name)
    places = locate(manifest, table, shop.objects, shop.executor)
    missing = [column for column in manifest.schema.names if column not in given]
    if missing and places.found.any():
        table = _keep_cells(manifest, table, places, missing, shop)
    stored = _row_hashes(manifest, places, shop)
    fresh = hash_rows(table)
    differs = ~places.found | (stored != fresh)
    table, places = table.filter(pa.array(differs)), places[differs]
    manifest = delete_places(manifest, places[places.found], shop)
    return with_rows(manifest, map(rows.complete, table.to_batches()), shop, name)


def delete_places(manifest: Manifest, places: Places, shop: Workshop) -> Manifest:
    """Delete the rows at ``places``, which are live."""
    if not len(places):
        return manifest

    def task(numbered: tuple[int, I64]) -> tuple[int, Chunk, Fingerprint]:
        number, positions = numbered
        chunk = manifest.chunks[number]
        gone = Fingerprint.of(chunk.hashes(shop.objects)[positions])
        return number, chunk.with_deleted(positions, shop.objects), gone

    changes, total = {}, manifest.fingerprint
    for number, chunk, gone in shop.executor.map(task, places.by_chunk().items()):
        changes[number] = chunk
        total -= gone
    return manifest.edited(total, changes)


def overwrite(
    manifest: Manifest,
    rows: Rows,
    shop: Workshop,
    *,
    name: str,
    schema_change: SchemaChange = "safe",
    divert: bool = False,
) -> tuple[Manifest, pa.Table]:
    """Make the dataset hold exactly ``rows``, storing only what differs.

    Columns that ``rows`` lacks are dropped. Takes and returns what `append` does.

    Raises
    ------
    InvalidKeys
        If keys are null or duplicate, and ``divert`` is off.
    SchemaError
        If the rows do not fit, or lack a column and ``schema_change`` is ``none``.
    """
    require_columns(rows.schema, manifest.key, where=f"the new rows of dataset {name!r}")
    gone = [column for column in manifest.schema.names if column not in rows.schema.names]
    if gone and schema_change == "none":
        raise SchemaError(
            f"The new rows of dataset {name!r} have no column {gone[0]!r}, and columns may not go here. "
            "Add it to the rows, or allow it with schema_change='safe'.",
            column=gone[0],
        )
    manifest = drop_columns(manifest, gone, shop) if gone else manifest
    manifest = _evolved(manifest, rows, shop, name, schema_change)
    nulls: list[pa.Table] = []
    batches = _keyed_batches(rows, manifest, name, nulls if divert else None, shop.objects)
    known = _Known(manifest, shop)
    new_chunks = write_chunks(
        map(rows.complete, known.unknown(batches)),
        manifest.schema,
        key=manifest.key,
        shop=shop,
        label=f"compare {name}",
    )
    doubles = known.repeated
    if manifest.key:
        places = _doubled(replace(manifest, chunks=ChunkList()), new_chunks, shop)
        if len(places) + len(known.repeated_numbers) and not divert:
            raise _repeated_error(manifest, new_chunks, places, known, shop, name)
        new_chunks, more = _taken_out(manifest, new_chunks, places, shop)
        doubles = doubles + more
    manifest = delete_places(manifest, known.unseen(), shop)
    total = manifest.fingerprint
    for chunk in new_chunks:
        total += fingerprint_chunk(chunk, shop.objects)
    return manifest.edited(total, appended=new_chunks), _diverted(manifest.schema, nulls + doubles)


class _Known:
    """The live rows of a manifest, to tell which of a stream of rows are there already.

    Holds about 60 bytes a row and the keys: the identity and row hashes, the place and what was seen.

    Attributes
    ----------
    repeated : list of pyarrow.Table
        Rows of the stream whose key an earlier row of the stream had and the manifest has, with a reason.
    repeated_numbers : numpy.ndarray of int
        Their numbers in the stream.
    yielded_numbers : numpy.ndarray of int
        The numbers in the stream of the rows that were not known.
    """

    def __init__(self, manifest: Manifest, shop: Workshop) -> None:
        self._manifest, self._shop = manifest, shop
        identities, rows, chunks, positions = [], [], [], []
        for number, chunk in enumerate(manifest.chunks):
            live = np.flatnonzero(live_mask(chunk, shop.objects))
            hashes = chunk.hashes(shop.objects)[live]
            rows.append(hashes)
            identities.append(chunk.key_index(shop.objects).by_position()[live] if manifest.key else hashes)
            chunks.append(np.full(len(live), number, np.int64))
            positions.append(live.astype(np.int64))
        identity = np.concatenate(identities) if identities else np.zeros(0, np.uint64)
        order = np.argsort(identity, kind="stable")
        self._identity = identity[order]
        self._rows = (np.concatenate(rows) if rows else identity)[order]
        whole = Places.join([Places(c, p) for c, p in zip(chunks, positions, strict=True)])
        self._places = whole[order]
        self._seen = np.zeros(len(order), np.bool_)
        self._keys: pa.Table | None = None
        if manifest.key:
            keys = gather(manifest, whole, shop.objects, columns=manifest.key, executor=shop.executor)
            self._keys = keys.combine_chunks()
        # With a key: whether the stream had it. Without: how many of a run of equal rows the stream had.
        self._taken = np.zeros(len(order), np.int64)
        self._order = order
        self._numbers: dict[str, list[I64]] = {"repeated": [], "yielded": []}
        self.repeated: list[pa.Table] = []

    @property
    def repeated_numbers(self) -> I64:
        return np.concatenate([np.zeros(0, np.int64), *self._numbers["repeated"]])

    @property
    def yielded_numbers(self) -> I64:
        return np.concatenate([np.zeros(0, np.int64), *self._numbers["yielded"]])

    def unknown(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows that are not there as they are; remember which were seen."""
        start = 0
        for batch in batches:
            numbers = np.arange(start, start + batch.num_rows)
            start += batch.num_rows
            if not len(self._identity):
                self._numbers["yielded"].append(numbers)
                yield batch
                continue
            hashes = hash_rows(batch)
            if self._keys is None:
                at = self._find_rows(hashes)
            else:
                at = self._find_keys(batch)
                again = self._again(at)
                if again.any():
                    table = pa.Table.from_batches([batch.filter(pa.array(again))])
                    self.repeated.append(_with_reason(table, "duplicate key"))
                    self._numbers["repeated"].append(numbers[again])
                    batch = batch.filter(pa.array(~again))
                    hashes, at, numbers = hashes[~again], at[~again], numbers[~again]
            # A row that is there with other values stays unseen, so that it is deleted and written anew.
            same = at >= 0
            same[same] = self._rows[at[same]] == hashes[same]
            self._seen[at[same]] = True
            if not same.all():
                self._numbers["yielded"].append(numbers[~same])
                yield batch.filter(pa.array(~same))

    def unseen(self) -> Places:
        """Return the rows that no batch held."""
        return self._places[np.flatnonzero(~self._seen)]

    def _find_rows(self, hashes: U64) -> I64:
        """Return for the n-th equal row of the stream the n-th equal row that is there, or -1."""
        low = np.searchsorted(self._identity, hashes, side="left")
        high = np.searchsorted(self._identity, hashes, side="right")
        found = high > low
        at = low + occurrence(hashes)
        at[found] += self._taken[low[found]]
        np.add.at(self._taken, low[found], 1)
        return np.where(at < high, at, -1)

    def _again(self, at: I64) -> NDArray[np.bool_]:
        """Say which rows of a batch have a key that is there and that the stream had before."""
        found = at >= 0
        again = np.zeros(len(at), np.bool_)
        again[found] = (self._taken[at[found]] > 0) | (occurrence(at[found].astype(np.uint64)) > 0)
        self._taken[at[found]] = 1
        return again

    def _find_keys(self, batch: pa.RecordBatch) -> I64:
        """Return for each row the place of its key in the index, or -1."""
        assert self._keys is not None
        keys = pa.Table.from_batches([batch]).select(list(self._manifest.key))
        hashes = hash_keys(keys, self._manifest.key)
        out = np.full(len(hashes), -1, np.int64)
        at = np.searchsorted(self._identity, hashes, side="left")
        rows = np.arange(len(hashes))
        # Different keys with equal hashes are rare: look at one candidate after the other.
        while rows.size:
            inside = at < len(self._identity)
            rows, at = rows[inside], at[inside]
            hit = self._identity[at] == hashes[rows]
            rows, at = rows[hit], at[hit]
            stored = self._keys.take(pa.array(self._order[at]))
            sought = keys if len(rows) == len(hashes) else keys.take(pa.array(rows))
            same = equal_rows(sought, stored)
            out[rows[same]] = at[same]
            rows, at = rows[~same], at[~same] + 1
        return out


def _repeated_error(
    manifest: Manifest, chunks: Sequence[Chunk], places: Places, known: _Known, shop: Workshop, name: str
) -> InvalidKeys:
    """Build the error for repeated keys, of which some are in new chunks and some were there already."""
    starts = np.cumsum([0, *(chunk.rows for chunk in chunks)])
    numbers = known.yielded_numbers[starts[places.chunks] + places.positions]
    fresh = gather(
        replace(manifest, chunks=ChunkList(chunks)), places[:_LISTED], shop.objects, columns=manifest.key
    )
    tables = [fresh, *(table.select(list(manifest.key)) for table in known.repeated)]
    listed = np.concatenate([numbers[:_LISTED], known.repeated_numbers])
    some = pa.concat_tables(tables).take(pa.array(np.argsort(listed, kind="stable")[:_LISTED]))
    every = np.sort(np.concatenate([numbers, known.repeated_numbers]))
    return _duplicate_error(some, manifest.key, name, len(every), every.tolist())


def _evolved(manifest: Manifest, rows: Rows, shop: Workshop, name: str, change: SchemaChange) -> Manifest:
    if not manifest.schema.names and not manifest.chunks:
        require_columns(rows.schema, manifest.key, where=f"the rows of dataset {name!r}")
        return replace(manifest, schema=rows.schema)
    require_columns(rows.schema, manifest.key, where=f"the rows of dataset {name!r}")
    try:
        schema = evolve(manifest.schema, rows.schema, change=change, dataset=name)
    except SchemaError as error:
        raise _with_example(error, manifest.schema, rows) from error
    for key in manifest.key:
        # Keys that come as reals, as from pandas, stay whole numbers: each value is checked when it is cast.
        at, kind = schema.get_field_index(key), manifest.schema.field(key).type
        if pa.types.is_floating(schema.field(at).type) and not pa.types.is_floating(kind):
            schema = schema.set(at, pa.field(key, kind))
    if schema.equals(manifest.schema):
        return manifest
    return set_types(manifest, schema, shop)


def _keyed_batches(
    rows: Rows, manifest: Manifest, name: str, diverted: list[pa.Table] | None, objects: Objects
) -> Iterator[pa.RecordBatch]:
    """Yield batches in the dataset's schema, rows with a null in the key refused or diverted.

    They are refused when all rows have been looked at, so that all of them are listed.
    """
    start = 0
    numbers: list[I64] = []
    for raw in rows:
        batch: pa.RecordBatch = fit(raw, manifest.schema)
        if not rows.is_stored:
            batch = put_apart(batch, objects, key=manifest.key)
        bad = _null_keys(batch, manifest.key)
        if bad is not None:
            if diverted is None:
                numbers.append(np.flatnonzero(bad) + start)
                start += raw.num_rows
                continue
            diverted.append(_with_reason(pa.Table.from_batches([batch.filter(pa.array(bad))]), "null in key"))
            batch = batch.filter(pa.array(~bad))
        start += raw.num_rows
        if not numbers:
            yield batch
    if numbers:
        rows_without = np.concatenate(numbers).tolist()
        raise InvalidKeys(
            f"{len(rows_without)} row(s) of dataset {name!r} have no value in the key {_columns(manifest.key)}: "
            f"row {_listed(rows_without)} (counted from 0). Fill them in, choose another key, or import with "
            "on_bad_rows='quarantine' (--on-bad-rows quarantine).",
            rows=rows_without[:_REPORTED],
            count=len(rows_without),
            key=manifest.key,
        )


def _null_keys(batch: pa.RecordBatch, key: Sequence[str]) -> NDArray[np.bool_] | None:
    bad = None
    for column in key:
        if batch.column(column).null_count:
            nulls = np.asarray(pc.is_null(batch.column(column)))
            bad = nulls if bad is None else bad | nulls
    return bad


def _without_duplicates(
    manifest: Manifest, chunks: list[Chunk], shop: Workshop, name: str, divert: bool
) -> tuple[list[Chunk], list[pa.Table]]:
    """Refuse or take out rows of new ``chunks`` whose key stands before them, there or in the manifest."""
    doubles = _doubled(manifest, chunks, shop)
    if len(doubles) and not divert:
        starts = np.cumsum([0, *(chunk.rows for chunk in chunks)])
        numbers = sorted((starts[doubles.chunks] + doubles.positions).tolist())
        fresh = replace(manifest, chunks=ChunkList(chunks))
        some = gather(fresh, doubles[:_LISTED], shop.objects, columns=manifest.key)
        raise _duplicate_error(some, manifest.key, name, len(doubles), numbers)
    return _taken_out(manifest, chunks, doubles, shop)


def _taken_out(
    manifest: Manifest, chunks: list[Chunk], doubles: Places, shop: Workshop
) -> tuple[list[Chunk], list[pa.Table]]:
    """Return new chunks without some of their rows, and those rows with a reason."""
    if not len(doubles):
        return chunks, []
    table = gather(replace(manifest, chunks=ChunkList(chunks)), doubles, shop.objects)
    left = list(chunks)
    for number, positions in doubles.by_chunk().items():
        left[number] = left[number].with_deleted(positions, shop.objects)
    return [chunk for chunk in left if chunk.live_rows], [_with_reason(table, "duplicate key")]


def _doubled(manifest: Manifest, chunks: list[Chunk], shop: Workshop) -> Places:
    """Return the rows of new chunks whose key is in the manifest or in an earlier new row."""
    found: list[Places] = []
    hashes = [chunk.key_index(shop.objects).by_position() for chunk in chunks]
    everything = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
    owner = np.repeat(np.arange(len(chunks)), [len(part) for part in hashes])
    position = np.concatenate([np.arange(len(part)) for part in hashes]) if hashes else owner
    ordered = np.sort(everything)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    fresh = replace(manifest, chunks=ChunkList(chunks))
    if len(twice):
        suspects = np.flatnonzero(np.isin(everything, twice))
        places = Places(owner[suspects].astype(np.int64), position[suspects].astype(np.int64))
        keys = gather(fresh, places, shop.objects, columns=manifest.key)
        codes = row_codes(keys)
        found.append(places[occurrence(codes.astype(np.uint64)) > 0])
    if manifest.chunks:
        hit = np.zeros(len(everything), np.bool_)
        order = np.argsort(everything)
        ascending = everything[order]
        for _, chunk in manifest.chunks.where(may_overlap(chunks, manifest.key)):
            index = chunk.key_index(shop.objects).hashes
            at = np.searchsorted(index, ascending)
            inside = at < len(index)
            inside[inside] = index[at[inside]] == ascending[inside]
            hit[order[inside]] = True
        suspects = np.flatnonzero(hit)
        places = Places(owner[suspects].astype(np.int64), position[suspects].astype(np.int64))
        keys = gather(fresh, places, shop.objects, columns=manifest.key)
        found.append(places[locate(manifest, keys, shop.objects, shop.executor).found])
    joined = Places.join(found)
    if not len(joined):
        return joined
    _, first = np.unique(joined.chunks * (1 << 32) + joined.positions, return_index=True)
    return joined[first]


def _refuse_duplicates(table: pa.Table, hashes: U64, key: Sequence[str], name: str) -> None:
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return
    codes = row_codes(table.select(list(key)))
    again = np.flatnonzero(occurrence(codes.astype(np.uint64)) > 0)
    if len(again):
        raise _duplicate_error(table.take(pa.array(again)), key, name, len(again), again.tolist())


def _duplicate_error(
    rows: pa.Table, key: Sequence[str], name: str, count: int, numbers: list[int] | None = None
) -> InvalidKeys:
    values = [tuple(row.values()) for row in rows.select(list(key)).slice(0, _LISTED).to_pylist()]
    texts = (repr(value[0] if len(value) == 1 else value) for value in dict.fromkeys(values))
    shown = ", ".join(clipped(text) for text in texts)
    where = f" (row {_listed(numbers)}, counted from 0)" if numbers else ""
    return InvalidKeys(
        f"{count} row(s) of dataset {name!r} repeat a key {_columns(key)} that is there already: {shown}{where}. "
        "Upsert to replace rows, choose another key, or import with on_bad_rows='quarantine' "
        "(--on-bad-rows quarantine).",
        rows=(numbers or [])[:_REPORTED],
        count=count,
        key=tuple(key),
        values=values,
    )


def _keep_cells(
    manifest: Manifest, table: pa.Table, places: Places, missing: list[str], shop: Workshop
) -> pa.Table:
    """Fill columns the rows lack with what stands there now."""
    found = np.flatnonzero(places.found)
    stored = gather(manifest, places[found], shop.objects, columns=missing)
    source = np.full(table.num_rows, -1, np.int64)
    source[found] = np.arange(len(found))
    index = pa.array(source, mask=source < 0)
    for column in missing:
        at = table.schema.get_field_index(column)
        table = table.set_column(at, table.schema.field(at), stored.column(column).take(index))
    return table


def _row_hashes(manifest: Manifest, places: Places, shop: Workshop) -> U64:
    out = np.zeros(len(places), np.uint64)
    for number, positions in places.by_chunk().items():
        out[places.chunks == number] = manifest.chunks[number].hashes(shop.objects)[positions]
    return out


def with_rows(manifest: Manifest, batches: Iterable[pa.RecordBatch], shop: Workshop, name: str) -> Manifest:
    """Add rows that are in the schema and whose keys are known to be new."""
    chunks = write_chunks(batches, manifest.schema, key=manifest.key, shop=shop, label=f"write {name}")
    total = manifest.fingerprint
    for chunk in chunks:
        total += fingerprint_chunk(chunk, shop.objects)
    return manifest.edited(total, appended=chunks)


def _with_example(error: SchemaError, schema: pa.Schema, rows: Rows) -> SchemaError:
    """Return an error about a column's type that names the first value which its type cannot hold."""
    column = error.facts.get("column")
    if column is None or column not in schema.names or column not in rows.schema.names:
        return error
    found = first_misfit(rows, column, schema.field(column).type)
    if found is None:
        return error
    place, value = found
    return SchemaError(
        f"{error.message} The first value that does not fit is {value!r}, in row {place:,}.",
        **error.facts,
        row=place,
        value=value,
    )


def _with_reason(table: pa.Table, reason: str) -> pa.Table:
    return table.append_column("_reason", pa.array([reason] * table.num_rows, pa.string()))


def _diverted(schema: pa.Schema, tables: Sequence[pa.Table]) -> pa.Table:
    full = schema.append(pa.field("_reason", pa.string()))
    return pa.concat_tables([full.empty_table(), *tables])


def _columns(key: Sequence[str]) -> str:
    return ", ".join(repr(column) for column in key)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_LISTED])
    return shown + (f", … ({len(numbers)} in all)" if len(numbers) > _LISTED else "")
