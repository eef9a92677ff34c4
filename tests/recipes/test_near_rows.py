"""Rows that are nearly the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.recipes.alike import alike_pairs
from headwater.recipes.near_rows import NearRows
from headwater.versions.repo import Repo


def found(columns: dict[str, Any], **options: float) -> set[tuple[int, int]]:
    repo = Repo.init("memory://")
    rows = len(next(iter(columns.values())))
    with repo.transaction("rows") as tx:
        tx.append("data", pa.table({"id": np.arange(rows), **columns}), key="id")
    pairs = alike_pairs(repo["data"], NearRows(names=tuple(columns), **options))
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


NUMBERS = st.lists(
    st.sampled_from([0.0, 1.0, 1.05, 0.96, 1.2, -1.0, -1.04, 100.0, 104.0, 1e9]), min_size=2, max_size=8
)


@settings(max_examples=30)
@given(NUMBERS, st.sampled_from([(0.05, 0.0), (0.0, 0.06), (0.02, 0.03)]))
def test_numbers_within_the_tolerance_are_alike_and_no_others(
    values: list[float], allowed: tuple[float, float]
) -> None:
    relative, absolute = allowed
    mixed = found({"x": pa.array(values)}, relative=relative, absolute=absolute)
    first = {value: values.index(value) for value in values}
    for a in range(len(values)):
        for b in range(a + 1, len(values)):
            one, two = values[a], values[b]
            near = abs(one - two) <= absolute + relative * max(abs(one), abs(two)) + 1e-12
            # Of equal rows the first stands for all.
            if one != two and first[one] == a and first[two] == b:
                assert ((a, b) in mixed) == near, (one, two)
            if one == two and first[one] == a:
                assert (a, b) in mixed


def test_texts_must_read_the_same_and_times_lie_within_days() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {
        "name": ["Ann", " ann", "Ann", "Bob", None],
        "paid": [9.99, 9.990001, 12.0, 9.99, None],
        "at": pa.array([day, day + timedelta(hours=30), day, day, None], pa.timestamp("us", "UTC")),
    }
    assert found(columns, relative=1e-6, days=2) == {(0, 1)}
    assert found(columns, relative=1e-6, days=1) == set()
    assert found(columns, relative=0.3, days=2) == {(0, 1), (0, 2), (1, 2)}


def test_nan_infinity_and_null_equal_themselves_alone() -> None:
    nan, infinite = float("nan"), float("inf")
    assert found({"x": pa.array([nan, nan, infinite, -infinite, infinite, 0.0])}, relative=0.1) == {
        (0, 1),
        (2, 4),
    }
    assert found({"x": pa.array([None, None], pa.float64())}) == set()


def test_senseless_tolerances_are_refused() -> None:
    with pytest.raises(UsageError, match="tolerances"):
        NearRows(names=("x",), relative=-1)
    with pytest.raises(UsageError, match="columns"):
        NearRows(names=())
