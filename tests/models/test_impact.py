"""Impact: a fix that helps is seen, no change is no difference, and what is not comparable is refused."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.models.impact import impact
from headwater.models.train import train
from headwater.store.repo import Repo

datasets = pytest.importorskip("sklearn.datasets")


def cancer() -> pa.Table:
    """Return real tumours (569 rows, 10 columns), a label and a made-up group."""
    loaded = datasets.load_breast_cancer()
    columns = {
        name.replace(" ", "_"): loaded.data[:, place] for place, name in enumerate(loaded.feature_names[:10])
    }
    count = len(loaded.target)
    group = np.array(["north", "south"])[np.arange(count) % 2]
    label = np.array(["malignant", "benign"])[loaded.target]
    return pa.table({"id": np.arange(count), **columns, "site": group, "label": label})


@pytest.fixture(scope="module")
def repo() -> Repo:
    """A repository where branch ``noisy`` has a third of the labels wrong and ``fixed`` mends them."""
    repo = Repo.init("memory://")
    table = cancer()
    with repo.transaction("clean") as tx:
        tx.append("tumours", table, key="id")
    wrong = np.random.default_rng(0).random(table.num_rows) < 0.35
    labels = np.asarray(table.column("label"))
    flipped = np.where(labels == "benign", "malignant", "benign")
    bad = pa.table({"id": table.column("id").filter(pa.array(wrong)), "label": flipped[wrong]})
    good = pa.table({"id": bad.column("id"), "label": labels[wrong]})
    with repo.branch("noisy").transaction("noise") as tx:
        tx.upsert("tumours", bad)
    with repo.branch("fixed", "noisy").transaction("fix") as tx:
        tx.upsert("tumours", good)
    return repo


def test_mended_labels_help_overall_with_an_interval_above_zero(repo: Repo) -> None:
    found = impact(repo, "tumours", base="noisy", head="fixed", label="label", groups=["site"], seeds=3)
    assert found.verdict == "better"
    assert found.overall.interval[0] > 0
    assert {change.part for change in found.changes} == {"all", "site = north", "site = south"}
    assert "helped" in found.summary()
    json.dumps(found.to_dict(), allow_nan=False)
    assert "| all |" in found.to_markdown()
    assert found.table().row_count == len(found.changes) + len(found.gaps)


def test_spoilt_labels_hurt(repo: Repo) -> None:
    found = impact(repo, "tumours", base="fixed", head="noisy", label="label", seeds=3, metric="log_loss")
    # Judged on the noisy labels of head nothing is learnt; judged on the clean rows of base the harm shows.
    assert found.on_base[0].verdict == "worse"


def test_no_change_is_no_clear_difference_whatever_the_seed(repo: Repo) -> None:
    for seed in range(3):
        found = impact(repo, "tumours", base="main", head="fixed", label="label", seeds=2, seed=seed)
        assert found.verdict == "no clear difference"
        assert found.overall.difference == 0.0
        assert "Both versions hold the same rows." in found.notes


def test_second_run_is_equal_and_read_from_the_cache(repo: Repo) -> None:
    first = impact(repo, "tumours", base="noisy", head="fixed", label="label", seeds=2)
    kept = repo.cache.list("scores/impact")
    again = impact(repo, "tumours", base="noisy", head="fixed", label="label", seeds=2)
    assert first.to_dict() == again.to_dict()
    assert repo.cache.list("scores/impact") == kept


def test_slices_are_judged_apart(repo: Repo) -> None:
    found = impact(
        repo,
        "tumours",
        base="noisy",
        head="fixed",
        label="label",
        seeds=2,
        slices=["mean_radius > 15", "id < 8"],
    )
    parts = {change.part: change for change in found.changes if change.kind == "slice"}
    assert set(parts) == {"mean_radius > 15", "id < 8"}
    assert parts["id < 8"].verdict == "no clear difference"
    assert any("Fewer than 30 rows" in note for note in found.notes)


def test_a_column_that_comes_is_part_of_the_change() -> None:
    repo = Repo.init("memory://")
    table = cancer()
    with repo.transaction("few columns") as tx:
        tx.append("tumours", table.select(["id", "mean_smoothness", "label"]), key="id")
    with repo.branch("more").transaction("more") as tx:
        tx.add_columns("tumours", table.select(["id", "mean_radius", "mean_concavity"]))
    found = impact(repo, "tumours", base="main", head="more", label="label", seeds=2)
    assert found.verdict == "better"


def test_without_a_key_it_says_what_that_means() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("tumours", cancer().drop_columns(["id"]))
    found = impact(repo, "tumours", base="main", head="main", label="label", seeds=1)
    assert any("no key" in note for note in found.notes)


def test_what_cannot_be_compared_is_refused(repo: Repo) -> None:
    with pytest.raises(UsageError, match="no label"):
        impact(repo, "tumours", base="main", head="fixed")
    with pytest.raises(NotFound, match="labl"):
        impact(repo, "tumours", base="main", head="fixed", label="labl")
    with pytest.raises(UsageError, match="seed"):
        impact(repo, "tumours", base="main", head="fixed", label="label", seeds=0)
    with pytest.raises(NotFound, match="Did you mean 'accuracy'"):
        impact(repo, "tumours", base="main", head="fixed", label="label", seeds=1, metric="acuracy")
    small = Repo.init("memory://")
    with small.transaction("few") as tx:
        tx.append("tumours", cancer().slice(0, 10), key="id")
    with pytest.raises(UsageError, match="10 labelled rows"):
        train(small["tumours"], label="label")


def test_training_reports_every_metric_with_an_interval_by_group(repo: Repo) -> None:
    found = train(repo["tumours"], label="label", groups=["site"])
    auc = {score.part: score for score in found.scores if score.metric == "roc_auc"}
    assert auc["all"].value > 0.95
    assert set(auc) == {"all", "site = north", "site = south"}
    assert all(score.interval[0] <= score.value <= score.interval[1] for score in auc.values())
    json.dumps(found.to_dict())
