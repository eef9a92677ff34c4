"""Gaps along an order, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.along import between, neighbours

NAN = np.nan
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1000), st.one_of(st.none(), st.integers(-9, 9))),
    max_size=40,
    unique_by=lambda row: row[1],
)


@given(ROWS)
def test_ways_are_those_of_pandas(rows: list[tuple[int, int, int | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["group", "order", "value"]).astype(
        {"order": "float64", "value": "float64", "group": "int64"}
    )
    order, values = frame["order"].to_numpy(), frame["value"].to_numpy()
    near = neighbours(order, frame["group"].to_numpy(), ~np.isnan(values))
    grouped = frame.sort_values("order").groupby("group")["value"]
    for way, wanted in (("forward", grouped.ffill()), ("backward", grouped.bfill())):
        source = near.source(way, order)  # type: ignore[arg-type]
        found = np.where(source >= 0, values[source], NAN)
        np.testing.assert_array_equal(found, wanted.sort_index().to_numpy())
    line = between(near, order, values)
    for _, part in frame.sort_values("order").groupby("group"):
        wanted = part.set_index("order")["value"].interpolate("index", limit_area="inside")
        np.testing.assert_allclose(line[part.index], wanted.to_numpy(), rtol=1e-12, atol=1e-12)


def test_the_nearer_value_is_taken_and_far_ones_are_not() -> None:
    order = np.array([0.0, 1, 2, 3, 10])
    values = np.array([5.0, NAN, NAN, NAN, 7])
    near = neighbours(order, np.zeros(5, np.int64), ~np.isnan(values))
    assert near.source("nearest", order).tolist() == [0, 0, 0, 0, 4]
    assert near.source("forward", order, 2).tolist() == [0, 0, 0, -1, 4]
    assert near.source("backward", order, 1).tolist() == [0, -1, -1, 4, 4]
    assert np.isnan(between(near, order, values, 1)).tolist() == [False, False, True, False, False]


def test_rows_without_an_order_neither_give_nor_take() -> None:
    order = np.array([0.0, NAN, 2])
    near = neighbours(order, np.zeros(3, np.int64), np.array([False, True, False]))
    assert near.before.tolist() == near.after.tolist() == [-1, -1, -1]
    near = neighbours(order, np.zeros(3, np.int64), np.array([True, False, False]))
    assert near.before.tolist() == [0, -1, 0]


def test_rows_at_one_place_are_in_their_order() -> None:
    near = neighbours(np.zeros(3), np.zeros(3, np.int64), np.array([True, False, True]))
    assert near.before.tolist() == [0, 0, 2]
    assert near.after.tolist() == [0, 2, 2]
    assert not len(neighbours(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_)).before)
    with pytest.raises(UsageError, match="Each row needs"):
        neighbours(np.zeros(2), np.zeros(1, np.int64), np.zeros(2, np.bool_))
