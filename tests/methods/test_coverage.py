"""Coverage: the definition of maximal uncovered patterns, held against a brute-force search."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.coverage import uncovered_patterns

ATTRIBUTES = ["a", "b", "c"]


def counted(rows: list[tuple[int, int, int]]) -> pa.Table:
    """Return the count table of rows."""
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(ATTRIBUTES)}).append_column(
        "one", pa.array([1] * len(rows), pa.int64())
    )
    return table.group_by(ATTRIBUTES).aggregate([("one", "sum")]).rename_columns([*ATTRIBUTES, "count"])


def brute_force(rows: list[tuple[int, int, int]], threshold: int) -> set[tuple[tuple[str, int], ...]]:
    """Return maximal uncovered patterns by trying all of them."""
    values = [sorted({row[i] for row in rows}) for i in range(3)]

    def matches(pattern: dict[int, int]) -> int:
        return sum(all(row[i] == value for i, value in pattern.items()) for row in rows)

    out = set()
    for level in range(4):
        for chosen in combinations(range(3), level):
            for combination in product(*(values[i] for i in chosen)):
                pattern = dict(zip(chosen, combination, strict=True))
                parents = [{i: v for i, v in pattern.items() if i != gone} for gone in pattern]
                if matches(pattern) < threshold and all(matches(parent) >= threshold for parent in parents):
                    out.add(tuple((ATTRIBUTES[i], v) for i, v in pattern.items()))
    return out


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=40
    ),
    threshold=st.integers(1, 6),
)
def test_finds_exactly_the_maximal_uncovered_patterns(
    rows: list[tuple[int, int, int]], threshold: int
) -> None:
    found = uncovered_patterns(counted(rows), attributes=ATTRIBUTES, threshold=threshold)
    assert {tuple(pattern.values.items()) for pattern in found} == brute_force(rows, threshold)


def test_the_general_pattern_hides_the_special_ones_below_it() -> None:
    rows = [(0, 0, 0)] * 50 + [(1, 0, 0)] * 50 + [(2, 1, 0)] * 3
    found = uncovered_patterns(counted(rows), attributes=ATTRIBUTES, threshold=10)
    assert [(dict(pattern.values), pattern.rows) for pattern in found] == [({"a": 2}, 3), ({"b": 1}, 3)]


def test_nulls_are_left_out_and_few_rows_are_uncovered_as_a_whole() -> None:
    counts = pa.table({"a": ["x", None], "b": ["y", "y"], "count": [3, 100]})
    found = uncovered_patterns(counts, attributes=["a", "b"], threshold=10)
    assert [(dict(pattern.values), pattern.rows, pattern.level) for pattern in found] == [({}, 3, 0)]
    empty = counts.slice(0, 0)
    assert uncovered_patterns(empty, attributes=["a", "b"], threshold=1)[0].rows == 0


def test_too_many_combinations_are_refused_by_name() -> None:
    values = np.arange(200)
    counts = pa.table({"a": values, "b": values, "count": values + 100})
    with pytest.raises(UsageError, match="a, b have 40,000 combinations"):
        uncovered_patterns(counts, attributes=["a", "b"], threshold=1, max_cells=1000)
