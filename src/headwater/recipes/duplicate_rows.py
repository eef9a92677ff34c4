"""Which rows of a dataset stand for the same: the one search that checks and transforms share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import pyarrow as pa

from headwater.core.errors import UsageError, require_choice
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.dataset import Dataset
from headwater.recipes.alike import Likeness, Pairs, alike_pairs
from headwater.recipes.entities import entity_fields, entity_pairs
from headwater.recipes.near_images import NearImages
from headwater.recipes.near_rows import NearRows
from headwater.recipes.near_text import NearText
from headwater.recipes.near_vectors import NearVectors
from headwater.store.cache import Cache

__all__ = ["By", "duplicate_pairs", "searched_columns"]

By = Literal["text", "image", "embedding", "rows", "entities"]
"""How rows are compared."""

_NEEDS = {"text": Kind.TEXT, "image": Kind.BINARY, "embedding": Kind.VECTOR}
_SAID = {"text": "text", "image": "bytes of pictures", "embedding": "vectors"}


def searched_columns(dataset: Dataset, by: By, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns to compare by: those named, else the only one that fits, or all that do.

    Raises
    ------
    UsageError
        If none fits, or several do where there can be only one.
    NotFound
        If a column is not there.
    """
    require_choice("by", by, get_args(By))
    require_columns(dataset.schema, tuple(columns), where=f"dataset {dataset.name!r}")
    if by in ("rows", "entities"):
        found = tuple(columns) or entity_fields(dataset)
        nested = [name for name in found if pa.types.is_nested(dataset.schema.field(name).type)]
        if nested:
            raise UsageError(
                f"Column {nested[0]!r} holds {dataset.schema.field(nested[0]).type}: name plain columns."
            )
        if not found:
            raise UsageError("There is no column to compare by but the key.")
        return found
    fitting = [f.name for f in dataset.schema if f.name not in dataset.key and kind_of(f.type) is _NEEDS[by]]
    chosen = list(columns) or fitting
    if len(chosen) != 1:
        raise UsageError(
            f"By {by}, one column of {_SAID[by]} is compared; "
            + (f"name one of {', '.join(chosen)}." if chosen else f"dataset {dataset.name!r} has none.")
        )
    if kind_of(dataset.schema.field(chosen[0]).type) is not _NEEDS[by]:
        kind = dataset.schema.field(chosen[0]).type
        raise UsageError(f"Column {chosen[0]!r} is {kind}; by {by}, a column of {_SAID[by]} is compared.")
    return (chosen[0],)


def duplicate_pairs(
    dataset: Dataset,
    by: By,
    columns: Sequence[str] = (),
    *,
    threshold: float | None = None,
    relative: float = 1e-6,
    absolute: float = 0.0,
    days: float = 0.0,
    bits: int = 5,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Pairs:
    """Return pairs of rows that link all rows that stand for the same.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    by : {"text", "image", "embedding", "rows", "entities"}
        Nearly the same text, picture, vector, or row; or the same thing by several fields.
    columns : sequence of str
        See `searched_columns`.
    threshold : float, optional
        For text the least Jaccard similarity (0.8), for vectors the least cosine (0.95).
    relative, absolute, days : float
        Tolerances for rows; see `headwater.recipes.near_rows.NearRows`.
    bits : int
        For pictures; see `headwater.recipes.near_images.NearImages`.
    cache, executor, progress
        As elsewhere.
    """
    chosen = searched_columns(dataset, by, columns)
    likeness: Likeness
    if by == "entities":
        found = entity_pairs(dataset, chosen, cache=cache, executor=executor, progress=progress)
        return Pairs(found.left, found.right, found.probability)
    if by == "text":
        likeness = NearText(column=chosen[0], threshold=0.8 if threshold is None else threshold)
    elif by == "image":
        likeness = NearImages(column=chosen[0], bits=bits)
    elif by == "embedding":
        likeness = NearVectors(column=chosen[0], threshold=0.95 if threshold is None else threshold)
    else:
        likeness = NearRows(names=chosen, relative=relative, absolute=absolute, days=days)
    return alike_pairs(dataset, likeness, cache=cache, executor=executor, progress=progress)
