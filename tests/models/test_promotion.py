"""Promotion moves a version, or says why not; either way it is recorded; one step leads back."""

from __future__ import annotations

import pytest

from headwater.core.errors import GateClosed, NotFound, UsageError
from headwater.models.promotion import rollback
from headwater.models.trial import PromotionGate
from tests.models.registered import repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def test_the_gate_lets_a_good_version_through_and_the_record_says_what_it_asked() -> None:
    repo, version = repo_with_model()
    decision = repo.promote("loans", reason="first")
    assert (decision.before, decision.after, decision.moved) == ("candidate", "production", True)
    assert repo.models["loans@production"].id == version.id
    (kept,) = repo.models.decisions("loans")
    assert kept.to_dict() == decision.to_dict()
    assert {one["check"] for one in kept.results} >= {"model.file", "model.data"}


def test_a_closed_gate_leaves_the_stage_and_is_recorded_too() -> None:
    repo, version = repo_with_model()
    repo.models.set_gate("loans", "production", PromotionGate(rules=("accuracy >= 0.999",)).to_dict())
    with pytest.raises(GateClosed, match=r"accuracy >= 0\.999 does not hold.*--force"):
        repo.promote("loans")
    assert repo.models[version.id].stage == "candidate"
    (kept,) = repo.models.decisions("loans")
    assert (kept.passed, kept.moved) == (False, False)
    repo.promote("loans", "staging")
    assert repo.models[version.id].stage == "staging"


def test_overruling_needs_a_reason_which_is_kept() -> None:
    repo, version = repo_with_model()
    gate = PromotionGate(rules=("accuracy >= 0.999",))
    with pytest.raises(UsageError, match="say why"):
        repo.promote("loans", gate=gate, force=True)
    decision = repo.promote("loans", gate=gate, force=True, reason="the old one is down")
    assert (decision.passed, decision.moved, decision.reason) == (False, True, "the old one is down")
    assert repo.models["loans@production"].id == version.id


def test_one_step_leads_back_and_the_next_one_further() -> None:
    repo, _ = repo_with_model()
    for seed in (1, 2):
        repo.models.register(repo.train("loans", seed=seed), "loans")
    for number in (1, 2, 3):
        repo.promote(f"loans@{number}")
    assert rollback(repo, "loans").version == 2
    assert repo.models["loans"].id == "loans@2"
    assert repo.models["loans@3"].stage == "archived"
    assert rollback(repo, "loans", reason="worse still").version == 1
    with pytest.raises(UsageError, match="before loans@1"):
        rollback(repo, "loans")


def test_going_back_from_nothing_is_refused() -> None:
    repo, _ = repo_with_model()
    with pytest.raises(UsageError, match="No version"):
        rollback(repo, "loans")
    with pytest.raises(NotFound, match="loans"):
        rollback(repo, "loan")


def test_wrong_requests_are_told() -> None:
    repo, _ = repo_with_model()
    with pytest.raises(UsageError, match="stage is one of"):
        repo.promote("loans", "prod")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="already"):
        repo.promote("loans", "candidate")
    with pytest.raises(UsageError, match="METRIC >= NUMBER"):
        PromotionGate(rules=("be good",))
    with pytest.raises(NotFound, match="Models: loans"):
        repo.promote("nobody")


def test_archiving_asks_no_gate() -> None:
    repo, version = repo_with_model()
    assert repo.promote(version.id, "archived").results == ()
    assert repo.models[version.id].stage == "archived"
