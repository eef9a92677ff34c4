"""Requests that are answered together get what they would have got alone."""

from __future__ import annotations

import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from headwater.serving.batching import Batcher, Overloaded


def double(rows: pa.Table) -> np.ndarray:
    return np.asarray(rows.column("x"), np.float64)[:, None] * 2


def table(*values: float) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.float64())})


def test_those_that_wait_are_answered_by_one_call() -> None:
    go, calls = threading.Event(), []

    def predict(rows: pa.Table) -> np.ndarray:
        go.wait(10)
        calls.append(rows.num_rows)
        return double(rows)

    one = Batcher(predict)
    answers = [one.submit(table(*range(n))) for n in (1, 2, 3, 4)]
    go.set()
    for n, answer in zip((1, 2, 3, 4), answers, strict=True):
        np.testing.assert_array_equal(answer.result(10).ravel(), np.arange(n) * 2)
    one.close()
    assert sum(calls) == 10
    assert len(calls) <= 2


def test_one_that_breaks_the_model_harms_no_other() -> None:
    go = threading.Event()

    def predict(rows: pa.Table) -> np.ndarray:
        go.wait(10)
        if -1 in rows.column("x").to_pylist():
            raise ValueError("no")
        return double(rows)

    one = Batcher(predict)
    first, bad, last = (one.submit(table(value)) for value in (1.0, -1.0, 3.0))
    go.set()
    assert first.result(10)[0, 0] == 2
    assert last.result(10)[0, 0] == 6
    with pytest.raises(ValueError, match="no"):
        bad.result(10)
    one.close()


def test_too_many_are_refused_and_closing_answers_the_rest() -> None:
    go = threading.Event()

    def predict(rows: pa.Table) -> np.ndarray:
        go.wait(10)
        return double(rows)

    one = Batcher(predict, most_waiting=2)
    first = one.submit(table(1.0))
    until = time.monotonic() + 10
    while not one.is_idle and time.monotonic() < until:
        time.sleep(0.001)
    answers = [first, one.submit(table(1.0)), one.submit(table(1.0))]
    with pytest.raises(Overloaded, match="2 requests wait"):
        one.submit(table(1.0))
    threading.Timer(0.1, go.set).start()
    one.close()
    assert all(answer.result(0)[0, 0] == 2 for answer in answers)
