"""Explanations add up, and the three questions about a prediction are answered from the log."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import NotFound, UsageError
from headwater.models.prediction_log import PredictionLog, log_rows
from headwater.models.registered import ModelVersion
from headwater.serving.explaining import Explainer, explain_prediction, training_rows
from tests.models.registered import loans, repo_with_model


@pytest.fixture(scope="module")
def of_loans() -> tuple[hw.Repo, ModelVersion]:
    return repo_with_model()


def explainer(of: tuple[hw.Repo, ModelVersion]) -> Explainer:
    return Explainer(*of, *of[0].models.load(of[1].id))


def test_parts_add_up_to_the_answer(of_loans: tuple[hw.Repo, ModelVersion]) -> None:
    found = explainer(of_loans).explain(loans(1, seed=7))
    assert found.answer == pytest.approx(found.base + sum(one.adds for one in found.parts))
    assert {one.name for one in found.parts} == {"income", "debt", "job"}


def test_the_field_that_matters_comes_first(of_loans: tuple[hw.Repo, ModelVersion]) -> None:
    rich = pa.table({"income": [90.0], "debt": [1.0], "job": ["nurse"]})
    found = explainer(of_loans).explain(rich)
    assert found.predicted == "yes"
    assert found.parts[0].name in ("income", "debt")
    assert found.parts[-1].name == "job"
    assert found.parts[0].adds > 0


def test_a_linear_model_has_the_known_values() -> None:
    # Of a linear model the Shapley value of a field is its weight times the distance from the mean.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    repo = hw.init("memory://")
    rows = pa.table(
        {"id": np.arange(300), "a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x @ [2.0, -1.0, 0.0]}
    )
    repo.import_("d", rows, key="id", label="y")
    version = repo.models.register(repo.train("d", recipe="sklearn.linear_model:LinearRegression"), "lin")
    one = Explainer(repo, version, *repo.models.load(version.id))
    mean = np.array([np.mean(one.background().column(name)) for name in "abc"])
    found = one.explain(pa.table({"a": [1.0], "b": [2.0], "c": [3.0]}))
    adds = {part.name: part.adds for part in found.parts}
    wanted = np.array([2.0, -1.0, 0.0]) * (np.array([1.0, 2.0, 3.0]) - mean)
    np.testing.assert_allclose([adds["a"], adds["b"], adds["c"]], wanted, atol=1e-6)


def test_words_of_a_text_are_weighed() -> None:
    repo = hw.init("memory://")
    texts = [f"{'fine nice' if n % 2 else 'poor bad'} thing number {n}" for n in range(200)]
    repo.import_(
        "t",
        pa.table({"id": range(200), "text": texts, "y": ["up" if n % 2 else "down" for n in range(200)]}),
        key="id",
    )
    version = repo.models.register(repo.train("t", label="y"), "t")
    found = Explainer(repo, version, *repo.models.load(version.id)).explain(
        pa.table({"text": ["a nice thing"]})
    )
    assert found.predicted == "up"
    assert found.parts[0].name == "nice"


def log_one(repo: hw.Repo, version: ModelVersion, *, keep: list[str] | None = None) -> None:
    fitted, signature = repo.models.load(version.id)
    asked = loans(1, seed=9).select(signature.inputs.names)
    rows = log_rows(
        asked if keep is None else asked.select(keep), fitted.predict(asked), signature, ids=["p1"], version=1
    )
    PredictionLog(repo, version.name).append(rows)


def test_three_questions() -> None:
    repo, version = repo_with_model()
    repo.promote("loans", force=True, reason="first")
    log_one(repo, version)
    PredictionLog(repo, "loans").add_feedback(["p1"], pa.array(["no"]))
    found = explain_prediction(repo, "p1")
    assert found.why is not None
    assert found.prediction["_truth"] == "no"
    assert found.model.id == "loans@1"
    assert found.learnt_from == repo.models.rows("loans@1").num_rows
    assert found.alike is not None
    assert found.alike.num_rows == 5
    said = json.loads(json.dumps(found.to_dict(), default=str))
    assert said["data"]["commit"] == version.facts["commit"]
    assert said["trained"]["recipe"] == version.facts["recipe"]
    assert said["decisions"][0]["to"] == "production"
    with pytest.raises(NotFound, match="No log has a prediction 'p2'"):
        explain_prediction(repo, "p2")
    with pytest.raises(NotFound, match="has no prediction 'p2'"):
        explain_prediction(repo, "p2", model="loans")


def test_without_inputs_it_says_so() -> None:
    repo, version = repo_with_model()
    log_one(repo, version, keep=[])
    found = explain_prediction(repo, "p1")
    assert found.why is None
    assert "not kept" in found.why_not


def test_rows_like_the_one_asked_come_first(of_loans: tuple[hw.Repo, ModelVersion]) -> None:
    from headwater.serving.explaining import _alike

    repo, version = of_loans
    own = training_rows(repo, version, 10**6).slice(17, 1)
    near = _alike(repo, version, own.select(["income", "debt", "job"]))
    assert near is not None
    assert near.column("id")[0].as_py() == own.column("id")[0].as_py()
    assert near.column("_distance")[0].as_py() == 0


def test_a_model_from_elsewhere_has_no_rows(of_loans: tuple[hw.Repo, ModelVersion]) -> None:
    repo, version = of_loans
    other = repo.models.register_file("other", repo.models.file(version.id))
    with pytest.raises(UsageError, match="trained elsewhere"):
        Explainer(repo, other, *repo.models.load(other.id)).explain(loans(1))
