"""Slices whose share changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.methods.moved_slices import moved_slices, separation


def sample(rng: np.random.Generator, rows: int, *, moved: bool) -> pa.Table:
    """Return people, a third of them (if moved) over sixty and from CA, who were a few before."""
    state, age = rng.choice(["CA", "NY", "TX"], rows), rng.normal(40, 12, rows)
    if moved:
        picked = rng.random(rows) < 0.3
        state, age = np.where(picked, "CA", state), np.where(picked, rng.uniform(61, 80, rows), age)
    there = rng.random(rows) > 0.1
    return pa.table({"state": state, "age": pa.array(age, mask=~there), "noise": rng.normal(size=rows)})


def test_the_part_that_grew_is_found_and_named(rng: np.random.Generator) -> None:
    table = pa.concat_tables([sample(rng, 3000, moved=False), sample(rng, 2000, moved=True)])
    is_new = np.arange(5000) >= 3000
    slices = moved_slices(table, is_new, held=rng.random(5000) < 0.5)
    best = slices[0]
    assert {condition.column for condition in best.conditions} == {"state", "age"}
    ages = [c.value for c in best.conditions if c.column == "age" and c.sign == ">"]
    assert ages[0] == pytest.approx(60, abs=4)
    assert best.now > best.then + 0.2
    assert sum(one.then for one in slices) == pytest.approx(1)
    assert sum(one.now for one in slices) == pytest.approx(1)
    gains = separation(table, is_new)
    assert gains["age"] > gains["state"] > 5 * gains["noise"]


def test_missing_values_can_be_what_moved(rng: np.random.Generator) -> None:
    gone = rng.random(2000) < np.repeat([0.05, 0.6], 1000)
    table = pa.table({"x": pa.array(rng.normal(size=2000), mask=gone), "flag": rng.random(2000) < 0.5})
    first = moved_slices(table, np.arange(2000) >= 1000, held=rng.random(2000) < 0.5, depth=1)
    assert {one.conditions[0].sign for one in first} == {"missing", "there"}


def test_what_cannot_be_cut_is_left(rng: np.random.Generator) -> None:
    table = pa.table({"v": pa.array([[1.0]] * 10), "same": [1] * 10, "none": pa.nulls(10, pa.string())})
    assert moved_slices(table, np.arange(10) > 4, held=np.arange(10) % 2 > 0) == []
    assert separation(table, np.arange(10) > 4) == {"v": 0.0, "same": 0.0, "none": 0.0}
    empty = table.slice(0, 0)
    assert moved_slices(empty, np.zeros(0, np.bool_), held=np.zeros(0, np.bool_)) == []


def test_the_narrower_of_two_limits_is_told(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.uniform(0, 1, 2000), rng.uniform(0.4, 0.5, 2000)])
    slices = moved_slices(pa.table({"x": x}), np.arange(4000) >= 2000, held=rng.random(4000) < 0.5)
    grown = next(one for one in slices if one.now > one.then)
    assert [(one.sign, round(one.value, 1)) for one in grown.conditions] == [("<=", 0.5), (">", 0.4)]
