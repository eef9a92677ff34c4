"""Gates are kept in the repository, setting behind setting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.core.findings import Finding, Outcome
from headwater.versions.fsck import verify
from headwater.versions.gate import Gate
from headwater.versions.gc import collect
from headwater.versions.repo import Repo


def finding(outcome: Outcome, **facts: object) -> Finding:
    values = {"check": "validity.range", "column": "age", "message": "So it is.", **facts}
    return Finding(outcome=outcome, **values)  # type: ignore[arg-type]


def test_a_gate_is_set_changed_and_removed(repo: Repo) -> None:
    assert repo.gates.of("main") is None
    repo.gates.set("main", suite="contract", divert=["validity.range:age"])
    made = repo.gates.set("main", floor=0.5)
    assert made == Gate(branch="main", suite="contract", floor=0.5, divert=("validity.range:age",))
    assert Gate.from_dict(made.to_dict()) == made == repo.gates["main"]
    assert [move.reason for move in repo.refs.reflog("gates", "main")] == ["gate: set"] * 2
    repo.gates.set("main", floor=0.5)
    assert len(list(repo.refs.reflog("gates", "main"))) == 2
    assert list(repo.gates) == ["main"]
    repo.gates.remove("main")
    assert len(repo.gates) == 0
    with pytest.raises(NotFound):
        repo.gates.remove("main")


def test_gates_are_verified_and_survive_a_collection(repo: Repo) -> None:
    repo.gates.set("release/1", blocks="warn")
    collect(repo, grace=timedelta())
    assert repo.gates["release/1"].blocks == "warn"
    assert verify(repo).findings == []


@pytest.mark.parametrize("options", [{"suite": "all"}, {"blocks": "never"}, {"floor": 2.0}])
def test_values_that_mean_nothing_are_refused(options: dict[str, object], repo: Repo) -> None:
    with pytest.raises(UsageError):
        repo.gates.set("main", **options)
    assert "main" not in repo.gates


def test_a_branch_needs_a_valid_name(repo: Repo) -> None:
    with pytest.raises(UsageError, match="branch name"):
        repo.gates.set("a b")


@pytest.mark.parametrize(
    ("gate", "one", "blocks"),
    [
        (Gate(branch="b"), finding(Outcome.FAIL), True),
        (Gate(branch="b"), finding(Outcome.WARN), False),
        (Gate(branch="b", blocks="warn"), finding(Outcome.WARN), True),
        (Gate(branch="b", blocks="warn"), finding(Outcome.PASS), False),
        (Gate(branch="b", floor=0.6), finding(Outcome.FAIL, severity=0.5), False),
        (Gate(branch="b", floor=0.6), finding(Outcome.FAIL, severity=0.6), True),
        (Gate(branch="b", floor=1.0), finding(Outcome.ERROR, severity=0.1), True),
        (Gate(branch="b"), finding(Outcome.FAIL, allowed="until 2999-01-01: so"), False),
        (Gate(branch="b"), finding(Outcome.ERROR, allowed="until 2999-01-01: so"), True),
        (Gate(branch="b", divert=("validity.range",)), finding(Outcome.FAIL), False),
        (Gate(branch="b", divert=("validity.range:age",)), finding(Outcome.FAIL), False),
        (Gate(branch="b", divert=("validity.range:size",)), finding(Outcome.FAIL), True),
    ],
)
def test_what_blocks(gate: Gate, one: Finding, blocks: bool) -> None:
    assert gate.blocking(one) is blocks


def test_what_is_covered() -> None:
    assert Gate(branch="b").covers("people")
    assert not Gate(branch="b").covers("people.quarantine")
    assert not Gate(branch="b", datasets=("people",)).covers("other")
