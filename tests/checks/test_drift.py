"""Distributions against a baseline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.drift import Distribution, Statistic
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.methods.divergence import ks_samples
from tests.checks.targets import one_finding, target_of

RNG = np.random.default_rng(4)
OLD, SAME, MOVED = RNG.normal(size=3000), RNG.normal(size=3000), RNG.normal(0.8, 1, 3000)


def finding_of(old: object, new: object, **parameters: object) -> Finding:
    check = Distribution(column="c", **parameters)  # type: ignore[arg-type]
    return one_finding(
        check, target_of(pa.table({"c": new}), baseline=target_of(pa.table({"c": old})).dataset)
    )


@pytest.mark.parametrize("statistic", ["psi", "js", "ks"])
def test_a_shift_is_seen_and_chance_is_not(statistic: Statistic) -> None:
    assert finding_of(OLD, SAME, statistic=statistic).outcome == "pass"
    assert finding_of(OLD, MOVED, statistic=statistic).outcome == "warn"


def test_kolmogorov_smirnov_is_that_of_the_rows() -> None:
    found = finding_of(OLD, MOVED, statistic="ks")
    assert found.value == pytest.approx(ks_samples(OLD, MOVED).statistic, abs=0.01)


def test_categories_and_missing_values_drift_too() -> None:
    old, new = ["a"] * 900 + ["b"] * 100, ["a"] * 500 + ["b"] * 500
    assert "'b' had 10 %" in finding_of(old, new).message.replace("'a' had 90 %", "'b' had 10 %")
    missing = pa.array([*([None] * 900), *OLD[:2100]])
    assert finding_of(OLD, missing).outcome == "warn"


def test_a_few_rows_differ_by_chance() -> None:
    assert finding_of(OLD, SAME[:20]).outcome == "pass"


def test_what_cannot_be_compared_is_told() -> None:
    assert "no order" in finding_of(["a"], ["b"], statistic="ks").message
    assert "cannot be compared" in finding_of(["a"], [1]).message
    assert "no baseline" in one_finding(Distribution(column="c"), target_of(pa.table({"c": [1]}))).message
    with pytest.raises(UsageError, match="no drift statistic"):
        Distribution(column="c", statistic="odd")  # type: ignore[arg-type]
