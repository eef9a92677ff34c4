"""The laws that every measure keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, note, settings

from headwater.core.errors import NotFound
from headwater.profile.base import Measure, NeedExact, State
from headwater.profile.codec import decode
from headwater.profile.columns import Counts
from headwater.profile.measure import measure_table
from tests.profile.tables import MEASURES, SCHEMA, table_of, tables

EMPTY = SCHEMA.empty_table()


def states_of(table: pa.Table) -> list[State]:
    measured = measure_table(table, MEASURES)
    return [measured[one] for one in MEASURES]


def same(a: State, b: State) -> bool:
    """Say whether two states are equal, numbers to rounding."""
    first, second = (_fields(state) for state in (a, b))
    return first.keys() == second.keys() and all(_equal(first[name], second[name]) for name in first)


def _fields(state: State) -> dict[str, Any]:
    data = state.to_bytes()
    length = int.from_bytes(data[:4], "little")
    kind, version = data[6 : data.index(b'"', 6)].decode(), 1
    fields = decode(kind, version, data)
    # What follows is the sketch of another module, with a binary form of its own.
    if kind in ("distinct", "top"):
        fields["sketch"] = data[4 + length :]
    return fields


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)


@settings(max_examples=25)
@given(first=tables(6), second=tables(6), third=tables(6))
def test_merging_is_associative_and_gives_the_state_of_all_rows(
    first: pa.Table, second: pa.Table, third: pa.Table
) -> None:
    whole = states_of(pa.concat_tables([first, second, third]))
    parts = zip(MEASURES, states_of(first), states_of(second), states_of(third), whole, strict=True)
    for one, a, b, c, expected in parts:
        left, right = a.merge(b).merge(c), a.merge(b.merge(c))
        note(one)
        if getattr(one, "capacity", 1024) >= 1024:
            assert "top" in one.id or same(left, right)
            assert summary(left) == pytest.approx(summary(expected))
        assert left.stale_rows == 0


@settings(max_examples=20)
@given(table=tables())
def test_the_state_of_no_rows_is_neutral(table: pa.Table) -> None:
    for one, state, empty in zip(MEASURES, states_of(table), states_of(EMPTY), strict=True):
        note(one)
        assert summary(state.merge(empty)) == pytest.approx(summary(state))
        assert summary(empty.merge(state)) == pytest.approx(summary(state))


@settings(max_examples=20)
@given(table=tables())
def test_a_state_comes_back_from_its_bytes(table: pa.Table) -> None:
    for one, fresh in zip(MEASURES, states_of(table), strict=True):
        note(one)
        state = fresh.aged(2)
        again = one.load(state.to_bytes())
        assert again.stale_rows == state.stale_rows == 2
        assert again.to_bytes() == state.to_bytes()


@settings(max_examples=25)
@given(kept=tables(8), gone=tables(4))
def test_what_is_subtracted_leaves_the_rest_or_says_that_it_is_stale(kept: pa.Table, gone: pa.Table) -> None:
    states = states_of(pa.concat_tables([kept, gone])), states_of(gone), states_of(kept)
    for one, whole, part, expected in zip(MEASURES, *states, strict=True):
        note(one)
        if one.invertible:
            rest = whole.subtract(part)
            assert rest.stale_rows or summary(rest) == pytest.approx(summary(expected))
        else:
            with pytest.raises(NotImplementedError, match="aged"):
                whole.subtract(part)


@settings(max_examples=15)
@given(table=tables())
def test_the_order_of_rows_does_not_matter(table: pa.Table) -> None:
    turned = table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    for one, state, other in zip(MEASURES, states_of(table), states_of(turned), strict=True):
        note(one)
        assert summary(state) == pytest.approx(summary(other))


def test_one_row_and_nothing_but_nulls_can_be_measured() -> None:
    nulls = table_of([dict.fromkeys(SCHEMA.names)] * 3)
    for state, single in zip(states_of(nulls), states_of(nulls.slice(0, 1)), strict=True):
        assert state.merge(single).stale_rows == 0


def test_the_key_tells_measures_apart() -> None:
    assert len({one.key for one in MEASURES}) == len(MEASURES)
    assert Counts(column="a").key == Counts(column="a").key


@pytest.mark.parametrize("one", MEASURES, ids=lambda one: f"{one.id}-{'-'.join(one.columns)}")
def test_a_column_that_is_not_there_is_an_error_of_that_measure_alone(one: Measure[Any]) -> None:
    measured = measure_table(pa.table({"other": [1]}), [one, Counts(column="other")])
    assert measured[Counts(column="other")].rows == 1
    with pytest.raises(NotFound, match="not found"):
        measured[one]


def test_a_request_for_fresh_states_names_the_measures() -> None:
    one = MEASURES[0]
    assert NeedExact([one, one]).measures == frozenset([one])


def summary(state: Any) -> dict[str, float]:
    """Return what judges read from a state, as numbers."""
    found: dict[str, float] = _SUMMARIES[type(state).__name__](state)
    return found


_SUMMARIES: dict[str, Any] = {
    "Tally": lambda s: dict(s.counts),
    "DistinctState": lambda s: {"estimate": s.estimate},
    "ExtentState": lambda s: {"low": _number(s.low), "high": _number(s.high)},
    "ExtremesState": lambda s: dict(zip(map(str, s.values.tolist()), s.counts.tolist(), strict=True)),
    "MomentsState": lambda s: {"count": s.count, "mean": round(s.mean, 5), "std": _number(s.std)},
    "QuantilesState": lambda s: {
        "count": s.count,
        **{str(q): _number(v) for q, v in enumerate(s.quantile([0, 0.2, 0.5, 0.9, 1]).tolist())},
    },
    "TopState": lambda s: {
        "count": s.count,
        **({} if not s.is_exact else {str(value): count for value, count, _ in s.top()}),
    },
    "ShapesState": lambda s: {shape: count for shape, (count, _) in s.shapes.items()},
    "ComomentsState": lambda s: {
        "count": float(s.count.sum()),
        "mean": round(float(s.mean.sum()) / 1e9, 3),
    },
    "GroupsState": lambda s: {"rows": s.rows, **{str(values): count for values, count in s.items()}},
    "TimeCountsState": lambda s: {"rows": int(s.counts.sum()), "missing": s.missing},
    "TimeGapsState": lambda s: {f"{name}": float(one.gaps.sum()) for name, one in s.groups.items()},
    "RepeatsState": lambda s: {"rows": s.rows, "missing": s.missing, "repeated": s.outcome[1]},
    "DeterminesState": lambda s: {"rows": s.rows, "missing": s.missing, "kept": s.kept_rows},
}


def _number(value: float | None) -> float:
    return -1e300 if value is None or np.isnan(value) else 1e300 if value == np.inf else float(value)
