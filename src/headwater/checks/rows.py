"""Find the rows that findings are about: the keys of the first few, read only where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import RowFilter, Target
from headwater.profile.conformance import sql_columns
from headwater.profile.duck import session
from headwater.reading.chunks import DatasetChunk

__all__ = ["Wanted", "find_rows", "holds"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows to find: a condition, and how many rows it holds for."""

    which: str | RowFilter
    rows: int


def find_rows(wanted: Mapping[int, Wanted], target: Target) -> dict[int, tuple[str, ...]]:
    """Return, for each wanted condition, the keys of the first rows it holds for.

    Parameters
    ----------
    wanted : mapping of int to Wanted
        The conditions, each under a number of the caller's.
    target : Target
        Where to look; at most ``target.row_limit`` keys are listed for each.

    Returns
    -------
    dict of int to tuple of str
        Keys as JSON text, in scan order.

    Notes
    -----
    All conditions share one read of each chunk, of the columns they look at, and reading stops when
    enough rows are found.
    """
    dataset = target.dataset
    reads = {
        number: sql_columns(want.which, dataset.schema) if isinstance(want.which, str) else want.which.columns
        for number, want in wanted.items()
    }
    columns = [name for name in dataset.schema.names if any(name in names for names in reads.values())]
    left = {number: min(want.rows, target.row_limit) for number, want in wanted.items()}
    found: dict[int, list[str]] = {number: [] for number in wanted}
    chunks = dataset.chunks
    task = partial(_positions, wanted=wanted, columns=columns, limit=target.row_limit)
    for chunk, places in zip(chunks, target.executor.map(task, chunks), strict=True):
        for number, positions in places.items():
            taken = positions[: left[number]]
            if len(taken):
                found[number] += _keys(chunk, taken, target)
                left[number] -= len(taken)
        if not any(left.values()):
            break
    return {number: tuple(keys) for number, keys in found.items()}


def _positions(
    chunk: DatasetChunk, *, wanted: Mapping[int, Wanted], columns: Sequence[str], limit: int
) -> dict[int, NDArray[np.int64]]:
    """Return for each condition the stored positions of the first live rows of a chunk it holds for."""
    conditions = {number: want.which for number, want in wanted.items() if isinstance(want.which, str)}
    # A filter goes by hashes, which large values of bytes have without being read.
    table = chunk.read(columns, apart=not conditions)
    masks = holds(table, conditions)
    for number, want in wanted.items():
        if isinstance(want.which, RowFilter):
            masks[number] = want.which.mask(table.select(list(want.which.columns)))
    stored: NDArray[np.int64] | None = None
    places = {}
    for number, mask in masks.items():
        hits = np.flatnonzero(mask)[:limit]
        if len(hits):
            stored = chunk.live_positions() if stored is None else stored
            places[number] = stored[hits]
    return places


def holds(table: pa.Table, conditions: Mapping[int, str]) -> dict[int, NDArray[np.bool_]]:
    """Return for each condition which rows of a table it holds for."""
    if not conditions:
        return {}
    selected = ", ".join(f"coalesce(({text}), FALSE) AS c{number}" for number, text in conditions.items())
    with session(table) as connection:
        answer: pa.Table = connection.sql(f"SELECT {selected} FROM rows").to_arrow_table()
    return {number: np.asarray(answer[f"c{number}"].to_numpy(zero_copy_only=False)) for number in conditions}


def _keys(chunk: DatasetChunk, positions: NDArray[np.int64], target: Target) -> list[str]:
    key = list(target.dataset.key) or None
    return target.dataset.keys_of(chunk.read_rows(positions, key))
