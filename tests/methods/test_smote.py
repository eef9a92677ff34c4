"""Synthetic rows lie between a row and one of its neighbours, and their categories come from these."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from headwater.core.errors import UsageError
from headwater.methods.smote import smote, smote_table


@given(
    st.integers(2, 40), st.integers(0, 3), st.integers(0, 3), st.integers(0, 90), st.integers(0, 2**32 - 1)
)
def test_numbers_lie_between_source_and_neighbour_and_categories_are_neighbours(
    rows: int, numeric: int, nominal: int, count: int, seed: int
) -> None:
    if numeric + nominal == 0:
        return
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((rows, numeric)) < 0.1, np.nan, rng.normal(size=(rows, numeric)) * 10.0**numeric)
    codes = rng.integers(-1, 3, (rows, nominal))
    made = smote(x, codes, count=count, rng=rng, k=3)
    assert made.numbers.shape == (count, numeric)
    assert made.categories.shape == (count, nominal)
    assert (made.source != made.neighbour).all()
    start, end = x[made.source], x[made.neighbour]
    both = ~np.isnan(start) & ~np.isnan(end)
    assert (made.numbers[both] >= np.minimum(start, end)[both]).all()
    assert (made.numbers[both] <= np.maximum(start, end)[both]).all()
    np.testing.assert_array_equal(made.numbers[~both], start[~both])
    for column in range(nominal):
        assert set(made.categories[:, column]) <= set(codes[:, column])
    times = np.bincount(made.source, minlength=rows)
    assert times.max() - times.min() <= 1


def test_all_columns_move_by_the_same_step(rng: np.random.Generator) -> None:
    x = rng.normal(size=(30, 4))
    made = smote(x, count=100, rng=rng)
    steps = (made.numbers - x[made.source]) / (x[made.neighbour] - x[made.source])
    np.testing.assert_allclose(steps, np.repeat(steps[:, :1], 4, axis=1), rtol=1e-6)
    assert 0 <= steps.min() <= steps.max() <= 1


def test_neighbours_are_the_nearest_ones(rng: np.random.Generator) -> None:
    x = rng.normal(size=(200, 3)) * [1, 10, 1000]
    made = smote(x, count=2000, rng=rng, k=4)
    theirs = NearestNeighbors(n_neighbors=5).fit(x / x.std(axis=0)).kneighbors(return_distance=False)[:, :4]
    assert all(
        neighbour in theirs[source] for source, neighbour in zip(made.source, made.neighbour, strict=True)
    )
    assert len(set(zip(made.source.tolist(), made.neighbour.tolist(), strict=True))) > 700


def test_categories_are_the_neighbours_majority_and_the_nearest_decides_ties(
    rng: np.random.Generator,
) -> None:
    x = np.array([[0.0], [1.0], [2.0], [100.0], [101.0], [102.0]])
    codes = np.array([[0], [1], [1], [2], [3], [4]])
    made = smote(x, codes, count=600, rng=rng, k=2)
    assert set(made.categories[made.source == 0, 0]) == {1}
    assert set(made.categories[made.source == 2, 0]) == {1}
    assert set(made.categories[made.source == 3, 0]) == {3}


def test_categories_count_in_distances(rng: np.random.Generator) -> None:
    x = np.array([[0.0], [0.1], [0.2], [0.3]])
    codes = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]])
    made = smote(x, codes, count=400, rng=rng, k=1)
    assert dict(zip(made.source.tolist(), made.neighbour.tolist(), strict=True)) == {0: 2, 1: 3, 2: 0, 3: 1}


def test_the_same_seed_gives_the_same_rows() -> None:
    x = np.random.default_rng(1).normal(size=(50, 3))
    once, again = (smote(x, count=70, rng=np.random.default_rng(7)) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tables_keep_their_schema_and_types(rng: np.random.Generator) -> None:
    table = pa.table(
        {
            "age": pa.array([20, 30, None, 50], pa.int16()),
            "pay": pa.array([1.5, 2.5, 3.5, None], pa.float32()),
            "fee": pa.array([Decimal("1.10"), Decimal("2.20"), None, Decimal("4.40")], pa.decimal128(8, 2)),
            "day": pa.array([date(2026, 1, day) for day in (1, 5, 9, 13)]),
            "at": pa.array(
                [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(4)], pa.timestamp("ms", "UTC")
            ),
            "city": pa.array(["a", "b", None, "b"]),
            "kind": pa.array(["x", "y", "x", "y"]).dictionary_encode(),
            "flag": [True, False, None, True],
            "tags": [["p"], ["q"], [], None],
        }
    )
    made, source, neighbour = smote_table(table, count=40, rng=rng, k=2)
    assert made.schema == table.schema
    assert made.num_rows == source.size == neighbour.size == 40
    made.validate(full=True)
    assert pa.compute.min(made["day"]).as_py() >= date(2026, 1, 1)
    assert pa.compute.max(made["age"]).as_py() <= 50
    assert set(made["city"].to_pylist()) <= {"a", "b", None}
    assert made["tags"].to_pylist() == table["tags"].take(pa.array(source)).to_pylist()


def test_columns_without_spread_and_extreme_values_do_no_harm(rng: np.random.Generator) -> None:
    x = np.array([[5.0, 1e300, np.inf], [5.0, -1e300, 1.0], [5.0, 1e299, np.nan]])
    made = smote(x, count=10, rng=rng)
    assert (made.numbers[:, 0] == 5.0).all()
    assert np.isfinite(made.numbers[:, :2]).all()


def test_making_no_rows_is_fine_and_one_row_is_too_few(rng: np.random.Generator) -> None:
    assert smote(np.ones((3, 1)), count=0, rng=rng).numbers.shape == (0, 1)
    with pytest.raises(UsageError, match="at least two rows"):
        smote(np.ones((1, 1)), count=5, rng=rng)
    with pytest.raises(UsageError, match="and a column"):
        smote(np.ones((3, 0)), count=5, rng=rng)
    with pytest.raises(UsageError, match="must not be negative"):
        smote(np.ones((3, 1)), count=-1, rng=rng)
