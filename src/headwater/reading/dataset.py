"""A dataset as it was at one commit: what it promises, and every way to read it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, overload

import duckdb
import numpy as np
import pyarrow as pa

from headwater.core.contract import Contract
from headwater.core.errors import NotFound, UsageError, require_choice
from headwater.core.extras import require
from headwater.core.hashing import hash_columns
from headwater.core.ids import CommitId
from headwater.core.references import can_refer
from headwater.core.references import references as find_references
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.reading.chunks import DatasetChunk
from headwater.reading.loading import Chunks
from headwater.reading.narrow import narrowed
from headwater.reading.pushdown import Condition, analyse, may_hold, read_matching
from headwater.reading.splits import Part, Split, declared_split, measure_split, part_of
from headwater.store.chunk import CHUNK_ROWS, Chunk, live_mask, read_chunk
from headwater.store.duck import filtered, rows_where
from headwater.store.keytext import key_texts, parse_keys
from headwater.store.lookup import Places, gather, locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.values import as_references, bounded, put_back, where_holds

if TYPE_CHECKING:
    import pandas
    import polars

    from headwater.reading.relation import Relation

__all__ = ["Dataset", "filtered", "rows_where"]


class Dataset:
    """A dataset at one commit. Read-only: changes go through a transaction.

    Parameters
    ----------
    name : str
        Its name.
    manifest : Manifest
        The version.
    commit : CommitId, optional
        The commit it is read from; None inside a transaction.
    objects, executor : Objects, Executor
        Where from, and who runs the work.
    at : callable
        Gives the same dataset at another ref.
    """

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        *,
        commit: CommitId | None,
        objects: Objects,
        executor: Executor,
        at: Callable[[str], Dataset],
    ) -> None:
        self.name = name
        self.manifest = manifest
        self.commit = commit
        self._objects = objects
        self._executor = executor
        self._at = at

    def __reduce__(self) -> tuple[Any, ...]:
        # Work on chunks takes datasets along to other processes. What reads there is one task of many.
        return _elsewhere, (self.name, self.manifest, self.commit, self._objects)

    def __repr__(self) -> str:
        where = f" at {self.commit[:12]}" if self.commit else ""
        columns = ", ".join(f"{field.name}: {field.type}" for field in list(self.schema)[:8])
        more = f", … ({len(self.schema.names)} columns)" if len(self.schema.names) > 8 else ""
        key = ", ".join(self.key) or "content"
        return f"Dataset {self.name!r}{where}: {self.num_rows:,} rows, key {key}\n  {columns}{more}"

    def _repr_html_(self) -> str:
        from html import escape

        head = self.head(5).to_pylist()
        names = self.schema.names
        cells = "".join(
            "<tr>" + "".join(f"<td>{escape(str(row[name]))}</td>" for name in names) + "</tr>" for row in head
        )
        titles = "".join(
            f"<th>{escape(f.name)}<br><small>{escape(str(f.type))}</small></th>" for f in self.schema
        )
        return f"<p><b>{escape(self.name)}</b>: {self.num_rows:,} rows</p><table><tr>{titles}</tr>{cells}</table>"

    def __len__(self) -> int:
        return self.num_rows

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return self.manifest.schema

    @property
    def key(self) -> tuple[str, ...]:
        """The key columns; empty for a content key."""
        return self.manifest.key

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return self.manifest.rows

    @property
    def fingerprint(self) -> str:
        """A hash of the rows, whatever their order: equal for equal content however it came about."""
        return str(self.manifest.fingerprint)

    @property
    def contract(self) -> Contract | None:
        """What the dataset promises."""
        return None if self.manifest.contract is None else Contract.from_odcs(self.manifest.contract)

    @property
    def chunks(self) -> list[DatasetChunk]:
        """The chunks, in scan order."""
        return [
            DatasetChunk(chunk, self.schema, self._objects, key=self.key) for chunk in self.manifest.chunks
        ]

    def at(self, ref: str) -> Dataset:
        """Return the dataset as it was at ``ref``."""
        return self._at(ref)

    @property
    def splits(self) -> Split | None:
        """How the rows fall into parts (`hw split`); None if nobody said."""
        return declared_split(self.manifest)

    def split(self, name: str) -> Dataset:
        """Return one part of the dataset, such as ``train``, to be read as any dataset.

        Parameters
        ----------
        name : str
            Name of the part.

        Returns
        -------
        Dataset
            Its rows. Augmented rows are in the first part, if the rows that they were made from are.

        Raises
        ------
        UsageError
            If nobody said how the dataset falls into parts.
        NotFound
            If there is no such part.
        """
        split = self.splits
        if split is None:
            raise UsageError(
                f"Dataset {self.name!r} has no split. Declare one: `hw split {self.name} --into train=0.8,test=0.2`.",
                dataset=self.name,
            )
        found = part_of(self.manifest, split, name, self._objects, self._executor)
        return self._narrowed(*found, lambda ref: self.at(ref).split(name))

    def where(self, condition: str) -> Dataset:
        """Return the rows for which a condition holds, to be read as any dataset.

        Parameters
        ----------
        condition : str
            A SQL condition, as in `scan`. It is asked once, now.

        Raises
        ------
        UsageError
            If the condition cannot be understood.
        """
        rows_where(self.schema.empty_table(), condition, self.name)
        known = analyse(condition, self.schema, self.name)
        chunks = [
            chunk for _, chunk in self.manifest.chunks.narrowed(partial(may_hold, known, schema=self.schema))
        ]

        def keep(chunk: Chunk) -> np.ndarray[Any, np.dtype[np.bool_]]:
            rows = read_chunk(chunk, self.schema, self._objects, columns=known.columns, deleted=True)
            mask = np.zeros(chunk.rows, np.bool_)
            large = self._objects if chunk.has_large else None
            mask[where_holds(rows, condition, self.name, large)] = True
            return mask

        found = narrowed(self.manifest, chunks, keep, self._objects, self._executor)
        return self._narrowed(*found, lambda ref: self.at(ref).where(condition))

    def _narrowed(self, manifest: Manifest, objects: Objects, at: Callable[[str], Dataset]) -> Dataset:
        return Dataset(
            self.name, manifest, commit=self.commit, objects=objects, executor=self._executor, at=at
        )

    def measure_split(self) -> list[Part]:
        """Count the parts of the split, and say how far each share may be off by chance; none without a split."""
        split = self.splits
        return [] if split is None else measure_split(self.manifest, split, self._objects, self._executor)

    def scan(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        batch_rows: int = CHUNK_ROWS,
        *,
        references: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """Stream the rows; memory is bounded by a few chunks, of large values by some 256 MiB or the longest one.

        Parameters
        ----------
        columns : sequence of str, optional
            The columns; all by default.
        where : str, optional
            A SQL condition over the columns of one row, in DuckDB's dialect. Chunks that its statistics rule out
            are not read; of the others, first the columns that it names, and the rest where it holds for a row.
        batch_rows : int
            The most rows a batch, 1 or more.
        references : bool
            Give text and bytes as structs of ``value``, ``object`` and ``size``: of a large value, ``value`` is
            null and ``object`` names it for `open`.

        Yields
        ------
        pyarrow.RecordBatch
            Rows in the order of the chunks, the same at each scan.

        Raises
        ------
        NotFound
            If a column is not there.
        UsageError
            If the condition cannot be understood, or ``batch_rows`` is less than 1.
        """
        names = self._names(columns)
        if batch_rows < 1:
            raise UsageError(f"A batch has 1 row or more, not {batch_rows}.", batch_rows=batch_rows)
        for chunk, table in self._tables(names, where):
            if references:
                batches = table.to_batches(max_chunksize=batch_rows)
                yield from (as_references(batch, key=self.key) for batch in batches)
            else:
                yield from self._whole(chunk, table, batch_rows)

    def stored(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.RecordBatchReader:
        """Return the rows as they are stored, with references (`headwater.core.references`) for large values."""
        names = self._names(columns)
        schema = pa.schema([self.schema.field(name) for name in names])
        batches = (batch for _, table in self._tables(names, where) for batch in table.to_batches())
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _tables(self, names: Sequence[str], where: str | None) -> Iterator[tuple[Chunk, pa.Table]]:
        """Yield the rows of each chunk, with references for large values."""
        chunks: Sequence[Chunk] = self.manifest.chunks
        condition: Condition | None = None
        if where is not None:
            rows_where(self.schema.empty_table(), where, self.name)
            condition = analyse(where, self.schema, self.name)
            asked = partial(may_hold, condition, schema=self.schema)
            chunks = [chunk for _, chunk in self.manifest.chunks.narrowed(asked)]

        def task(chunk: Chunk) -> pa.Table:
            if condition is None:
                return read_chunk(chunk, self.schema, self._objects, columns=names)
            return read_matching(
                chunk, self.schema, self._objects, condition, columns=names, dataset=self.name
            )

        yield from zip(chunks, self._executor.map(task, chunks), strict=True)

    def _whole(self, chunk: Chunk, table: pa.Table, batch_rows: int = CHUNK_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield rows of a chunk with their large values, of which few are in memory at once."""
        if not (chunk.has_large and table.num_columns):
            yield from table.to_batches(max_chunksize=batch_rows)
            return
        for batch in bounded(table, batch_rows):
            yield put_back(batch, self._objects, key=self.key)

    def open(self, key: str, column: str) -> BinaryIO:
        """Open one value of text or bytes as a stream, which is read as far as it is asked for.

        Parameters
        ----------
        key : str
            The key of its row as JSON text, the form that findings use: ``"7"``, ``'"cat/1.png"'``.
        column : str
            The column.

        Returns
        -------
        file-like
            It can seek; text is UTF-8.

        Raises
        ------
        NotFound
            If there is no such row or column.
        UsageError
            If the value is null, or neither text nor bytes.
        """
        require_columns(self.schema, [column], where=f"dataset {self.name!r}")
        places = self._found_places([key])
        value = gather(self.manifest, places, self._objects, columns=[column]).column(0)
        if not can_refer(value.type) or not value[0].is_valid:
            said = "null" if can_refer(value.type) else f"{value.type}"
            raise UsageError(
                f"Column {column!r} of row {key} of dataset {self.name!r} is {said}; "
                "only text and bytes can be opened.",
                column=column,
            )
        reference = find_references(value).get(0) if column not in self.key else None
        if reference is not None:
            return self._objects.reader(reference.object)
        return io.BytesIO(value[0].as_buffer().to_pybytes())

    def reader(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.RecordBatchReader:
        """Return the rows as an Arrow reader."""
        schema = pa.schema([self.schema.field(name) for name in self._names(columns)])
        return pa.RecordBatchReader.from_batches(schema, self.scan(columns, where))

    def _names(self, columns: Sequence[str] | None) -> list[str]:
        if columns is None:
            return list(self.schema.names)
        # Text is a sequence too, of letters.
        names = [columns] if isinstance(columns, str) else list(columns)
        require_columns(self.schema, names, where=f"dataset {self.name!r}")
        return names

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.reader().__arrow_c_stream__(requested_schema)

    def to_arrow(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """Return the rows as an Arrow table."""
        return self.reader(columns, where).read_all()

    @overload
    def to_polars(
        self,
        columns: Sequence[str] | None = ...,
        where: str | None = ...,
        *,
        lazy: Literal[False] = ...,
    ) -> polars.DataFrame: ...
    @overload
    def to_polars(
        self, columns: Sequence[str] | None = ..., where: str | None = ..., *, lazy: Literal[True]
    ) -> polars.LazyFrame: ...
    def to_polars(
        self, columns: Sequence[str] | None = None, where: str | None = None, *, lazy: bool = False
    ) -> polars.DataFrame | polars.LazyFrame:
        """Return the rows as a Polars frame; needs the extra ``polars``.

        Parameters
        ----------
        columns : sequence of str, optional
            The columns; all by default.
        where : str, optional
            As in `scan`; for a lazy frame use its own ``filter``.
        lazy : bool
            Return a lazy frame: what a query needs of it is read when it is collected.

        Raises
        ------
        UsageError
            If a lazy frame is asked for with a condition.
        """
        if lazy:
            if where is not None:
                raise UsageError("A lazy frame takes no condition in SQL: use its own `filter`.", where=where)
            from headwater.reading.frames import lazy_frame

            return lazy_frame(self.schema, self.manifest.chunks, self._batches).select(self._names(columns))
        frame: polars.DataFrame = require("polars", extra="polars", purpose="to_polars").from_arrow(
            self.to_arrow(columns, where)
        )
        return frame

    def to_pandas(self, columns: Sequence[str] | None = None, where: str | None = None) -> pandas.DataFrame:
        """Return the rows as a pandas frame; needs the extra ``pandas``."""
        require("pandas", extra="pandas", purpose="to_pandas")
        frame: pandas.DataFrame = self.to_arrow(columns, where).to_pandas()
        return frame

    def to_torch(
        self,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        *,
        style: Literal["iterable", "map"] = "iterable",
        batch_size: int | None = None,
        drop_last: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        window: int = 4,
        rank: int | None = None,
        world_size: int | None = None,
        equal: bool = False,
        decode: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> Any:
        """Return a dataset for PyTorch; needs the extra ``torch``.

        Parameters
        ----------
        columns, where : sequence of str, str, optional
            As in `scan`. The condition is asked once, now.
        style : {"iterable", "map"}
            ``iterable`` reads chunk by chunk and shuffles by itself. ``map`` gives rows by number, for samplers; it
            reads the chunk around a row, so in random order over many chunks it is slow.
        batch_size : int, optional
            Rows a batch of the iterable: give the ``DataLoader`` ``batch_size=None``. One row at a time by default.
        drop_last : bool
            Whether to leave out a last batch with fewer rows.
        shuffle : bool
            Whether to shuffle: the order of the chunks, and the rows of ``window`` chunks together. All rows come
            once an epoch.
        seed, epoch : int
            Together they fix the order. ``set_epoch`` of the iterable chooses another epoch.
        window : int
            How many chunks to draw from at a time; they are in memory twice.
        rank, world_size : int, optional
            Which of how many processes this is; the environment variables of the launcher say it by default. Workers
            of a ``DataLoader`` share the rows of a process among them.
        equal : bool
            Whether all processes get the same number of rows; up to ``world_size - 1`` are left out of an epoch.
        decode : mapping of str to callable, optional
            For a column, what to make of each value, such as an image of its bytes. Bytes stay bytes without.

        Returns
        -------
        torch.utils.data.IterableDataset or torch.utils.data.Dataset
            Of dicts from column to tensor or list (`headwater.reading.tensors.tensors`). The iterable has
            ``state_dict`` and ``load_state_dict``, by which torchdata's ``StatefulDataLoader`` goes on within an epoch.

        Raises
        ------
        MissingExtra
            If PyTorch is not installed.
        """
        from headwater.reading.tensors import iterable_dataset, map_dataset

        require_choice("style", style, ("iterable", "map"))
        chunks = self._chunks_of(columns, where)
        unknown = [name for name in decode or {} if name not in chunks.schema.names]
        if unknown:
            require_columns(chunks.schema, unknown, where=f"what is read of dataset {self.name!r}")
        if style == "map":
            return map_dataset(chunks, kept=window, decode=decode)
        return iterable_dataset(
            chunks,
            batch_size=batch_size,
            drop_last=drop_last,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            window=window,
            rank=rank,
            world_size=world_size,
            equal=equal,
            decode=decode,
        )

    def to_huggingface(
        self, columns: Sequence[str] | None = None, where: str | None = None, *, streaming: bool = False
    ) -> Any:
        """Return a dataset of the library ``datasets``; needs the extra ``huggingface``.

        Parameters
        ----------
        columns, where : sequence of str, str, optional
            As in `scan`.
        streaming : bool
            Return an ``IterableDataset`` with a shard a chunk, which reads as it goes; otherwise a ``Dataset`` over
            the rows in memory, without copying them.
        """
        from headwater.reading.bridges import to_huggingface

        return to_huggingface(self._chunks_of(columns, where), streaming=streaming)

    def to_ray(self, columns: Sequence[str] | None = None, where: str | None = None) -> Any:
        """Return a ``ray.data.Dataset``; needs the extra ``ray``.

        Each chunk is read by a task of the cluster, not by the driver: its machines must reach the repository.

        Parameters
        ----------
        columns, where : sequence of str, str, optional
            As in `scan`. The condition is asked here.
        """
        from headwater.reading.bridges import to_ray

        return to_ray(self._chunks_of(columns, where))

    def _chunks_of(self, columns: Sequence[str] | None, where: str | None) -> Chunks:
        """Return what a loader reads."""
        schema = pa.schema([self.schema.field(name) for name in self._names(columns)])
        found = self if where is None else self.where(where)
        return Chunks(tuple(found.chunks), schema, found.fingerprint)

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> duckdb.DuckDBPyRelation:
        """Return the rows as a DuckDB relation, which reads from the repository what each of its uses needs."""
        return (connection or duckdb.connect()).from_arrow(self.relation())

    def relation(self) -> Relation:
        """Return the rows as what DuckDB can register as a table: columns and rows are read as it needs them."""
        from headwater.reading.relation import Relation

        return Relation(self.schema, self.manifest.chunks, self._batches)

    def _batches(self, columns: Sequence[str], chunks: Sequence[Chunk]) -> Iterator[pa.RecordBatch]:
        """Read the live rows of some chunks."""

        def task(chunk: Chunk) -> pa.Table:
            return read_chunk(chunk, self.schema, self._objects, columns=columns)

        for chunk, table in zip(chunks, self._executor.map(task, chunks), strict=True):
            yield from self._whole(chunk, table)

    def head(self, rows: int = 10) -> pa.Table:
        """Return the first rows."""
        parts, left = [self.schema.empty_table()], rows
        for chunk in self.manifest.chunks:
            if left <= 0:
                break
            positions = np.flatnonzero(live_mask(chunk, self._objects))[:left]
            part = read_chunk(chunk, self.schema, self._objects, rows=positions)
            parts.append(put_back(part, self._objects, key=self.key) if chunk.has_large else part)
            left -= len(positions)
        return pa.concat_tables(parts)

    def keys_of(self, table: pa.Table) -> list[str]:
        """Return the key of each row as JSON text, the form that findings use.

        Parameters
        ----------
        table : pyarrow.Table
            Rows with the key columns; without a key, with all columns.

        Returns
        -------
        list of str
            The key's value, a list of values for several key columns, the row's hash without a key.

        Raises
        ------
        NotFound
            If the rows lack one of these columns.
        """
        require_columns(table.schema, self.key or self.schema.names, where=f"these rows of {self.name!r}")
        if not self.key:
            hashes = hash_columns(table.select(self.schema.names))
            return [f'"{int(value):016x}"' for value in hashes]
        return key_texts(table.select(list(self.key)))

    def take(self, keys: Sequence[str]) -> pa.Table:
        """Return the rows whose keys, as JSON text, are given; in that order.

        Raises
        ------
        NotFound
            If a key is not there.
        """
        rows = gather(self.manifest, self._found_places(keys), self._objects, executor=self._executor)
        return put_back(rows, self._objects, key=self.key)

    def _found_places(self, keys: Sequence[str]) -> Places:
        places = self.places(keys)
        lost = np.flatnonzero(~places.found)
        if len(lost):
            raise NotFound(
                f"Dataset {self.name!r} has no row with key {keys[int(lost[0])]} ({len(lost)} of {len(keys)} missing).",
                kind="row",
                name=keys[int(lost[0])],
            )
        return places

    def places(self, keys: Sequence[str]) -> Places:
        """Return where the rows with these keys (JSON text) are."""
        if not self.key:
            return self._content_places(keys)
        schema = pa.schema([self.schema.field(name) for name in self.key])
        return locate(self.manifest, parse_keys(keys, schema), self._objects, self._executor)

    def _content_places(self, keys: Sequence[str]) -> Places:
        try:
            sought = np.array([int(json.loads(key), 16) for key in keys], np.uint64)
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"Dataset {self.name!r} has no key: its rows are named by 16 hexadecimal digits, in quotes."
            ) from error
        chunks, positions = np.full(len(sought), -1, np.int64), np.zeros(len(sought), np.int64)
        for number, chunk in enumerate(self.manifest.chunks):
            live = np.flatnonzero(live_mask(chunk, self._objects))
            hashes = chunk.hashes(self._objects)[live]
            order = np.argsort(hashes, kind="stable")
            at = np.searchsorted(hashes[order], sought)
            hit = at < len(hashes)
            hit[hit] = hashes[order[at[hit]]] == sought[hit]
            hit &= chunks < 0
            chunks[hit], positions[hit] = number, live[order[at[hit]]]
        return Places(chunks, positions)


def _elsewhere(name: str, manifest: Manifest, commit: CommitId | None, objects: Objects) -> Dataset:
    """Return a dataset that came from another process, which knows no other refs."""

    def at(ref: str) -> Dataset:
        raise UsageError(f"Dataset {name!r} was sent here without its history: {ref} cannot be read.")

    return Dataset(name, manifest, commit=commit, objects=objects, executor=LocalExecutor(1), at=at)
