"""The age of the newest row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from headwater.checks.freshness import Age, duration
from headwater.core.errors import UsageError
from tests.checks.targets import one_finding, target_of

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "type_", "outcome"),
    [
        ([NOW - timedelta(days=3)], pa.timestamp("us", "UTC"), "pass"),
        ([NOW - timedelta(days=9)], pa.timestamp("us", "UTC"), "fail"),
        ([NOW + timedelta(days=9)], pa.timestamp("us", "UTC"), "fail"),
        ([date(2026, 5, 4), date(1999, 1, 1)], pa.date32(), "pass"),
        ([None], pa.date32(), "fail"),
        ([2**62], pa.timestamp("us"), "fail"),
        ([-(2**62)], pa.timestamp("us"), "fail"),
    ],
)
def test_the_newest_row_may_be_a_week_old(values: list[object], type_: pa.DataType, outcome: str) -> None:
    table = pa.table({"at": pa.array(values, type_)})
    target = target_of(table, now=NOW)
    assert one_finding(Age(column="at"), target).outcome == outcome
    timed = replace(target, contract=target.contract.with_roles(time="at"))
    assert one_finding(Age(), timed).outcome == outcome


def test_without_a_time_it_says_what_to_do() -> None:
    finding = one_finding(Age(), target_of(pa.table({"x": [1]})))
    assert (finding.outcome, "Name it" in finding.message) == ("error", True)


def test_spans_of_time_are_read() -> None:
    assert [duration(text).total_seconds() for text in ("90s", "2 min", "1.5h", "7d", "2 weeks", "1 day")] == [
        90, 120, 5400, 604_800, 1_209_600, 86_400,
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no time span"):
        duration("soon")
