"""What every format offers: a reader gives a `Source`, a writer takes batches. One format is one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import pyarrow as pa

from headwater.core.contract import Contract
from headwater.core.ids import ObjectId
from headwater.core.registry import Registry

__all__ = [
    "BATCH_ROWS",
    "HEADER",
    "READERS",
    "SHARD_BYTES",
    "SPLIT",
    "WRITERS",
    "About",
    "BadLine",
    "FileMemory",
    "FolderReader",
    "FolderWriter",
    "OnBadLines",
    "ReadOptions",
    "Reader",
    "Source",
    "WriteOptions",
    "Writer",
    "batches_of",
    "gathered",
    "register",
    "unheard",
]

BATCH_ROWS = 131_072
BAD_LINES_KEPT = 100

GATHERED_BYTES = 64 << 20
SHARD_BYTES = 256 << 20
SPLIT = {"role": "split"}
"""The tag of a column that says which split a row is in."""
HEADER = {"role": "header"}
"""The tag of a column of sizes of files, or of what their headers say, which vary or not as they do."""

OnBadLines = Literal["error", "skip"]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out, counted from 1 in its file, with the reason and the start of its text."""

    file: str
    line: int
    reason: str
    text: str = ""


class FileMemory(Protocol):
    """What a reader of folders is given to remember files by, and to put large ones away with.

    ``largest`` is the size in bytes above which a file does not come as a value but as what `put` returns.
    """

    @property
    def largest(self) -> int:
        """The largest file that comes as a value."""
        ...

    @property
    def is_current(self) -> bool:
        """Whether all that can be recalled is where the rows go already, so that only other files need be read."""
        ...

    def recall(self, files: pa.Table) -> pa.Table:
        """Return what was learnt of each of ``files`` that has not changed since: the columns given to `learn`.

        Rows are those of ``files``; ``content`` is null where nothing is known.
        """
        ...

    def learn(self, files: pa.Table, facts: pa.Table, read_at: int) -> None:
        """Remember what was read of ``files``, read from ``read_at`` on (nanoseconds since the epoch)."""
        ...

    def put(self, pieces: Iterator[bytes]) -> bytes:
        """Store a large value and return what stands for it in its column."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read; a format uses the options that concern it.

    Parameters
    ----------
    schema : mapping of str to pyarrow.DataType
        Types of columns that are not to be inferred.
    query : str, optional
        SQL, for databases.
    table : str, optional
        A table of a database, or a sheet of a workbook.
    encoding : str, optional
        Of text; UTF-8, or what the byte order mark says, by default.
    delimiter : str, optional
        Between the fields of delimited text; found out by default.
    header : bool
        Whether delimited text and sheets begin with the names of the columns.
    null_values : tuple of str
        Unquoted fields of delimited text that mean null; an empty field always does.
    on_bad_lines : {"error", "skip"}
        What a malformed line does: ends the reading, or is left out and reported. In folders: a file that cannot
        be read, or whose name is not UTF-8.
    metadata : bool
        For folders: whether what the headers of media say become columns.
    memory : FileMemory, optional
        For folders: what remembers files, so that those that did not change are not read.
    """

    schema: Mapping[str, pa.DataType] = field(default_factory=dict)
    query: str | None = None
    table: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    null_values: tuple[str, ...] = ()
    on_bad_lines: OnBadLines = "error"
    metadata: bool = False
    memory: FileMemory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a dataset besides its rows; formats that have room for it keep it.

    Parameters
    ----------
    name : str
        Of the dataset.
    contract : Contract, optional
        What it promises: description, licence, key, label.
    published : str
        The day of this version, as ISO 8601 has it.
    tags : mapping of str to mapping
        Facts about columns, as JSON can say them. ``{"role": "split"}`` marks the column of splits;
        ``{"huggingface": {...}}`` is the feature that a column is in Hugging Face's library.
    """

    name: str = "data"
    contract: Contract | None = None
    published: str = ""
    tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def split_column(self, schema: pa.Schema) -> str | None:
        """Return the column of ``schema`` that is tagged as that of splits."""
        return next((name for name in schema.names if self.tags.get(name, {}).get("role") == "split"), None)


def unheard(text: str) -> None:
    """Take a note and do nothing with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How to write; a format uses the options that concern it.

    Parameters
    ----------
    label : str, optional
        For folders: the column that names the class folder of a row.
    content : str, optional
        For folders: the column of bytes or text that becomes the file.
    name : str, optional
        For folders: the column that names the file.
    open_value : callable, optional
        For folders: gives the pieces of a large value, by the object that a reference in its place names.
    about : About
        What is known of the dataset.
    shard_bytes : int
        For formats of several files: where a new file begins, about.
    becomes : Path, optional
        Where the target will be once it is whole, for formats that write addresses down.
    note : callable
        Told what a user may want to know, for example that a type was changed.
    """

    label: str | None = None
    content: str | None = None
    name: str | None = None
    open_value: Callable[[ObjectId], Iterable[bytes]] | None = None
    about: About = field(default_factory=About)
    shard_bytes: int = SHARD_BYTES
    becomes: Path | None = None
    note: Callable[[str], None] = unheard


@dataclass(frozen=True, kw_only=True)
class Source:
    """Data that has been looked at and can be read, several times if need be.

    Parameters
    ----------
    location : str
        Where it is, fit for messages: without passwords.
    format : str
        Name of its format.
    schema : pyarrow.Schema
        Of all batches.
    num_rows : int, optional
        Number of rows, where known before reading.
    batches : callable
        Returns the batches from the start, each of at most `BATCH_ROWS` rows.
    notes : tuple of str
        Decisions a user may want to know of, for example why a column is text.
    skipped : int
        Number of malformed lines that were left out.
    bad_lines : tuple of BadLine
        The first hundred of them.
    unsettled : frozenset of str
        Columns without any value, whose type is a guess.
    key : tuple of str
        Columns that identify a row by the nature of the source; empty if nothing is known.
    about : About
        What the format says besides the rows.
    """

    location: str
    format: str
    schema: pa.Schema
    num_rows: int | None
    batches: Callable[[], Iterator[pa.RecordBatch]] = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    skipped: int = 0
    bad_lines: tuple[BadLine, ...] = ()
    unsettled: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()
    about: About = field(default_factory=About)

    def reader(self) -> pa.RecordBatchReader:
        """Return the batches as an Arrow stream."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def table(self) -> pa.Table:
        """Return all rows as one table in memory."""
        return pa.Table.from_batches(self.batches(), self.schema)


class Reader(Protocol):
    """Reads one format.

    ``names`` are the names it goes by, the first being the usual one; ``suffixes`` are the endings of its
    files, without those of compression.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The names the format goes by."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of its files."""
        ...

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Look at the file, folder or database at ``location`` and return it as a source."""
        ...


class Writer(Protocol):
    """Writes one format; `headwater.formats.write.write` sees to it that a target appears whole or not at all."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names the format goes by."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The endings of its files."""
        ...

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write all batches to the new file or folder ``target``, whose suffixes say its compression."""
        ...


@runtime_checkable
class FolderReader(Reader, Protocol):
    """Reads folders that are one table, whatever files are in them, or files that say where one is."""

    def recognises(self, path: Path) -> bool:
        """Say whether ``path`` is such a table, by what lies there."""
        ...


@runtime_checkable
class FolderWriter(Writer, Protocol):
    """Writes a folder, for some targets or all."""

    def makes_folder(self, target: Path) -> bool:
        """Say whether ``target`` becomes a folder."""
        ...


READERS: Registry[Reader] = Registry("reader", "headwater.formats")
WRITERS: Registry[Writer] = Registry("writer", "headwater.formats")


def register(*, reader: Reader | None = None, writer: Writer | None = None) -> None:
    """Register a reader, a writer, or both, under each of its names."""
    if reader is not None:
        for name in reader.names:
            READERS.register(name)(reader)
    if writer is not None:
        for name in writer.names:
            WRITERS.register(name)(writer)


def batches_of(data: pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of ``data`` in batches of at most `BATCH_ROWS` rows, without copying, none empty."""
    if isinstance(data, pa.RecordBatch):
        data = [data]
    elif isinstance(data, pa.Table):
        data = data.to_batches(max_chunksize=BATCH_ROWS)
    for batch in data:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


def gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of many small batches as few tables, of at least `BATCH_ROWS` rows or 64 MB, but for the last."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= BATCH_ROWS or size >= GATHERED_BYTES:
            yield pa.Table.from_batches(waiting, schema)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)
