"""Correlations, against pandas."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import SchemaError
from headwater.profile.comoments import Comoments
from headwater.profile.measure import measure_table


def frame(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=60)
    data = pd.DataFrame(
        {
            "x": x,
            "near": x + rng.normal(size=60) * 0.1,
            "far": rng.normal(size=60) * 1e6 + 1e12,
            "flag": (x > 0).astype(float),
            "same": np.ones(60),
        }
    )
    return data.mask(rng.random(data.shape) < 0.2)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_correlations_over_chunks_are_those_of_all_rows(seed: int, cuts: list[int]) -> None:
    data = frame(seed)
    one = Comoments(of=tuple(data.columns))
    table = pa.Table.from_pandas(data, preserve_index=False)
    ends = [0, *sorted(cuts), 60]
    parts = [table.slice(a, b - a) for a, b in pairwise(ends)]
    state = reduce(lambda a, b: a.merge(b), [measure_table(part, [one])[one] for part in parts])
    np.testing.assert_allclose(state.correlations(), data.corr().to_numpy(), atol=1e-6, equal_nan=True)


def test_one_column_or_text_has_no_correlation() -> None:
    none = Comoments(of=())
    assert measure_table(pa.table({"x": [1.0]}), [none])[none].correlations().shape == (0, 0)
    text = Comoments(of=("x",))
    with pytest.raises(SchemaError, match="a correlation needs numbers"):
        measure_table(pa.table({"x": ["a"]}), [text])[text]


def test_infinite_values_are_left_out() -> None:
    one = Comoments(of=("x", "y"))
    table = pa.table({"x": [1.0, 2.0, 3.0, float("inf"), 1e308], "y": [1.0, 2.0, 3.0, 0.0, 9.0]})
    assert measure_table(table, [one])[one].correlations()[0, 1] == pytest.approx(1)


def test_times_and_booleans_count_as_numbers() -> None:
    one = Comoments(of=("day", "flag"))
    table = pa.table(
        {"day": pa.array([0, 1, None], pa.int32()).cast(pa.date32()), "flag": [False, True, True]}
    )
    assert measure_table(table, [one])[one].correlations()[0, 1] == pytest.approx(1)
