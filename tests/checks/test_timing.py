"""Gaps, order and future times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.runner import run
from headwater.checks.timing import Future, Gaps, Order, moment_text, span_text
from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.versions.repo import Repo
from tests.checks.targets import one_finding, target_of

NOW = datetime(2026, 5, 10, 12, 0, 0, 1234, tzinfo=UTC)
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def times(seconds: Any, type_: pa.DataType | None = None) -> pa.Table:
    stamps = pa.array(START + np.asarray(seconds, np.int64), pa.timestamp("s"))
    return pa.table({"at": stamps.cast(type_ or pa.timestamp("s"))})


def finding(check: Any, table: pa.Table, **more: Any) -> Finding:
    return one_finding(check, target_of(table, now=NOW, **more))


def minutes(count: int, without: tuple[int, int] = (0, 0)) -> np.ndarray[Any, Any]:
    steps = np.arange(count)
    return steps[(steps < without[0]) | (steps >= without[1])] * 60


@pytest.mark.parametrize(
    "type_", [pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("ms", "Europe/Berlin")], ids=str
)
def test_a_gap_in_a_steady_pace_is_found(type_: pa.DataType) -> None:
    assert finding(Gaps(column="at"), times(minutes(3000), type_)).outcome == "pass"
    found = finding(Gaps(column="at"), times(minutes(3000, (500, 560)), type_))
    assert found.outcome == "warn"
    assert found.value == pytest.approx(61 / 60)
    assert "61 minutes" in found.message


def test_nights_and_weekends_are_no_gaps_but_a_lost_day_is() -> None:
    hours = [day * 24 + hour for day in range(120) if day % 7 < 5 for hour in range(9, 18)]
    assert finding(Gaps(column="at"), times(np.array(hours) * 3600)).outcome == "pass"
    lost = [hour for hour in hours if hour // 24 not in (28, 29, 30)]
    found = finding(Gaps(column="at"), times(np.array(lost) * 3600))
    assert (found.outcome, found.evidence["gaps"]) == ("warn", 1)


def test_times_at_random_have_no_gap_until_there_is_one(rng: np.random.Generator) -> None:
    seconds = np.sort(rng.integers(0, 10**7, 30_000))
    assert finding(Gaps(column="at"), times(seconds)).outcome == "pass"
    assert finding(Gaps(column="at"), times(seconds + (seconds > 5 * 10**6) * 50_000)).outcome == "warn"


def test_a_maximum_can_be_given_and_groups_judged() -> None:
    table = times(np.arange(100) * 3600).append_column("who", pa.array(["a", "b"] * 50))
    assert finding(Gaps(column="at", maximum="90min"), table).outcome == "pass"
    found = finding(Gaps(column="at", maximum="90min", by="who"), table)
    assert (found.evidence["gaps"], "of who 'a'" in found.message) == (98, True)
    assert finding(Gaps(column="at", maximum="2h", by="who"), table).outcome == "pass"


@pytest.mark.parametrize("by", [None, "who"])
def test_a_gap_of_the_series_comes_before_those_to_a_wrong_year(by: str | None) -> None:
    far = [int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - START for year in (1970, 2096)]
    table = times([*far, *minutes(3000, (500, 560))])
    table = table.append_column("who", pa.array(["a"] * table.num_rows))
    found = finding(Gaps(column="at", by=by), table)
    assert found.value == pytest.approx(61 / 60)
    assert "61 minutes" in found.message
    assert "2 times lie far from all others (1970-01-01, 2096-01-01)." in found.message
    assert (found.evidence["gaps"], found.evidence["far_off"]) == (3, ["1970-01-01", "2096-01-01"])
    alone = finding(Gaps(column="at"), times([*minutes(3000), far[1]]))
    assert (alone.outcome, "1 time lies far" in alone.message) == ("warn", True)


def test_days_have_gaps_too() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(60) if n not in (20, 21, 22)]
    found = finding(Gaps(column="at"), pa.table({"at": days}))
    assert "between 2026-01-20 and 2026-01-24, 4 days" in found.message


def test_few_times_are_no_pace() -> None:
    assert "too few times" in finding(Gaps(column="at"), times([0, 60])).message
    assert "too few times" in finding(Gaps(column="at"), times([])).message


def test_rows_late_within_their_group_are_named() -> None:
    table = times([0, 60, 30, 90, 80]).append_column("id", pa.array([1, 2, 3, 4, 5]))
    found = finding(Order(column="at"), table, key="id")
    assert (found.outcome, found.row_count, found.rows) == ("warn", 2, ("3", "5"))
    assert "by up to 30 seconds" in found.message
    assert finding(Order(column="at", tolerance="30s"), table, key="id").outcome == "pass"
    grouped = table.append_column("who", pa.array(["a", "a", "b", "b", "b"]))
    assert finding(Order(column="at", by="who"), grouped, key="id").rows == ("5",)
    assert finding(Order(column="at"), times([5, 5, 6])).outcome == "pass"


def test_order_is_known_across_chunks_and_appending_reads_what_was_appended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from headwater.reading.chunks import DatasetChunk

    rng = np.random.default_rng(2)
    repo = Repo.init("memory://")
    parts = [np.arange(50) * 10 + 400 * part + rng.integers(0, 15, 50) for part in range(5)]
    read: list[int] = []
    real = DatasetChunk.read

    def counted(self: DatasetChunk, *args: Any, **kwargs: Any) -> pa.Table:
        read.append(self.live_rows)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(DatasetChunk, "read", counted)
    for part in parts:
        with repo.transaction("more") as tx:
            tx.append("data", times(part))
        target = Target(dataset=repo["data"], contract=Contract(dataset="data"), cache=repo.cache)
        read.clear()
        (found,) = run(target, [Order(column="at")]).findings
    assert sum(read) <= 250 if len(repo["data"].chunks) == 1 else sum(read) <= 100
    whole = np.concatenate(
        [np.asarray(batch.column(0)).astype(np.int64) for batch in repo["data"].scan(["at"])]
    )
    assert found.row_count == int((whole < np.maximum.accumulate(whole)).sum())


@pytest.mark.parametrize(
    "type_",
    [pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns", "America/New_York"), pa.date32(), pa.date64()],
    ids=str,
)
def test_times_after_now_are_counted_and_named(type_: pa.DataType) -> None:
    moments = pa.array([NOW - timedelta(days=9), NOW + timedelta(hours=2), NOW + timedelta(days=40), None])
    table = pa.table(
        {
            "id": [1, 2, 3, 4],
            "at": moments.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(type_, safe=False),
        }
    )
    found = finding(Future(column="at"), table, key="id")
    assert (found.outcome, found.row_count, found.rows) == ("fail", 1, ("3",))
    strict = finding(Future(column="at", tolerance="5min"), table, key="id")
    assert strict.row_count == (1 if pa.types.is_date(type_) else 2)
    assert finding(Future(column="at"), table.slice(0, 1), key="id").outcome == "pass"


def test_many_times_after_now_are_counted_exactly() -> None:
    ahead = [NOW + timedelta(days=2 + number) for number in range(300)]
    past = [NOW - timedelta(days=number) for number in range(300)]
    found = finding(
        Future(column="at"), pa.table({"at": pa.array([*past, *ahead], pa.timestamp("us", "UTC"))})
    )
    assert found.row_count == 300
    all_ahead = finding(Future(column="at"), pa.table({"at": pa.array(ahead, pa.timestamp("us", "UTC"))}))
    assert all_ahead.row_count == 300


def test_the_time_of_the_contract_is_the_default_and_texts_are_refused() -> None:
    target = target_of(times(minutes(200)), now=NOW)
    assert "Name it" in one_finding(Gaps(), target).message
    timed = Target(dataset=target.dataset, contract=Contract(dataset="data", time="at"), now=NOW)
    assert one_finding(Gaps(), timed).outcome == "pass"
    assert {type(check) for check in Gaps.defaults(timed)} == {Gaps}
    text = finding(Order(column="at"), pa.table({"at": ["2026-01-01"]}))
    assert (text.outcome, "--schema at:timestamp" in text.message) == ("error", True)
    with pytest.raises(UsageError, match="no time span"):
        Gaps(maximum="soon")


def test_moments_and_spans_are_told_in_words() -> None:
    assert [moment_text(s) for s in (0, 90, 86400 * 365.5)] == [
        "1970-01-01",
        "1970-01-01 00:01:30",
        "1971-01-01 12:00",
    ]
    assert moment_text(1e18).startswith("second")
    assert [span_text(s) for s in (1, 90, 3600, 5400, 86400 * 3)] == [
        "1 second",
        "90 seconds",
        "1 hour",
        "90 minutes",
        "3 days",
    ]
