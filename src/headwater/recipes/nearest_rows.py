"""The rows of a dataset whose vectors are nearest to a query: by looking at all, or by graphs of the chunks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.neighbours import Metric, Nearest, merge_nearest
from headwater.methods.neighbours import nearest as nearest_vectors
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.graph_index import ChunkGraph
from headwater.recipes.known_vectors import vectors_of
from headwater.store.cache import Cache

__all__ = ["EXACT_NUMBERS", "nearest_rows", "require_vectors", "vector_columns"]

F32 = NDArray[np.float32]

EXACT_NUMBERS = 1 << 28
"""Rows times dimensions up to which all vectors are looked at: 4 million rows of 64, a gigabyte."""

_SMALL_CHUNK = 4096


def nearest_rows(
    dataset: Dataset,
    column: str,
    queries: F32,
    k: int = 10,
    *,
    metric: Metric = "cosine",
    exact: bool | None = None,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Nearest:
    """Find the rows whose vectors are nearest to some queries.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    column : str
        A column of vectors: lists of one fixed length.
    queries : numpy.ndarray of float32, shape (q, d)
        What to look for.
    k : int
        How many rows for each query; fewer come where fewer have a vector.
    metric : {"cosine", "dot", "l2"}
        How near is measured.
    exact : bool, optional
        Look at all vectors; or only where graphs of the chunks lead. By default all up to `EXACT_NUMBERS` numbers, or
        where the extra ``embeddings`` is not installed.
    cache : Cache, optional
        Where graphs are kept, by content of the chunk.
    executor : Executor, optional
        Runs the chunks.
    progress : Progress
        Told about chunks.

    Returns
    -------
    Nearest
        Row numbers in scan order. Rows without a vector, or with NaN in it, are left out, and for ``cosine`` those of
        zeros alone.

    Raises
    ------
    NotFound
        If there is no such column.
    SchemaError
        If it holds no vectors.
    UsageError
        If a query has another length than the vectors, holds NaN, or is all zeros with ``cosine``.
    """
    require_choice("metric", metric, get_args(Metric))
    size = require_vectors(dataset, column)
    queries = _checked(queries, size, metric, k)
    if exact is None:
        exact = dataset.num_rows * size <= EXACT_NUMBERS or importlib.util.find_spec("usearch") is None

    def task(numbered: tuple[int, DatasetChunk]) -> Nearest:
        start, chunk = numbered
        if exact or chunk.rows < _SMALL_CHUNK:
            vectors = vectors_of(chunk.read([column]).column(column))
            rows = np.arange(start, start + len(vectors), dtype=np.int64)
            return nearest_vectors(queries, vectors, k, metric=metric, rows=rows)
        return ChunkGraph.of(chunk, column, metric, cache).nearest(queries, k, chunk.live_positions(), start)

    runner = executor or LocalExecutor()
    label = f"search {column}" if exact else f"index {column}"
    merged = Nearest([np.zeros(0, np.int64)] * len(queries), [np.zeros(0)] * len(queries))
    for part in runner.map(task, list(_numbered(dataset)), label=label, progress=progress):
        merged = merge_nearest([merged, part], k, metric)
    return merged


def require_vectors(dataset: Dataset, column: str) -> int:
    """Return the length of the vectors of a column, or raise.

    Raises
    ------
    NotFound
        If there is no such column.
    SchemaError
        If it holds no vectors.
    """
    require_columns(dataset.schema, [column], where=f"dataset {dataset.name!r}")
    kind = dataset.schema.field(column).type
    if not _is_vector(kind):
        known = ", ".join(vector_columns(dataset)) or "none"
        raise SchemaError(
            f"Column {column!r} of dataset {dataset.name!r} is {kind}, not vectors of one length. Columns of vectors: "
            f"{known}. `hw embed` makes one.",
            column=column,
        )
    return int(kind.list_size)


def vector_columns(dataset: Dataset) -> list[str]:
    """Return the columns that hold vectors."""
    return [field.name for field in dataset.schema if _is_vector(field.type)]


def _numbered(dataset: Dataset) -> Iterator[tuple[int, DatasetChunk]]:
    start = 0
    for chunk in dataset.chunks:
        if chunk.live_rows:
            yield start, chunk
        start += chunk.live_rows


def _checked(queries: F32, dimensions: int, metric: Metric, k: int) -> F32:
    found = np.ascontiguousarray(np.atleast_2d(np.asarray(queries, np.float32)))
    if k < 1:
        raise UsageError(f"Ask for 1 neighbour or more, not {k}.", k=k)
    if found.ndim != 2 or found.shape[1] != dimensions:
        raise UsageError(
            f"A query has {found.shape[-1]} dimensions, the vectors searched have {dimensions}. Encode the query with "
            "the encoder that made them.",
            expected=dimensions,
            found=int(found.shape[-1]),
        )
    if not np.isfinite(found).all():
        raise UsageError("A query holds NaN or infinity, which is near to nothing.")
    if metric == "cosine" and not found.any(axis=1).all():
        raise UsageError(
            "A query is all zeros, which has no direction to compare by: it may be an empty text. Use another text, or "
            "the metric l2."
        )
    return found


def _is_vector(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_fixed_size_list(kind)
        and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))
    )
