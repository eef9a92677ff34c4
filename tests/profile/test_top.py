"""Frequent values: exact while they are few, bounded afterwards."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError
from headwater.profile.measure import measure_table
from headwater.profile.top import TopState, TopValues


def state(values: object, capacity: int = 1024) -> TopState:
    one = TopValues(column="c", capacity=capacity)
    return measure_table(pa.table({"c": values}), [one])[one]


def test_few_values_have_their_counts() -> None:
    found = state(pa.array(["a", "b", "a", None]))
    assert found.is_exact
    assert found.top() == [("a", 2, 2), ("b", 1, 1)]
    assert found.count == 3


def test_bounds_hold_for_many_values_in_many_chunks() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.zipf(1.3, 3000) % 5000 for _ in range(6)]
    merged = state(parts[0], 50)
    for part in parts[1:]:
        merged = merged.merge(state(part, 50))
    truth = Counter(np.concatenate(parts).tolist())
    assert not merged.is_exact
    assert merged.count == 18_000
    found = merged.top()
    assert all(low <= truth[value] <= high for value, low, high in found)
    assert found[0][0] == truth.most_common(1)[0][0]
    assert all(
        count <= merged.summary.error
        for value, count in truth.items()
        if value not in {v for v, _, _ in found}
    )


def test_all_different_values_are_not_kept() -> None:
    found = state(np.arange(5000))
    assert len(found.summary) == 0
    assert found.count == 5000


def test_taking_away_is_exact_while_the_counts_are() -> None:
    whole, part = state(["a", "a", "b"]), state(["a", "b"])
    assert whole.subtract(part).top() == [("a", 1, 1)]
    assert state(np.arange(3000)).subtract(state([1, 2])).stale_rows == 2


def test_stale_rows_lower_the_least_counts() -> None:
    assert state(["a", "a", "b"]).aged(1).top() == [("a", 1, 2), ("b", 0, 1)]


def test_lists_cannot_be_counted() -> None:
    with pytest.raises(SchemaError, match="cannot be counted one by one"):
        state(pa.array([[1]]))
