"""Coverage: combinations of attribute values that a dataset holds too few rows of.

References
----------
Asudeh, Jin, Jagadish (2019). Assessing and Remedying Coverage for a Given Dataset. ICDE.
doi:10.1109/ICDE.2019.00056
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["Pattern", "uncovered_patterns"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A combination of values, with the number of rows that have it.

    Parameters
    ----------
    values : mapping of str to Any
        The value of each attribute that the pattern fixes; the others may be anything.
    rows : int
        Rows that match.
    """

    values: Mapping[str, Any]
    rows: int

    @property
    def level(self) -> int:
        """How many attributes the pattern fixes."""
        return len(self.values)


def uncovered_patterns(
    counts: pa.Table,
    *,
    attributes: Sequence[str],
    count: str = "count",
    threshold: int,
    max_level: int = 3,
    max_cells: int = 10_000_000,
) -> list[Pattern]:
    """Return the maximal uncovered patterns: too rare, while every more general pattern is frequent enough.

    Parameters
    ----------
    counts : pyarrow.Table
        A row for each combination that occurs: the attributes (null counts as a value that is left out) and
        the number of rows.
    attributes : sequence of str
        The columns that are combined.
    count : str
        The column with the number of rows.
    threshold : int
        The least number of rows that covers a pattern.
    max_level : int
        The most attributes a pattern fixes.
    max_cells : int
        The most combinations that are counted for one set of attributes.

    Returns
    -------
    list of Pattern
        The most general first, then the rarest.

    Raises
    ------
    UsageError
        If a set of attributes has more than ``max_cells`` combinations.

    Notes
    -----
    For each set of at most ``max_level`` attributes all combinations are counted in one array, and a
    combination is maximal if those of each set with one attribute less are covered: time and memory are
    proportional to the number of combinations.
    """
    table = counts.filter(_complete(counts, attributes))
    encoded = [pc.dictionary_encode(table.column(name)).combine_chunks() for name in attributes]
    codes = [np.asarray(column.indices).astype(np.int64) for column in encoded]
    values = [column.dictionary.to_pylist() for column in encoded]
    sizes = [len(items) for items in values]
    weights = np.asarray(table.column(count)).astype(np.int64)
    covered: dict[tuple[int, ...], Mask] = {(): np.asarray(weights.sum() >= threshold)}
    found: list[Pattern] = []
    if not covered[()]:
        return [Pattern(values={}, rows=int(weights.sum()))]
    for level in range(1, min(max_level, len(attributes)) + 1):
        for chosen in combinations(range(len(attributes)), level):
            shape = tuple(sizes[index] for index in chosen)
            cells = int(np.prod(shape))
            if cells > max_cells:
                names = ", ".join(attributes[index] for index in chosen)
                raise UsageError(
                    f"The attributes {names} have {cells:,} combinations, more than {max_cells:,}. "
                    "Group rare values, choose fewer attributes, or lower max_level."
                )
            flat = np.ravel_multi_index([codes[index] for index in chosen], shape)
            rows = np.bincount(flat, weights=weights, minlength=cells).astype(np.int64).reshape(shape)
            covered[chosen] = rows >= threshold
            maximal = ~covered[chosen]
            for place in range(level):
                parent = covered[chosen[:place] + chosen[place + 1 :]]
                maximal &= np.expand_dims(parent, place)
            found += [
                Pattern(
                    values={
                        attributes[index]: values[index][position]
                        for index, position in zip(chosen, where, strict=True)
                    },
                    rows=int(rows[tuple(where)]),
                )
                for where in np.argwhere(maximal)
            ]
    return sorted(found, key=lambda pattern: (pattern.level, pattern.rows, str(pattern.values)))


def _complete(table: pa.Table, attributes: Sequence[str]) -> pa.Array:
    keep = np.ones(table.num_rows, np.bool_)
    for name in attributes:
        keep &= np.asarray(table.column(name).is_valid())
    return pa.array(keep)
