"""When rows happened: counts by hour, gaps, units, zones, groups."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import SchemaError
from headwater.profile.measure import measure_table
from headwater.profile.times import HOUR, Stretches, TimeCounts, TimeGaps, TimeGapsState, seconds_of

FIRST = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "type_",
    [
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        pa.timestamp("ms", "UTC"),
        pa.date32(),
        pa.date64(),
    ],
    ids=str,
)
def test_times_of_all_units_are_seconds(type_: pa.DataType) -> None:
    value = date(2026, 3, 1) if pa.types.is_date(type_) else FIRST if type_.tz else FIRST.replace(tzinfo=None)
    seconds = seconds_of(pa.array([value, None], type_))
    midnight = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert seconds[0] == (midnight if pa.types.is_date(type_) else FIRST.timestamp())
    assert np.isnan(seconds[1])


def test_a_zone_is_read_by_its_clocks() -> None:
    seconds = seconds_of(pa.array([FIRST], pa.timestamp("us", "Asia/Tokyo")))
    assert (seconds[0] - FIRST.timestamp()) / HOUR == 9


def test_hours_become_days_without_losing_a_row() -> None:
    hours = np.arange(0, 24 * 40, 5)
    table = pa.table({"at": pa.array(hours * HOUR, pa.timestamp("s"))})
    state = measure_table(table, [TimeCounts(column="at")])[TimeCounts(column="at")]
    first, days = state.by(24 * HOUR)
    assert (first, len(days), days.sum()) == (0, 40, len(hours))
    assert set(days) == {4, 5}


def test_too_many_hours_are_counted_by_the_day() -> None:
    table = pa.table({"at": pa.array(np.arange(60_000) * HOUR, pa.timestamp("s"))})
    one = TimeCounts(column="at")
    state = measure_table(table, [one])[one]
    assert (state.width_s, state.counts.sum()) == (24 * HOUR, 60_000)
    small = measure_table(table.slice(0, 30), [one])[one]
    assert state.merge(small).width_s == 24 * HOUR
    assert state.subtract(small).counts.sum() == 59_970
    assert small.subtract(state).stale_rows == 60_000


@given(st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=40), min_size=1, max_size=4))
def test_gaps_longer_than_the_resolution_are_those_of_all_rows(parts: list[list[int]]) -> None:
    most = 5
    whole = Stretches(np.zeros(0), np.zeros(0))
    for part in parts:
        times = np.unique(np.array(part, np.float64))
        whole = whole.united(Stretches(times, times).thinned(most), most)
    true = np.diff(np.unique(np.concatenate(parts)))
    assert sorted(whole.gaps[whole.gaps > whole.resolution_s]) == sorted(true[true > whole.resolution_s])
    assert len(whole.gaps) <= most


def test_each_group_has_gaps_of_its_own() -> None:
    table = pa.table(
        {
            "at": pa.array([0, 10, 100, 20, 30, None], pa.timestamp("s")),
            "who": ["a", "b", "a", "b", None, "a"],
        }
    )
    one = TimeGaps(column="at", by="who")
    state = measure_table(table, [one])[one]
    assert {name: stretches.gaps.tolist() for name, stretches in state.groups.items()} == {
        "a": [100],
        "b": [10],
    }
    again = TimeGapsState.from_bytes(state.to_bytes())
    assert again.groups.keys() == state.groups.keys()


def test_too_many_groups_are_told() -> None:
    table = pa.table({"at": pa.array(np.arange(1500), pa.timestamp("s")), "who": np.arange(1500).astype(str)})
    one = TimeGaps(column="at", by="who")
    halves = [measure_table(table.slice(start, 800), [one])[one] for start in (0, 800)]
    assert not halves[0].merge(halves[1]).complete
    assert not measure_table(table, [one])[one].complete


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (pa.array(["2026-01-01"]), "--schema at:timestamp"),
        (pa.array([3.5]), "Choose another"),
        (pa.array([1], pa.time32("s")), "Choose"),
    ],
)
def test_what_is_no_point_in_time_is_refused(values: pa.Array, hint: str) -> None:
    for one in (TimeCounts(column="at"), TimeGaps(column="at")):
        measured = measure_table(pa.table({"at": values}), [one])
        with pytest.raises(SchemaError, match=hint):
            measured[one]
