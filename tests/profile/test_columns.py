"""Counts, moments and extents of columns."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, SchemaError
from headwater.profile.columns import Counts, Extent, ExtentState, Moments, moments_of, require_kind
from headwater.profile.measure import measure_table


def counts(array: pa.Array) -> dict[str, int]:
    measured = measure_table(pa.table({"c": array}), [Counts(column="c")])
    return dict(measured[Counts(column="c")].counts)


def test_what_is_counted_depends_on_the_kind() -> None:
    assert counts(pa.array([1.0, None, float("nan"), float("-inf"), 0.0, -0.0])) == {
        "rows": 6, "nulls": 1, "nan": 1, "infinite": 1, "zeros": 2, "negative": 1,
    }  # fmt: skip
    assert counts(pa.array([True, None, False, True])) == {"rows": 4, "nulls": 1, "true": 2}
    assert counts(pa.array([b"", b" ", None])) == {"rows": 3, "nulls": 1, "empty": 1}
    assert counts(pa.array([[], [1], None])) == {"rows": 3, "nulls": 1, "empty": 1}
    mapped = pa.array([[], [("a", 1)], None], pa.map_(pa.string(), pa.int64()))
    assert counts(mapped) == {"rows": 3, "nulls": 1, "empty": 1}
    assert counts(pa.array([{"a": 1}, None])) == {"rows": 2, "nulls": 1}
    assert counts(pa.nulls(2)) == {"rows": 2, "nulls": 2}


@given(st.lists(st.none() | st.text(" \t\na\u00a0é", max_size=3)))
def test_text_is_empty_blank_or_padded(values: list[str | None]) -> None:
    there = [value for value in values if value is not None]
    spaces = " \t\n"
    expected = {
        "empty": sum(value == "" for value in there),
        "blank": sum(value != "" and not value.strip(spaces) for value in there),
        "padded": sum(value != value.strip(spaces) for value in there),
    }
    found = counts(pa.array(["x", *values, "x"], pa.string()).slice(1, len(values)))
    assert {name: found[name] for name in expected} == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(0, 1e12))
def test_moments_are_those_of_the_values_even_far_from_zero(values: list[float], shift: float) -> None:
    numbers = np.array(values) + shift
    half = len(numbers) // 2
    for state in (moments_of(numbers), moments_of(numbers[:half]).merge(moments_of(numbers[half:]))):
        assert state.mean == pytest.approx(statistics.fmean(numbers))
        assert state.std == pytest.approx(statistics.stdev(numbers), rel=1e-6, abs=1e-3)


def test_moments_leave_infinite_values_out() -> None:
    state = moments_of(np.array([1.0, float("inf"), 3.0]))
    assert (state.count, state.mean) == (2, 2.0)
    assert math.isnan(moments_of(np.array([1])).std)
    assert moments_of(np.array([1.7e308, 1.7e308])).mean == math.inf


def test_an_extent_knows_when_an_end_may_have_gone() -> None:
    state = ExtentState(1, 9)
    assert state.subtract(ExtentState(2, 8)) == state
    assert state.subtract(ExtentState()) == state
    assert state.subtract(ExtentState(1, 1)).stale_rows == 1
    measured = measure_table(pa.table({"c": pa.nulls(1, pa.int8())}), [Extent(column="c")])
    assert measured[Extent(column="c")] == ExtentState()


def test_measures_of_numbers_refuse_text() -> None:
    measured = measure_table(pa.table({"c": ["a"]}), [Moments(column="c")])
    with pytest.raises(SchemaError, match="a mean needs numbers or times"):
        measured[Moments(column="c")]
    schema = pa.schema([("c", pa.string())])
    require_kind(schema, "c", "a pattern", text=True)
    with pytest.raises(NotFound):
        require_kind(schema, "d", "a pattern", text=True)
