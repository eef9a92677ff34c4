"""The local executor: order, bounded lead, retries, errors, processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from headwater.engine.base import Resources
from headwater.engine.local import LocalExecutor


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


def square(number: int) -> int:
    """Return a square; at the top of the module, so that a process can run it."""
    return number * number


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(LocalExecutor(workers).map(square, range(50))) == [n * n for n in range(50)]
    assert list(LocalExecutor(workers).map(square, [])) == []


def test_python_bound_work_runs_in_processes() -> None:
    assert list(LocalExecutor(2).map(square, [1, 2, 3], resources=Resources(python_bound=True))) == [1, 4, 9]


def test_items_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = LocalExecutor(2).map(square, items())
    assert next(results) == 0
    assert len(drawn) < 10


def test_an_item_is_tried_again_and_the_last_error_is_raised() -> None:
    tries: dict[int, int] = {}
    lock = threading.Lock()

    def flaky(number: int) -> int:
        with lock:
            tries[number] = tries.get(number, 0) + 1
            if tries[number] < 3:
                raise OSError("not yet")
        return number

    assert list(LocalExecutor(2).map(flaky, [1, 2], retries=2)) == [1, 2]
    assert tries == {1: 3, 2: 3}
    tries.clear()
    with pytest.raises(OSError, match="not yet"):
        list(LocalExecutor(2).map(flaky, [1], retries=1))


def test_progress_is_told_the_total_and_every_item() -> None:
    told = Told()
    list(LocalExecutor(1).map(square, [1, 2], label="squares", progress=told))
    assert told.events == [("start", 2), ("advance", 1), ("advance", 1), ("finish", "squares")]
