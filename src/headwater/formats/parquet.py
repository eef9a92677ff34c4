"""Parquet files, streamed batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.core.errors import UsageError
from headwater.formats.base import (
    BATCH_ROWS,
    ReadOptions,
    Source,
    WriteOptions,
    batches_of,
    gathered,
    register,
)
from headwater.formats.fitting import rows_at_once
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Parquet"]


class Parquet:
    """Reads and writes Parquet; files are written with zstd and a page index."""

    names = ("parquet",)
    suffixes = (".parquet", ".pq")

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the file as a source; only its footer is read."""
        path = Path(location)
        try:
            with pq.ParquetFile(path) as file:
                found, rows = file.schema_arrow, file.metadata.num_rows
        except pa.ArrowInvalid as error:
            raise input_error(
                path.name,
                f"it is not a whole Parquet file ({_short(error)})",
                mend="fetch it again, or name its format with --input-format",
            ) from error
        schema = retyped_schema(found.remove_metadata(), options.schema, path.name)
        return Source(
            location=location,
            format="parquet",
            schema=schema,
            num_rows=rows,
            batches=lambda: batches_of(retyped(_batches(path), schema, path.name)),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write the batches in row groups of at most `BATCH_ROWS` rows."""
        try:
            with pq.ParquetWriter(target, schema, compression="zstd", write_page_index=True) as writer:
                for table in gathered(batches, schema):
                    writer.write_table(table, row_group_size=BATCH_ROWS)
        except pa.ArrowNotImplementedError as error:
            raise UsageError(f"Parquet cannot hold these columns: {_short(error)}.") from error


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(at).total_byte_size for at in groups)
            yield from file.iter_batches(batch_size=rows_at_once(size, file.metadata.num_rows))
    except (pa.ArrowInvalid, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise input_error(
            path.name, f"its data is damaged ({_short(error)})", mend="fetch the file again"
        ) from error


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


register(reader=Parquet(), writer=Parquet())
