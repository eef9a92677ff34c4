"""Numbers of equal rows."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.transforms.grouping import group_numbers

VALUES = st.none() | st.sampled_from(["", "a", "b"])


@given(st.lists(st.tuples(VALUES, st.none() | st.integers(0, 2))))
def test_numbers_are_equal_exactly_where_rows_are(rows: list[tuple[str | None, int | None]]) -> None:
    columns = [pa.array([row[0] for row in rows], pa.string()), pa.array([row[1] for row in rows], pa.int8())]
    numbers = group_numbers(pa.table(columns, names=["a", "b"])).tolist()
    pairs = list(zip(numbers, rows, strict=True))
    assert all((m == n) == (x == y) for m, x in pairs for n, y in pairs)


def test_nested_values_are_compared() -> None:
    numbers = group_numbers(pa.table({"a": [[1], [1, 2], [1], None]})).tolist()
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3
