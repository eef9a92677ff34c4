"""Rows similar to a row, a text, a file or a vector, as a table: what `hw similar` shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.methods.neighbours import Metric
from headwater.reading.dataset import Dataset
from headwater.reading.numbered import rows_at
from headwater.recipes.embedding import embedding_of
from headwater.recipes.encoder import F32, encode, encoder_id, make_encoder
from headwater.recipes.known_vectors import vectors_of
from headwater.recipes.nearest_rows import nearest_rows, require_vectors, vector_columns
from headwater.store.cache import Cache

__all__ = ["SCORE", "similar_rows"]

SCORE = "_score"
"""The column that says how near a row is: similarity for ``cosine`` and ``dot``, distance for ``l2``."""


def similar_rows(
    dataset: Dataset,
    *,
    key: Any = None,
    value: str | bytes | None = None,
    vector: Any = None,
    column: str | None = None,
    k: int = 10,
    metric: Metric = "cosine",
    exact: bool | None = None,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> pa.Table:
    """Return the rows most similar to a row of the dataset, to a value, or to a vector; the most similar first.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    key : str, optional
        The key of a row, as JSON text; the row itself is left out.
    value : str or bytes, optional
        A text or the bytes of an image, encoded as the column was.
    vector : sequence of float, optional
        A vector.
    column : str, optional
        The column of vectors; needed where there are several.
    k : int
        How many rows.
    metric, exact, cache, executor, progress
        See `headwater.recipes.nearest_rows.nearest_rows`.

    Returns
    -------
    pyarrow.Table
        ``_score`` and the columns of the dataset but those of vectors; at most k rows.

    Raises
    ------
    UsageError
        If not exactly one of key, value and vector is given, the row has no vector, or the value cannot be encoded
        as the column was.
    NotFound
        If there is no such row or column, or no column of vectors.
    """
    if sum(given is not None for given in (key, value, vector)) != 1:
        raise UsageError("Similar to what? Give exactly one of a key, a text (or file) and a vector.")
    if k < 1:
        raise UsageError(f"Ask for 1 row or more, not {k}.", k=k)
    name = column or _only_column(dataset)
    own = -1
    if key is not None:
        own, query = _of_row(dataset, key, name)
    elif value is not None:
        query = _of_value(dataset, value, name)
    else:
        query = np.asarray(vector, np.float32).reshape(1, -1)
    found = nearest_rows(
        dataset,
        name,
        query,
        k + 1 if own >= 0 else k,
        metric=metric,
        exact=exact,
        cache=cache,
        executor=executor,
        progress=progress,
    )
    others = found.rows[0] != own
    rows, values = found.rows[0][others][:k], found.scores[0][others][:k]
    hidden = {*vector_columns(dataset), SCORE}
    table = rows_at(dataset, rows, [field for field in dataset.schema.names if field not in hidden])
    return table.add_column(0, SCORE, pa.array(values, pa.float64()))


def _only_column(dataset: Dataset) -> str:
    known = vector_columns(dataset)
    if not known:
        raise NotFound(
            f"Dataset {dataset.name!r} has no column of vectors. `hw embed {dataset.name} COLUMN` makes one.",
            kind="column",
            name="",
        )
    made = [name for name in known if embedding_of(dataset, name)] or known
    if len(made) > 1:
        raise UsageError(
            f"Dataset {dataset.name!r} has several columns of vectors: {', '.join(made)}. Name one: column=, --column.",
            columns=made,
        )
    return made[0]


def _of_row(dataset: Dataset, key: str, column: str) -> tuple[int, F32]:
    """Return the number and the vector of a row."""
    places = dataset.places([key])
    if not places.found.all():
        raise NotFound(f"Dataset {dataset.name!r} has no row with key {key}.", kind="row", name=key)
    number, position = int(places.chunks[0]), places.positions[:1]
    chunks = dataset.chunks
    before = sum(chunk.live_rows for chunk in chunks[:number])
    require_vectors(dataset, column)
    vector = vectors_of(chunks[number].read_rows(position, [column]).column(column))
    if not np.isfinite(vector).all():
        raise UsageError(
            f"Row {key} of dataset {dataset.name!r} has no vector in column {column!r}, so nothing is near it. "
            f"`hw embed` makes vectors for new rows.",
            key=key,
        )
    return before + int(np.searchsorted(chunks[number].live_positions(), position[0])), vector


def _of_value(dataset: Dataset, value: str | bytes, column: str) -> F32:
    """Return the vector of a value by the encoder of a column."""
    said = embedding_of(dataset, column)
    if said is None:
        raise UsageError(
            f"It is not known how column {column!r} of dataset {dataset.name!r} was made, so nothing can be encoded "
            "alike. Give a key or a vector.",
            column=column,
        )
    encoder = make_encoder(said["encoder"], said["options"])
    if encoder_id(encoder) != said["id"]:
        raise UsageError(
            f"Column {column!r} was made by {said['id']}, and {encoder_id(encoder)} is installed: their vectors cannot "
            f"be compared. Run `hw embed {dataset.name} {said['column']}` first.",
            column=column,
        )
    kind = dataset.schema.field(said["column"]).type if said["column"] in dataset.schema.names else None
    try:
        values = pa.array([value], kind)
    except (pa.ArrowException, TypeError) as error:
        raise UsageError(
            f"Column {said['column']!r} is {kind}, and this is {type(value).__name__}: {error}."
        ) from error
    encoded = encode(encoder, values, said["dimensions"])
    if encoded.broken.any():
        raise UsageError(f"This cannot be encoded by {said['id']}: it is damaged, or of another kind.")
    return encoded.vectors
