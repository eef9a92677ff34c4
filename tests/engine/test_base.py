"""The contract of every executor, on each of them: order, bounded lead, errors, retries, interruptions."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.engine.base import Executor, Held, Resources
from headwater.engine.local import LocalExecutor
from tests.engine import work

EXECUTORS = ["serial", "threads", "processes", "ray"]


class Processes(LocalExecutor):
    """The local executor with work that is bound by the interpreter."""

    def map(self, task: Any, items: Any, **options: Any) -> Any:
        return super().map(task, items, **{**options, "resources": Resources(python_bound=True)})


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        found: Executor = request.getfixturevalue("ray_executor")
        return found
    return {"serial": LocalExecutor(1), "threads": LocalExecutor(2), "processes": Processes(2)}[request.param]


class Told:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def start(self, label: str, total: int | None) -> None:
        self.events.append(("start", total))

    def advance(self, label: str, units: int = 1) -> None:
        self.events.append(("advance", units))

    def finish(self, label: str) -> None:
        self.events.append(("finish", label))


def test_results_come_in_the_order_of_the_items(executor: Executor) -> None:
    assert list(executor.map(work.square, range(50))) == [n * n for n in range(50)]
    assert list(executor.map(work.sleeps, [0.2, 0.0, 0.1])) == [0.2, 0.0, 0.1]
    assert list(executor.map(work.square, [])) == []


def test_items_are_drawn_as_they_are_needed(executor: Executor) -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = executor.map(work.square, items())
    assert next(results) == 0
    assert len(drawn) < 20
    # Nor does it go on while nobody asks.
    time.sleep(0.2)
    assert len(drawn) < 20
    assert [next(results) for _ in range(100)][-1] == 100 * 100
    assert len(drawn) < 120
    results.close()  # type: ignore[attr-defined]


def test_the_first_error_in_order_is_raised_as_it_is(executor: Executor) -> None:
    results = executor.map(partial(work.fails_at, 3), range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(NotFound, match="Did you mean 'age'") as caught:
        next(results)
    assert caught.value.facts["known"] == ["age"]
    assert caught.value.exit_code == 2
    assert list(executor.map(work.square, [4])) == [16]


def test_an_item_is_tried_again_and_the_last_error_is_raised(executor: Executor, tmp_path: Path) -> None:
    assert list(executor.map(partial(work.fails_twice, tmp_path), [1, 2], retries=2)) == [1, 2]
    assert (work.marks(tmp_path, 1), work.marks(tmp_path, 2)) == (3, 3)
    with pytest.raises(OSError, match="not yet"):
        list(executor.map(partial(work.fails_twice, tmp_path), [7], retries=1))
    assert work.marks(tmp_path, 7) == 2


def test_progress_is_told_the_total_and_every_item(executor: Executor) -> None:
    told = Told()
    list(executor.map(work.square, [1, 2], label="squares", progress=told))
    assert told.events == [("start", 2), ("advance", 1), ("advance", 1), ("finish", "squares")]
    told = Told()
    with pytest.raises(NotFound):
        list(executor.map(partial(work.fails_at, 0), iter([0]), label="bad", progress=told))
    assert told.events == [("start", None), ("finish", "bad")]


def test_work_that_asks_for_processors_and_memory_is_done(executor: Executor) -> None:
    needs = Resources(cpus=2, memory_bytes=64 << 20)
    assert list(executor.map(work.square, range(5), resources=needs)) == [0, 1, 4, 9, 16]


def test_who_stops_to_ask_stops_the_work(executor: Executor, tmp_path: Path) -> None:
    told = Told()
    results = executor.map(partial(work.slow, tmp_path), range(500), label="slow", progress=told)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert told.events[-1] == ("finish", "slow")
    time.sleep(0.3)
    done = work.marks(tmp_path)
    assert done < 30
    time.sleep(0.3)
    assert work.marks(tmp_path) == done
    assert list(executor.map(work.square, [3])) == [9]


def test_an_interruption_ends_the_work(executor: Executor) -> None:
    if repr(executor).startswith("LocalExecutor(workers=1)"):
        pytest.skip("the interruption then falls into the task itself")
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    list(executor.map(work.square, [1]))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(executor.map(work.sleeps, [1.5, 1.5, 1.5, 1.5]))
    timer.join()
    assert list(executor.map(work.square, [3])) == [9]


def test_what_cannot_be_sent_is_named(request: pytest.FixtureRequest) -> None:
    lock = threading.Lock()
    for name in ("processes", "ray"):
        executor: Executor = request.getfixturevalue("ray_executor") if name == "ray" else Processes(2)
        with pytest.raises(UsageError, match=r"cannot be sent to (other machines|another process): .*lock"):
            list(executor.map(partial(_hold, lock), [1], label="hold"))


def _hold(lock: object, number: int) -> int:
    return number


def test_what_a_task_holds_is_made_once_a_worker(executor: Executor, tmp_path: Path) -> None:
    held: Held[int, tuple[int, int]] = Held(partial(work.make_model, tmp_path), work.add)
    results = list(executor.map(held, range(40)))
    assert [number for number, _ in results] == list(range(1000, 1040))
    workers = {process for _, process in results}
    assert 1 <= work.marks(tmp_path, "made") <= 2
    assert work.marks(tmp_path, "made") >= len(workers)


def test_what_a_task_holds_stays_from_one_call_to_the_next(ray_executor: Executor, tmp_path: Path) -> None:
    held: Held[int, tuple[int, int]] = Held(partial(work.make_model, tmp_path), work.add)
    first = {process for _, process in ray_executor.map(held, range(20))}
    second = {process for _, process in ray_executor.map(held, range(20))}
    assert first == second
    assert work.marks(tmp_path, "made") == len(first)
    # Others get the processors back, so that work of another kind does not wait for ever.
    assert list(ray_executor.map(work.square, range(4), resources=Resources(cpus=2))) == [0, 1, 4, 9]
