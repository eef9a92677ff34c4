"""Steps and pipelines that the tests run; what was called is in ``CALLS``."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import headwater as hw

CALLS: list[Any] = []
FACTOR = 2


def times_factor(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Multiply by the constant of this module."""
    return pc.multiply(values, FACTOR)


@hw.step(by_rows=True, reads=["x"], into="doubled", key="id")
def double(rows: pa.Table) -> pa.Table:
    """Give y, twice x."""
    CALLS.append(("double", rows.num_rows, rows.schema.names))
    return pa.table({"y": times_factor(rows["x"])})


@hw.step
def total(rows: pa.Table, times: int = 1) -> dict[str, int]:
    """Add y up."""
    CALLS.append("total")
    print("adding", rows.num_rows)
    return {"sum": (pc.sum(rows["y"]).as_py() or 0) * times, "rows": rows.num_rows}


@hw.step
def say(rows: int) -> str:
    """Say how many rows there are."""
    CALLS.append("say")
    return f"{rows} rows"


@hw.pipeline
def sums(times: int = 1) -> None:
    """Double, add up, say."""
    found = total(double(hw.dataset("numbers")), times=times)
    say(found["rows"])


@hw.step
def wait(seconds: float) -> float:
    """Sleep."""
    time.sleep(seconds)
    return seconds


def numbers(rows: int = 1000) -> pa.Table:
    """Return ids and numbers."""
    return pa.table({"id": range(rows), "x": range(rows), "note": [f"n{n}" for n in range(rows)]})
