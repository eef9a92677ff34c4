"""Differences of results: bit by bit, relative for numbers, with the place of the largest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.pipelines.differences import Difference, compare_results, compare_tables
from headwater.pipelines.values import Kept, Pieces


def kept(value: Any) -> Kept:
    return Kept("", "json", lambda: None, memory=[value])


def compare(old: Any, new: Any, **options: Any) -> Difference:
    return compare_results(kept(old), kept(new), **options)


def test_the_largest_relative_difference_is_found_with_its_column_and_key() -> None:
    old = pa.table({"id": [7, 8, 9], "x": [1.0, 2.0, None], "y": [0.0, float("nan"), 1.0]})
    new = old.set_column(1, "x", pa.array([1.0, 2.0 + 2e-9, None]))
    found = compare_tables(old, new, key=["id"])
    assert (found.cells, found.column, found.row) == (1, "x", "id=8")
    assert found.largest == pytest.approx(1e-9, rel=1e-3)
    assert found.is_within(1e-8)
    assert not found.is_within(1e-10)


def test_rows_in_another_order_are_the_same() -> None:
    old = pa.table({"k": ["a", "b", "b", "c"], "x": [1.0, 2.0, 3.0, 4.0]})
    new = old.take(pa.array([3, 2, 1, 0]))
    assert not compare_tables(old, new)
    assert compare_tables(old, new).is_reordered
    near = new.set_column(1, "x", pa.array([4.0, 3.0 * (1 + 1e-12), 2.0, 1.0]))
    assert compare_tables(old, near).is_within(1e-11)


def test_columns_types_and_rows_that_came_or_went_are_told() -> None:
    old = pa.table({"id": [1, 2], "x": [1.0, 2.0]})
    assert "gone: x; new: z" in str(compare_tables(old, old.rename_columns(["id", "z"])))
    retyped = old.set_column(1, "x", pa.array(["1", "2"]))
    assert "column x is string, was double" in str(compare_tables(old, retyped))
    assert "1 rows, were 2: 1 are gone and 0 are new" in str(compare_tables(old, old.slice(1), key=["id"]))
    assert "3 rows, were 2" in str(compare_tables(old.select(["x"]), pa.table({"x": [1.0, 2.0, 3.0]})))


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], pa.list_(pa.float64(), 2)),
        ({"a": 1.0, "b": "t"}, {"a": 1.0 + 1e-9, "b": "t"}, pa.struct({"a": pa.float64(), "b": pa.string()})),
        (Decimal("1.000000000"), Decimal("1.000000001"), pa.decimal128(20, 9)),
        (2**60, 2**60 + 1, pa.int64()),
        (1.0, 1.002, pa.float16()),
    ],
)
def test_numbers_of_every_kind_are_measured(old: Any, new: Any, kind: pa.DataType) -> None:
    tables = [pa.table({"x": pa.array([one, None], kind)}) for one in (old, new)]
    found = compare_tables(*tables)
    assert 0 < found.largest < 1e-2
    assert not compare_tables(tables[0], tables[0])


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ([1.0], [1.0, 2.0], pa.list_(pa.float64())),
        (None, 1.0, pa.float64()),
        (float("inf"), 1.0, pa.float64()),
        (b"a", b"b", pa.binary()),
        ("a", "b", pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_what_has_no_measure_is_beyond_every_tolerance(old: Any, new: Any, kind: pa.DataType) -> None:
    tables = [pa.table({"x": pa.array([one], kind)}) for one in (old, new)]
    assert not compare_tables(*tables).is_within(1e9)


def test_plain_values_arrays_and_bytes_are_compared() -> None:
    assert not compare({"a": [1, 2.0]}, {"a": [1, 2.0]})
    found = compare({"a": [1, 2.0]}, {"a": [1, 2.0002]})
    assert (found.row, found.is_within(1e-3)) == ("['a'][1]", True)
    assert "other parts: ['b']" in str(compare({"a": 1}, {"a": 1, "b": 2}))
    assert compare(True, False).largest == np.inf
    assert compare("a", 1).shape == "a int, was a str"
    assert compare(b"a", b"bc")
    assert compare(np.zeros((2, 2)), np.array([[0, 0], [1e-300, 0]])).row == "(1, 0)"
    assert "shape" in str(compare(np.zeros(2), np.zeros(3)))


def test_steps_by_rows_are_compared_a_piece_at_a_time() -> None:
    old = pa.table({"id": range(300_000), "x": np.arange(300_000.0)})
    new = old.set_column(1, "x", pa.array(np.r_[np.arange(299_999.0), 0.0]))
    found = compare_results(Pieces.of_table(old), Pieces.of_table(new), key=["id"])
    assert (found.cells, found.row) == (1, "id=299999")


def test_tables_without_rows_are_the_same() -> None:
    assert not compare_tables(
        pa.table({"x": pa.array([], pa.float64())}), pa.table({"x": pa.array([], pa.float64())})
    )


@given(st.lists(st.floats(width=64), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_table_differs_from_none_of_its_orders(values: list[float], random: Any) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    table = pa.table({"k": range(len(values)), "x": pa.array(values, pa.float64())})
    assert not compare_tables(table, table.take(pa.array(order)), key=["k"])
