"""Work on blocks in threads: order, bounds and errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from headwater.formats import parallel
from headwater.formats.parallel import in_order


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(parallel, "_processors", lambda: request.param)
    return int(request.param)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.002 if item % 7 == 0 else 0)
        return item * item

    assert list(in_order(slow_at_first, range(count))) == [item * item for item in range(count)]


def test_few_items_are_drawn_ahead(threads: int) -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for item in range(100):
            drawn += 1
            yield item

    results = in_order(lambda item: item, items())
    for _ in range(5):
        next(results)
    assert drawn <= 5 + threads + 2
    results.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("threads")
def test_the_first_error_ends_the_work_and_leaves_no_thread() -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    results = in_order(work, range(1000))
    with pytest.raises(ValueError, match="five"):
        list(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("headwater-read")]


@pytest.mark.usefixtures("threads")
def test_stopping_early_leaves_no_thread() -> None:
    results = in_order(lambda item: item, range(1000))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("headwater-read")]
