"""Chunks: at most 131,072 rows, immutable, as Parquet column groups with a row index.

A `Chunk` is the manifest's entry for one; `write_chunk` makes it from a table, `read_chunk` gives its
live rows back.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyroaring import BitMap

from headwater.core.arrays import cast
from headwater.core.errors import StorageError
from headwater.core.hashing import U64, hash_keys
from headwater.core.ids import ObjectId, digest
from headwater.core.references import can_refer, hash_rows, real_bytes, references
from headwater.store.objects import Objects, corrupt
from headwater.store.rowindex import KEY_BYTES, ROW_BYTES, Keys, decode_rows, encode_rows
from headwater.store.unwritable import unwritable

__all__ = [
    "CHUNK_BYTES",
    "CHUNK_ROWS",
    "LARGE_WEIGHT",
    "Chunk",
    "Group",
    "live_mask",
    "read_chunk",
    "write_chunk",
    "write_group",
]

CHUNK_ROWS = 131_072
CHUNK_BYTES = 128 << 20
LARGE_WEIGHT = 8
"""How many bytes of large values count as one."""
_STATISTIC_CHARACTERS = 64
_PAGE_BYTES = 1 << 20
_SAMPLE_ROWS = 4_096
_DISTINCT = 0.97
_CODE_BYTES = 4
_WORN = 0.3


@dataclass(frozen=True, slots=True)
class Group:
    """A column group: one Parquet file, and which of its columns stand under which name.

    ``large`` is the object that lists the large values its rows refer to; None if there are none.
    """

    object: ObjectId
    columns: Mapping[str, str]
    large: ObjectId | None = None

    def to_list(self) -> list[Any]:
        """Return the form kept in a manifest."""
        entry = [self.object, dict(self.columns)]
        return entry if self.large is None else [*entry, self.large]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The manifest's entry for one chunk.

    Parameters
    ----------
    rows : int
        Rows stored, deleted ones included.
    groups : tuple of Group
        The column groups; a column of the dataset that is in none is null here.
    row_hashes : ObjectId
        The object with the row hashes.
    keys : ObjectId, optional
        The object with the key index; None without a key.
    deleted : ObjectId, optional
        The object with the deletion vector; None while nothing is deleted.
    deleted_rows : int
        How many rows it deletes.
    statistics : mapping of str to list
        For each column ``[minimum, maximum, null count]`` over the stored rows; of floats without NaN, whose number
        stands behind.
    size_bytes : int
        Bytes of the stored rows in memory; large values count an eighth, for no compaction writes them again.
        0 where it is not known.
    """

    rows: int
    groups: tuple[Group, ...]
    row_hashes: ObjectId
    keys: ObjectId | None = None
    deleted: ObjectId | None = None
    deleted_rows: int = 0
    statistics: Mapping[str, list[Any]] = field(default_factory=dict)
    size_bytes: int = 0

    @property
    def live_rows(self) -> int:
        """Rows that are not deleted."""
        return self.rows - self.deleted_rows

    @property
    def is_loose(self) -> bool:
        """Whether compaction may be due: the chunk is small, or much of it is deleted."""
        return self.is_small or self.is_worn

    @property
    def is_small(self) -> bool:
        """Whether it is at most half full."""
        live_bytes = self.size_bytes * self.live_rows // self.rows
        return self.live_rows * 2 <= CHUNK_ROWS and live_bytes * 2 <= CHUNK_BYTES

    @property
    def is_worn(self) -> bool:
        """Whether so much of it is deleted that it is to be packed again."""
        return self.deleted_rows > _WORN * self.rows

    @property
    def columns(self) -> list[str]:
        """Names of the columns stored here."""
        return [name for group in self.groups for name in group.columns]

    def identity(self, columns: Iterable[str] | None = None) -> ObjectId:
        """Return a name for the stored rows of ``columns``, deletions left out: equal names, equal rows."""
        wanted = None if columns is None else set(columns)
        parts = sorted(
            f"{name}\0{group.object}\0{stored}"
            for group in self.groups
            for name, stored in group.columns.items()
            if wanted is None or name in wanted
        )
        return digest("\n".join([str(self.rows), *parts]).encode())

    def to_dict(self) -> dict[str, Any]:
        """Return the form kept in a manifest."""
        return {
            "rows": self.rows,
            "groups": [group.to_list() for group in self.groups],
            "row_hashes": self.row_hashes,
            "keys": self.keys,
            "deleted": self.deleted,
            "deleted_rows": self.deleted_rows,
            "statistics": dict(self.statistics),
            "size_bytes": self.size_bytes,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Chunk:
        """Read the form that `to_dict` gives."""
        return cls(**{**value, "groups": tuple(Group(*group) for group in value["groups"])})

    def objects(self) -> list[ObjectId]:
        """Return the names of all objects this chunk needs, but for its large values."""
        names = [group.object for group in self.groups] + [self.row_hashes]
        lists = [group.large for group in self.groups]
        return names + [name for name in (self.keys, self.deleted, *lists) if name is not None]

    @property
    def has_large(self) -> bool:
        """Whether rows of it refer to large values."""
        return any(group.large is not None for group in self.groups)

    def large(self, objects: Objects) -> dict[ObjectId, int]:
        """Return the large values that its rows refer to: objects of their own, with their sizes."""
        found: dict[ObjectId, int] = {}
        for group in self.groups:
            if group.large is not None:
                found.update(objects.get_document(group.large)["values"])
        return found

    def deletion_vector(self, objects: Objects) -> BitMap:
        """Return the positions of deleted rows."""
        return BitMap() if self.deleted is None else BitMap.deserialize(objects.get(self.deleted))

    def with_deleted(self, positions: NDArray[np.int64], objects: Objects) -> Chunk:
        """Return the chunk with the rows at ``positions`` deleted, too; the vector is stored."""
        if not len(positions):
            return self
        # A bitmap is built from an array of the array module at once, from one of numpy value by value.
        more = BitMap(array("I", positions.astype(np.uint32).tobytes()))
        stored = self.deletion_vector(objects) | more
        stored.run_optimize()
        return replace(self, deleted=objects.put(stored.serialize()), deleted_rows=len(stored))

    def key_index(self, objects: Objects) -> Keys:
        """Return the sorted key hashes; the row hashes where the dataset has no key."""
        if self.keys is None:
            return Keys.of(self.hashes(objects))
        return Keys.decode(self._sized(self.keys, KEY_BYTES, objects))

    def hashes(self, objects: Objects) -> U64:
        """Return the row hashes in the order of the rows."""
        return decode_rows(self._sized(self.row_hashes, ROW_BYTES, objects))

    def _sized(self, name: ObjectId, width: int, objects: Objects) -> pa.Buffer:
        """Open an index with ``width`` bytes a row; one of another size is damaged."""
        data = objects.open(name)
        if data.size != width * self.rows:
            raise corrupt(name, objects.storage)
        return data


def write_chunk(table: pa.Table, objects: Objects, *, key: Sequence[str]) -> Chunk:
    """Store up to `CHUNK_ROWS` rows as a new chunk.

    Parameters
    ----------
    table : pyarrow.Table
        The rows, in the dataset's schema.
    objects : Objects
        Where to.
    key : sequence of str
        The key columns; none for a content key.

    Returns
    -------
    Chunk
    """
    group, statistics = write_group(table, objects, key=key)
    return Chunk(
        rows=table.num_rows,
        groups=(group,),
        row_hashes=objects.put(encode_rows(hash_rows(table))),
        keys=objects.put(Keys.of(hash_keys(table, key)).encode()) if key else None,
        statistics=statistics,
        size_bytes=table.nbytes + int(real_bytes(table).sum()) // LARGE_WEIGHT,
    )


def write_group(
    table: pa.Table, objects: Objects, *, key: Sequence[str] = ()
) -> tuple[Group, dict[str, list[Any]]]:
    """Store columns as one Parquet object; return its entry and its statistics.

    Of a column with references there are no smallest and largest values: those of the references say nothing.
    """
    apart = {
        field.name: found
        for field, column in zip(table.schema, table.columns, strict=True)
        if field.name not in key and (found := references(column))
    }
    large = {item.object: item.size for found in apart.values() for item in found.values()}
    sink = pa.BufferOutputStream()
    collected: list[Any] = []
    try:
        pq.write_table(
            _tight(table),
            sink,
            compression="zstd",
            compression_level=1,
            row_group_size=CHUNK_ROWS,
            write_page_index=True,
            write_page_checksum=True,
            data_page_size=_PAGE_BYTES,
            max_rows_per_page=CHUNK_ROWS,
            metadata_collector=collected,
            store_schema=True,
            write_statistics=[name for name in table.schema.names if name not in apart] if apart else True,
            **_encodings(table),
        )
    except (pa.ArrowInvalid, RuntimeError) as error:
        # Closing the file after a value that it cannot hold raises a RuntimeError that hides the reason.
        refused = unwritable(table, key)
        if refused is None:
            raise
        raise refused from error
    name = objects.put(sink.getvalue())
    listed = objects.put_document({"format": 1, "values": large}) if large else None
    statistics = _statistics(table.schema, collected[0])
    for column, values in zip(table.schema.names, table.columns, strict=True):
        if column in statistics and pa.types.is_floating(values.type):
            statistics[column].append(pc.sum(pc.is_nan(values), min_count=0).as_py())
    statistics.update((column, [None, None, table.column(column).null_count]) for column in apart)
    return Group(name, {column: column for column in table.schema.names}, listed), statistics


def read_chunk(
    chunk: Chunk,
    schema: pa.Schema,
    objects: Objects,
    *,
    columns: Sequence[str] | None = None,
    rows: NDArray[np.integer[Any]] | None = None,
    deleted: bool = False,
) -> pa.Table:
    """Return rows of a chunk in the dataset's schema, with references for large values.

    Parameters
    ----------
    chunk : Chunk
        The chunk.
    schema : pyarrow.Schema
        The dataset's schema: columns the chunk does not hold come as nulls, narrower types are widened.
    objects : Objects
        Where from.
    columns : sequence of str, optional
        The columns to read; all by default.
    rows : numpy.ndarray of int, optional
        Positions of the rows to return, deleted or not; all live rows by default.
    deleted : bool
        With no ``rows``: return deleted rows too.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    CorruptObject
        If a file is damaged.
    """
    names = schema.names if columns is None else list(columns)
    found: dict[str, pa.ChunkedArray] = {}
    for group in chunk.groups:
        wanted = {group.columns[name]: name for name in names if name in group.columns}
        if wanted:
            stored = _read_group(group.object, list(wanted), objects)
            # Parquet takes a dot for a path: of columns "a" and "a.b" it reads both when asked for "a".
            found.update((name, stored.column(column)) for column, name in wanted.items())
    # Rows are picked before types are fitted: dictionary-encoded text stays encoded until few values are left.
    picked = pa.table(found) if found else _rowless(chunk.rows)
    if rows is not None:
        picked = picked.take(pa.array(rows))
    elif chunk.deleted is not None and not deleted:
        picked = picked.filter(pa.array(live_mask(chunk, objects)))
    fields = [schema.field(name) for name in names]
    count = len(rows) if rows is not None else chunk.rows if deleted else chunk.live_rows
    if not fields:
        return _rowless(count)
    arrays = [_fit(picked.column(f.name) if f.name in found else None, f.type, count) for f in fields]
    return pa.table(arrays, schema=pa.schema(fields))


def live_mask(chunk: Chunk, objects: Objects) -> NDArray[np.bool_]:
    """Return, for each stored row, whether it is live."""
    mask = np.ones(chunk.rows, np.bool_)
    if chunk.deleted is not None:
        mask[np.asarray(chunk.deletion_vector(objects).to_array())] = False
    return mask


def _read_group(name: ObjectId, columns: list[str], objects: Objects) -> pa.Table:
    try:
        source = pa.BufferReader(objects.open(name))
        metadata = pq.read_metadata(source)
        encoded = [column for column in _encoded_text(metadata) if column in columns]
        return pq.ParquetFile(
            source, metadata=metadata, read_dictionary=encoded, page_checksum_verification=True
        ).read(columns=columns, use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, StorageError):
            raise
        raise corrupt(name, objects.storage) from error


def _encoded_text(metadata: Any) -> list[str]:
    """Return the text columns that are stored as small codes into a dictionary, by their size."""
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            small = column.total_uncompressed_size <= _CODE_BYTES * group.num_rows
            if small and column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page:
                found.append(column.path_in_schema)
    return found


def _fit(array: pa.ChunkedArray | None, kind: pa.DataType, rows: int) -> pa.ChunkedArray:
    if array is None:
        return pa.chunked_array([pa.nulls(rows, kind)])
    return cast(array, kind)


def _rowless(rows: int) -> pa.Table:
    """Return a table of ``rows`` rows and no columns."""
    return pa.table({"_": pa.nulls(rows)}).select([])


def _tight(table: pa.Table) -> pa.Table:
    """Return the table with flat columns that hold no null declared so: no level is then kept for each value."""
    fields = [
        f.with_nullable(bool(pa.types.is_nested(f.type) or pa.types.is_null(f.type) or column.null_count))
        for f, column in zip(table.schema, table.columns, strict=True)
    ]
    return pa.table(table.columns, schema=pa.schema(fields)) if fields else table


def _encodings(table: pa.Table) -> dict[str, Any]:
    """Return the encodings, by type and content.

    Whole numbers and times are kept as deltas, which write 5 times and read 3 to 6 times as fast as a dictionary, at
    less than its size. Reals, text and bytes go through a dictionary where values repeat; where they do not, reals
    are split by byte, and text and bytes are plain. Every reader of Parquet format 2 knows all of these.
    """
    coded, encodings = [], {}
    nested = tuple(f"{f.name}." for f in table.schema if pa.types.is_nested(f.type))
    for name, kind, column in zip(table.schema.names, table.schema.types, table.columns, strict=True):
        # An encoding named for "a.b" would hold for the "b" of a nested "a", too.
        if pa.types.is_nested(kind) or (nested and name.startswith(nested)):
            continue
        if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
            encodings[name] = "DELTA_BINARY_PACKED"
        elif not (pa.types.is_floating(kind) or can_refer(kind)) or _repeats(column):
            coded.append(name)
        elif pa.types.is_floating(kind):
            encodings[name] = "BYTE_STREAM_SPLIT"
    return {"use_dictionary": coded or False, "column_encoding": encodings or None}


def _repeats(column: pa.ChunkedArray) -> bool:
    """Say whether values repeat within as many of the first as a dictionary has room for."""
    room = _PAGE_BYTES * len(column) // max(column.nbytes, 1) + 1
    sample = column.slice(0, min(_SAMPLE_ROWS, room))
    values = len(sample) - sample.null_count
    return bool(pc.count_distinct(sample).as_py() <= _DISTINCT * values)


def _statistics(schema: pa.Schema, metadata: Any) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    if metadata.num_row_groups != 1:
        return out
    group = metadata.row_group(0)
    flat = {field.name for field in schema if not pa.types.is_nested(field.type)}
    leaves = [group.column(index) for index in range(group.num_columns)]
    paths = [column.path_in_schema for column in leaves]
    for name, column in zip(paths, leaves, strict=True):
        # A path with a dot may be that of a nested value: what two claim to be, neither is.
        if name not in flat or paths.count(name) > 1 or not column.is_stats_set:
            continue
        statistics = column.statistics
        low, high = _bounds(statistics) if statistics.has_min_max else (None, None)
        out[name] = [low, high, statistics.null_count if statistics.has_null_count else None]
    return out


def _bounds(statistics: Any) -> tuple[Any, Any]:
    try:
        return _plain(statistics.min), _plain(statistics.max)
    except (OverflowError, ValueError):
        # A date beyond the years that Python knows.
        return None, None


def _plain(value: Any) -> Any:
    """Return a JSON-able form of a statistic, or None where there is none worth keeping."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and len(value) <= _STATISTIC_CHARACTERS:
        return value
    return None
