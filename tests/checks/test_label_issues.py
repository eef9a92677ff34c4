"""Labels that a model finds improbable, from finding to fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.checks.base import Target
from headwater.checks.label_issues import LabelIssues
from headwater.core.contract import Contract
from headwater.core.findings import Outcome, findings_from_table, findings_to_table
from headwater.transforms.base import make
from headwater.transforms.fix_labels import FixLabels
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.checks.noise import sms, with_wrong_labels
from tests.checks.targets import loans, one_finding, target_of

pytest.importorskip("sklearn")


@pytest.fixture
def noisy(shared: Path) -> tuple[Repo, np.ndarray, pa.Table]:
    truth = sms(shared, 1500)
    table, wrong = with_wrong_labels(truth, 0.1)
    repo = Repo.init("memory://")
    with repo.transaction("messages") as tx:
        tx.append("sms", table, key="id")
        tx.set_contract("sms", Contract(dataset="sms", label="label"))
    return repo, wrong, truth


def target(repo: Repo) -> Target:
    contract = repo["sms"].contract
    assert contract is not None
    return Target(dataset=repo["sms"], contract=contract, cache=repo.cache)


def test_a_finding_names_the_rows_the_worst_first_and_the_fix_mends_them(
    noisy: tuple[Repo, np.ndarray, pa.Table],
) -> None:
    repo, wrong, truth = noisy
    finding = one_finding(LabelIssues(folds=3), target(repo))
    assert finding.outcome is Outcome.WARN
    assert finding.value == pytest.approx(0.1, abs=0.03)
    assert wrong[[int(key) for key in finding.rows]].mean() > 0.9
    assert np.shape(finding.evidence["noise_matrix"]) == (2, 2)
    assert finding.fix is not None
    before = wrong.sum()
    planned = run(
        repo, "sms", make("labels.fix", {"column": "label", "min_confidence": 0.0, "folds": 3}), dry_run=True
    )
    proposed = planned.changes()
    assert proposed.num_rows == finding.row_count > 50
    assert "% sure" in proposed.column("reason")[0].as_py()
    result = run(repo, "sms", make(finding.fix.transform, finding.fix.parameters))
    after = np.array(repo["sms"].to_arrow().sort_by("id").column("label").to_pylist())
    left = (after != np.array(truth.column("label").to_pylist())).sum()
    assert result.record["relabelled"] == result.record["updated"] > 0.4 * before
    assert left < 0.6 * before
    assert one_finding(LabelIssues(folds=3), target(repo)).row_count < finding.row_count


def test_suggestions_survive_the_table_of_findings_and_can_be_accepted(
    noisy: tuple[Repo, np.ndarray, pa.Table],
) -> None:
    repo, wrong, _ = noisy
    (finding,) = findings_from_table(findings_to_table([one_finding(LabelIssues(folds=3), target(repo))]))
    accepted = FixLabels.from_findings([finding], min_confidence=0.9)
    assert accepted.column == "label"
    assert 20 < len(accepted.labels) <= 50
    run(repo, "sms", accepted)
    keys = [int(key) for key in accepted.labels]
    assert wrong[keys].mean() > 0.9
    assert repo["sms"].take(list(accepted.labels)).column("label").to_pylist() == list(
        accepted.labels.values()
    )


def test_what_the_model_said_is_kept(noisy: tuple[Repo, np.ndarray, pa.Table]) -> None:
    repo, _, _ = noisy
    before = len(repo.cache.list("scores"))
    one_finding(LabelIssues(folds=2), target(repo))
    kept = repo.cache.list("scores")
    assert len(kept) == before + 1
    one_finding(LabelIssues(folds=2), target(repo))
    assert repo.cache.list("scores") == kept


def test_columns_that_give_the_label_away_are_not_learnt_from() -> None:
    found = one_finding(LabelIssues(folds=2), target_of(loans(), key="application", label="approve"))
    assert found.evidence["not_learnt_from"] == ["action", "reject"]
    assert found.row_count > 10
    assert found.fix is not None
    assert found.fix.parameters["exclude"] == ["action", "reject"]
    suggestion = found.evidence["suggestions"][0]
    assert {suggestion["given"], suggestion["suggested"]} == {0, 1}


@pytest.mark.parametrize("type_", [pa.date32(), pa.decimal128(4, 1), pa.binary(), pa.bool_()])
def test_suggestions_are_json_whatever_the_type_of_the_label(type_: pa.DataType) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=120)
    codes = pa.array((x > 0) ^ (rng.random(120) < 0.1))
    if pa.types.is_boolean(type_):
        labels = codes
    else:
        texts = (
            pc.if_else(codes, "2024-01-01", "2024-01-02")
            if pa.types.is_date(type_)
            else pc.if_else(codes, "1", "2")
        )
        labels = texts.cast(type_)
    found = one_finding(
        LabelIssues(folds=2, maximum=0), target_of(pa.table({"x": x, "y": labels}), label="y")
    )
    assert found.evidence["suggestions"]
    assert json.loads(json.dumps(found.evidence["suggestions"])) == found.evidence["suggestions"]


def test_labels_that_cannot_be_judged_pass_in_words() -> None:
    finding = one_finding(LabelIssues(), target_of(pa.table({"x": [1, 2], "y": [0, 1]}), label="y"))
    assert finding.outcome is Outcome.PASS
    assert "cannot be judged: 2 rows" in finding.message


def test_without_a_label_the_message_says_what_to_name() -> None:
    finding = one_finding(LabelIssues(), target_of(pa.table({"x": [1, 2]})))
    assert finding.outcome is Outcome.ERROR
    assert "--label" in finding.message


def test_labels_whose_every_column_gives_them_away_cannot_be_judged() -> None:
    labels = ["yes", "no"] * 50
    table = pa.table({"id": range(100), "label": labels, "copy": [text.upper() for text in labels]})
    finding = one_finding(LabelIssues(), target_of(table, key="id", label="label"))
    assert finding.outcome is Outcome.PASS
    assert "every column to learn them from gives them away (copy)" in finding.message


def test_a_check_told_to_leave_out_every_column_is_a_mistake() -> None:
    table = pa.table({"label": ["yes", "no"] * 50, "x": range(100)})
    finding = one_finding(LabelIssues(exclude=("x",)), target_of(table, label="label"))
    assert finding.outcome is Outcome.ERROR
    assert "Exclude fewer columns" in finding.message


@pytest.mark.parametrize(
    ("others", "applies"),
    [
        ({"x": [1.5, 2.5]}, True),
        ({}, False),
        ({"_source": ["a", "b"]}, False),
        ({"picture": [b"a", b"b"]}, False),
        ({"empty": pa.nulls(2)}, False),
    ],
)
def test_the_check_applies_where_there_is_a_column_to_learn_from(
    others: dict[str, Any], applies: bool
) -> None:
    target = target_of(pa.table({"id": [1, 2], "label": ["a", "b"], **others}), key="id", label="label")
    assert bool(LabelIssues.defaults(target)) is applies
