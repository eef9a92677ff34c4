"""Datasets of other libraries over the chunks of a repository: Hugging Face and Ray."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from headwater.core.arrays import rows_to_python
from headwater.core.extras import require
from headwater.reading.loading import Chunks

__all__ = ["to_huggingface", "to_ray"]

_BATCH = 1024


def to_huggingface(chunks: Chunks, *, streaming: bool = False) -> Any:
    """Return a dataset of the library ``datasets``; see `headwater.reading.dataset.Dataset.to_huggingface`."""
    datasets = require("datasets", extra="huggingface", purpose="to_huggingface")
    if not streaming:
        tables = require("datasets.table", extra="huggingface", purpose="to_huggingface")
        parts = [chunks.schema.empty_table(), *map(chunks.read, range(len(chunks.parts)))]
        return datasets.Dataset(tables.InMemoryTable(pa.concat_tables(parts)))
    features = datasets.Features.from_arrow_schema(chunks.schema)

    def examples(numbers: list[int]) -> Iterator[dict[str, Any]]:
        for number in numbers:
            for batch in chunks.read(number).to_batches(max_chunksize=_BATCH):
                yield from rows_to_python(pa.Table.from_batches([batch]))

    # A list is dealt out among the workers of a loader.
    numbers = list(range(len(chunks.parts)))
    return datasets.IterableDataset.from_generator(
        examples, features=features, gen_kwargs={"numbers": numbers}
    )


def to_ray(chunks: Chunks) -> Any:
    """Return a dataset of Ray; see `headwater.reading.dataset.Dataset.to_ray`."""
    ray = require("ray.data", extra="ray", purpose="to_ray")
    if not chunks.parts:
        return ray.from_arrow(chunks.schema.empty_table())

    def read(numbers: pa.Table) -> pa.Table:
        return pa.concat_tables([chunks.read(number) for number in numbers.column("id").to_pylist()])

    count = len(chunks.parts)
    return ray.range(count, override_num_blocks=count).map_batches(read, batch_format="pyarrow", batch_size=1)
