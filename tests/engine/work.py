"""Tasks for executors, at the top of a module so that other processes can be given them."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import numpy as np

from headwater.core.errors import NotFound


def square(number: int) -> int:
    return number * number


def leave_mark(folder: Path, name: object) -> int:
    """Leave a file that says so, and return how many of that name there are."""
    (folder / f"{name}-{uuid.uuid4().hex}").touch()
    return marks(folder, name)


def marks(folder: Path, name: object = "*") -> int:
    return len(list(folder.glob(f"{name}-*")))


def fails_twice(folder: Path, number: int) -> int:
    if leave_mark(folder, number) < 3:
        raise OSError("not yet")
    return number


def fails_at(bad: int, number: int) -> int:
    if number == bad:
        raise NotFound.among("column", "agee", ["age"])
    return number


def slow(folder: Path, number: int) -> int:
    leave_mark(folder, number)
    time.sleep(0.05)
    return number


def sleeps(number: float) -> float:
    time.sleep(number)
    return number


def make_model(folder: Path) -> int:
    leave_mark(folder, "made")
    return 1000


def add(model: int, number: int) -> tuple[int, int]:
    return model + number, os.getpid()


def wide(number: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(500_000, float(number))


def used(number: int) -> int:
    """Return how many bytes this process has to itself, after some work with a few megabytes."""
    assert wide(number).sum() == number * 500_000
    return own_bytes()


def own_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10
    raise AssertionError("no figure of memory")
