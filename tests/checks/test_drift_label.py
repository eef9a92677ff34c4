"""Labels beside those of the baseline: in all rows, and by group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.drift_label import LabelDrift, largest_shift
from headwater.core.findings import Finding
from tests.checks.targets import findings_of, one_finding, target_of


def rows(
    rng: np.random.Generator, count: int = 3000, *, north: float = 0.5, yes: dict[str, float]
) -> pa.Table:
    place = np.where(rng.random(count) < north, "north", "south")
    label = np.where(rng.random(count) < np.where(place == "north", yes["north"], yes["south"]), "yes", "no")
    return pa.table({"place": place, "label": label})


def findings(old: pa.Table, new: pa.Table, **parameters: Any) -> list[Finding]:
    target = target_of(new, label="label", baseline=target_of(old).dataset)
    return findings_of(LabelDrift(**parameters), target)


OLD = {"north": 0.2, "south": 0.6}


def test_other_shares_of_groups_are_told_from_other_labels_within(rng: np.random.Generator) -> None:
    old = rows(rng, yes=OLD)
    (mixed,) = findings(old, rows(rng, north=0.9, yes=OLD))
    assert mixed.outcome == "warn"
    assert "Within groups it did not change" in mixed.message
    overall, within = findings(old, rows(rng, yes={"north": 0.2, "south": 0.8}))
    assert {overall.column, within.column} == {"label", "label, place"}
    changed = next(one for one in (overall, within) if one.slice)
    assert changed.slice == "place = 'south'"
    assert [one["slice"] for one in changed.evidence["groups"]] == ["place = 'south'"]


def test_opposite_changes_of_two_groups_are_seen_though_all_rows_are_as_before(
    rng: np.random.Generator,
) -> None:
    found = findings(rows(rng, yes=OLD), rows(rng, yes={"north": 0.6, "south": 0.2}))
    outcomes = {one.column: one.outcome for one in found}
    assert outcomes == {"label": "pass", "label, place": "warn"}


def test_equal_data_alarm_no_more_often_than_the_level() -> None:
    rng = np.random.default_rng(2)
    alarms = sum(
        any(
            one.outcome == "warn"
            for one in findings(rows(rng, 400, yes=OLD), rows(rng, 300, yes=OLD), maximum=0.0, alpha=0.1)
        )
        for _ in range(40)
    )
    assert alarms <= 40 * 0.1 + 2 * np.sqrt(40 * 0.1 * 0.9)


def test_a_rare_class_that_trebles_is_a_change(rng: np.random.Generator) -> None:
    def frauds(share: float) -> pa.Table:
        return pa.table({"label": (rng.random(8000) < share).astype(np.int64)})

    assert findings(frauds(0.01), frauds(0.05))[0].outcome == "warn"
    assert findings(frauds(0.01), frauds(0.012))[0].outcome == "pass"


def test_a_label_that_is_a_quantity_is_compared_too(rng: np.random.Generator) -> None:
    old, new = pa.table({"label": rng.normal(size=900)}), pa.table({"label": rng.normal(1, 1, 900)})
    assert findings(old, new)[0].outcome == "warn"
    assert findings(old, old)[0].outcome == "pass"


def test_what_cannot_be_compared_is_told(rng: np.random.Generator) -> None:
    old = rows(rng, 100, yes=OLD)
    assert "no baseline" in one_finding(LabelDrift(column="label"), target_of(old)).message
    assert "Name it" in one_finding(LabelDrift(), target_of(old)).message
    assert "is new" in findings(old.rename_columns(["place", "x"]), old)[0].message
    assert "cannot be compared" in findings(old, pa.table({"label": [1, 2]}))[0].message
    assert "no values" in findings(old, old.slice(0, 0))[0].message
    target = target_of(old, label="label", baseline=target_of(old).dataset)
    assert LabelDrift.defaults(target) == (LabelDrift(),)
    assert LabelDrift.defaults(target_of(old, label="label")) == ()


def test_the_size_of_a_shift_is_that_of_cohen() -> None:
    assert largest_shift(np.array([50.0, 50]), np.array([60.0, 40]))[0] == pytest.approx(0.2, abs=0.002)
    assert largest_shift(np.array([0.0, 0]), np.array([1.0, 0])) == (0.0, 0)
