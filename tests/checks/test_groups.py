"""Groups of rows."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.checks.groups import group_counts
from headwater.profile.groups import Groups
from headwater.profile.measure import measure_table
from headwater.reading.dataset import filtered


def counts_of(table: pa.Table, *columns: str, whole: tuple[str, ...] = ()) -> tuple[list[list[str]], Any]:
    measure = Groups(by=columns)
    counted = group_counts(measure_table(table, [measure])[measure], columns, table.schema, whole=whole)
    return [[str(group) for group in groups] for groups in counted.groups], counted.table(
        *range(len(columns))
    ).tolist()


def test_values_come_in_order_and_missing_ones_last() -> None:
    names, rows = counts_of(pa.table({"size": ["m", None, "s", "m", None, "m"]}), "size")
    assert names == [["size = m", "size = s", "size is missing"]]
    assert rows == [3, 1, 2]


def test_a_long_value_is_cut_short_where_it_is_named() -> None:
    names, _ = counts_of(pa.table({"text": ["x" * 5000]}), "text")
    assert names == [["text = " + "x" * 79 + "…"]]


def test_whole_numbers_in_floating_columns_read_as_whole_numbers() -> None:
    assert counts_of(pa.table({"a": [1.0, 0.0, 0.5]}), "a")[0] == [["a = 0", "a = 0.5", "a = 1"]]


def test_combinations_are_counted() -> None:
    table = pa.table({"a": ["x", "x", "y"], "b": [True, False, True]})
    assert counts_of(table, "a", "b") == (
        [["a = x", "a = y"], ["b = False", "b = True"]],
        [[1, 1], [0, 1]],
    )


def test_many_numbers_are_cut_into_ranges_of_about_equally_many_rows() -> None:
    table = pa.table({"age": pa.array([*range(100), None, None])})
    names, rows = counts_of(table, "age")
    assert names == [
        [
            "age = 0 to 19",
            "age = 20 to 39",
            "age = 40 to 59",
            "age = 60 to 79",
            "age = 80 to 99",
            "age is missing",
        ]
    ]
    assert rows == [20, 20, 20, 20, 20, 2]
    assert len(counts_of(table, "age", whole=("age",))[0][0]) == 101


def test_times_are_cut_too_and_a_frequent_value_stays_in_one_range() -> None:
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(days=int(n)) for n in np.arange(30)]
    _, rows = counts_of(pa.table({"day": [*days, *[days[0]] * 70]}), "day")
    assert rows[0] == 71
    assert sum(rows) == 100


def test_ranges_select_the_rows_they_count() -> None:
    table = pa.table({"x": np.random.default_rng(3).normal(size=500)})
    measure = Groups(by=("x",))
    counted = group_counts(measure_table(table, [measure])[measure], ["x"], table.schema)
    for group, rows in zip(counted.groups[0], counted.table(0), strict=True):
        assert filtered(table, group.where, ["x"], "data").num_rows == rows
