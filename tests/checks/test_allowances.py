"""An allowance holds through its last day and not a day longer; reports of every form show it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

import headwater as hw
from headwater.checks.allowances import with_allowances
from headwater.checks.html import to_html
from headwater.checks.outputs import to_junit, to_markdown, to_sarif
from headwater.core.contract import Allowance, Contract, Rule
from headwater.core.errors import NotFound, UsageError
from headwater.core.findings import Finding, Outcome, findings_from_table, findings_to_table
from headwater.versions.fsck import verify
from tests.checks.targets import target_of

RULE = Rule(check="validity.range", column="age", parameters={"minimum": 0})
LAST = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
AFTER = datetime(2027, 2, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> hw.Repo:
    """Return a repository with an age that is too low."""
    repo = hw.init("memory://")
    with repo.transaction("people") as tx:
        tx.append("people", [{"id": 1, "age": 3}, {"id": 2, "age": -3}], key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    return repo


def test_it_is_kept_with_who_gave_it_and_versioned_with_the_data(shop: hw.Repo) -> None:
    before = shop.head
    shop.author = "ada"
    shop.allow("people", "validity.range", column="age", until="2999-01-31", reason="the old system")
    contract = shop["people"].contract
    assert contract is not None
    (one,) = contract.allowances
    assert (one.by, one.until, one.reason) == ("ada", "2999-01-31", "the old system")
    assert one.since == datetime.now(UTC).date().isoformat()
    was = shop.at(str(before))["people"].contract
    assert was is not None
    assert was.allowances == ()
    shop.allow("people", "validity.range", column="age", until="2999-02-28", reason="still")
    contract = shop["people"].contract
    assert contract is not None
    assert [one.until for one in contract.allowances] == ["2999-02-28"]
    assert verify(shop).findings == []


def test_two_allowances_of_two_branches_are_merged(shop: hw.Repo) -> None:
    side = shop.branch("side", "main")
    side.allow("people", "validity.range", column="age", until="2999-01-31", reason="one")
    shop.allow("people", "volume.rows", until="2999-01-31", reason="two")
    shop.merge("side")
    contract = shop["people"].contract
    assert contract is not None
    assert {one.check for one in contract.allowances} == {"validity.range", "volume.rows"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"check": "validity.rnge"}, NotFound),
        ({"column": "agee"}, UsageError),
        ({"until": "2020-01-31"}, UsageError),
        ({"until": "tomorrow"}, UsageError),
        ({"reason": " "}, UsageError),
    ],
)
def test_what_means_nothing_is_refused(given: dict[str, str], error: type[Exception], shop: hw.Repo) -> None:
    usual = {"check": "validity.range", "column": "age", "until": "2999-01-31", "reason": "so"}
    check, options = {**usual, **given}["check"], {**usual, **given}
    del options["check"]
    with pytest.raises(error):
        shop.allow("people", check, **options)


def test_it_holds_through_its_last_day_and_then_counts_again(shop: hw.Repo) -> None:
    contract = shop["people"].contract
    assert contract is not None
    given = Allowance(check="validity.range", column="age", until="2027-01-31", reason="old", by="ada")
    contract = replace(contract, allowances=(given,))
    report = shop.check("people", contract=contract, now=LAST)
    (one,) = [f for f in report.findings if f.check == "validity.range"]
    assert (one.outcome, one.allowed) == (Outcome.FAIL, "until 2027-01-31 by ada: old")
    assert report.counts()["fail"] == 0
    assert report.counts()["allowed"] == 1
    assert report.outcome is not Outcome.FAIL
    report = shop.check("people", contract=contract, now=AFTER)
    (one,) = [f for f in report.findings if f.check == "validity.range"]
    assert one.allowed is None
    assert one.message.endswith("It was allowed by ada until 2027-01-31 (old); that has expired.")
    assert report.outcome is Outcome.FAIL


def test_only_what_is_judged_bad_is_allowed_and_only_in_its_column() -> None:
    allowances = (
        Allowance(check="validity.range", column="age", until="2027-01-31", reason="one"),
        Allowance(check="validity.range", until="2026-12-31", reason="all"),
    )
    target = target_of({"age": [1]}, now=LAST)
    target = replace(target, contract=Contract(dataset="data", allowances=allowances))
    outcomes = [Outcome.FAIL, Outcome.WARN, Outcome.PASS, Outcome.ERROR]
    mine = [Finding(check="validity.range", column="age", outcome=o, message=".") for o in outcomes]
    other = Finding(check="validity.range", column="size", outcome=Outcome.FAIL, message="Bad.")
    found = with_allowances([*mine, other], target)
    assert [one.allowed is not None for one in found] == [True, True, False, False, False]
    assert "until 2026-12-31 (all); that has expired" in found[-1].message


def test_reports_of_every_form_show_it(shop: hw.Repo) -> None:
    shop.allow("people", "validity.range", column="age", until="2999-01-31", reason="the <old> system")
    report = shop.check("people", only=["validity.range"])
    assert "(allowed until 2999-01-31" in to_markdown(report)
    assert "🕓 allowed" in to_markdown(report)
    assert "the &lt;old&gt; system" in to_html(report)
    (result,) = json.loads(to_sarif(report))["runs"][0]["results"]
    assert result["suppressions"][0]["justification"].endswith("the <old> system")
    suite = ElementTree.fromstring(to_junit(report)).find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert suite.find("testcase/skipped") is not None
    (one,) = report.to_dict()["findings"]
    assert one["allowed"].startswith("until 2999-01-31")


def test_it_is_kept_in_the_table_of_findings_and_older_tables_are_read() -> None:
    one = Finding(check="a.b", outcome=Outcome.FAIL, message=".", allowed="until 2999-01-31: so")
    table = findings_to_table([one])
    assert findings_from_table(table) == [one]
    assert findings_from_table(table.drop_columns(["allowed"])) == [replace(one, allowed=None)]


@pytest.mark.parametrize("bad", [3, [{"check": "a.b"}], [{"check": "a", "until": "soon", "reason": "r"}]])
def test_a_document_with_allowances_that_mean_nothing_is_refused(bad: object) -> None:
    document = Contract(dataset="people").to_odcs()
    document["customProperties"] = [{"property": "headwaterAllowances", "value": bad}]
    with pytest.raises(hw.HeadwaterError, match="headwaterAllowances"):
        Contract.from_odcs(document)
