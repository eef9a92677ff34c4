"""Every registered check, made to break in each place: it says so under its own name, and hides no other."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.checks.base import CHECKS, Check, Target
from headwater.checks.completeness import NullFraction
from headwater.checks.runner import run
from headwater.core.findings import Finding, Outcome
from headwater.versions.repo import Repo
from tests.checks.test_every_check import CONTRACT, NOW, SINGLE, examples, repo_of, table

OTHERS: tuple[Check, ...] = (NullFraction(column="x", maximum=0.0), NullFraction(column="word"))


class _Crash(Exception):
    pass


def crash(*_: Any, **__: Any) -> Any:
    raise _Crash("on purpose")


@pytest.fixture(scope="module")
def usual() -> Repo:
    return repo_of(table(120), table(60, 1, 120))


def findings(repo: Repo, *checks: Check) -> list[Finding]:
    target = Target(
        dataset=repo["data"],
        contract=CONTRACT,
        baseline=repo.at("main~1")["data"],
        executor=SINGLE,
        now=NOW,
    )
    return list(run(target, checks).findings)


def fitting(name: str, repo: Repo) -> Check:
    """Return a check of a kind that fits the data."""
    for check in examples(name):
        if all(finding.outcome is not Outcome.ERROR for finding in findings(repo, check)):
            return check
    pytest.skip("none of the examples fits these data")


def said(found: list[Finding]) -> list[tuple[Any, ...]]:
    return sorted((f.check, f.column, f.outcome, f.value, f.rows, f.message) for f in found)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("place", ["measures", "judge"])
def test_a_check_that_crashes_is_an_error_of_its_own(
    name: str, place: str, usual: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = findings(usual, *(check for check in OTHERS if check.id != name))
    broken = fitting(name, usual)
    monkeypatch.setattr(type(broken), place, crash)
    found = findings(usual, broken, *(check for check in OTHERS if check.id != name))
    errors = [finding for finding in found if finding.outcome is Outcome.ERROR]
    assert [finding.check for finding in errors] == [name]
    assert errors[0].message == "The check could not run: _Crash: on purpose."
    assert errors[0].evidence["error"] == "_Crash"
    assert said([finding for finding in found if finding.check != name]) == said(alone)


@pytest.mark.parametrize("name", [name for name in CHECKS if CHECKS[name].cost == "scan"])
def test_a_measure_that_crashes_breaks_only_those_who_asked_for_it(
    name: str, usual: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fitting(name, usual)
    target = Target(
        dataset=usual["data"],
        contract=CONTRACT,
        baseline=usual.at("main~1")["data"],
        executor=SINGLE,
        now=NOW,
    )
    kinds = {type(one) for one in broken.measures(target)}
    others = [one for one in OTHERS if one.id != name and kinds.isdisjoint(map(type, one.measures(target)))]
    alone = findings(usual, *others)
    for kind in kinds:
        monkeypatch.setattr(kind, "measure", crash)
    found = findings(usual, broken, *others)
    own = [finding for finding in found if finding.check == name]
    assert own
    if kinds:
        assert {finding.outcome for finding in own} == {Outcome.ERROR}
        assert all("_Crash: on purpose" in finding.message for finding in own)
    assert said([finding for finding in found if finding.check != name]) == said(alone)


@pytest.mark.parametrize("name", CHECKS)
def test_a_crash_while_rows_are_looked_for_keeps_the_finding(
    name: str, usual: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = examples(name)
    before = findings(usual, *checks)
    for check in checks:
        monkeypatch.setattr(type(check), "offending", crash)
    found = findings(usual, *checks)
    kept = [finding for finding in found if "_Crash" not in finding.message]
    assert [(f.check, f.column, f.outcome) for f in kept] == [(f.check, f.column, f.outcome) for f in before]
    broken = [finding for finding in found if "_Crash" in finding.message]
    assert all((finding.check, finding.outcome) == (name, Outcome.ERROR) for finding in broken)
