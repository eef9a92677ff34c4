"""Frequent values: an invertible exact table while small, valid bounds beyond, mergeable."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import CorruptObject, SchemaError, UsageError
from headwater.methods.heavy_hitters import HeavyHitters

PARTS = st.lists(st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=60), min_size=1, max_size=5)


def summary_of(*parts: list[int | None], capacity: int = 1024) -> HeavyHitters:
    summary = HeavyHitters(capacity)
    for part in parts:
        summary.update(pa.array(part, pa.int64()))
    return summary


def true_counts(parts: list[list[int | None]]) -> Counter[int]:
    return Counter(value for part in parts for value in part if value is not None)


def assert_bounds_hold(summary: HeavyHitters, truth: Counter[int]) -> None:
    rows = {row["value"]: row for row in summary.top().to_pylist()}
    assert summary.total == truth.total()
    assert len(rows) <= summary.capacity
    for value in set(truth) | set(rows):
        if value in rows:
            assert rows[value]["lower"] <= truth[value] <= rows[value]["upper"]
        else:
            assert truth[value] <= summary.error


@given(PARTS)
def test_below_capacity_the_summary_is_the_table_of_counts(parts: list[list[int | None]]) -> None:
    summary = summary_of(*parts)
    assert summary.is_exact
    rows = summary.top().to_pylist()
    assert {row["value"]: row["lower"] for row in rows} == dict(true_counts(parts))
    assert all(row["lower"] == row["upper"] for row in rows)
    assert [row["lower"] for row in rows] == sorted((row["lower"] for row in rows), reverse=True)


@given(PARTS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_bounds_hold_however_parts_are_merged(
    parts: list[list[int | None]], capacity: int, shuffler: object
) -> None:
    summaries = [summary_of(part, capacity=capacity) for part in parts]
    shuffler.shuffle(summaries)  # type: ignore[attr-defined]
    merged = HeavyHitters(capacity)
    for summary in summaries:
        merged.merge(HeavyHitters.from_bytes(summary.to_bytes()))
    assert_bounds_hold(merged, true_counts(parts))
    assert merged.error <= merged.total / (capacity + 1)
    assert_bounds_hold(summary_of(*parts, capacity=capacity), true_counts(parts))


@given(PARTS)
def test_merging_exact_summaries_in_any_order_gives_the_whole(parts: list[list[int | None]]) -> None:
    forwards, backwards = HeavyHitters(), HeavyHitters()
    for part in parts:
        forwards.merge(summary_of(part))
    for part in reversed(parts):
        backwards.merge(summary_of(part))
    assert forwards.top().to_pylist() == backwards.top().to_pylist() == summary_of(*parts).top().to_pylist()


@given(PARTS, st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=30))
def test_taking_away_what_was_added_gives_the_state_before(
    parts: list[list[int | None]], more: list[int | None]
) -> None:
    summary = summary_of(*parts, more)
    summary.subtract(pa.array(more, pa.int64()))
    assert summary.top().to_pylist() == summary_of(*parts).top().to_pylist()
    assert summary.total == true_counts(parts).total()


@given(PARTS, st.integers(1, 6), st.data())
def test_bounds_hold_after_rows_are_taken_away(
    parts: list[list[int | None]], capacity: int, data: st.DataObject
) -> None:
    rows = [value for part in parts for value in part]
    gone = data.draw(st.lists(st.sampled_from(range(len(rows))), unique=True) if rows else st.just([]))
    summary = summary_of(*parts, capacity=capacity)
    summary.subtract(pa.array([rows[i] for i in gone], pa.int64()))
    assert_bounds_hold(summary, true_counts([[value for i, value in enumerate(rows) if i not in set(gone)]]))


def test_counts_weigh_values() -> None:
    summary = HeavyHitters()
    summary.update(pa.array(["a", "b", "a", None, "c"]), np.array([5, 2, 1, 100, 0]))
    assert summary.top().to_pylist() == [
        {"value": "a", "lower": 6, "upper": 6},
        {"value": "b", "lower": 2, "upper": 2},
    ]
    assert summary.total == 8


def test_true_heavy_hitters_of_a_skewed_column_are_found(rng: np.random.Generator) -> None:
    values = rng.zipf(1.2, 300_000) % 100_000
    summary = HeavyHitters(256)
    for part in np.array_split(values, 7):
        summary.update(pa.array(part))
    expected = Counter(values.tolist()).most_common(20)
    assert [row["value"] for row in summary.top(20).to_pylist()] == [value for value, _ in expected]
    assert_bounds_hold(summary, Counter(values.tolist()))


def test_a_column_of_distinct_values_keeps_nothing_and_says_so() -> None:
    summary = HeavyHitters(10)
    summary.update(pa.array(np.arange(1000)))
    assert (len(summary), summary.error, summary.total) == (0, 1, 1000)
    summary.update(pa.array([3, 3]))
    assert summary.top().to_pylist() == [{"value": 3, "lower": 2, "upper": 3}]


def test_every_nan_is_one_value_and_both_zeros_are_one() -> None:
    summary = HeavyHitters()
    summary.update(pa.array([0.0, -0.0, math.nan, -math.nan, math.inf, -math.inf, None]))
    rows = summary.top().to_pylist()
    assert [row["lower"] for row in rows] == [2, 2, 1, 1]
    assert math.isnan(rows[1]["value"] if rows[0]["value"] == 0 else rows[0]["value"])


@pytest.mark.parametrize(
    "values",
    [
        pa.array([True, False, True]),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.chunked_array([["a"], ["b", "a"]], pa.large_string()),
        pa.array([b"a", b"b", b"a"]),
        pa.array([1, 2, 1], pa.timestamp("us", "UTC")),
        pa.array([1, 2, 1], pa.decimal128(5, 2)),
    ],
)
def test_values_of_many_types_are_counted(values: pa.Array) -> None:
    summary = HeavyHitters()
    summary.update(values)
    assert summary.top()["lower"].to_pylist() == [2, 1]


@pytest.mark.parametrize(
    "values", [pa.nulls(3), pa.array([], pa.string()), pa.array([None, None], pa.float64())]
)
def test_nothing_is_counted_in_empty_and_all_null_columns(values: pa.Array) -> None:
    summary = HeavyHitters()
    summary.update(values)
    summary.merge(HeavyHitters.from_bytes(HeavyHitters().to_bytes()))
    assert (summary.total, len(summary), len(summary.top())) == (0, 0, 0)


def test_widened_integers_merge() -> None:
    narrow, wide = HeavyHitters(), HeavyHitters()
    narrow.update(pa.array([1, 2], pa.int32()))
    wide.update(pa.array([2, 3], pa.int64()))
    narrow.merge(wide)
    assert narrow.top(1).to_pylist() == [{"value": 2, "lower": 2, "upper": 2}]


def test_taking_away_more_than_was_added_is_refused_and_changes_nothing() -> None:
    summary = summary_of([1, 1, 2])
    with pytest.raises(UsageError, match="Cannot take away 2 more often"):
        summary.subtract(pa.array([2, 2]))
    assert summary.top()["lower"].to_pylist() == [2, 1]


def test_values_that_cannot_be_counted_together_are_refused() -> None:
    summary = summary_of([1])
    with pytest.raises(SchemaError, match="cannot be counted together"):
        summary.update(pa.array(["a"]))


def test_wrong_arguments_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(UsageError, match="capacity is 0"):
        HeavyHitters(0)
    with pytest.raises(UsageError, match="as many counts"):
        HeavyHitters().update(pa.array([1, 2]), np.array([1]))
    for data in (b"", b"nonsense", bytes(100)):
        with pytest.raises(CorruptObject, match="not a heavy-hitters summary"):
            HeavyHitters.from_bytes(data)
