"""Mean, median and most frequent value of groups, against a loop over the groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.group_centres import group_means, group_medians, group_modes


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-50, 50)), max_size=40))
def test_each_group_has_the_middle_of_its_values(pairs: list[tuple[int, int]]) -> None:
    groups = np.array([group for group, _ in pairs], np.int64)
    values = np.array([value for _, value in pairs], np.float64)
    means, medians = group_means(values, groups, 6), group_medians(values, groups, 6)
    modes = group_modes(pa.chunked_array([pa.array(values)]), groups, 6).to_pylist()
    for group in range(6):
        mine = values[groups == group]
        if not len(mine):
            assert np.isnan(means[group])
            assert np.isnan(medians[group])
            assert modes[group] is None
            continue
        assert np.isclose(means[group], mine.mean())
        assert medians[group] == np.median(mine)
        found, counts = np.unique(mine, return_counts=True)
        assert modes[group] == found[counts == counts.max()].min()
