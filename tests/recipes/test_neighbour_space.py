"""Rows as points: likeness is nearness, whatever the types, and every column counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.neighbour_space import NeighbourSpace


def apart(points: np.ndarray, one: int, two: int) -> float:
    return float(np.linalg.norm(points[one] - points[two]))


def test_units_do_not_matter_and_columns_count_alike(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=500), rng.normal(size=500)
    metres = NeighbourSpace.learn(pa.table({"x": x, "y": y})).points(pa.table({"x": x, "y": y}))
    other = pa.table({"x": x * 1000.0, "y": y + 50})
    np.testing.assert_allclose(NeighbourSpace.learn(other).points(other), metres, atol=1e-9)
    np.testing.assert_allclose(metres.var(axis=0), 1.0, atol=0.05)


def test_categories_missing_values_dates_and_flags_become_finite_points() -> None:
    table = pa.table(
        {
            "city": pa.array(["Oslo", "Bergen", None, "Oslo"] * 5),
            "size": pa.array([1.0, None, float("inf"), 1.5] * 5),
            "when": pa.array([1, 2, None, 8] * 5, pa.date32()),
            "flag": pa.array([True, False, None, True] * 5),
            "empty": pa.nulls(20, pa.float64()),
            "bytes": pa.array([b"x"] * 20),
        }
    )
    points = NeighbourSpace.learn(table).points(table)
    assert np.isfinite(points).all()
    assert apart(points, 0, 3) < apart(points, 0, 1)
    assert apart(points, 0, 4) == 0.0


def test_texts_about_the_same_are_near_and_weigh_as_much_as_the_other_columns() -> None:
    fruit = [f"the red apple number {n} fell from the tree" for n in range(40)]
    ships = [f"a large ship left harbour {n} at dawn" for n in range(40)]
    table = pa.table({"text": fruit + ships, "x": np.tile([0.0, 1.0], 40)})
    points = NeighbourSpace.learn(table).points(table)
    assert apart(points, 0, 2) < apart(points, 0, 42)
    assert points.var(axis=0).sum() == pytest.approx(2.0, rel=0.01)


def test_vectors_are_one_column_however_long(rng: np.random.Generator) -> None:
    flat = pa.array(rng.normal(size=200 * 16).astype(np.float32))
    table = pa.table({"v": pa.FixedSizeListArray.from_arrays(flat, 16), "a[0]": rng.normal(size=200)})
    points = NeighbourSpace.learn(table).points(table)
    assert points.shape == (200, 17)
    assert points[:, 1:].var(axis=0).sum() == pytest.approx(1.0, rel=0.01)


def test_the_same_seed_gives_the_same_points_and_one_row_or_none_is_no_trouble() -> None:
    table = pa.table({"text": [f"word{n} word{n + 1} other" for n in range(100)]})
    np.testing.assert_array_equal(
        NeighbourSpace.learn(table, seed=3).points(table), NeighbourSpace.learn(table, seed=3).points(table)
    )
    one = table.slice(0, 1)
    assert np.isfinite(NeighbourSpace.learn(one).points(one)).all()
    assert len(NeighbourSpace.learn(table).points(table.slice(0, 0))) == 0


def test_columns_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(UsageError, match="hw embed"):
        NeighbourSpace.learn(pa.table({"bytes": pa.array([b"x", b"y"])}))
