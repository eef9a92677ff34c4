"""The registry: versions, stages and aliases are data, and what a model learnt from is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headwater as hw
from headwater.core.errors import ConcurrentUpdate, InputError, NotFound, UsageError
from headwater.models.registry import MODELS_BRANCH
from tests.models.registered import loans, repo_with_loans, repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def promote(repo: hw.Repo, name: str, stage: str = "production") -> None:
    repo.models.decide(repo.models[name], stage, passed=True, moved=True, reason="", results=[])  # type: ignore[arg-type]


def test_a_registered_model_comes_back_and_says_the_same(tmp_path: Path) -> None:
    repo = repo_with_loans(tmp_path)
    trained = repo.train("loans")
    found = repo.models.register(trained, "loans", note="first")
    model, signature = hw.open(tmp_path).models.load("loans@1")
    np.testing.assert_array_equal(model.predict(trained.inputs), trained.model.predict(trained.inputs))
    assert signature.classes == ("no", "yes")
    assert signature.inputs.equals(trained.inputs.schema)
    assert (found.id, found.stage, found.facts["note"]) == ("loans@1", "candidate", "first")
    assert list(hw.open(tmp_path).models) == ["loans@1"]


def test_the_rows_a_model_learnt_from_are_known_and_none_is_held_out() -> None:
    repo, found = repo_with_model()
    learnt = set(repo.models.rows("loans").column("id").to_pylist())
    held = set(repo.train("loans").predictions.column("id").to_pylist())
    assert len(learnt) == found.facts["train_rows"]
    assert not learnt & held
    assert learnt | held == set(range(400))


def test_the_data_of_a_model_outlive_their_branch(tmp_path: Path) -> None:
    repo = repo_with_loans(tmp_path)
    work = repo.branch("work")
    work.create_branch("work")
    with work.transaction("more") as tx:
        tx.append("loans", loans(100, seed=2))
    found = repo.models.register(work.train("loans"), "loans")
    repo.delete_branch("work", force=True)
    assert repo.tags() == {"models/loans/1": found.facts["commit"]}
    assert len(repo.at("models/loans/1")["loans"]) == 500


def test_one_version_is_in_production_and_bare_names_mean_it() -> None:
    repo, _ = repo_with_model()
    repo.models.register(repo.train("loans", seed=1), "loans")
    assert repo.models["loans"].id == "loans@2"
    promote(repo, "loans@1")
    assert repo.models["loans"].id == "loans@1"
    promote(repo, "loans@2")
    assert [one.stage for one in repo.models.versions("loans")] == ["archived", "production"]
    promote(repo, "loans@1")
    assert repo.models["loans@production"].id == "loans@1"
    assert [one.after for one in repo.models.decisions("loans")] == ["production"] * 3


def test_the_last_decision_counts_though_a_clock_went_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    from headwater.models import registry

    repo, _ = repo_with_model()
    promote(repo, "loans@1")

    class Early(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Early:
            return cls(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr(registry, "datetime", Early)
    promote(repo, "loans@1", "archived")
    assert repo.models["loans@1"].stage == "archived"


def test_two_who_decide_at_the_same_time_do_not_both_win(monkeypatch: pytest.MonkeyPatch) -> None:
    repo, _ = repo_with_model()
    repo.models.register(repo.train("loans", seed=1), "loans")
    first, second = repo.models["loans@1"], repo.models["loans@2"]
    slow = type(repo.models).decisions
    promote(repo, "loans@1")
    monkeypatch.setattr(type(repo.models), "decisions", lambda self, name: slow(self, name)[:-1])
    with pytest.raises(ConcurrentUpdate, match="decide again"):
        repo.models.decide(second, "production", passed=True, moved=True, reason="", results=[])
    assert repo.models["loans@production"].id == first.id


def test_two_who_register_at_the_same_time_get_two_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    repo, first = repo_with_model()
    numbers = type(repo.models)._numbers
    seen: list[list[int]] = [[]]
    monkeypatch.setattr(
        type(repo.models), "_numbers", lambda self, name: seen.pop() if seen else numbers(self, name)
    )
    second = repo.models.register(repo.train("loans", seed=1), "loans")
    assert not seen
    assert (first.version, second.version) == (1, 2)
    assert repo.models["loans@1"].facts["seed"] == 0


def test_aliases_move_and_go() -> None:
    repo, _ = repo_with_model()
    repo.models.register(repo.train("loans", seed=1), "loans")
    repo.models.set_alias("loans@1", "best")
    assert repo.models["loans@best"].id == "loans@1"
    repo.models.set_alias("loans@2", "best")
    assert repo.models["loans@best"].aliases == ("best",)
    assert repo.models["loans@best"].id == "loans@2"
    repo.models.drop_alias("loans", "best")
    with pytest.raises(NotFound, match="best"):
        repo.models["loans@best"]
    with pytest.raises(NotFound, match="best"):
        repo.models.drop_alias("loans", "best")
    for name in ("3", "production", "a b"):
        with pytest.raises(UsageError, match="alias"):
            repo.models.set_alias("loans@1", name)


def test_a_removed_version_is_gone_and_one_in_production_stays() -> None:
    repo, _ = repo_with_model()
    repo.models.register(repo.train("loans", seed=1), "loans")
    repo.models.set_alias("loans@1", "old")
    promote(repo, "loans@2")
    repo.models.remove("loans@1")
    assert list(repo.models) == ["loans@2"]
    assert list(repo.tags()) == ["models/loans/2"]
    with pytest.raises(UsageError, match="production"):
        repo.models.remove("loans@2")


def test_models_travel_as_branches_do(tmp_path: Path) -> None:
    repo, found = repo_with_model(tmp_path / "a")
    promote(repo, found.id)
    copy = hw.clone(tmp_path / "a", tmp_path / "b")
    copy.create_branch(MODELS_BRANCH, f"origin/{MODELS_BRANCH}")
    assert copy.models["loans"].stage == "production"
    assert copy.models.file("loans") == repo.models.file("loans")
    assert copy.fsck().findings == []


def test_what_is_not_there_is_told_with_what_is() -> None:
    repo, _ = repo_with_model()
    with pytest.raises(NotFound, match="loans"):
        repo.models["loan"]
    with pytest.raises(NotFound, match="Versions: 1"):
        repo.models["loans@7"]
    with pytest.raises(UsageError, match="name of a model"):
        repo.models.register(repo.train("loans"), "my model/1")


def test_data_that_are_not_committed_train_no_registered_model() -> None:
    from headwater.models.train import train

    repo = repo_with_loans()
    with repo.transaction("x") as tx:
        tx.append("loans", loans(50, seed=3))
        trained = train(tx["loans"])
        with pytest.raises(UsageError, match="not committed"):
            repo.models.register(trained, "loans")


def test_an_onnx_file_from_elsewhere_becomes_a_version_and_a_pickle_does_not() -> None:
    convert = pytest.importorskip("skl2onnx")
    pytest.importorskip("onnxruntime")
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    data = convert.to_onnx(LogisticRegression().fit(x, x[:, 0] > 0), x[:1]).SerializeToString()
    repo = repo_with_loans()
    found = repo.models.register_file(
        "far", data, inputs=["income", "debt"], label="approve", classes=["no", "yes"]
    )
    model, signature = repo.models.load(found.id)
    said = model.predict(loans(20).select(["income", "debt"]))
    assert said.shape == (20, 2)
    assert signature.inputs.names == ["income", "debt"]
    with pytest.raises(UsageError, match="gives 2 probabilities, but 3 classes"):
        repo.models.register_file("far", data, classes=["a", "b", "c"])
    with pytest.raises(UsageError, match="elsewhere"):
        repo.models.rows("far")
    with pytest.raises(InputError, match="no ONNX file"):
        repo.models.register_file("far", b"\x80\x04\x95pickle")
