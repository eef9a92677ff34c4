"""The pairs of rows that are the same thing, as a table: what `hw link` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.core.schema import require_columns
from headwater.reading.dataset import Dataset
from headwater.reading.numbered import rows_at
from headwater.recipes.duplicate_rows import searched_columns
from headwater.recipes.entities import Linked, entity_fields, entity_pairs, link_rows

__all__ = ["AGREES", "link_table"]

AGREES = 0.9
"""The similarity from which a field counts as agreeing."""


def link_table(
    left: Dataset, right: Dataset | None = None, columns: Sequence[str] = (), **running: Any
) -> pa.Table:
    """Return the pairs of rows that are the same thing, the surest first.

    Parameters
    ----------
    left : Dataset
        The rows.
    right : Dataset, optional
        The rows of another dataset; without it, pairs inside the first.
    columns : sequence of str
        The fields to compare by; by default all plain columns but the key that are in both.
    **running
        ``cache``, ``executor`` and ``progress``.

    Returns
    -------
    pyarrow.Table
        ``left_KEY`` and ``right_KEY`` for each key column (``left_row``, ``right_row`` without a key), ``probability``,
        ``agree`` (the fields that agree, joined by ", ") and ``similarity_FIELD`` for each field; null where a row
        lacks it.
    """
    if right is None:
        found = entity_pairs(left, searched_columns(left, "entities", columns), **running)
    else:
        for dataset in (left, right):
            require_columns(dataset.schema, list(columns), where=f"dataset {dataset.name!r}")
        fields = entity_fields(left, columns, other=right)
        if len(fields) < 2:
            raise UsageError(
                f"Datasets {left.name!r} and {right.name!r} have {len(fields)} column in common beside the key, and "
                "two are needed: give the same columns the same names, or name them."
            )
        for dataset in (left, right):
            searched_columns(dataset, "entities", fields)
        found = link_rows(left, right, fields, **running)
    order = np.lexsort((found.right, found.left, -found.probability))
    table = {**_keys(left, found.left[order], "left"), **_keys(right or left, found.right[order], "right")}
    table["probability"] = pa.array(found.probability[order])
    table["agree"] = _agreeing(found, order)
    for name, similarity in zip(found.fields, found.similarity[:, order], strict=True):
        table[f"similarity_{name}"] = pa.array(similarity, mask=np.isnan(similarity))
    return pa.table(table)


def _keys(dataset: Dataset, numbers: Any, side: str) -> dict[str, Any]:
    if not dataset.key:
        return {f"{side}_row": pa.array(numbers)}
    keys = rows_at(dataset, numbers, list(dataset.key))
    return {f"{side}_{name}": keys.column(name) for name in dataset.key}


def _agreeing(found: Linked, order: Any) -> pa.Array:
    out = pa.array([""] * len(order), pa.string())
    for name, similarity in zip(found.fields, found.similarity, strict=True):
        agrees = pa.array(np.nan_to_num(similarity[order]) >= AGREES)
        longer = pc.binary_join_element_wise(out, pc.if_else(pc.equal(out, ""), name, f", {name}"), "")
        out = pc.if_else(agrees, longer, out)
    return out
