"""Rows a day, and an hour, beside what is usual."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.runner import run
from headwater.checks.season import Season
from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.versions.repo import Repo
from tests.checks.targets import one_finding, target_of

START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
WEEK = np.array([60, 60, 60, 60, 60, 15, 5])


def days(counts: Any, rng: np.random.Generator) -> pa.Table:
    starts = np.repeat(np.arange(len(counts)) * 86400, counts)
    return pa.table({"at": pa.array(START + starts + rng.integers(0, 86400, len(starts)), pa.timestamp("s"))})


def finding(check: Season, table: pa.Table) -> Finding:
    return one_finding(check, target_of(table))


def test_a_day_without_rows_breaks_the_week_and_a_sunday_does_not(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 9))
    assert finding(Season(column="at"), days(counts, rng)).outcome == "pass"
    counts[30] = 0
    found = finding(Season(column="at"), days(counts, rng))
    assert (found.outcome, found.evidence["breaks"]) == ("warn", 1)
    assert "2026-02-04 with 0" in found.message
    assert found.evidence["listed"][0]["usual"][0] > 0


def test_hours_have_a_daily_season(rng: np.random.Generator) -> None:
    usual = np.tile(np.where(np.arange(24) < 6, 2, 40), 6)
    counts = rng.poisson(usual)
    counts[60:63] = 160
    starts = np.repeat(np.arange(len(counts)) * 3600, counts)
    table = pa.table({"at": pa.array(START + starts, pa.timestamp("s", "UTC"))})
    found = finding(Season(column="at"), table)
    assert (found.evidence["unit"], found.evidence["breaks"]) == ("hour", 3)


@pytest.mark.parametrize("far", [["2096-01-01"], ["1970-01-01", "2096-01-01", "9999-12-31"]])
def test_a_few_times_of_a_wrong_year_do_not_spoil_the_week(far: list[str], rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 9))
    odd = pa.table({"at": pa.array([datetime.fromisoformat(day) for day in far], pa.timestamp("s"))})
    found = finding(Season(column="at"), pa.concat_tables([days(counts, rng), odd]))
    assert found.outcome == "pass"
    assert all(day in found.message for day in far)
    counts[30] = 0
    broken = finding(Season(column="at"), pa.concat_tables([odd, days(counts, rng)]))
    assert broken.evidence["breaks"] == 1
    assert broken.evidence["far_off"] == far


def test_rows_of_many_centuries_are_not_counted_one_by_one() -> None:
    stamps = pa.array(np.arange(-60, 60) * 4 * 10**9, pa.timestamp("s"))
    assert "too wide" in finding(Season(column="at", every="hour"), pa.table({"at": stamps})).message


def test_dates_are_counted_by_the_day_and_few_tell_nothing() -> None:
    dates = pa.array(np.repeat(np.arange(20_000, 20_060), 5).astype(np.int32), pa.date32())
    assert finding(Season(column="at"), pa.table({"at": dates})).outcome == "pass"
    assert "too few" in finding(Season(column="at"), pa.table({"at": dates[:40]})).message
    assert "too few" in finding(Season(column="at"), pa.table({"at": pa.nulls(3, pa.date32())})).message
    with pytest.raises(UsageError, match="counting by"):
        Season(every="year")  # type: ignore[arg-type]


def test_the_verdict_after_deletions_is_that_of_a_full_scan(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 6))
    table = days(counts, rng)
    table = table.append_column("id", pa.array(np.arange(len(table))))
    repo = Repo.init("memory://")
    with repo.transaction("all") as tx:
        tx.append("data", table, key="id")
    place = int(counts[:24].sum())

    def found(cache: Any) -> tuple[Any, ...]:
        target = Target(dataset=repo["data"], contract=Contract(dataset="data"), cache=cache)
        (one,) = run(target, [Season(column="at")]).findings
        return one.outcome, one.value, one.message

    verdicts = []
    for _ in range(8):
        with repo.transaction("fewer") as tx:
            tx.delete("data", keys=list(range(place, place + 7)))
        place += 7
        verdicts.append(found(repo.cache))
        assert verdicts[-1] == found(None)
    assert [outcome for outcome, _, _ in verdicts][-1] == "warn"
