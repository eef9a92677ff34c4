"""What steps give and take: values with a name for their content, kept in the repository's cache."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from headwater.core.errors import CorruptObject, UsageError
from headwater.core.extras import require
from headwater.core.hashing import hash_columns
from headwater.core.ids import canonical_json, digest
from headwater.reading.dataset import Dataset
from headwater.recipes.estimator_file import estimator_bytes, read_estimator
from headwater.store.cache import Cache

__all__ = [
    "Kept",
    "Piece",
    "Pieces",
    "Value",
    "as_table",
    "converted",
    "load_value",
    "name_of",
    "save_value",
    "table_bytes",
]

PIECE_ROWS = 131_072


@runtime_checkable
class Piece(Protocol):
    """Some rows of a table, with a name for their content that stays when rows elsewhere change."""

    @property
    def rows(self) -> int:
        """How many rows are in it."""
        ...

    def identity(self, columns: tuple[str, ...] = ()) -> str:
        """Return a name for the stored rows of some columns, or all."""
        ...

    def live(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the positions of its rows among the stored ones."""
        ...

    def read(self, columns: tuple[str, ...] = ()) -> pa.Table:
        """Return the rows."""
        ...


class Value(Protocol):
    """Something that a step takes."""

    @property
    def name(self) -> str:
        """A name for its content."""
        ...

    def load(self) -> Any:
        """Return it."""
        ...


@dataclass(frozen=True)
class Kept:
    """A value in the cache, read when it is asked for."""

    name: str
    kind: str
    read: Callable[[], bytes | None]
    rows: int | None = None
    memory: list[Any] = field(default_factory=list, compare=False, repr=False)

    def load(self) -> Any:
        """Return the value.

        Raises
        ------
        CorruptObject
            If it is not in the cache any more, or damaged.
        """
        if not self.memory:
            data = self.read()
            if data is None:
                raise CorruptObject(f"Result {self.name[:12]} is not there any more. Run the pipeline again.")
            self.memory.append(load_value(self.kind, data))
        return self.memory[0]


@dataclass(frozen=True)
class Pieces:
    """Rows in pieces: a dataset, a table, or what a step by rows makes of them.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and types.
    pieces : tuple of Piece
        The rows.
    name : str
        A name for the content.
    dataset : Dataset, optional
        The dataset that they are.
    added : tuple of str
        The columns that the step by rows gave that made them.
    """

    schema: pa.Schema
    pieces: tuple[Piece, ...]
    name: str
    dataset: Dataset | None = None
    added: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(piece.rows for piece in self.pieces)

    def load(self) -> pa.Table:
        """Return all rows as one table."""
        return pa.concat_tables([self.schema.empty_table(), *self.tables()])

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows, a piece at a time."""
        for piece in self.pieces:
            if piece.rows:
                yield piece.read().cast(self.schema)

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows as a stream."""
        batches = (batch for table in self.tables() for batch in table.to_batches())
        return pa.RecordBatchReader.from_batches(self.schema, batches)

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> Pieces:
        """Return a dataset as pieces, its chunks."""
        pieces = tuple(_ChunkPiece(chunk) for chunk in dataset.chunks)
        facts = [[one.chunk.identity(), one.chunk.deleted_id] for one in pieces]
        name = digest(canonical_json([str(dataset.schema), facts]))
        return cls(dataset.schema, pieces, name, dataset)

    @classmethod
    def of_table(cls, table: pa.Table) -> Pieces:
        """Return a table as pieces of equal size."""
        parts = [table.slice(start, PIECE_ROWS) for start in range(0, table.num_rows, PIECE_ROWS)]
        pieces = tuple(_TablePiece(part) for part in parts)
        return cls(table.schema, pieces, name_of(table))


@dataclass(frozen=True)
class _ChunkPiece:
    chunk: Any

    @property
    def rows(self) -> int:
        return int(self.chunk.live_rows)

    def identity(self, columns: tuple[str, ...] = ()) -> str:
        return str(self.chunk.identity(list(columns) or None))

    def live(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        found: np.ndarray[Any, np.dtype[np.int64]] = self.chunk.live_positions()
        return found

    def read(self, columns: tuple[str, ...] = ()) -> pa.Table:
        return self.chunk.read(list(columns) or None)


@dataclass(frozen=True)
class _TablePiece:
    table: pa.Table

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def identity(self, columns: tuple[str, ...] = ()) -> str:
        return name_of(self.table.select(list(columns)) if columns else self.table)

    def live(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.arange(self.table.num_rows, dtype=np.int64)

    def read(self, columns: tuple[str, ...] = ()) -> pa.Table:
        return self.table.select(list(columns)) if columns else self.table


def name_of(table: pa.Table) -> str:
    """Return a name for the content of a table: its schema, and its rows in order."""
    return digest(str(table.schema.remove_metadata()).encode() + hash_columns(table).tobytes())


def save_value(value: Any, cache: Cache, folder: str, *, step: str) -> Kept:
    """Keep what a step gave, and return it with its name.

    Raises
    ------
    UsageError
        If it is of no kind that can be kept.
    """
    table = as_table(value)
    if table is not None:
        kind, name, data = "table", name_of(table), table_bytes(table)
        value = table
    else:
        kind, data = _encoded(value, step)
        name = digest(kind.encode() + data)
    path = f"{folder}/{name[:40]}"
    if not cache.holds(path):
        cache.put(path, data)
    return Kept(name, kind, lambda: cache.get(path), None if table is None else table.num_rows, [value])


def load_value(kind: str, data: bytes) -> Any:
    """Read what `save_value` kept."""
    if kind == "table":
        with pa.ipc.open_stream(data) as reader:
            return reader.read_all()
    if kind == "array":
        return np.load(io.BytesIO(data), allow_pickle=False)
    if kind == "bytes":
        return data
    if kind == "model":
        return read_estimator(data)
    return json.loads(data)


def as_table(value: Any) -> pa.Table | None:
    """Return rows as an Arrow table; None for what is no rows."""
    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, Dataset):
        return value.to_arrow()
    package = type(value).__module__.partition(".")[0]
    if package == "pandas" and type(value).__name__ == "DataFrame":
        return pa.Table.from_pandas(value, preserve_index=False).replace_schema_metadata()
    if package == "polars" and type(value).__name__ in ("DataFrame", "LazyFrame"):
        frame = value.collect() if type(value).__name__ == "LazyFrame" else value
        return frame.to_arrow()
    return None


def converted(value: Any, kind: Any) -> Any:
    """Return a table as the declared type wants it: a pandas or polars frame; others stay as they are."""
    if isinstance(value, pa.Table):
        package = str(getattr(kind, "__module__", "")).partition(".")[0]
        if package == "pandas":
            require("pandas", extra="pandas", purpose="A step with pandas frames")
            return value.to_pandas()
        if package == "polars":
            return require("polars", extra="polars", purpose="A step with polars frames").from_arrow(value)
    return value


def _encoded(value: Any, step: str) -> tuple[str, bytes]:
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return "array", buffer.getvalue()
    if isinstance(value, bytes):
        return "bytes", value
    if hasattr(value, "get_params") and type(value).__module__.partition(".")[0] == "sklearn":
        return "model", estimator_bytes(value)
    try:
        data = json.dumps(value, sort_keys=True, default=_number).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"Step {step!r} gave a {type(value).__module__}.{type(value).__qualname__}, which cannot be kept: {error}. "
            "Return a table, a frame, an array, bytes, a scikit-learn model, or plain values (numbers, text, lists, "
            "mappings).",
            step=step,
        ) from error
    if json.loads(data) != _as_json(value):
        raise UsageError(
            f"Step {step!r} gave a mapping whose keys are no text, or a value that JSON changes. Return plain values.",
            step=step,
        )
    return "json", data


def _as_json(value: Any) -> Any:
    """Return the value as JSON would give it back: tuples as lists, numbers of numpy as Python's."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def table_bytes(table: pa.Table) -> bytes:
    """Return a table in Arrow's stream format, compressed."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=PIECE_ROWS)
    return bytes(sink.getvalue())
