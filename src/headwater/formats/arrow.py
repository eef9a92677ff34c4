"""Arrow IPC: files (also called Feather) and streams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.formats.base import ReadOptions, Source, WriteOptions, batches_of, gathered, register
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["ArrowIpc"]

FILE_MAGIC = b"ARROW1"


class ArrowIpc:
    """Reads and writes Arrow's own format; ``.arrows`` is a stream, anything else a file."""

    names = ("arrow", "feather")
    suffixes = (".arrow", ".feather", ".ipc", ".arrows")

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the file as a source; a file is mapped into memory, a stream read through."""
        path = Path(location)
        with _opened(path) as file:
            found = file.schema
            rows = file.count_rows() if isinstance(file, pa.RecordBatchFileReader) else None
        schema = retyped_schema(found.remove_metadata(), options.schema, path.name)
        return Source(
            location=location,
            format="arrow",
            schema=schema,
            num_rows=rows,
            batches=lambda: batches_of(retyped(_batches(path), schema, path.name)),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write the batches, compressed with zstd."""
        make = pa.ipc.new_stream if target.suffix == ".arrows" else pa.ipc.new_file
        try:
            with make(str(target), schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
                for table in gathered(batches, schema):
                    writer.write_table(table.combine_chunks())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise UsageError(f"Arrow cannot write these columns: {error}") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pa.RecordBatchFileReader | pa.RecordBatchStreamReader]:
    with path.open("rb") as file:
        start = file.read(len(FILE_MAGIC))
    if not start:
        raise input_error(path.name, "the file is empty")
    if start.startswith(b"FEA1"):
        raise input_error(
            path.name, "it is in the old Feather format", mend="write it again as Feather version 2"
        )
    try:
        with pa.memory_map(str(path)) as mapped:
            is_file = start == FILE_MAGIC
            with pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped) as reader:
                yield reader
    except (pa.ArrowInvalid, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        said = str(error).split("\n")[0]
        raise input_error(
            path.name, f"it is not whole Arrow data ({said})", mend="fetch the file again"
        ) from error


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with _opened(path) as reader:
        if isinstance(reader, pa.RecordBatchFileReader):
            for at in range(reader.num_record_batches):
                yield reader.get_batch(at)
        else:
            yield from reader


register(reader=ArrowIpc(), writer=ArrowIpc())
