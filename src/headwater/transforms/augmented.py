"""Rows that are made from other rows: marked with their origin, with keys of their own."""

from __future__ import annotations

import pyarrow as pa

from headwater.recipes.base import AUGMENTED_FROM
from headwater.transforms.base import Source
from headwater.transforms.new_keys import new_keys

__all__ = ["augmented_rows"]


def augmented_rows(source: Source, origins: pa.Table, fresh: pa.Table) -> pa.Table:
    """Return complete new rows for a dataset.

    Parameters
    ----------
    source : Source
        The dataset.
    origins : pyarrow.Table
        For each new row the row it was made from, with all columns.
    fresh : pyarrow.Table
        The columns in which the new rows differ. All others are as in the origin; columns whose name begins
        with ``_`` are null.

    Returns
    -------
    pyarrow.Table
        The new rows, with the column ``_augmented_from``: the origin's key as JSON text.
    """
    rows = origins
    for name in source.schema.names:
        at = rows.schema.get_field_index(name)
        field = source.schema.field(name)
        if name in fresh.schema.names:
            rows = rows.set_column(at, field, fresh.column(name).cast(field.type))
        elif name.startswith("_") and name not in source.key:
            rows = rows.set_column(at, field, pa.nulls(rows.num_rows, field.type))
    keys = new_keys(source, origins.select(list(source.key)))
    for name in source.key:
        rows = rows.set_column(
            rows.schema.get_field_index(name), source.schema.field(name), keys.column(name)
        )
    marks = pa.array(source.dataset.keys_of(origins), pa.string())
    if AUGMENTED_FROM in rows.schema.names:
        return rows.set_column(rows.schema.get_field_index(AUGMENTED_FROM), AUGMENTED_FROM, marks)
    return rows.append_column(AUGMENTED_FROM, marks)
