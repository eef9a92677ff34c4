"""Numbers of distinct values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.profile.distinct import Distinct, DistinctState
from headwater.profile.measure import measure_table

ONE = Distinct(column="c")


def state(values: object) -> DistinctState:
    return measure_table(pa.table({"c": values}), [ONE])[ONE]


def test_few_values_are_counted_exactly_and_null_and_nan_are_none() -> None:
    found = state(pa.array([1.0, 2.0, None, float("nan"), 1.0, -0.0, 0.0]))
    assert found.is_exact
    assert found.estimate == 3


def test_many_values_are_estimated_within_their_interval() -> None:
    found = state(np.arange(50_000))
    low, high = found.interval()
    assert not found.is_exact
    assert low <= 50_000 <= high
    assert abs(found.estimate / 50_000 - 1) < 0.05


def test_chunks_merge_to_the_very_state_of_all_rows() -> None:
    values = np.arange(20_000) % 7_000
    parts = [state(part) for part in np.array_split(values, 5)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.to_bytes() == state(values).to_bytes()


def test_lists_and_structs_have_distinct_values_too() -> None:
    assert state(pa.array([[1], [1], [2], None])).estimate == 2
    assert state(pa.array([{"a": 1}, {"a": 1}, {"a": None}])).estimate == 2


def test_stale_rows_widen_the_interval_downwards() -> None:
    assert state([1, 2, 3]).aged(2).interval() == (1, 3)
