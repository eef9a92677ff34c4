"""What checks suggest can be done as it is suggested, and helps."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.runner import run as check
from headwater.checks.suite import suite_for
from headwater.checks.types import Mixed, Type
from headwater.core.contract import Contract
from headwater.core.findings import Finding, Outcome
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.checks.noise import sms, with_wrong_labels
from tests.checks.targets import loans

pytest.importorskip("sklearn")


def people() -> pa.Table:
    return pa.table(
        {
            "id": range(60),
            "email": [f"p{n}@mail.example.com" for n in range(60)],
            "city": ["Boston", " boston", "n/a", "Salem", None, "?"] * 10,
            "height": [170.0 + n % 20 if n % 10 else None for n in range(60)],
            "price": [
                "n/a" if n == 7 else "unknown" if n == 9 else f"{n},50" if n % 20 == 1 else f"{n}.25"
                for n in range(60)
            ],
            "note": [["plain", "cafÃ© noir", "a\x01b"][n % 3] + f" {n}" for n in range(60)],
            "grade": pa.array(["9" if n % 6 else "low" for n in range(60)]),
        }
    )


def repo_of(name: str, shared: Path) -> tuple[Repo, Contract]:
    tables = {
        "loans": loans,
        "messages": lambda: with_wrong_labels(sms(shared, 1200), 0.1)[0],
        "people": people,
    }
    keys = {"loans": "application", "messages": "id", "people": "id"}
    contracts = {
        "loans": Contract(dataset="data", label="approve", sensitive=("race", "sex")),
        "messages": Contract(dataset="data", label="label"),
        "people": Contract(dataset="data"),
    }
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", tables[name](), key=keys[name])
        tx.set_contract("data", contracts[name])
    return repo, contracts[name]


def problems(repo: Repo, contract: Contract, only: str = "") -> list[Finding]:
    target = Target(dataset=repo["data"], contract=contract, cache=repo.cache)
    suite = suite_for(target)
    return check(target, (suite.only(only) if only else suite).checks).problems()


@pytest.mark.parametrize("name", ["loans", "messages", "people"])
def test_every_fix_changes_something(name: str, shared: Path) -> None:
    repo, contract = repo_of(name, shared)
    fixes = [(finding.check, finding.fix) for finding in problems(repo, contract) if finding.fix]
    assert fixes
    for number, (check_id, fix) in enumerate(fixes):
        assert fix is not None
        result = run(repo, "data", make(fix.transform, fix.parameters), branch=f"fix-{number}")
        assert result.is_new, (check_id, fix)


@pytest.mark.parametrize(
    ("name", "check_id"),
    [
        ("loans", "completeness.null_fraction"),
        ("messages", "duplicates.exact"),
        ("messages", "leakage.overlap"),
        ("people", "privacy.pii"),
        ("people", "consistency.spelling"),
        ("people", "validity.mixed"),
        ("people", "validity.encoding"),
        ("people", "validity.sentinel"),
        ("people", "completeness.null_fraction"),
    ],
)
def test_after_its_fixes_a_check_finds_less(name: str, check_id: str, shared: Path) -> None:
    repo, contract = repo_of(name, shared)
    before = problems(repo, contract, check_id)
    for finding in before:
        assert finding.fix is not None
        run(repo, "data", make(finding.fix.transform, finding.fix.parameters))
    after = problems(repo, contract, check_id)
    assert before
    assert sum(f.row_count for f in after) < 0.1 * sum(f.row_count for f in before)
    assert all(finding.outcome is not Outcome.ERROR for finding in after)


def test_a_column_of_the_wrong_type_gets_the_right_one_by_its_fix() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", pa.table({"id": range(3), "when": ["2024-01-31", "2024-02-29", "n/a"]}), key="id")
    one = Type(column="when", type="date")
    target = Target(dataset=repo["data"], contract=Contract(dataset="data"))
    (finding,) = check(target, [one]).problems()
    assert finding.fix is not None
    run(repo, "data", make(finding.fix.transform, finding.fix.parameters))
    assert not check(Target(dataset=repo["data"], contract=Contract(dataset="data")), [one]).problems()


def test_numbers_that_are_codes_stay_text() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append(
            "data", pa.table({"id": range(10), "zip": [f"0050{n}" for n in range(9)] + ["?"]}), key="id"
        )
    target = Target(dataset=repo["data"], contract=Contract(dataset="data"))
    (finding,) = check(target, [Mixed(column="zip")]).problems()
    assert finding.fix is not None
    run(repo, "data", make(finding.fix.transform, finding.fix.parameters))
    assert repo["data"].schema.field("zip").type == pa.string()
    assert repo["data"].to_arrow().column("zip").null_count == 1
