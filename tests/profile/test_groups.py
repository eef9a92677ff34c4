"""Combinations of values and their counts."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError
from headwater.profile.groups import Groups, GroupsState
from headwater.profile.measure import measure_table

TABLE = pa.table({"a": ["x", "y", "x", None], "b": [1, 1, 1, 2]})


def state(table: pa.Table, capacity: int = 10) -> GroupsState:
    one = Groups(by=("a", "b"), capacity=capacity)
    return measure_table(table, [one])[one]


def test_combinations_are_counted_null_being_a_value() -> None:
    assert state(TABLE).items() == [(("x", 1), 2), ((None, 2), 1), (("y", 1), 1)]


def test_too_many_combinations_leave_a_row_count() -> None:
    found = state(TABLE, 2).merge(state(TABLE, 2))
    assert not found.complete
    assert (found.rows, found.items()) == (8, [])
    assert found.subtract(state(TABLE)).stale_rows == 4
    over = state(TABLE.slice(0, 2), 2).merge(state(TABLE.slice(2), 2))
    assert not over.complete


def test_what_is_taken_away_is_gone() -> None:
    rest = state(TABLE).subtract(state(TABLE.slice(1, 2)))
    assert rest.items() == [((None, 2), 1), (("x", 1), 1)]


def test_rows_cannot_be_grouped_by_lists() -> None:
    one = Groups(by=("a",))
    measured = measure_table(pa.table({"a": pa.array([[1]])}), [one])
    with pytest.raises(SchemaError, match="cannot be grouped by it"):
        measured[one]
