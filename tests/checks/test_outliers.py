"""Rows unlike the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.outliers import Outliers
from headwater.core.findings import Finding, Outcome
from tests.checks.targets import loans, one_finding, target_of

pytest.importorskip("sklearn")


def benchmark(name: str, shared: Path) -> tuple[pa.Table, np.ndarray]:
    data = np.load(shared / "adbench" / f"{name}.npz")
    columns = {f"x{n}": column for n, column in enumerate(data["X"].T)}
    return pa.table({"id": np.arange(len(data["X"])), **columns}), data["y"].astype(bool)


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [("musk", 0.9, 0.9), ("wbc", 0.35, 0.95), ("thyroid", 0.25, 0.8), ("satimage-2", 0.2, 0.9)],
)
def test_published_outliers_are_beyond_the_fence(
    name: str, precision: float, recall: float, shared: Path
) -> None:
    table, truth = benchmark(name, shared)
    finding = one_finding(Outliers(), replace(target_of(table, key="id"), row_limit=table.num_rows))
    found = [int(key) for key in finding.rows]
    assert len(found) == finding.row_count
    assert truth[found].mean() >= precision
    assert truth[found].sum() / truth.sum() >= recall
    # The farthest come first.
    scores = [item["score"] for item in finding.evidence["outliers"]]
    assert scores == sorted(scores, reverse=True)


def planted(rng: np.random.Generator, rows: int = 500) -> Finding:
    table = {
        "id": np.arange(rows),
        "height": rng.normal(170, 8, rows),
        "weight": rng.normal(70, 10, rows),
        "city": rng.choice(["Lynn", "Salem"], rows).astype(object),
        "phone": rng.integers(6_170_000_000, 6_179_999_999, rows),
    }
    table["weight"][7] = 7000.0
    table["height"][7] = 17.0
    table["city"][7] = "Atlantis"
    table["phone"][7] = 1
    return one_finding(Outliers(), target_of(pa.table(table), key="id"))


def test_the_columns_that_set_a_row_apart_are_named_and_personal_values_are_not_shown(
    rng: np.random.Generator,
) -> None:
    finding = planted(rng)
    first = finding.evidence["outliers"][0]
    assert finding.rows[0] == first["key"] == "7"
    assert set(first["columns"]) <= {"weight", "height", "city", "phone"}
    assert first["columns"]["weight"] > 100
    assert "weight = 7,000" in finding.message
    assert "phone = …" in first["why"] or "phone" not in first["why"]
    assert finding.outcome is Outcome.WARN


def test_odd_loan_applications_are_named_with_their_codes() -> None:
    target = replace(target_of(loans(), key="application", label="approve"), row_limit=100)
    finding = one_finding(Outliers(), target)
    assert 20 < finding.row_count < 100
    assert any("review = 999" in item["why"] for item in finding.evidence["outliers"])
    assert finding.severity < 0.5


def test_scores_are_kept_and_the_same_each_time(rng: np.random.Generator) -> None:
    target = target_of(pa.table({"a": rng.normal(size=300), "b": rng.normal(size=300)}))
    assert target.cache is not None
    first = one_finding(Outliers(), target)
    kept = target.cache.list("scores")
    assert len(kept) == 1
    assert one_finding(Outliers(), target) == first
    assert target.cache.list("scores") == kept
    assert one_finding(Outliers(), replace(target, cache=None)) == first


def test_the_order_of_rows_makes_no_difference(rng: np.random.Generator) -> None:
    table = pa.table({"id": range(300), "a": rng.normal(size=300), "b": rng.normal(size=300)})
    shuffled = table.take(pa.array(rng.permutation(300)))
    first, second = (one_finding(Outliers(), target_of(rows, key="id")) for rows in (table, shuffled))
    assert first == second
    assert first.row_count > 0


def test_many_rows_are_sampled_and_the_keys_are_right(rng: np.random.Generator) -> None:
    x = rng.normal(size=1000)
    x[::100] = 1e6
    target = target_of(pa.table({"id": range(1000), "x": x, "y": rng.normal(size=1000)}), key="id")
    finding = one_finding(Outliers(rows=200), target)
    assert "of 200 looked at" in finding.message
    assert set(range(0, 1000, 100)) <= {int(key) for key in finding.rows}
    assert all(int(key) % 5 == 0 for key in finding.rows)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"a": [1.0, 2.0]}), "2 rows: too few"),
        (
            pa.table({"a": pa.nulls(60, pa.float64()), "b": pa.nulls(60, pa.string())}),
            "No column has a value",
        ),
        (pa.table({"a": [1.0] * 60, "b": [2.0] * 60}), "No row of 60 is unlike the rest."),
    ],
)
def test_what_cannot_be_judged_passes_in_words(table: pa.Table, message: str) -> None:
    finding = one_finding(Outliers(), target_of(table))
    assert finding.outcome is Outcome.PASS
    assert message in finding.message
