"""Delta tables: a folder of Parquet files with a log of versions in `_delta_log`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.core.extras import require
from headwater.formats.base import About, ReadOptions, Source, WriteOptions, batches_of, register
from headwater.formats.fitting import fitted, fitted_schema, handed_over, plain_columns, reading, rows_at_once
from headwater.formats.guard import inside, local_path, require_no_links_out
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Delta"]

LOG = "_delta_log"


class Delta:
    """Reads the newest version of a Delta table; writes a new table of one version."""

    names = ("delta",)
    suffixes = ()

    def recognises(self, path: Path) -> bool:
        """Say whether the folder has a log of Delta."""
        return (path / LOG).is_dir()

    def makes_folder(self, target: Path) -> bool:
        """Say yes: a Delta table is a folder."""
        return True

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the table as a source; only its log is read.

        Deleted rows are left out. Files outside the folder, which a log can name, are refused.
        """
        root = Path(location)
        deltalake = _library("Reading a Delta table")
        if not self.recognises(root):
            raise input_error(location, f"it is no Delta table: it has no folder {LOG}")
        require_no_links_out(root)
        with reading(root.name, "Delta table"):
            for deletions in _deletions(root):
                if deletions.get("storageType") == "p":  # the one kind with an address of its own
                    inside(local_path(deletions["pathOrInlineDv"]), root, root.name)
            table = deltalake.DeltaTable(str(root))
            found = plain_columns(pa.schema(table.schema().to_arrow()))
            paths = pa.table(table.get_add_actions()).column("path").to_pylist()
            features = table.protocol().reader_features or ()
            rows = None if "deletionVectors" in features else table.count()
        files = [inside(local_path(path), root, root.name) for path in paths]
        at_once = rows_at_once(sum(file.stat().st_size for file in files if file.exists()), table.count())
        schema = retyped_schema(found, options.schema, root.name)

        def batches() -> Iterator[pa.RecordBatch]:
            return batches_of(
                retyped(_plain(_batches(deltalake, table, root, at_once), found), schema, root.name)
            )

        facts = table.metadata()
        return Source(
            location=location,
            format="delta",
            schema=schema,
            num_rows=rows,
            batches=batches,
            about=About(name=facts.name or root.name),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write a table of one version, in files of about ``shard_bytes``."""
        deltalake = _library("Writing a Delta table")
        there = fitted_schema(schema, _leaf, "Delta", options.note, has_sizes=False)
        contract = options.about.contract
        rows, at_once = _measured(fitted(batches, there, "Delta"))
        with handed_over(rows, there) as reader:
            deltalake.write_deltalake(
                str(target),
                reader,
                writer_properties=deltalake.WriterProperties(
                    max_row_group_size=at_once, write_batch_size=1024, compression="ZSTD"
                ),
                name=options.about.name,
                description=(contract.description if contract else "") or None,
                target_file_size=options.shard_bytes,
            )


def _library(purpose: str) -> ModuleType:
    return require("deltalake", extra="delta", purpose=purpose)


def _measured(batches: Iterator[pa.RecordBatch]) -> tuple[Iterator[pa.RecordBatch], int]:
    """Return the batches, and how many rows to hold at once, reckoned by the first."""
    first = next(batches, None)
    if first is None:
        return iter(()), rows_at_once(0, 0)
    return itertools.chain([first], batches), rows_at_once(first.nbytes, len(first))


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_unsigned_integer(kind):
        wider = {8: pa.int16(), 16: pa.int32(), 32: pa.int64(), 64: pa.decimal128(20, 0)}
        return wider[kind.bit_width]
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    lacking = (pa.types.is_time, pa.types.is_duration, pa.types.is_decimal256, pa.types.is_interval)
    return None if any(test(kind) for test in lacking) else kind


def _deletions(root: Path) -> Iterator[Mapping[str, Any]]:
    """Yield where the log says that lists of deleted rows are."""
    for log in sorted((root / LOG).glob("*.json")):
        with log.open("rb") as lines:
            for line in lines:
                if b"deletionVector" in line:
                    action = json.loads(line)
                    yield from (found for part in action.values() if (found := part.get("deletionVector")))
    for checkpoint in sorted((root / LOG).glob("*.checkpoint*.parquet")):
        with pq.ParquetFile(checkpoint) as file:
            paths = [file.schema.column(at).path for at in range(len(file.schema))]
            wanted = [path for path in paths if path.startswith("add.deletionVector.")]
            for batch in file.iter_batches(columns=wanted) if wanted else ():
                adds = batch.column("add").drop_null().field("deletionVector").drop_null()
                yield from adds.to_pylist()


def _batches(deltalake: ModuleType, table: Any, root: Path, at_once: int) -> Iterator[pa.RecordBatch]:
    # One partition, so that rows come in the same order each time.
    session = {
        "datafusion.execution.target_partitions": "1",
        "datafusion.execution.batch_size": str(at_once),
    }
    with reading(root.name, "Delta table"):
        query = deltalake.QueryBuilder(session).register("t", table)
        yield from pa.RecordBatchReader.from_stream(query.execute("SELECT * FROM t"))


def _plain(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = [batch.column(field.name).cast(field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


register(reader=Delta(), writer=Delta())
