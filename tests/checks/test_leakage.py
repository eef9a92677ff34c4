"""Columns that give the label away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.leakage import TargetLeakage
from headwater.core.findings import Outcome
from tests.checks.targets import findings_of, loans, one_finding, target_of


def test_the_decision_written_differently_is_found_in_the_loan_applications() -> None:
    found = findings_of(TargetLeakage(), target_of(loans(), key="application", label="approve"))
    assert {(finding.column, finding.outcome) for finding in found} == {
        ("action", Outcome.FAIL),
        ("reject", Outcome.FAIL),
    }
    assert all(finding.value == 1.0 for finding in found)


def test_honest_columns_pass(shared: Path) -> None:
    frame = pytest.importorskip("pandas").read_csv(shared / "fairness" / "adult.csv.gz")
    finding = one_finding(TargetLeakage(), target_of(frame, label="salary-class"))
    assert finding.outcome is Outcome.PASS
    assert finding.value is not None
    assert 0.1 < finding.value < 0.5


def data(rng: np.random.Generator, rows: int = 4000) -> dict[str, np.ndarray]:
    x = rng.normal(size=rows)
    return {
        "noise": rng.normal(size=rows),
        "x": x,
        "name": np.array([f"row {n}" for n in range(rows)]),
        "y": (x + rng.normal(size=rows) > 0.5).astype(int),
    }


def test_names_that_never_come_twice_tell_nothing(rng: np.random.Generator) -> None:
    finding = one_finding(TargetLeakage(), target_of(pa.table(data(rng)), label="y"))
    assert finding.outcome is Outcome.PASS
    assert "'x'" in finding.message


@pytest.mark.parametrize("kind", ["threshold", "missing", "text", "time"])
def test_every_way_to_write_the_label_is_found(kind: str, rng: np.random.Generator) -> None:
    table = data(rng)
    y = table["y"] == 1
    column = {
        "threshold": pa.array(np.where(y, rng.uniform(5, 6, len(y)), rng.uniform(4, 5, len(y)))),
        "missing": pa.array(rng.normal(size=len(y)), mask=y),
        "text": pa.array(np.where(y, "closed", rng.choice(["open", "new"], len(y)))),
        "time": pa.array(np.where(y, 20_000, 10_000) + rng.integers(0, 9_000, len(y)), pa.timestamp("s")),
    }[kind]
    finding = one_finding(TargetLeakage(), target_of(pa.table({**table, "leak": column}), label="y"))
    assert (finding.column, finding.outcome) == ("leak", Outcome.FAIL)
    assert finding.value is not None
    assert finding.value > 0.97


def test_a_number_to_predict_is_given_away_by_its_copy(rng: np.random.Generator) -> None:
    price = rng.lognormal(3, 1, 3000)
    table = pa.table({"price": price, "with_tax": price * 1.2, "noise": rng.normal(size=3000)})
    finding = one_finding(TargetLeakage(), target_of(table, label="price"))
    assert finding.column == "with_tax"


def test_too_few_rows_of_a_label_are_not_judged() -> None:
    table = pa.table({"a": list(range(100)), "y": [1] * 3 + [0] * 97})
    finding = one_finding(TargetLeakage(), target_of(table, label="y"))
    assert finding.outcome is Outcome.PASS
    assert "too few rows" in finding.message


def test_many_rows_are_sampled_evenly(rng: np.random.Generator) -> None:
    table = data(rng)
    leak = pa.table({**table, "leak": table["y"]})
    assert one_finding(TargetLeakage(rows=500), target_of(leak, label="y")).column == "leak"


def test_without_a_label_the_message_says_what_to_name() -> None:
    finding = one_finding(TargetLeakage(), target_of(pa.table({"a": [1]})))
    assert finding.outcome is Outcome.ERROR
    assert "--label" in finding.message
