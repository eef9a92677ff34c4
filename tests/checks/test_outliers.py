"""Rows unlike the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.outliers import Outliers
from headwater.core.contract import Contract
from headwater.core.findings import Finding, Outcome
from headwater.methods.outlier_scores import Detector
from headwater.store import writing
from headwater.versions import transaction
from headwater.versions.repo import Repo
from tests.checks.targets import loans, one_finding, target_of

pytest.importorskip("sklearn")


def benchmark(name: str, shared: Path) -> tuple[pa.Table, np.ndarray]:
    data = np.load(shared / "adbench" / f"{name}.npz")
    columns = {f"x{n}": column for n, column in enumerate(data["X"].T)}
    return pa.table({"id": np.arange(len(data["X"])), **columns}), data["y"].astype(bool)


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [("musk", 0.85, 0.85), ("wbc", 0.35, 0.95), ("thyroid", 0.25, 0.8), ("satimage-2", 0.2, 0.9)],
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
    assert 5 <= finding.row_count < 100
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


def test_what_is_usual_is_learnt_from_some_rows_and_all_are_judged(rng: np.random.Generator) -> None:
    x = rng.normal(size=1000)
    x[1::100] = 1e6
    target = target_of(pa.table({"id": range(1000), "x": x, "y": rng.normal(size=1000)}), key="id")
    finding = one_finding(Outliers(rows=200), replace(target, row_limit=1000))
    assert " of 1,000 " in finding.message
    assert set(range(1, 1000, 100)) <= {int(key) for key in finding.rows[:10]}


def test_further_rows_are_scored_by_what_was_learnt(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK_ROWS", 100)
    monkeypatch.setattr(transaction, "compact", lambda manifest, shop: manifest)
    repo = Repo.init("memory://")

    def rows(start: int) -> dict[str, Any]:
        return {"id": range(start, start + 100), "x": rng.normal(size=100), "y": rng.normal(size=100)}

    with repo.transaction("first") as tx:
        for start in range(0, 400, 100):
            tx.append("data", rows(start), key="id")
    one_finding(Outliers(), seen(repo))
    with repo.transaction("more") as tx:
        tx.append("data", {"id": [400], "x": [99.0], "y": [-99.0]})
        tx.delete("data", keys=[5])
    monkeypatch.setattr(Detector, "of", lambda *given, **how: pytest.fail("learnt again"))
    scored: list[int] = []
    scores = Detector.scores

    def noted(self: Detector, values: np.ndarray) -> np.ndarray:
        scored.append(len(values))
        return scores(self, values)

    monkeypatch.setattr(Detector, "scores", noted)
    assert one_finding(Outliers(), seen(repo)).rows[0] == "400"
    assert scored == [1]


def seen(repo: Repo) -> Target:
    return Target(dataset=repo["data"], contract=Contract(dataset="data"), cache=repo.cache)


def test_what_is_odd_in_its_group_alone_is_found_there(rng: np.random.Generator) -> None:
    kind = np.repeat(["mouse", "elephant"], 200)
    weight = np.where(kind == "mouse", 0.02, 5000) * rng.normal(1, 0.1, 400)
    weight[3] = 4000.0
    table = pa.table({"id": range(400), "kind": kind, "weight": weight, "age": rng.normal(5, 1, 400)})
    target = target_of(table, key="id")
    assert one_finding(Outliers(by="kind"), target).rows[0] == "3"
    assert "unlike the rest of their kind" in one_finding(Outliers(by="kind"), target).message
    assert "3" not in one_finding(Outliers(columns=("weight", "age")), target).rows[:1]


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
