"""The scheduler: what is due runs once, two harm nothing, and one that was killed is made up for."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import UsageError
from headwater.pipelines.scheduler import Scheduler
from headwater.versions.repo import Repo
from tests.pipelines.flows import double, numbers, say

pytest.importorskip("cronsim")


@hw.pipeline(on=hw.OnCommit("numbers"))
def doubling() -> None:
    double(hw.dataset("numbers"))


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def repo() -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(20), key="id")
    return repo


def events(scheduler: Scheduler) -> list[str]:
    return [one.event for one in scheduler.run(once=True)]


def test_a_commit_starts_a_pipeline_once_and_the_record_says_why(repo: Repo) -> None:
    scheduler = Scheduler(repo, [doubling])
    assert events(scheduler) == ["started", "succeeded", "stopped"]
    assert events(scheduler) == ["stopped"]
    with repo.transaction("two") as tx:
        tx.upsert("numbers", [{"id": 1, "x": 9}])
    assert events(Scheduler(repo, [doubling])) == ["started", "succeeded", "stopped"]
    from headwater.pipelines.records import Runs

    assert "changes numbers" in Runs(repo.storage).get("last").trigger
    assert repo["doubled"].to_arrow(where="id = 1")["y"].to_pylist() == [18]


def test_a_schedule_waits_for_its_time_and_several_triggers_are_one_run(repo: Repo) -> None:
    @hw.pipeline(on=[hw.Schedule("0 * * * *"), hw.OnCommit("numbers")])
    def hourly() -> None:
        say(1)

    clock = Clock()
    scheduler = Scheduler(repo, [hourly], clock=clock)
    assert events(scheduler) == ["started", "succeeded", "stopped"]
    clock.now += 1800
    assert events(scheduler).count("started") <= 1
    clock.now += 3600
    with repo.transaction("two") as tx:
        tx.upsert("numbers", [{"id": 1, "x": 9}])
    assert events(scheduler) == ["started", "succeeded", "stopped"]


def test_a_run_that_fails_is_told_and_the_others_go_on(repo: Repo) -> None:
    @hw.step
    def breaks(rows: pa.Table) -> int:
        raise ValueError("no good")

    @hw.pipeline(on=hw.OnCommit("numbers"))
    def broken() -> None:
        breaks(hw.dataset("numbers"))

    @hw.pipeline(on=hw.OnFiles("/nowhere/at/all"))
    def lost() -> None:
        say(1)

    found = list(Scheduler(repo, [broken, lost, doubling]).run(once=True))
    told = {(one.event, one.pipeline) for one in found}
    assert {("failed", "broken"), ("broken", "lost"), ("succeeded", "doubling")} <= told
    assert any("no good" in one.message for one in found)
    assert ("started", "broken") not in {
        (one.event, one.pipeline) for one in Scheduler(repo, [broken]).run(once=True)
    }


def test_a_second_scheduler_waits_until_the_first_is_gone(repo: Repo) -> None:
    clock = Clock()
    first = Scheduler(repo, [doubling], clock=clock, lease_s=60)
    second = Scheduler(repo, [doubling], clock=clock, lease_s=60)
    assert first._lease.take()
    assert [one.event for one in second.run(once=True)] == ["waiting"]
    clock.now += 61
    # The first one was killed: its lease has run out.
    assert events(second) == ["started", "succeeded", "stopped"]
    assert events(first) == ["stopped"]


def test_two_schedulers_at_once_run_everything_once(repo: Repo) -> None:
    ran: list[str] = []
    lock = threading.Lock()
    stop = threading.Event()

    def work() -> None:
        for event in Scheduler(repo, [doubling], lease_s=0.6).run(every_s=0.05, stop=stop):
            with lock:
                ran.append(event.event)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 20
    while "succeeded" not in ran and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.4)
    stop.set()
    for thread in threads:
        thread.join()
    assert ran.count("succeeded") == 1
    assert "failed" not in ran


def test_a_scheduler_killed_during_a_run_runs_it_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("headwater.pipelines.scheduler.run", dies)
        with pytest.raises(Killed):
            list(Scheduler(repo, [doubling]).run(once=True))
    assert events(Scheduler(repo, [doubling])) == ["started", "succeeded", "stopped"]
    state = json.loads(repo.storage.read("scheduler/state.json"))
    assert len(state) == 1


def test_pipelines_that_start_each_other_without_end_and_those_without_a_start_are_refused(
    repo: Repo,
) -> None:
    @hw.step(into="numbers", key="id")
    def back(rows: pa.Table) -> pa.Table:
        return rows

    @hw.pipeline(on=hw.OnCommit("doubled"))
    def backwards() -> None:
        back(hw.dataset("doubled"))

    with pytest.raises(UsageError, match="without end"):
        Scheduler(repo, [doubling, backwards])

    @hw.pipeline(on=hw.OnCommit("numbers"))
    def needs(n: int) -> None:
        say(n)

    with pytest.raises(UsageError, match="needs a value"):
        Scheduler(repo, [needs])

    @hw.pipeline
    def idle() -> None:
        say(1)

    with pytest.raises(UsageError, match="No pipeline has a trigger"):
        Scheduler(repo, [idle])

    @hw.pipeline(on="every day")
    def wrong() -> None:
        say(1)

    with pytest.raises(UsageError, match="no trigger"):
        Scheduler(repo, [wrong])
