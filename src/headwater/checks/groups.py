"""Groups of rows by the values of a few columns; columns with many numbers are cut into a few ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import States
from headwater.core.arrays import to_python
from headwater.core.errors import UsageError
from headwater.core.text import clipped
from headwater.profile.base import NeedExact
from headwater.profile.groups import Groups, GroupsState
from headwater.profile.kinds import kind_of
from headwater.profile.quoting import identifier, literal

__all__ = ["Group", "GroupCounts", "exact_groups", "group_counts"]

I64 = NDArray[np.int64]

_MOST_VALUES = 12
_RANGES = 5


@dataclass(frozen=True, slots=True)
class Group:
    """The rows with one value of a column, or with values in a range.

    ``value`` is for readers; ``where`` is the SQL condition that holds for the rows.
    """

    column: str
    value: str
    where: str

    def __str__(self) -> str:
        return f"{self.column} {'is missing' if self.value == '' else '= ' + clipped(self.value)}"


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Rows by combination of groups.

    Parameters
    ----------
    groups : list of list of Group
        For each column its groups, in the order of values, the missing one last.
    codes : numpy.ndarray of int64, shape (c, k)
        For each combination that occurs, the place of its group in each column.
    counts : numpy.ndarray of int64, shape (c,)
        Rows with each combination.
    """

    groups: list[list[Group]]
    codes: I64
    counts: I64

    def table(self, *columns: int) -> I64:
        """Return the number of rows for each combination of the groups of some columns, as an array."""
        shape = tuple(len(self.groups[column]) for column in columns)
        flat = np.ravel_multi_index([self.codes[:, column] for column in columns], shape)
        cells = int(np.prod(shape))
        return np.bincount(flat, self.counts, minlength=cells).astype(np.int64).reshape(shape)


def exact_groups(states: States, measure: Groups) -> GroupsState:
    """Return the counts of a measure, none of them stale.

    Raises
    ------
    NeedExact
        If they are.
    UsageError
        If there are more combinations than the measure counts.
    """
    state = states[measure]
    if state.stale_rows:
        raise NeedExact([measure])
    if not state.complete:
        names = ", ".join(measure.by)
        raise UsageError(
            f"{names}: more than {measure.capacity:,} combinations of values, too many to compare groups. "
            "Name columns with fewer values.",
            columns=measure.by,
        )
    return state


def group_counts(
    state: GroupsState, columns: Sequence[str], schema: pa.Schema, *, whole: Sequence[str] = ()
) -> GroupCounts:
    """Return the counts with numbers and times of many values cut into ranges of about equally many rows.

    Parameters
    ----------
    state : GroupsState
        Counts by ``columns``.
    columns : sequence of str
        The columns.
    schema : pyarrow.Schema
        Their types.
    whole : sequence of str
        Columns whose values are never cut into ranges.
    """
    groups, codes = [], []
    for place, column in enumerate(columns):
        values = state.table.column(str(place)).combine_chunks()
        distinct = values.dictionary_encode()
        places = np.asarray(distinct.indices.fill_null(-1)).astype(np.int64)
        there = to_python(distinct.dictionary)
        ordered = kind_of(schema.field(column).type).is_ordered
        if ordered and len(there) > _MOST_VALUES and column not in whole:
            found, code = _ranges(column, there, places, state.counts)
        else:
            found, code = _values(column, there, places)
        groups.append(found)
        codes.append(code)
    stacked = np.stack(codes, axis=1) if codes else np.zeros((state.table.num_rows, 0), np.int64)
    return GroupCounts(groups, stacked, state.counts)


def _values(column: str, values: list[Any], places: I64) -> tuple[list[Group], I64]:
    order = sorted(range(len(values)), key=lambda at: _sort_key(values[at]))
    rank = np.empty(len(values) + 1, np.int64)
    rank[order] = np.arange(len(values))
    rank[-1] = len(values)
    name = identifier(column)
    groups = [Group(column, _text(values[at]), f"{name} = {literal(values[at])}") for at in order]
    if (places < 0).any():
        groups.append(_missing(column))
    return groups, rank[places]


def _ranges(column: str, values: list[Any], places: I64, counts: I64) -> tuple[list[Group], I64]:
    order = sorted(range(len(values)), key=lambda at: values[at])
    rows = np.bincount(places[places >= 0], counts[places >= 0], minlength=len(values))[order]
    before = np.cumsum(rows) - rows
    cut = np.minimum((before * _RANGES / max(rows.sum(), 1)).astype(np.int64), _RANGES - 1)
    _, cut = np.unique(cut, return_inverse=True)
    rank = np.empty(len(values) + 1, np.int64)
    rank[order] = cut
    rank[-1] = cut.max() + 1
    name, groups = identifier(column), []
    for number in range(int(cut.max()) + 1):
        inside = np.flatnonzero(cut == number)
        low, high = values[order[inside[0]]], values[order[inside[-1]]]
        text = _text(low) if low == high else f"{_text(low)} to {_text(high)}"
        groups.append(Group(column, text, f"{name} BETWEEN {literal(low)} AND {literal(high)}"))
    if (places < 0).any():
        groups.append(_missing(column))
    return groups, rank[places]


def _missing(column: str) -> Group:
    return Group(column, "", f"{identifier(column)} IS NULL")


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value) or "''"


def _sort_key(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, bool | int | float) else (1, str(value))
