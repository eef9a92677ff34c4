"""Selecting rows: the worst go, the chosen ones stand for all, and held-out rows stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.recipes.split import split
from headwater.transforms.run import run
from headwater.transforms.select import SelectRows
from headwater.versions.repo import Repo
from tests.recipes.test_row_values import repo_with, tumours


def kept(repo: Repo, **parameters: Any) -> set[int]:
    """Return the ids that stay."""
    run(repo, "tumours", SelectRows(**parameters), branch="selected", seed=1)
    there = repo.at("selected") if "selected" in repo.branches() else repo
    return set(np.asarray(there["tumours"].to_arrow(["id"]).column(0)).tolist())


def held_out(repo: Repo) -> set[int]:
    table = repo["tumours"].to_arrow()
    return set(np.asarray(table.column("id"))[split(repo["tumours"], table).test].tolist())


def test_by_value_wrong_labels_go_and_held_out_rows_stay() -> None:
    repo, wrong = tumours(0.25)
    stay = kept(repo, label="label")
    gone = np.array(sorted(set(range(569)) - stay))
    assert len(gone) > 20
    assert wrong[gone].mean() > 0.6
    assert held_out(repo) <= stay
    record = repo.commit(repo.branches()["selected"]).provenance.record
    assert record["kept"] + len(gone) == record["among"]
    assert record["errors_without"]["0"] > min(record["errors_without"].values())


def test_count_and_share_are_of_the_training_rows() -> None:
    repo, _ = tumours()
    held = held_out(repo)
    assert len(kept(repo, label="label", count=100)) == 100 + len(held)
    half = kept(tumours()[0], by="random", share=0.5)
    assert len(half) == round(0.5 * (569 - len(held))) + len(held)
    assert len(kept(tumours()[0], by="random", count=50, holdout=0.0)) == 50
    assert len(kept(tumours()[0], by="random", count=5000)) == 569


def test_diverse_rows_cover_better_than_random_ones() -> None:
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(500, 2))
    far = rng.normal(size=(10, 2)) + 20
    points = np.vstack([middle, far])
    table = pa.table({"id": np.arange(510), "x": points[:, 0], "y": points[:, 1], "label": ["a"] * 510})
    diverse = kept(repo_with(table), by="diverse", count=20, holdout=0.0)
    assert len(diverse) == 20
    assert diverse & set(range(500, 510))
    alone = kept(repo_with(table), by="diverse", count=3, columns=("x",), holdout=0.0)
    assert {int(np.argmin(points[:, 0])), int(np.argmax(points[:, 0]))} & alone


def test_the_same_seed_draws_the_same_rows_however_they_are_stored() -> None:
    repo, _ = tumours()
    table = repo["tumours"].to_arrow()
    turned = repo_with(table.take(pa.array(np.arange(569)[::-1])))
    for by in ("random", "diverse"):
        done = [
            run(side, "tumours", SelectRows(by=by, count=60), branch=by, seed=1) for side in (repo, turned)
        ]
        assert done[0].is_new
        assert repo.at(by)["tumours"].fingerprint == turned.at(by)["tumours"].fingerprint


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"by": "diverse"}, "count or share"),
        ({"by": "best"}, "best"),
        ({"count": 3, "share": 0.5}, "not both"),
        ({"count": 0}, "1 row at least"),
        ({"share": 1.5}, "at most 1"),
        ({"holdout": 1.0}, "below 1"),
    ],
)
def test_parameters_without_meaning_are_told(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SelectRows(**parameters)


def test_a_column_or_label_that_is_not_there_is_told() -> None:
    repo, _ = tumours()
    with pytest.raises(NotFound, match="tumours"):
        run(repo, "tumours", SelectRows(label="labell"))
    with pytest.raises(UsageError, match="no label"):
        run(repo, "tumours", SelectRows())
    with pytest.raises(NotFound):
        run(repo, "tumours", SelectRows(by="diverse", columns=("nope",), count=3))
