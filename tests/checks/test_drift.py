"""Distributions against a baseline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.drift import Distribution, Statistic
from headwater.checks.runner import run
from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.methods.divergence import ks_samples
from headwater.versions.repo import Repo
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


def findings_of(old: pa.Table, new: pa.Table, **parameters: object) -> dict[str | None, Finding]:
    check = Distribution(**parameters)  # type: ignore[arg-type]
    report = run(target_of(new, baseline=target_of(old).dataset), [check])
    return {finding.column: finding for finding in report.findings}


def frame(rows: int, rng: np.random.Generator, columns: int = 12) -> pa.Table:
    """Return columns of several kinds without any difference between two of these."""
    made: dict[str, object] = {}
    for number in range(columns):
        kind = number % 4
        if kind == 0:
            made[f"c{number}"] = rng.lognormal(size=rows)
        elif kind == 1:
            made[f"c{number}"] = pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.05)
        elif kind == 2:
            made[f"c{number}"] = rng.integers(0, 4, rows)
        else:
            made[f"c{number}"] = rng.choice(["a", "b", "c", "d"], rows, p=[0.7, 0.2, 0.09, 0.01])
    return pa.table(made)


def test_each_column_has_a_finding_and_the_moved_one_alone_alarms(rng: np.random.Generator) -> None:
    old, new = frame(2000, rng), frame(2000, rng)
    new = new.set_column(0, "c0", pa.array(rng.lognormal(1, 1, 2000)))
    found = findings_of(old, new)
    assert set(found) == {f"c{n}" for n in range(12)}
    assert [name for name, finding in found.items() if finding.outcome == "warn"] == ["c0"]
    assert "allowing for 12 columns" in found["c0"].message
    assert set(findings_of(old, new, exclude=("c0", "c1"))) == {f"c{n}" for n in range(2, 12)}


@pytest.mark.parametrize("correction", ["holm", "none"])
def test_equal_data_alarm_no_more_often_than_the_level(correction: str) -> None:
    """A/A: no effect is asked for, so that significance alone decides."""
    rng = np.random.default_rng(7)
    alarms, runs, alpha = 0, 80, 0.1
    for _ in range(runs):
        found = findings_of(frame(300, rng), frame(200, rng), maximum=0.0, alpha=alpha, correction=correction)
        alarms += any(finding.outcome == "warn" for finding in found.values())
    if correction == "holm":
        assert alarms / runs <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / runs)
    else:
        assert alarms / runs > 2 * alpha  # what the correction is for


def test_a_large_dataset_does_not_alarm_at_what_is_small(rng: np.random.Generator) -> None:
    old, new = pa.table({"c": rng.normal(size=200_000)}), pa.table({"c": rng.normal(0.1, 1, 200_000)})
    (finding,) = findings_of(old, new).values()
    assert finding.outcome == "pass"
    assert finding.evidence["p_value"] < 1e-6


def test_the_p_value_is_that_of_scipy(rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats")
    old, new = rng.normal(size=700), rng.normal(0.2, 1, 500)
    found = finding_of(old, new, statistic="ks")
    theirs = stats.ks_2samp(old, new)
    assert found.value == pytest.approx(theirs.statistic)
    assert found.evidence["p_value"] == pytest.approx(theirs.pvalue, rel=0.1)


def test_what_moved_is_measured_in_standard_deviations(rng: np.random.Generator) -> None:
    found = finding_of(OLD, OLD + 0.5, statistic="wasserstein")
    assert found.value == pytest.approx(0.5 / OLD.std(), rel=0.01)
    assert finding_of(OLD, SAME, statistic="wasserstein").outcome == "pass"


def test_the_verdict_near_the_limit_is_that_of_a_full_scan(rng: np.random.Generator) -> None:
    """Rows go, and the states that are kept are stale: the limit is put right beside what a scan finds."""
    old = pa.table({"id": np.arange(800), "x": rng.normal(size=800), "w": rng.choice(["a", "b"], 800)})
    repo = Repo.init("memory://")
    with repo.transaction("then") as tx:
        tx.append("data", old, key="id")
    repo.create_tag("then")
    drifted = pa.table(
        {
            "id": np.arange(800, 1600),
            "x": rng.normal(0.5, 1, 800),
            "w": rng.choice(["a", "b"], 800, p=[0.7, 0.3]),
        }
    )
    with repo.transaction("more") as tx:
        tx.append("data", drifted)
    contract = Contract(dataset="data")

    def report(checks: list[Distribution], *, kept: bool) -> list[tuple[object, ...]]:
        target = Target(
            dataset=repo["data"],
            contract=contract,
            baseline=repo.at("then")["data"],
            cache=repo.cache if kept else None,
        )
        findings = run(target, checks).findings
        return sorted((f.column, f.threshold, str(f.outcome)) for f in findings)

    report([Distribution()], kept=True)
    for number in range(4):
        with repo.transaction("fewer") as tx:
            tx.delete("data", keys=list(range(900 + 20 * number, 910 + 20 * number)))
        fresh = Target(dataset=repo["data"], contract=contract, baseline=repo.at("then")["data"])
        sizes = [f.value or 0.0 for f in run(fresh, [Distribution(maximum=0.0)]).findings]
        near = [Distribution(maximum=size + shift) for size in sizes for shift in (-1e-6, 1e-6)]
        assert report(near, kept=True) == report(near, kept=False)


def test_levels_and_corrections_are_checked() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Distribution(alpha=0.0)
    with pytest.raises(UsageError, match="holm, bh or none"):
        Distribution(correction="odd")  # type: ignore[arg-type]
