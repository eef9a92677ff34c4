"""train and impact answer with intervals, and gates decide the exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import headwater as hw
from tests.cli.conftest import Cli

ROWS = 400


@pytest.fixture
def loans(folder: Path, rng: np.random.Generator) -> hw.Repo:
    """Return a repository whose branch noisy has half of its labels turned round."""
    pytest.importorskip("sklearn")
    income = rng.normal(size=ROWS)
    label = np.where(income + rng.normal(scale=0.3, size=ROWS) > 0, "yes", "no")
    sex = rng.choice(["f", "m"], size=ROWS)
    wrong = np.where(rng.random(ROWS) < 0.5, np.where(label == "yes", "no", "yes"), label)
    repo = hw.init(folder)
    columns = {"id": np.arange(ROWS), "income": income, "sex": sex}
    repo.import_("loans", {**columns, "approved": wrong}, key="id", label="approved", sensitive=["sex"])
    repo.create_branch("mended")
    with repo.branch("mended").transaction("mend labels") as tx:
        tx.upsert("loans", {"id": np.arange(ROWS), "approved": label})
    return repo


def test_train_tells_metrics_overall_and_by_group(loans: hw.Repo, cli: Cli) -> None:
    text = cli("train", "loans@mended").stdout
    assert "predicts approved" in text
    assert [line.split()[0] for line in text.splitlines() if line.startswith(("accuracy", "roc_auc"))] == [
        *("accuracy", "roc_auc"),
    ]
    assert "sex = f" in text
    value = cli.json("train", "loans@mended", "--slice", "income > 0", "--groups", "sex", "--holdout", "0.5")
    assert {score["part"] for score in value["scores"]} == {"all", "income > 0", "sex = f", "sex = m", "sex"}
    overall = {score["metric"]: score["value"] for score in value["scores"] if score["part"] == "all"}
    assert overall["accuracy"] > 0.8
    assert value["commit"] == loans.branches()["mended"]


def test_train_says_what_it_lacks(loans: hw.Repo, cli: Cli) -> None:
    with loans.transaction("no roles") as tx:
        tx.append("plain", [{"id": 1}], key="id")
    assert "--label" in cli("train", "plain", code=2).stderr
    assert "not found" in cli("train", "loans", "--recipe", "nope", code=2).stderr
    assert "not found" in cli("train", "loans", "--exclude", "nope", code=2).stderr


def test_impact_tells_whether_a_change_helped(loans: hw.Repo, cli: Cli) -> None:
    answer = cli("impact", "main..mended", "--seeds", "2")
    assert answer.stdout.startswith(" BETTER ")
    assert "roc_auc on" in answer.stdout
    assert "Next: hw merge mended" in answer.stderr
    value = cli.json("impact", "main..mended", "--seeds", "2")
    assert value["verdict"] == "better"
    assert value["gates"] == []
    assert {change["part"] for change in value["changes"]} == {"all", "sex = f", "sex = m"}
    markdown = cli("impact", "main..mended", "--seeds", "2", "--format", "markdown").stdout
    assert markdown.startswith("### Impact on `loans`: better")


@pytest.mark.parametrize(
    ("gate", "code"), [("accuracy >= -0.002", 0), ("accuracy<0", 1), ("log_loss <= 1e-3", 0)]
)
def test_a_gate_decides_the_exit_code(gate: str, code: int, loans: hw.Repo, cli: Cli) -> None:
    value = cli.json("impact", "main..mended", "--seeds", "2", "--gate", gate, code=code)
    assert value["gates"][0]["passed"] is (code == 0)
    text = cli("impact", "main..mended", "--seeds", "2", "--gate", gate, code=code).stdout
    assert ("passed" if code == 0 else "failed") in text.splitlines()[-1]


def test_head_is_where_we_are_unless_it_is_named(loans: hw.Repo, cli: Cli) -> None:
    cli("switch", "mended")
    assert cli.json("impact", "main", "--seeds", "1")["verdict"] == "better"


def test_the_dataset_is_the_one_that_differs(loans: hw.Repo, cli: Cli) -> None:
    for branch in ("main", "mended"):
        with loans.branch(branch).transaction("another") as tx:
            tx.append("towns", [{"id": 1}], key="id")
    assert cli.json("impact", "main..mended", "--seeds", "1")["dataset"] == "loans"
    assert "--dataset: loans, towns" in cli("impact", "main..main", code=2).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("main..mended", "--gate", "accuracy"), "A rule is METRIC >= NUMBER"),
        (("main..mended", "--gate", "acc >= 0", "--seeds", "1"), "Metrics: accuracy"),
        (("..mended",), "Which two versions?"),
        (("main..nope",), "'nope' not found"),
        (("main..mended", "--dataset", "nope"), "'nope' not found"),
        (("main..mended", "--metric", "nope"), "not found"),
    ],
)
def test_wrong_usage_is_told(words: tuple[str, ...], message: str, loans: hw.Repo, cli: Cli) -> None:
    assert message in cli("impact", *words, code=2).stderr


def test_a_recipe_may_be_a_module_in_the_current_directory(
    loans: hw.Repo, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    monkeypatch.setattr(sys, "path", list(sys.path))
    (folder / "recipe_of_mine.py").write_text(
        "def stump():\n    from sklearn.tree import DecisionTreeClassifier\n"
        "    return DecisionTreeClassifier(max_depth=1)\n"
    )
    assert "There is no recipe" in cli("train", "loans", "--recipe", "recipe_of_mine:nope", code=2).stderr
    assert "predicts approved" in cli("train", "loans", "--recipe", "recipe_of_mine:stump").stdout
