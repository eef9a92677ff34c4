"""The cap on threads holds inside, in every thread of ours, and is taken away afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from headwater.recipes.threads import one_thread

control = pytest.importorskip("threadpoolctl")


def threads_of(api: str) -> set[int]:
    """Return how many threads the libraries of this kind would use now."""
    return {pool["num_threads"] for pool in control.threadpool_info() if pool["user_api"] == api}


def test_libraries_use_one_thread_inside_and_as_many_as_before_outside() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = {api: threads_of(api) for api in ("blas", "openmp")}
    with one_thread():
        with one_thread():
            assert threads_of("blas") <= {1}
        assert threads_of("blas") <= {1}
        assert threads_of("openmp") <= {1}
    assert {api: threads_of(api) for api in ("blas", "openmp")} == before


def test_cap_around_threads_of_ours_holds_until_all_are_done() -> None:
    before, meet = threads_of("blas"), threading.Barrier(2)

    def leave_first() -> None:
        with one_thread():
            meet.wait(10)
        meet.wait(10)

    def stay() -> list[set[int]]:
        with one_thread():
            meet.wait(10)
            meet.wait(10)
            return [threads_of("blas"), threads_of("openmp")]

    with one_thread(), ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(leave_first), pool.submit(stay)
        first.result(20)
        assert [found - {1} for found in second.result(20)] == [set(), set()]
    assert threads_of("blas") == before


def test_an_error_inside_takes_the_cap_away_too() -> None:
    before = threads_of("blas")
    with pytest.raises(ZeroDivisionError), one_thread():
        _ = 1 / 0
    assert threads_of("blas") == before
