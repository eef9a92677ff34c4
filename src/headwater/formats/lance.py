"""Lance datasets: a folder of `.lance` files with its versions in `_versions`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from headwater.core.extras import require
from headwater.formats.base import About, ReadOptions, Source, WriteOptions, batches_of, register
from headwater.formats.fitting import fitted, fitted_schema, handed_over, plain_columns, reading, rows_at_once
from headwater.formats.guard import inside, require_no_links_out
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Lance"]

VERSIONS = "_versions"


class Lance:
    """Reads the newest version of a Lance dataset; writes a new dataset of one version."""

    names = ("lance",)
    suffixes = (".lance",)

    def recognises(self, path: Path) -> bool:
        """Say whether the folder has versions of Lance."""
        return (path / VERSIONS).is_dir() and any((path / VERSIONS).glob("*.manifest"))

    def makes_folder(self, target: Path) -> bool:
        """Say yes: a Lance dataset is a folder."""
        return True

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the dataset as a source, in the order of its rows; deleted rows are left out."""
        root = Path(location)
        lance = _library("Reading a Lance dataset")
        if not root.is_dir() or not self.recognises(root):
            raise input_error(location, f"it is no Lance dataset: it has no versions in {VERSIONS}")
        require_no_links_out(root)
        with reading(root.name, "Lance dataset"):
            dataset = lance.dataset(str(root))
            found = plain_columns(dataset.schema)
            for base in dataset.base_paths().values():
                inside(base.path, root, root.name)
            named = [file.path for fragment in dataset.get_fragments() for file in fragment.data_files()]
            paths = [inside(Path("data", name), root, root.name) for name in named]
            rows = dataset.count_rows()
        at_once = rows_at_once(sum(path.stat().st_size for path in paths if path.exists()), rows)
        schema = retyped_schema(found, options.schema, root.name)

        def batches() -> Iterator[pa.RecordBatch]:
            with reading(root.name, "Lance dataset"):
                stream = dataset.scanner(batch_size=at_once, scan_in_order=True).to_reader()
                yield from batches_of(retyped(fitted(stream, found, "Arrow"), schema, root.name))

        return Source(
            location=location,
            format="lance",
            schema=schema,
            num_rows=rows,
            batches=batches,
            about=About(name=root.name.removesuffix(".lance")),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write a dataset of one version, in files of about ``shard_bytes``."""
        lance = _library("Writing a Lance dataset")
        there = fitted_schema(schema, _leaf, "Lance", options.note)
        with handed_over(fitted(batches, there, "Lance"), there) as reader:
            lance.write_dataset(reader, str(target), max_bytes_per_file=options.shard_bytes)


def _library(purpose: str) -> ModuleType:
    return require("lance", extra="lance", purpose=purpose)


def _leaf(kind: pa.DataType) -> pa.DataType | None:
    return None if pa.types.is_interval(kind) else kind


register(reader=Lance(), writer=Lance())
