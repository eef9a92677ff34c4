"""Labels that are probably wrong: found among labels made wrong on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.recipes.label_suspects import LabelSuspects, label_suspects
from headwater.versions.repo import Repo
from tests.checks.noise import sms, trec, with_wrong_labels

pytest.importorskip("sklearn")


def suspects_of(table: pa.Table, **options: Any) -> LabelSuspects | str:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", table, key="id")
    return label_suspects(repo["data"], options.pop("label", "label"), cache=repo.cache, **options)


@pytest.mark.parametrize(
    ("name", "rows", "precision", "recall"),
    [("sms", 2000, 0.75, 0.85), ("trec", 2500, 0.5, 0.7)],
)
def test_wrong_labels_are_found_among_real_texts(
    name: str, rows: int, precision: float, recall: float, shared: Path
) -> None:
    table, wrong = with_wrong_labels({"sms": sms, "trec": trec}[name](shared, rows), 0.1)
    found = suspects_of(table, folds=3)
    assert isinstance(found, LabelSuspects)
    hits = wrong[found.rows].sum()
    assert hits / len(found.rows) >= precision
    assert hits / wrong.sum() >= recall
    # The surer the model is, the more often it is right.
    sure = found.confidence >= 0.9
    assert wrong[found.rows[sure]].mean() >= 0.9
    # The worst come first.
    assert wrong[found.rows[:50]].mean() >= 0.9
    assert (np.diff(found.quality) >= 0).all()
    assert found.noise.noise_fraction == pytest.approx(0.1, abs=0.1)


def test_labels_that_agree_with_the_rows_are_no_suspects(shared: Path) -> None:
    found = suspects_of(sms(shared, 1500), folds=3)
    assert isinstance(found, LabelSuspects)
    assert len(found.rows) / found.judged < 0.01


def test_augmented_rows_are_no_suspects(rng: np.random.Generator) -> None:
    x = rng.normal(size=300)
    marks = pa.array([str(n) if n % 2 else None for n in range(300)], pa.string())
    wrong = rng.random(300) < 0.2
    table = pa.table(
        {"id": range(300), "x": x, "label": ((x > 0) ^ wrong).astype(int), "_augmented_from": marks}
    )
    found = suspects_of(table)
    assert isinstance(found, LabelSuspects)
    assert len(found.rows) > 10
    assert (found.rows % 2 == 0).all()


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([0, 1] * 10, "20 rows with a label are too few"),
        ([None, *[0, 1] * 14], "28 rows with a label are too few"),
        ([1] * 50, "all rows have the same label"),
        ([0] * 46 + [1] * 4, "too few rows to learn from"),
        ([0.5, 1.5, 2.25] * 20, "a number to predict"),
    ],
)
def test_labels_that_cannot_be_judged_are_said_so(labels: list[Any], why: str) -> None:
    table = pa.table({"id": range(len(labels)), "x": range(len(labels)), "label": labels})
    found = suspects_of(table)
    assert isinstance(found, str)
    assert why in found
