"""Values that repeat and columns that determine others, against the plain count."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import reduce

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.profile.batch import Batch
from headwater.profile.hashes import Determines, Repeats, RepeatsState, pair_identities, row_identities
from headwater.profile.measure import measure_table

ROWS = st.lists(st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)), max_size=20)


def table(rows: list[tuple[int | None, int | None]]) -> pa.Table:
    return pa.table({name: pa.array([row[i] for row in rows], pa.int64()) for i, name in enumerate("ab")})


@given(parts=st.lists(ROWS, min_size=1, max_size=3))
def test_repeated_values_are_counted_over_all_chunks(
    parts: list[list[tuple[int | None, int | None]]],
) -> None:
    one = Repeats(of=("a", "b"))
    state = reduce(lambda x, y: x.merge(y), [measure_table(table(part), [one])[one] for part in parts])
    whole = [row for part in parts for row in part if None not in row]
    counts = Counter(whole)
    assert state.outcome == (len(counts), sum(count for count in counts.values() if count > 1))
    assert state.missing == sum(map(len, parts)) - len(whole)
    assert len(state.repeated_hashes()) == sum(count > 1 for count in counts.values())
    short = RepeatsState.from_bytes(state.summarized().to_bytes())
    assert short.outcome == state.outcome
    with pytest.raises(NotImplementedError):
        short.merge(state)
    with pytest.raises(NotImplementedError):
        short.subtract(state)


@given(parts=st.lists(ROWS, min_size=1, max_size=3))
def test_the_most_rows_that_can_stay_are_those_of_the_commonest_pairs(
    parts: list[list[tuple[int | None, int | None]]],
) -> None:
    one = Determines(by=("a",), determined="b")
    state = reduce(lambda x, y: x.merge(y), [measure_table(table(part), [one])[one] for part in parts])
    sides: dict[int, Counter[int | None]] = defaultdict(Counter)
    rows = [row for part in parts for row in part]
    for left, right in rows:
        if left is not None:
            sides[left][right] += 1
    kept = sum(max(counter.values()) for counter in sides.values())
    there = sum(sum(counter.values()) for counter in sides.values())
    assert state.kept_rows == kept
    assert state.error == pytest.approx(1 - kept / there if there else 0)
    assert len(state.commonest_pairs()[0]) == len(sides)
    short = state.summarized()
    assert (short.kept_rows, short.error) == (state.kept_rows, state.error)
    for method in (short.merge, short.subtract):
        with pytest.raises(NotImplementedError):
            method(state)


def test_incomplete_rows_are_told() -> None:
    batch = Batch(table([(1, None), (None, 2), (3, 4)]))
    assert row_identities(batch, ("a", "b"))[1].tolist() == [False, False, True]  # type: ignore[union-attr]
    assert pair_identities(batch, ("a",), "b")[2].tolist() == [True, False, True]  # type: ignore[union-attr]
    assert row_identities(Batch(table([(1, 2)])), ("a",))[1] is None
