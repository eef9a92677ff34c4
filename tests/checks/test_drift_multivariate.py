"""New rows that a model tells from old ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.drift import Distribution
from headwater.checks.drift_multivariate import Multivariate
from headwater.checks.runner import run
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from tests.checks.targets import findings_of, one_finding, target_of


@pytest.fixture(autouse=True)
def needs() -> None:
    pytest.importorskip("sklearn")


def people(
    rng: np.random.Generator, rows: int = 1500, *, moved: bool = False, turned: bool = False
) -> pa.Table:
    age, hours = rng.normal(40, 12, rows), rng.normal(38, 6, rows)
    if turned:  # each column is as before; together they are not
        hours = 38 + 6 * (0.95 * (age - 40) / 12 + np.sqrt(1 - 0.95**2) * rng.normal(size=rows))
    state = rng.choice(["CA", "NY", "O'Hare"], rows)
    if moved:
        picked = rng.random(rows) < 0.35
        state, age = np.where(picked, "CA", state), np.where(picked, rng.uniform(61, 80, rows), age)
    return pa.table({"id": np.arange(rows), "age": age, "hours": hours, "the state": state})


def finding(old: pa.Table, new: pa.Table, **parameters: Any) -> Finding:
    return one_finding(
        Multivariate(**parameters), target_of(new, key="id", baseline=target_of(old, key="id").dataset)
    )


def test_what_moved_is_told_with_columns_and_slices(rng: np.random.Generator) -> None:
    found = finding(people(rng, 5000), people(rng, 5000, moved=True))
    assert found.outcome == "warn"
    assert next(iter(found.evidence["columns"])) == "age"
    first = found.evidence["slices"][0]
    assert first["slice"].startswith("age > ")
    assert any("\"the state\" = 'CA'" in one["slice"] for one in found.evidence["slices"])
    assert first["now"] > first["then"] + 0.2
    assert found.interval is not None
    assert found.interval[0] > 0.6
    assert "Rows with" in found.message


def test_columns_that_no_longer_go_together_are_seen_where_single_ones_are_not(
    rng: np.random.Generator,
) -> None:
    old, new = people(rng), people(rng, turned=True)
    single = findings_of(Distribution(), target_of(new, key="id", baseline=target_of(old, key="id").dataset))
    assert {finding.outcome for finding in single} == {"pass"}
    found = finding(old, new)
    assert found.outcome == "warn"
    assert set(list(found.evidence["columns"])[:2]) == {"age", "hours"}


def test_equal_data_alarm_no_more_often_than_the_level() -> None:
    rng = np.random.default_rng(11)
    alarms = sum(
        finding(people(rng, 240), people(rng, 200), maximum=0.0, alpha=0.2).outcome == "warn"
        for _ in range(12)
    )
    assert alarms <= 12 * 0.2 + 2 * np.sqrt(12 * 0.2 * 0.8)


def test_rows_that_both_have_are_no_difference(rng: np.random.Generator) -> None:
    old = people(rng, 600)
    found = finding(old, old, maximum=0.0)
    assert found.outcome == "pass"
    assert found.value == pytest.approx(0.5, abs=0.05)


def test_large_data_are_drawn_from_and_the_same_seed_says_the_same(rng: np.random.Generator) -> None:
    old, new = people(rng, 3000), people(rng, 3000, moved=True)
    target = target_of(new, key="id", baseline=target_of(old, key="id").dataset)
    reports = [run(target.against(target.baseline), [Multivariate(rows=400)]).findings for _ in range(2)]
    assert reports[0] == reports[1]
    assert reports[0][0].evidence["rows"] == [400, 400]


def test_what_cannot_be_learnt_passes_with_a_reason(rng: np.random.Generator) -> None:
    few = people(rng, 20)
    assert "too few" in finding(few, few).message
    nothing = pa.table({"id": np.arange(80), "x": pa.nulls(80, pa.float64())})
    assert "No column has a value" in finding(nothing, nothing).message
    lists = pa.table({"id": np.arange(80), "x": pa.array([[1]] * 80)})
    assert "No column can be compared" in finding(lists, lists).message
    assert "no baseline" in one_finding(Multivariate(), target_of(few)).message
    with pytest.raises(UsageError, match="at least 50"):
        Multivariate(rows=10)


def test_many_columns_are_explained_by_those_that_tell_most(rng: np.random.Generator) -> None:
    def wide(shift: float) -> pa.Table:
        made = {f"c{n}": rng.normal(size=400) for n in range(40)}
        made["c33"] = made["c33"] + shift
        return pa.table({"id": np.arange(400), **made})

    found = finding(wide(0), wide(2))
    assert next(iter(found.evidence["columns"])) == "c33"
