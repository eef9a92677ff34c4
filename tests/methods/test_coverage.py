"""Maximal uncovered patterns equal those of brute force, and are found fast on real tables."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.methods.coverage import uncovered_patterns

Pattern = tuple[str | int | None, ...]
ROWS = st.lists(
    st.tuples(*[st.sampled_from(["p", "q", "r", None])] * 3, st.integers(0, 6)), min_size=1, max_size=25
)


def table_of(rows: list[tuple[str | None, str | None, str | None, int]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    text = {name: pa.array(column, pa.string()) for name, column in zip("abc", columns, strict=False)}
    return pa.table(text | {"count": pa.array(columns[3], pa.int64())})


def brute_force(
    rows: list[tuple[str | None, str | None, str | None, int]], threshold: int
) -> dict[Pattern, int]:
    def matching(pattern: Pattern) -> int:
        return sum(
            row[3] for row in rows if all(p is None or p == v for p, v in zip(pattern, row, strict=False))
        )

    domains = [sorted({row[i] for row in rows if row[i] is not None}, key=str) for i in range(3)]
    found = {}
    for pattern in product(*[[None, *domain] for domain in domains]):
        parents = [(*pattern[:i], None, *pattern[i + 1 :]) for i in range(3) if pattern[i] is not None]
        if matching(pattern) < threshold and all(matching(parent) >= threshold for parent in parents):
            found[pattern] = matching(pattern)
    return found


@given(ROWS, st.integers(1, 8))
def test_patterns_equal_those_of_brute_force(
    rows: list[tuple[str | None, str | None, str | None, int]], threshold: int
) -> None:
    gaps = uncovered_patterns(table_of(rows), ["a", "b", "c"], threshold=threshold)
    ours = {tuple(row.values()): int(n) for row, n in zip(gaps.patterns.to_pylist(), gaps.count, strict=True)}
    assert ours == brute_force(rows, threshold)
    assert gaps.level.tolist() == sorted(
        sum(v is not None for v in row.values()) for row in gaps.patterns.to_pylist()
    )


@given(ROWS, st.integers(1, 8), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_their_grouping_do_not_matter(
    rows: list[tuple[str | None, str | None, str | None, int]], threshold: int, shuffler: object
) -> None:
    whole = uncovered_patterns(table_of(rows), ["a", "b", "c"], threshold=threshold)
    split = [(a, b, c, part) for a, b, c, n in rows for part in (n // 2, n - n // 2)]
    shuffler.shuffle(split)  # type: ignore[attr-defined]
    again = uncovered_patterns(table_of(split), ["a", "b", "c"], threshold=threshold)
    assert again.patterns.equals(whole.patterns)
    np.testing.assert_array_equal(again.count, whole.count)


def test_levels_beyond_the_maximum_are_not_searched() -> None:
    rows = [("p", "p", "p", 9), ("q", "q", "q", 9), ("p", "q", "q", 9), ("q", "p", "p", 9)]
    gaps = uncovered_patterns(
        table_of([(a, b, c, n) for a, b, c, n in rows]), ["a", "b", "c"], threshold=1, max_level=1
    )
    assert gaps.patterns.num_rows == 0
    gaps = uncovered_patterns(table_of([(a, b, c, n) for a, b, c, n in rows]), ["a", "b", "c"], threshold=1)
    assert [tuple(row.values()) for row in gaps.patterns.to_pylist()] == [(None, "p", "q"), (None, "q", "p")]
    np.testing.assert_allclose(gaps.expected, [9.0, 9.0])


def test_too_few_rows_at_all_is_the_one_pattern_that_fixes_nothing() -> None:
    gaps = uncovered_patterns(table_of([("p", "p", "p", 2)]), ["a", "b"], threshold=5)
    assert (gaps.patterns.to_pylist(), gaps.count.tolist()) == ([{"a": None, "b": None}], [2])


def test_attributes_of_many_types_are_taken() -> None:
    table = pa.table(
        {
            "level": pa.array([1, 1, 2], pa.int8()),
            "flag": pa.array([True, False, True]),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
            "count": [5, 5, 5],
        }
    )
    gaps = uncovered_patterns(table, ["level", "flag"], threshold=1)
    assert gaps.patterns.to_pylist() == [{"level": 2, "flag": False}]
    assert uncovered_patterns(table, ["kind", "flag"], threshold=1).patterns.num_rows == 2


def test_adult_has_gaps_that_counting_confirms(shared: Path) -> None:
    adult = pa.csv.read_csv(shared / "fairness" / "adult.csv.gz")
    names = [
        name
        for name in adult.column_names
        if name in {"workclass", "education", "marital-status", "race", "sex"}
    ]
    assert len(names) == 5
    table = adult.group_by(names).aggregate([([], "count_all")]).rename_columns([*names, "count"])
    start = time.process_time()
    gaps = uncovered_patterns(table, names, threshold=30, max_level=4)
    assert time.process_time() - start < 2
    assert gaps.patterns.num_rows > 50
    rows = adult.select(names).to_pandas()
    for pattern, count in list(zip(gaps.patterns.to_pylist(), gaps.count.tolist(), strict=True))[::25]:
        mask = np.ones(len(rows), bool)
        for name, value in pattern.items():
            if value is not None:
                mask &= (rows[name] == value).to_numpy()
        assert mask.sum() == count < 30


def test_wrong_arguments_are_refused() -> None:
    table = table_of([("p", "p", "p", 2)])
    with pytest.raises(NotFound, match="'d' not found"):
        uncovered_patterns(table, ["d"], threshold=1)
    with pytest.raises(UsageError, match="at least 1"):
        uncovered_patterns(table, ["a"], threshold=0)
    with pytest.raises(UsageError, match="different attributes"):
        uncovered_patterns(table, ["a", "a"], threshold=1)
