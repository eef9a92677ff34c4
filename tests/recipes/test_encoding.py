"""The encoding of mixed columns: what each kind becomes, and that nothing breaks on rows of another form."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.recipes.encoding import TableEncoder, can_encode, conform

CITIES = ["Ulm"] * 5 + ["Köln"] * 4 + ["Bonn"]


def test_numbers_truth_values_and_decimals_become_one_number_and_missing_stays_missing() -> None:
    rows = pa.table(
        {
            "n": pa.array([1, None, 3]),
            "x": [0.5, float("inf"), float("nan")],
            "b": [True, False, None],
            "d": pa.array([Decimal("1.25"), None, Decimal(2)], pa.decimal128(5, 2)),
        }
    )
    expected = [[1, 0.5, 1, 1.25], [np.nan, np.nan, 0, np.nan], [3, np.nan, np.nan, 2]]
    np.testing.assert_array_equal(TableEncoder.learn(rows).matrix(rows), expected)


def test_text_becomes_categories_with_one_for_rare_and_unseen_values() -> None:
    encoder = TableEncoder.learn(pa.table({"city": CITIES}))
    said = encoder.matrix(pa.table({"city": ["Ulm", "Köln", "Bonn", "Atlantis", None]}))[:, 0]
    np.testing.assert_array_equal(said, [0, 1, 2, 2, np.nan])
    assert encoder.categorical == [True]


def test_few_values_are_all_named_when_each_is_rare() -> None:
    encoder = TableEncoder.learn(pa.table({"v": ["a", "b"]}))
    np.testing.assert_array_equal(encoder.matrix(pa.table({"v": ["a", "b", "c"]}))[:, 0], [0, 1, 2])


def test_text_with_many_values_also_gives_length_and_rank() -> None:
    values = [f"name {place % 97}" for place in range(500)] + ["name 7"] * 3
    encoder = TableEncoder.learn(pa.table({"v": values}))
    assert encoder.names == ["v[0]", "v[1]", "v[2]"]
    assert encoder.categorical == [True, False, False]
    np.testing.assert_array_equal(encoder.matrix(pa.table({"v": ["name 7"]})), [[0, 6, 0]])


def test_text_that_is_nearly_always_a_number_is_read_as_one() -> None:
    values = [str(place / 4) for place in range(200)] + ["n/a"]
    encoder = TableEncoder.learn(pa.table({"v": values}))
    said = encoder.matrix(pa.table({"v": [" +2.5 ", "1e3", "12 oz", None]}))[:, 0]
    np.testing.assert_array_equal(said, [2.5, 1000, np.nan, np.nan])


def test_instants_become_a_number_month_weekday_and_hour() -> None:
    rows = pa.table(
        {
            "at": pa.array([datetime(2026, 11, 23, 14, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "on": pa.array([date(2026, 11, 23), None]),
        }
    )
    said = TableEncoder.learn(rows).matrix(rows)
    np.testing.assert_array_equal(said[0, 1:4], [11, 0, 14])
    np.testing.assert_array_equal(said[0, 5:7], [11, 0])
    assert np.isnan(said[1]).all()


def test_lists_of_one_length_become_as_many_numbers() -> None:
    vectors = pa.array([[1.0, 2.0], None, [3.0, None]], pa.list_(pa.float64(), 2))
    rows = pa.table({"v": vectors})
    np.testing.assert_array_equal(
        TableEncoder.learn(rows).matrix(rows), [[1, 2], [np.nan, np.nan], [3, np.nan]]
    )
    sliced = rows.slice(2, 1)
    np.testing.assert_array_equal(TableEncoder.learn(rows).matrix(sliced), [[3, np.nan]])


@pytest.mark.parametrize(
    "kind",
    [pa.binary(), pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int64())],
)
def test_bytes_and_nested_columns_are_not_read(kind: pa.DataType) -> None:
    assert not can_encode(kind)
    rows = pa.table({"odd": pa.nulls(2, kind), "n": [1, 2]})
    assert TableEncoder.learn(rows).names == ["n"]


def test_rows_of_another_version_are_read_as_far_as_they_fit() -> None:
    schema = pa.schema([("n", pa.float64()), ("s", pa.string()), ("gone", pa.int64())])
    rows = pa.table({"s": [1, 2], "n": ["1.5", "30-40"], "new": [0, 0]})
    assert conform(rows, schema).to_pylist() == [
        {"n": 1.5, "s": "1", "gone": None},
        {"n": None, "s": "2", "gone": None},
    ]
    assert conform(pa.table({"n": [[1], [2]]}), schema).column("n").null_count == 2


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**40), 2**40),
            st.none() | st.text(max_size=4),
            st.none() | st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_rows_give_a_matrix_whose_rows_do_not_depend_on_each_other(
    rows: list[tuple[int | None, str | None, bool | None]],
) -> None:
    columns = list(zip(*rows, strict=True))
    table = pa.table(
        [
            pa.array(columns[0], pa.int64()),
            pa.array(columns[1], pa.string()),
            pa.array(columns[2], pa.bool_()),
        ],
        names=["n", "t", "b"],
    )
    encoder = TableEncoder.learn(table)
    whole = encoder.matrix(table)
    assert whole.shape == (len(rows), len(encoder.names))
    assert len(encoder.categorical) == len(encoder.names)
    np.testing.assert_array_equal(encoder.matrix(table.slice(len(rows) - 1)), whole[-1:])
