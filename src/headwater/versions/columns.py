"""Edits of columns: each touches the files of those columns only, and the row hashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from headwater.core.contract import Contract
from headwater.core.errors import InvalidKeys, SchemaError
from headwater.core.hashing import U64
from headwater.core.references import hash_rows
from headwater.core.schema import require_columns, widen
from headwater.store.chunk import CHUNK_ROWS, Chunk, Group, live_mask, read_chunk, write_group
from headwater.store.chunklist import ChunkList
from headwater.store.lookup import locate, occurrence
from headwater.store.manifest import EMPTY, Manifest, fingerprint_chunk
from headwater.store.rowindex import encode_rows
from headwater.store.values import bounded, put_apart, put_back
from headwater.store.writing import Workshop
from headwater.versions.incoming import Rows, fit

__all__ = ["add_columns", "compute_columns", "drop_columns", "rename_columns", "set_types"]


def compute_columns(
    manifest: Manifest,
    fields: Sequence[pa.Field],
    function: Callable[[int, Chunk], pa.Table | None],
    shop: Workshop,
) -> Manifest:
    """Add columns, or give existing ones new values, chunk by chunk.

    Parameters
    ----------
    manifest : Manifest
        The dataset.
    fields : sequence of pyarrow.Field
        The columns that ``function`` makes.
    function : callable
        Takes a chunk's number and the chunk; returns a table with those columns and a row for every
        stored row of the chunk, deleted ones included; or None, which leaves the chunk as it is.
    shop : Workshop
        How to write.

    Returns
    -------
    Manifest
    """
    names = [field.name for field in fields]
    old = manifest
    schema = old.schema
    for field in fields:
        at = schema.get_field_index(field.name)
        schema = schema.append(field) if at < 0 else schema.set(at, field)

    def task(numbered: tuple[int, Chunk]) -> Chunk:
        number, chunk = numbered
        made = function(number, chunk)
        if made is None:
            return chunk
        table = fit(made, pa.schema(fields))
        replaced = [name for name in names if name in chunk.columns]
        hashes = chunk.hashes(shop.objects) + hash_rows(table)
        if replaced:
            hashes -= hash_rows(read_chunk(chunk, old.schema, shop.objects, columns=replaced, deleted=True))
        group, statistics = write_group(table, shop.objects)
        return replace(
            chunk,
            groups=(*_without(chunk, replaced), group),
            row_hashes=shop.objects.put(encode_rows(hashes)),
            statistics={
                **{column: value for column, value in chunk.statistics.items() if column not in names},
                **statistics,
            },
        )

    chunks = list(
        shop.executor.map(task, list(enumerate(manifest.chunks)), label="columns", progress=shop.progress)
    )
    return _rehashed(replace(manifest, schema=schema), chunks, shop)


def add_columns(manifest: Manifest, rows: Rows, shop: Workshop, *, name: str) -> Manifest:
    """Add the columns of ``rows`` that the dataset lacks, matched by key.

    Without a key the rows must be as many as the dataset's, in scan order. Rows that ``rows`` lacks get
    null; keys that the dataset lacks are refused.

    Raises
    ------
    SchemaError
        If a column is there already, none is new, or the number of rows differs.
    InvalidKeys
        If a key is not in the dataset, or comes twice.
    """
    table = rows.table()
    if not rows.is_stored:
        table = put_apart(table, shop.objects, key=manifest.key)
    fresh = [field for field in table.schema if field.name not in manifest.key]
    if not fresh:
        raise SchemaError(
            f"These rows have no column to add to dataset {name!r} besides its key.", columns=[]
        )
    there = [field.name for field in fresh if field.name in manifest.schema.names]
    if there:
        raise SchemaError(
            f"Dataset {name!r} already has the column {there[0]!r}. Use upsert to change its values.",
            column=there[0],
        )
    values = table.select([field.name for field in fresh]).combine_chunks()
    source = _sources(manifest, table, shop, name)

    def take(number: int, chunk: Chunk) -> pa.Table:
        del chunk
        index = source[number]
        return values.take(pa.array(index, mask=index < 0))

    return compute_columns(manifest, fresh, take, shop)


def drop_columns(manifest: Manifest, names: Sequence[str], shop: Workshop) -> Manifest:
    """Drop columns; their bytes stay in older versions.

    Raises
    ------
    NotFound
        If there is no such column.
    SchemaError
        If one is part of the key.
    """
    names = list(dict.fromkeys(names))
    require_columns(manifest.schema, names, where="the dataset")
    keyed = [name for name in names if name in manifest.key]
    if keyed:
        raise SchemaError(f"Column {keyed[0]!r} is part of the key and cannot be dropped.", column=keyed[0])
    schema = pa.schema([field for field in manifest.schema if field.name not in names])

    def task(chunk: Chunk) -> Chunk:
        there = [name for name in names if name in chunk.columns]
        if not there:
            return chunk
        gone = hash_rows(read_chunk(chunk, manifest.schema, shop.objects, columns=there, deleted=True))
        return _with_hashes(
            replace(
                chunk,
                groups=_without(chunk, there),
                statistics={name: value for name, value in chunk.statistics.items() if name not in there},
            ),
            chunk.hashes(shop.objects) - gone,
            shop,
        )

    chunks = list(shop.executor.map(task, manifest.chunks))
    tags = {name: value for name, value in manifest.tags.items() if name not in names}
    return _rehashed(replace(manifest, schema=schema, tags=tags), chunks, shop)


def rename_columns(manifest: Manifest, names: Mapping[str, str], shop: Workshop) -> Manifest:
    """Rename columns, in the contract and tags too; no data is written.

    Raises
    ------
    NotFound
        If there is no such column.
    SchemaError
        If two columns would have the same name, or one none.
    """
    require_columns(manifest.schema, list(names), where="the dataset")
    after = [names.get(name, name) for name in manifest.schema.names]
    twice = sorted({name for name in after if after.count(name) > 1})
    if twice:
        raise SchemaError(f"After this renaming two columns would have the name {twice[0]!r}.", columns=twice)
    if "" in after:
        raise SchemaError("A column needs a name: '' is none.", columns=[""])
    schema = pa.schema([field.with_name(new) for field, new in zip(manifest.schema, after, strict=True)])

    def task(chunk: Chunk) -> Chunk:
        there = [name for name in names if name in chunk.columns]
        before = read_chunk(chunk, manifest.schema, shop.objects, columns=there, deleted=True)
        renamed = before.rename_columns([names[name] for name in there])
        return _with_hashes(
            replace(
                chunk,
                groups=tuple(
                    replace(
                        group,
                        columns={names.get(name, name): stored for name, stored in group.columns.items()},
                    )
                    for group in chunk.groups
                ),
                statistics={names.get(name, name): value for name, value in chunk.statistics.items()},
            ),
            chunk.hashes(shop.objects) - hash_rows(before) + hash_rows(renamed),
            shop,
        )

    chunks = list(shop.executor.map(task, manifest.chunks))
    said = manifest.contract
    return _rehashed(
        replace(
            manifest,
            schema=schema,
            key=tuple(names.get(name, name) for name in manifest.key),
            contract=None if said is None else Contract.from_odcs(said).renamed(names).to_odcs(),
            tags={names.get(name, name): value for name, value in manifest.tags.items()},
        ),
        chunks,
        shop,
    )


def set_types(manifest: Manifest, schema: pa.Schema, shop: Workshop) -> Manifest:
    """Give the dataset a schema with further columns or other types.

    Lossless widening changes the schema alone; any other change of type rewrites that column.

    Raises
    ------
    SchemaError
        If the type of a key would change, or a value does not fit the new type.
    """
    retyped = [
        schema.field(field.name) for field in manifest.schema if field.type != schema.field(field.name).type
    ]
    recast = [
        field for field in retyped if widen(manifest.schema.field(field.name).type, field.type) != field.type
    ]
    _check_range(manifest, [field for field in retyped if field not in recast], shop)
    if recast:
        names = [field.name for field in recast]
        keyed = [field.name for field in recast if field.name in manifest.key]
        if keyed:
            raise SchemaError(
                f"The type of the key {keyed[0]!r} cannot change from {manifest.schema.field(keyed[0]).type}. "
                "Convert the incoming rows, or import into a new dataset.",
                column=keyed[0],
            )

        def cast(number: int, chunk: Chunk) -> pa.Table:
            del number
            stored = read_chunk(chunk, manifest.schema, shop.objects, columns=names, deleted=True)
            if chunk.has_large:
                # References go over into any type: whether what they refer to does is seen by its values.
                for batch in bounded(stored, CHUNK_ROWS):
                    fit(put_back(batch, shop.objects, key=manifest.key), pa.schema(recast))
            return fit(stored, pa.schema(recast))

        manifest = compute_columns(manifest, recast, cast, shop)
    return replace(manifest, schema=schema)


def _check_range(manifest: Manifest, fields: Sequence[pa.Field], shop: Workshop) -> None:
    """Refuse a finer unit of time in which a stored value cannot be said: nanoseconds reach from 1677 to 2262."""
    timed = [field for field in fields if _has_time(field.type)]
    if not timed:
        return
    names = [field.name for field in timed]

    def task(chunk: Chunk) -> None:
        stored = read_chunk(chunk, manifest.schema, shop.objects, columns=names, deleted=True)
        try:
            fit(stored, pa.schema(timed))
        except SchemaError as error:
            kind = manifest.schema.field(error.column).type
            raise SchemaError(
                f"Column {error.column!r} is {kind} and holds times that do not fit the finer unit of the incoming "
                f"rows: nanoseconds reach from 1677 to 2262. Convert the incoming rows to {kind}.",
                column=error.column,
            ) from error

    for _ in shop.executor.map(task, manifest.chunks):
        pass


def _has_time(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return True
    return any(_has_time(kind.field(number).type) for number in range(kind.num_fields))


def _sources(manifest: Manifest, table: pa.Table, shop: Workshop, name: str) -> list[np.ndarray]:
    """Return for each chunk the row of ``table`` that belongs to each stored row, -1 for none."""
    source = [np.full(chunk.rows, -1, np.int64) for chunk in manifest.chunks]
    if not manifest.key:
        if table.num_rows != manifest.rows:
            raise SchemaError(
                f"Dataset {name!r} has no key and {manifest.rows} rows, so new columns need as many rows in its order; "
                f"these have {table.num_rows}.",
                rows=table.num_rows,
            )
        start = 0
        for number, chunk in enumerate(manifest.chunks):
            source[number][live_mask(chunk, shop.objects)] = np.arange(start, start + chunk.live_rows)
            start += chunk.live_rows
        return source
    require_columns(table.schema, manifest.key, where="the rows with the new columns")
    keys = fit(table, pa.schema([manifest.schema.field(k) for k in manifest.key]))
    places = locate(manifest, keys, shop.objects, shop.executor)
    lost = np.flatnonzero(~places.found)
    if len(lost):
        raise InvalidKeys(
            f"{len(lost)} row(s) have a key that dataset {name!r} lacks, the first in row {lost[0]}: "
            f"{keys.slice(int(lost[0]), 1).to_pylist()[0]}. Append those rows first.",
            rows=lost[:1000].tolist(),
            count=len(lost),
        )
    at = places.chunks * (1 << 32) + places.positions
    if len(np.unique(at)) < len(at):
        again = np.flatnonzero(occurrence(at.astype(np.uint64)) > 0)
        raise InvalidKeys(
            f"{len(again)} row(s) with new columns for dataset {name!r} repeat a key, the first in row {again[0]}: "
            f"{keys.slice(int(again[0]), 1).to_pylist()[0]}. Give each key once.",
            rows=again[:1000].tolist(),
            count=len(again),
        )
    for number in np.unique(places.chunks):
        mine = np.flatnonzero(places.chunks == number)
        source[number][places.positions[mine]] = mine
    return source


def _without(chunk: Chunk, names: Sequence[str]) -> tuple[Group, ...]:
    """Return the chunk's groups without the columns of those names."""
    kept = (
        replace(group, columns={n: stored for n, stored in group.columns.items() if n not in names})
        for group in chunk.groups
    )
    return tuple(group for group in kept if group.columns)


def _with_hashes(chunk: Chunk, hashes: U64, shop: Workshop) -> Chunk:
    return replace(chunk, row_hashes=shop.objects.put(encode_rows(hashes)))


def _rehashed(manifest: Manifest, chunks: Sequence[Chunk], shop: Workshop) -> Manifest:
    total = EMPTY
    for chunk in chunks:
        total += fingerprint_chunk(chunk, shop.objects)
    return replace(manifest, chunks=ChunkList().edited(appended=chunks), fingerprint=total)
