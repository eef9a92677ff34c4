"""Numbers of equal rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.transforms.grouping import group_numbers, group_places, row_groups
from headwater.transforms.training_rows import Learning
from tests.transforms.cases import people, repo_of, source_of

VALUES = st.none() | st.sampled_from(["", "a", "b"])


@given(st.lists(st.tuples(VALUES, st.none() | st.integers(0, 2))))
def test_numbers_are_equal_exactly_where_rows_are(rows: list[tuple[str | None, int | None]]) -> None:
    columns = [pa.array([row[0] for row in rows], pa.string()), pa.array([row[1] for row in rows], pa.int8())]
    numbers = group_numbers(pa.table(columns, names=["a", "b"])).tolist()
    pairs = list(zip(numbers, rows, strict=True))
    assert all((m == n) == (x == y) for m, x in pairs for n, y in pairs)


def test_nested_values_are_compared() -> None:
    numbers = group_numbers(pa.table({"a": [[1], [1, 2], [1], None]})).tolist()
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3


def test_rows_of_a_dataset_fall_into_the_groups_of_their_values() -> None:
    source = source_of(repo_of(people()))
    rows = source.dataset.to_arrow(["sex", "city"])
    groups, place = row_groups(source, ["sex", "city"])
    assert len(groups) == len(set(group_numbers(rows).tolist()))
    assert group_places(rows, ["sex", "city"], groups).to_pylist() == place.tolist()
    mask = np.asarray(rows.column("sex").to_numpy(zero_copy_only=False) == "f")
    few, mine = row_groups(source, ["sex"], Learning(mask, {}))
    assert (len(few), set(mine.tolist()), len(mine)) == (1, {0}, mask.sum())
    assert group_places(rows, ["sex"], few).null_count == (~mask).sum()
    none, zeros = row_groups(source, [])
    assert not len(none)
    assert zeros.tolist() == [0] * len(rows)
