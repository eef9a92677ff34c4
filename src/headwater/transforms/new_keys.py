"""Keys for rows that are made from other rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import SchemaError
from headwater.store.lookup import occurrence
from headwater.transforms.base import Source
from headwater.transforms.grouping import group_numbers

__all__ = ["new_keys", "require_extendable_key"]


def new_keys(source: Source, origins: pa.Table) -> pa.Table:
    """Return a key for a new row made from each row of ``origins``: distinct, and not in the dataset.

    Parameters
    ----------
    source : Source
        The dataset.
    origins : pyarrow.Table
        The key columns of the rows that the new ones are made from; a row may come several times.

    Returns
    -------
    pyarrow.Table
        The key columns: those of the origin, with one column extended. Text gets a suffix (``a17~1``, then
        ``a17~2``), whole numbers go on after the greatest one. No columns for a dataset without a key.

    Raises
    ------
    SchemaError
        If no key column can be extended.
    """
    if not source.key:
        return pa.table({})
    column = require_extendable_key(source)
    at = origins.schema.get_field_index(column)
    kind = source.schema.field(column).type
    if pa.types.is_integer(kind):
        fresh = _after_greatest(source, column, origins.num_rows)
        return origins.set_column(at, source.schema.field(column), fresh)
    return _with_suffix(source, origins, column)


def require_extendable_key(source: Source) -> str:
    """Return the key column that new keys differ in: the last one of text, else of whole numbers.

    Raises
    ------
    SchemaError
        If there is none.
    """
    for fits in (pa.types.is_string, pa.types.is_integer):
        for name in reversed(source.key):
            if fits(source.schema.field(name).type):
                return name
    kinds = ", ".join(f"{name}: {source.schema.field(name).type}" for name in source.key)
    raise SchemaError(
        f"New rows of dataset {source.dataset.name!r} need new keys, and none of its key columns ({kinds}) is of "
        "text or whole numbers, which could be extended. Import the data with such a key column, or without a key.",
        key=source.key,
    )


def _after_greatest(source: Source, column: str, count: int) -> pa.Array:
    kind = source.schema.field(column).type
    greatest = max(
        (pc.max(chunk.read([column]).column(0)).as_py() for _, chunk in source.chunks()), default=-1
    )
    try:
        return pa.array([greatest + 1 + number for number in range(count)], kind)
    except (pa.ArrowException, OverflowError) as error:
        raise SchemaError(
            f"Key {column!r} is {kind}, and there are not {count} numbers left after {greatest}. "
            "Widen the key's type first.",
            column=column,
        ) from error


def _with_suffix(source: Source, origins: pa.Table, column: str) -> pa.Table:
    at, field = origins.schema.get_field_index(column), source.schema.field(column)
    groups = group_numbers(origins)
    copies = occurrence(groups.astype(np.uint64)) + 1
    while True:
        suffix = pa.array(copies).cast(pa.string())
        fresh = pc.binary_join_element_wise(origins.column(column), suffix, "~")
        keys = origins.set_column(at, field, fresh)
        taken = source.dataset.places(source.dataset.keys_of(keys)).found
        if not taken.any():
            return keys
        # All copies of an origin move on together, so that they stay distinct.
        copies[np.isin(groups, groups[taken])] += 1
