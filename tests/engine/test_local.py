"""The local executor: threads, and processes for work bound by the interpreter; test_base.py holds the contract."""

from __future__ import annotations

import os

from headwater.engine.base import Resources
from headwater.engine.local import LocalExecutor


def process(_: int) -> int:
    """Return where this runs; at the top of the module, so that a process can run it."""
    return os.getpid()


def test_work_runs_in_this_process_unless_it_is_bound_by_the_interpreter() -> None:
    executor = LocalExecutor(2)
    assert set(executor.map(process, range(4))) == {os.getpid()}
    others = set(executor.map(process, range(4), resources=Resources(python_bound=True)))
    assert others
    assert os.getpid() not in others


def test_there_are_as_many_workers_as_processors() -> None:
    assert LocalExecutor().workers == len(os.sched_getaffinity(0))
    assert repr(LocalExecutor(3)) == "LocalExecutor(workers=3)"
