"""What the gate asks of a model version, and what it finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.contract import ColumnPromise, Contract
from headwater.core.findings import Finding, Outcome
from headwater.models.registered import ModelVersion
from headwater.models.trial import PromotionGate, judge
from tests.models.registered import loans, repo_with_loans, repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def found(repo: hw.Repo, version: ModelVersion, check: str, **gate: Any) -> list[Finding]:
    findings = judge(repo, version, PromotionGate(**gate), check=repo.check)
    return [one for one in findings if one.check == check]


def promote(repo: hw.Repo, version: ModelVersion) -> None:
    repo.models.decide(version, "production", passed=True, moved=True, reason="", results=[])


def test_a_good_model_passes_all_that_is_asked() -> None:
    repo, version = repo_with_model()
    findings = judge(repo, version, PromotionGate(), check=repo.check)
    assert [one.check for one in findings] == [
        "model.file",
        "model.against",
        "model.data",
        "model.columns",
        "model.robustness",
    ]
    assert {one.outcome for one in findings} == {Outcome.PASS}


def test_a_file_that_says_something_else_is_not_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    repo, version = repo_with_model()
    other = repo.models.register(repo.train("loans", exclude=["income"]), "loans")
    models = type(repo.models)
    load = models.load
    monkeypatch.setattr(models, "load", lambda self, name: load(self, other.id))
    (finding,) = found(repo, version, "model.file")
    assert finding.outcome is Outcome.FAIL
    assert "when it was registered" in finding.message


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("accuracy >= 0.7", Outcome.PASS),
        ("accuracy >= 0.999", Outcome.FAIL),
        ("accuracy[region = north] >= 0.5", Outcome.PASS),
        ("selection_rate_gap[region] <= 0.0", Outcome.FAIL),
        ("accuracy[region = west] >= 0.5", Outcome.ERROR),
        ("acuracy >= 0.5", Outcome.ERROR),
        ("change(accuracy) >= 0", Outcome.WARN),
    ],
)
def test_rules_are_held_against_the_evaluation(rule: str, outcome: Outcome) -> None:
    repo, version = repo_with_model()
    findings = [
        one
        for one in judge(repo, version, PromotionGate(rules=(rule,)), check=repo.check)
        if one.check in ("model.rule", "model.rules")
    ]
    assert [one.outcome for one in findings] == [outcome]


def test_a_worse_model_is_told_where_it_is_worse_and_an_equal_one_is_not() -> None:
    repo, first = repo_with_model()
    promote(repo, first)
    worse = repo.models.register(repo.train("loans", exclude=["income"]), "loans")
    findings = found(repo, worse, "model.against")
    assert {one.outcome for one in findings} == {Outcome.FAIL}
    assert {None, "region = north"} <= {one.slice for one in findings}
    equal = repo.models.register(repo.train("loans"), "loans")
    (finding,) = found(repo, equal, "model.against", rules=("lower(change(roc_auc)) >= 0",))
    assert finding.outcome is Outcome.PASS
    assert finding.value == 0.0
    (rule,) = found(repo, equal, "model.rule", rules=("lower(change(roc_auc)) >= 0",))
    assert rule.outcome is Outcome.PASS


def test_rows_that_the_incumbent_learnt_from_do_not_count_for_it() -> None:
    repo, first = repo_with_model()
    greedy = repo.models.register(repo.train("loans", holdout=0.1), "loans")
    promote(repo, greedy)
    (finding,) = found(repo, first, "model.against")
    assert finding.outcome is Outcome.WARN
    assert "learnt from all but" in finding.message


def test_a_version_that_reads_columns_which_went_is_not_compared() -> None:
    repo, first = repo_with_model()
    promote(repo, first)
    with repo.transaction("drop") as tx:
        tx.drop_columns("loans", "debt")
    later = repo.models.register(repo.train("loans"), "loans")
    (finding,) = found(repo, later, "model.against")
    assert (finding.outcome, "debt" in finding.message) == (Outcome.WARN, True)


def test_training_data_that_fail_their_checks_stop_the_model() -> None:
    repo = repo_with_loans()
    with repo.transaction("promise") as tx:
        contract = repo["loans"].contract
        assert contract is not None
        columns = (ColumnPromise(name="debt", required=True),)
        tx.set_contract("loans", Contract(dataset="loans", label="approve", key=("id",), columns=columns))
    version = repo.models.register(repo.train("loans"), "loans")
    (finding,) = found(repo, version, "model.data")
    assert finding.outcome is Outcome.FAIL
    assert "debt" in finding.message
    (other,) = found(repo, version, "model.data", checks=("uniqueness",))
    assert other.outcome is Outcome.PASS


def test_personal_and_classified_columns_are_named_unless_they_are_allowed() -> None:
    repo = hw.init("memory://")
    rng = np.random.default_rng(0)
    table = loans().append_column("email", pa.array([f"x{n}@example.org" for n in rng.integers(0, 9, 400)]))
    repo.import_("loans", table, key="id", label="approve")
    with repo.transaction("classify") as tx:
        columns = (ColumnPromise(name="income", classification="restricted"),)
        tx.set_contract("loans", Contract(dataset="loans", label="approve", key=("id",), columns=columns))
    version = repo.models.register(repo.train("loans"), "loans")
    findings = found(repo, version, "model.columns")
    assert {(one.column, one.outcome) for one in findings} == {
        ("income", Outcome.FAIL),
        ("email", Outcome.WARN),
    }
    (finding,) = found(repo, version, "model.columns", may_use=("income", "email"))
    assert finding.outcome is Outcome.PASS


def test_a_model_that_does_not_stand_missing_values_is_told() -> None:
    repo = hw.init("memory://")
    rng = np.random.default_rng(0)
    table = pa.table({"id": np.arange(600), "a": rng.normal(size=600)})
    table = table.append_column("y", pa.array(np.where(np.asarray(table["a"]) > 0, "up", "down")))
    repo.import_("signs", table, key="id", label="y")
    version = repo.models.register(repo.train("signs"), "signs")
    (finding,) = found(repo, version, "model.robustness")
    assert finding.outcome is Outcome.WARN


def test_a_model_from_elsewhere_is_judged_as_far_as_it_is_known() -> None:
    repo, version = repo_with_model()
    far = repo.models.register_file("far", repo.models.file(version.id))
    findings = judge(repo, far, PromotionGate(rules=("accuracy >= 0.5",)), check=repo.check)
    assert [(one.check, one.outcome) for one in findings] == [
        ("model.file", Outcome.WARN),
        ("model.rules", Outcome.ERROR),
        ("model.against", Outcome.PASS),
        ("model.columns", Outcome.PASS),
    ]


def test_without_a_key_rows_are_known_by_their_content() -> None:
    repo = hw.init("memory://")
    repo.import_("loans", loans().drop_columns(["id"]), label="approve")
    first = repo.models.register(repo.train("loans"), "loans")
    promote(repo, first)
    again = repo.models.register(repo.train("loans"), "loans")
    assert found(repo, again, "model.file")[0].outcome is Outcome.PASS
    assert found(repo, again, "model.against")[0].outcome is Outcome.PASS


def test_numbers_are_judged_by_their_error() -> None:
    repo = hw.init("memory://")
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    table = pa.table({"id": np.arange(400), "x": x, "y": 3 * x + rng.normal(size=400)})
    repo.import_("lines", table, key="id", label="y")
    first = repo.models.register(repo.train("lines"), "lines")
    promote(repo, first)
    again = repo.models.register(repo.train("lines", seed=1), "lines")
    outcomes = {one.check: one.outcome for one in judge(repo, again, PromotionGate(), check=repo.check)}
    assert outcomes["model.file"] is Outcome.PASS
    assert outcomes["model.against"] is Outcome.PASS
