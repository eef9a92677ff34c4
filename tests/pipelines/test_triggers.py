"""Triggers: each fires once for what it waits for, whatever the clock does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.pipelines.triggers import Due, OnCommit, OnDrift, OnFiles, Schedule, Trigger
from headwater.versions.repo import Repo
from tests.pipelines.flows import numbers

pytest.importorskip("cronsim")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def repo() -> Repo:
    return Repo.init("memory://")


def looks(trigger: Trigger, repo: Repo, *times: datetime) -> list[bool]:
    """Return whether each look fires, as the scheduler remembers them."""
    state: Any = None
    out = []
    for now in times or (NOON,):
        due = trigger.look(repo, state, now)
        out.append(bool(due))
        state = due.state
    return out


def test_a_schedule_fires_once_when_its_time_has_come_and_makes_up_for_one_that_was_missed(
    repo: Repo,
) -> None:
    daily = Schedule("0 2 * * *")
    hours = [NOON + timedelta(hours=n) for n in (0, 1, 13, 14, 15, 16, 100, 101)]
    assert looks(daily, repo, *hours) == [False, False, False, True, False, False, True, False]


def test_a_clock_that_goes_back_fires_nothing_twice(repo: Repo) -> None:
    hourly = Schedule("0 * * * *")
    times = [NOON, NOON + timedelta(hours=1), NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=2)]
    assert looks(hourly, repo, *times) == [False, True, False, False, True]


def test_the_hour_that_a_change_of_the_clock_doubles_comes_once(repo: Repo) -> None:
    night = Schedule("30 2 * * *", "Europe/Oslo")
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    fired = looks(night, repo, *[start + timedelta(minutes=10 * n) for n in range(6 * 30)])
    assert sum(fired) == 1


@pytest.mark.parametrize(
    ("cron", "zone"), [("61 * * * *", "UTC"), ("nightly", "UTC"), ("0 2 * * *", "Oslo/Europe")]
)
def test_what_is_no_schedule_is_refused(cron: str, zone: str) -> None:
    with pytest.raises(UsageError, match=r"no schedule|no time zone"):
        Schedule(cron, zone)


def test_a_commit_fires_if_it_changes_the_dataset(repo: Repo) -> None:
    trigger = OnCommit("numbers")
    assert not trigger.look(repo, None, NOON)
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(5), key="id")
    first = trigger.look(repo, None, NOON)
    assert first
    assert "changes numbers" in first.reason
    with repo.transaction("another dataset") as tx:
        tx.append("others", numbers(5), key="id")
    assert not trigger.look(repo, first.state, NOON)
    with repo.transaction("two") as tx:
        tx.delete("numbers", keys=[1])
    assert trigger.look(repo, first.state, NOON)
    assert not OnCommit("numbers", "staging").look(repo, None, NOON)


def test_drift_fires_when_values_move_and_not_when_rows_come(repo: Repo) -> None:
    rng = np.random.default_rng(0)
    with repo.transaction("one") as tx:
        tx.append("d", {"id": np.arange(2000), "x": rng.normal(size=2000)}, key="id")
    trigger = OnDrift("d")
    first = trigger.look(repo, None, NOON)
    assert not first
    with repo.transaction("more of the same") as tx:
        tx.append("d", {"id": np.arange(2000, 2200), "x": rng.normal(size=200)})
    second = trigger.look(repo, first.state, NOON)
    assert not second
    with repo.transaction("another world") as tx:
        tx.append("d", {"id": np.arange(3000, 6000), "x": rng.normal(size=3000) + 3})
    third = trigger.look(repo, second.state, NOON)
    assert third
    assert "drift of d" in third.reason
    assert not trigger.look(repo, third.state, NOON)


def test_files_fire_when_they_have_come_and_rest(repo: Repo, tmp_path: Path) -> None:
    trigger = OnFiles(str(tmp_path))
    state: Any = trigger.look(repo, None, NOON).state
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv.part").write_text("x\n")
    seen: list[Due] = []
    for _ in range(3):
        seen.append(trigger.look(repo, state, NOON))
        state = seen[-1].state
    assert [bool(one) for one in seen] == [False, True, False]
    assert "1 files" in seen[1].reason
    os.utime(tmp_path / "a.csv", (1, 1))
    again = trigger.look(repo, state, NOON)
    assert not again
    assert trigger.look(repo, again.state, NOON)
    with pytest.raises(UsageError, match="no folder"):
        OnFiles(str(tmp_path / "nowhere")).look(repo, None, NOON)
