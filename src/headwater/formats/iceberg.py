"""Iceberg tables in a folder: by the folder, by a `*.metadata.json`, or by the SQL catalog that lies above them."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.core.errors import NotFound, UsageError
from headwater.core.extras import require
from headwater.formats.base import (
    BATCH_ROWS,
    About,
    ReadOptions,
    Source,
    WriteOptions,
    batches_of,
    gathered,
    register,
)
from headwater.formats.fitting import fitted, fitted_schema, plain_columns, reading, rows_at_once
from headwater.formats.guard import inside, require_no_links_out
from headwater.formats.iceberg_io import file_io, io_properties, mapped
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Iceberg"]

METADATA = "metadata"
DATA = "data"
ENDING = ".metadata.json"
HINT = "version-hint.text"
CATALOG = "catalog.db"
NAMESPACE = "headwater"

_PURPOSE = "An Iceberg table"
_SQLITE = b"SQLite format 3\0"


class Iceberg:
    """Reads the current snapshot of a table; writes a new table, with a catalog in SQLite beside it."""

    names = ("iceberg",)
    suffixes = ()

    def recognises(self, path: Path) -> bool:
        """Say whether the folder has metadata of Iceberg, or the file is such metadata."""
        if path.is_dir():
            return (path / METADATA).is_dir() and any((path / METADATA).glob(f"*{ENDING}"))
        return path.name.endswith(ENDING) and path.is_file()

    def makes_folder(self, target: Path) -> bool:
        """Say yes: an Iceberg table is a folder."""
        return True

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the table as a source; only its metadata is read.

        Deleted rows are left out. A table that was moved is read where it lies now.
        """
        require("pyiceberg", extra="iceberg", purpose=_PURPOSE)
        file = _metadata_file(Path(location), options.table)
        root = file.parent.parent
        require_no_links_out(root)
        with reading(root.name, "Iceberg table"):
            table = _table(file, root)
            found = plain_columns(table.schema().as_arrow())
            tasks = list(table.scan().plan_files())
            files = [_File(table, task, found, root) for task in tasks]
        schema = retyped_schema(found, options.schema, root.name)

        def batches() -> Iterator[pa.RecordBatch]:
            with reading(root.name, "Iceberg table"):
                stream = fitted((batch for file in files for batch in file.batches()), found, "Arrow")
                yield from batches_of(retyped(stream, schema, root.name))

        has_deletes = any(task.delete_files for task in tasks)
        return Source(
            location=location,
            format="iceberg",
            schema=schema,
            num_rows=None if has_deletes else sum(task.file.record_count for task in tasks),
            batches=batches,
            notes=_notes(files, found),
            about=About(name=root.name),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write a table of one snapshot, in files of about ``shard_bytes``.

        Its metadata names files by where the table will lie.
        """
        sql = require("pyiceberg.catalog.sql", extra="iceberg", purpose=_PURPOSE)
        there = fitted_schema(schema, _leaf, "Iceberg", options.note, has_sizes=False)
        location = str(options.becomes or target)
        target.mkdir()
        properties = {"uri": f"sqlite:///{target / CATALOG}", "warehouse": location}
        catalog = sql.SqlCatalog(NAMESPACE, **properties, **io_properties(location, target))
        name = (NAMESPACE, re.sub(r"[^\w]+", "_", options.about.name) or "data")
        try:
            catalog.create_namespace(NAMESPACE)
            sizes = {"write.target-file-size-bytes": str(options.shard_bytes)}
            table = catalog.create_table(name, schema=there, location=location, properties=sizes)
            # The library's own writer makes null lists of structs empty.
            written = _write_files(
                fitted(batches, there, "Iceberg"), there, target / DATA, options.shard_bytes
            )
            if written:
                table.add_files(
                    [f"{location}/{DATA}/{name}" for name in written], check_duplicate_files=False
                )
            newest = Path(catalog.load_table(name).metadata_location).name
        finally:
            catalog.engine.dispose()
        (target / METADATA / HINT).write_text(newest, encoding="utf-8")


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_integer(kind) and kind.bit_width < 32:
        return pa.int32()
    if pa.types.is_unsigned_integer(kind):
        return pa.int64() if kind.bit_width == 32 else pa.decimal128(20, 0)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_time(kind):
        return pa.time64("us")
    if pa.types.is_null(kind):
        return pa.string()
    lacking = (pa.types.is_duration, pa.types.is_decimal256, pa.types.is_interval)
    return None if any(test(kind) for test in lacking) else kind


def _metadata_file(path: Path, table: str | None) -> Path:
    """Return the metadata of a table: the file named, the newest of a folder, or what a catalog says."""
    if path.is_dir():
        return _newest(path)
    with path.open("rb") as file:
        is_catalog = file.read(len(_SQLITE)) == _SQLITE
    if is_catalog:
        return _of_catalog(path, table)
    if not path.name.endswith(ENDING):
        raise input_error(path.name, f"it is no metadata of Iceberg, whose names end in {ENDING}")
    if path.resolve().parent.name != METADATA:
        raise input_error(path.name, f"it does not lie in a folder {METADATA!r} of its table")
    return path.resolve()


def _newest(folder: Path) -> Path:
    files = list((folder / METADATA).glob(f"*{ENDING}")) if (folder / METADATA).is_dir() else []
    if not files:
        raise input_error(folder.name, f"it is no Iceberg table: there is no {METADATA}/*{ENDING}")
    hint = folder / METADATA / HINT
    if hint.is_file():
        said = hint.read_text(encoding="utf-8", errors="replace").strip()
        named = {said, f"v{said}{ENDING}", f"{said}{ENDING}"}
        found = [file for file in files if file.name in named]
        if not found:
            raise input_error(
                f"{folder.name}/{METADATA}/{HINT}", f"it names version {said[:80]!r}, which is not there"
            )
        return found[0]
    return max(files, key=lambda file: (_version(file.name), file.stat().st_mtime_ns, file.name))


def _version(name: str) -> int:
    """Return the number of `v3.metadata.json` and `00003-….metadata.json`."""
    found = re.match(r"v?(\d{1,18})", name)
    return int(found.group(1)) if found else -1


def _of_catalog(path: Path, wanted: str | None) -> Path:
    """Return the metadata of a table that a catalog in SQLite names; it has to lie below the catalog."""
    query = "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as connection:
            tables = dict(connection.execute(query))
    except sqlite3.Error as error:
        raise input_error(path.name, f"it is no catalog of Iceberg ({error})") from error
    if wanted is not None and wanted not in tables:
        raise NotFound.among("table", wanted, tables, where=path.name)
    if wanted is None and len(tables) != 1:
        listed = f"It has {', '.join(sorted(tables))}." if tables else "It has none."
        raise UsageError(
            f"Say which table of {path.name} to read with --table. {listed}", tables=sorted(tables)
        )
    address = tables[wanted] if wanted is not None else next(iter(tables.values()))
    return inside(str(address).removeprefix("file://"), path.resolve().parent, path.name)


def _table(file: Path, root: Path) -> Any:
    # The library's own loader would use classes that the metadata names.
    tables = require("pyiceberg.table", extra="iceberg", purpose=_PURPOSE)
    noop = require("pyiceberg.catalog.noop", extra="iceberg", purpose=_PURPOSE)
    serializers = require("pyiceberg.serializers", extra="iceberg", purpose=_PURPOSE)
    nearby = file_io(str(root), root)
    metadata = serializers.FromInputFile.table_metadata(nearby.new_input(str(file)))
    return tables.StaticTable(
        identifier=("static-table", str(file)),
        metadata=metadata,
        metadata_location=str(file),
        io=file_io(metadata.location, root),
        catalog=noop.NoopCatalog("static-table"),
    )


class _File:
    """One file of a table, with the deleted rows that belong to it."""

    def __init__(self, table: Any, task: Any, schema: pa.Schema, root: Path) -> None:
        self._table = table
        self._task = task
        self._schema = schema
        self._path = mapped(task.file.file_path, table.metadata.location, root)
        self.is_plain = self._has_the_columns()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; of a file that needs no change, without holding all of it."""
        if self.is_plain:
            at_once = rows_at_once(self._task.file.file_size_in_bytes, self._task.file.record_count)
            with pq.ParquetFile(self._path, pre_buffer=False, page_checksum_verification=True) as file:
                for batch in file.iter_batches(batch_size=at_once, columns=self._schema.names):
                    yield batch.select(self._schema.names)
            return
        pyarrow = require("pyiceberg.io.pyarrow", extra="iceberg", purpose=_PURPOSE)
        expressions = require("pyiceberg.expressions", extra="iceberg", purpose=_PURPOSE)
        table = self._table
        scan = pyarrow.ArrowScan(table.metadata, table.io, table.schema(), expressions.AlwaysTrue())
        yield from scan.to_record_batches([self._task])

    def _has_the_columns(self) -> bool:
        """Say whether the file has just the columns of the table, which never had others, and no deleted rows."""
        is_parquet = str(getattr(self._task.file.file_format, "value", "")).upper() == "PARQUET"
        if self._task.delete_files or not is_parquet or len(self._table.metadata.schemas) != 1:
            return False
        there = plain_columns(pq.read_schema(self._path))
        return set(there.names) == set(self._schema.names) and all(
            there.field(column.name).type == column.type for column in self._schema
        )


def _notes(files: Iterable[_File], schema: pa.Schema) -> tuple[str, ...]:
    blurred = [field.name for field in schema if _has_structs_in_lists(field.type)]
    if not blurred or all(file.is_plain for file in files):
        return ()
    named = ", ".join(blurred)
    return (
        f"Some files are read by a library that takes null lists and maps of structs for empty ones: {named}.",
    )


def _has_structs_in_lists(kind: pa.DataType, *, is_inside: bool = False) -> bool:
    if pa.types.is_struct(kind):
        return is_inside or any(_has_structs_in_lists(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _has_structs_in_lists(kind.item_type, is_inside=True)
    return bool(pa.types.is_list(kind)) and _has_structs_in_lists(kind.value_type, is_inside=True)


def _write_files(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, folder: Path, most_bytes: int
) -> list[str]:
    """Write Parquet files of about so many bytes; return their names."""
    folder.mkdir()
    names: list[str] = []
    writer: pq.ParquetWriter | None = None
    try:
        for table in gathered(batches, schema):
            if writer is None:
                names.append(f"{len(names):05d}.parquet")
                writer = pq.ParquetWriter(
                    folder / names[-1], schema, compression="zstd", write_page_checksum=True
                )
            writer.write_table(table, row_group_size=BATCH_ROWS)
            if (folder / names[-1]).stat().st_size >= most_bytes:
                writer.close()
                writer = None
    finally:
        if writer is not None:
            writer.close()
    return names


register(reader=Iceberg(), writer=Iceberg())
