"""Weights make labels independent of groups, as in the paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.reweighing import cell_weights, row_weights

COUNTS = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(1, 50), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)


def test_the_published_example_gives_its_weights() -> None:
    # Table 1 of Kamiran and Calders (2012): 10 people, sex by class: M+ 4, M- 1, F+ 2, F- 3.
    weights = cell_weights([[4, 1], [2, 3]])
    np.testing.assert_allclose(weights, [[0.75, 2.0], [1.5, 0.67]], atol=0.005)


@given(COUNTS)
def test_weighted_labels_are_independent_of_groups(counts: list[list[int]]) -> None:
    table = np.array(counts, float)
    weighted = table * cell_weights(table)
    np.testing.assert_allclose(weighted.sum(axis=1), table.sum(axis=1))
    np.testing.assert_allclose(weighted.sum(axis=0), table.sum(axis=0))
    rates = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rates, np.broadcast_to(rates[0], rates.shape))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([0, 1, None])), max_size=30))
def test_rows_get_the_weight_of_their_cell(rows: list[tuple[str | None, int | None]]) -> None:
    groups, labels = pa.array([g for g, _ in rows], pa.string()), pa.array([y for _, y in rows], pa.int64())
    weights = row_weights(groups, labels)
    labelled = [row for row in rows if row[1] is not None]
    for row, weight in zip(rows, weights, strict=True):
        if row[1] is None:
            assert weight == 1
        else:
            share = [sum(other[i] == row[i] for other in labelled) for i in (0, 1)]
            assert weight == pytest.approx(share[0] * share[1] / len(labelled) / labelled.count(row))
    chunked = row_weights(pa.chunked_array([groups]), pa.chunked_array([labels]))
    np.testing.assert_array_equal(weights, chunked)


def test_adult_loses_its_difference_between_the_sexes(shared: Path) -> None:
    adult = pa.csv.read_csv(shared / "fairness" / "adult.csv.gz")
    label = next(
        name for name in adult.column_names if set(adult[name].unique().to_pylist()) == {"<=50K", ">50K"}
    )
    weights = row_weights(adult["sex"], adult[label])
    rich = np.array(adult[label].to_pylist()) == ">50K"
    men = np.array(adult["sex"].to_pylist()) == "Male"
    before = rich[men].mean() - rich[~men].mean()
    after = np.average(rich[men], weights=weights[men]) - np.average(rich[~men], weights=weights[~men])
    assert before == pytest.approx(0.196, abs=0.001)
    assert after == pytest.approx(0, abs=1e-12)
    assert weights.sum() == pytest.approx(len(adult))


def test_cells_without_rows_have_no_weight_and_wrong_shapes_are_refused() -> None:
    assert np.isnan(cell_weights([[1, 0], [1, 1]])[0, 1])
    with pytest.raises(UsageError, match="two axes"):
        cell_weights([1, 2])
    with pytest.raises(UsageError, match="different lengths"):
        row_weights(pa.array(["a"]), pa.array([1, 0]))
