"""The ends of a column, exact under merging."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.profile.extremes import KEPT, Extremes, ExtremesState
from headwater.profile.measure import measure_table

ONE = Extremes(column="c")


def state(values: object) -> ExtremesState:
    return measure_table(pa.table({"c": pa.array(values, pa.int64())}), [ONE])[ONE]


@given(st.lists(st.lists(st.integers(0, 300), max_size=120), min_size=1, max_size=4))
def test_the_ends_of_merged_chunks_are_those_of_all_rows(parts: list[list[int]]) -> None:
    merged = reduce(lambda a, b: a.merge(b), map(state, parts))
    values, counts = np.unique(np.array([v for part in parts for v in part], np.int64), return_counts=True)
    ends = (
        np.r_[0 : len(values)] if len(values) <= 2 * KEPT else np.r_[0:KEPT, len(values) - KEPT : len(values)]
    )
    assert merged.values.tolist() == values[ends].tolist()
    assert merged.counts.tolist() == counts[ends].tolist()
    assert merged.is_complete == (len(values) <= 2 * KEPT)
