"""What a change of a contract breaks, and for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.checks.contract_diff import ContractChange, contract_changes
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import UsageError
from headwater.versions.repo import Repo
from tests.checks.targets import findings_of, one_finding, target_of

AGE = ColumnPromise(name="age", type="int64")
PLAIN = Contract(dataset="people", columns=(AGE,), key=("age",))


def ruled(check: str, column: str | None = "age", severity: str = "error", **parameters: Any) -> Contract:
    return replace(PLAIN, rules=(Rule(check=check, column=column, parameters=parameters, severity=severity),))


def promised(**facts: Any) -> Contract:
    return replace(PLAIN, columns=(replace(AGE, **facts),))


CASES = [
    (PLAIN, replace(PLAIN, columns=()), "columns.age", ("readers",)),
    (PLAIN, promised(type="int32"), "columns.age.type", ("writers",)),
    (promised(type="int32"), PLAIN, "columns.age.type", ("readers",)),
    (PLAIN, promised(type="string"), "columns.age.type", ("readers", "writers")),
    (PLAIN, promised(type=""), "columns.age.type", ("readers",)),
    (PLAIN, promised(required=True), "columns.age.required", ("writers",)),
    (promised(unique=True), PLAIN, "columns.age.unique", ("readers",)),
    (PLAIN, promised(description="years"), "columns.age.description", ()),
    (PLAIN, replace(PLAIN, key=("id",)), "key", ("readers", "writers")),
    (replace(PLAIN, label="age"), PLAIN, "label", ("readers",)),
    (PLAIN, replace(PLAIN, owner="ann"), "owner", ()),
    (PLAIN, ruled("validity.range", maximum=9), "rules.validity.range(age)", ("writers",)),
    (ruled("validity.range", maximum=9), PLAIN, "rules.validity.range(age)", ("readers",)),
    (PLAIN, ruled("validity.range", severity="warning", maximum=9), "rules.validity.range(age)", ()),
    (
        ruled("validity.range", maximum=9),
        ruled("validity.range", maximum=8),
        "rules.validity.range(age).maximum",
        ("writers",),
    ),
    (
        ruled("validity.range", minimum=9),
        ruled("validity.range", minimum=8),
        "rules.validity.range(age).minimum",
        ("readers",),
    ),
    (
        ruled("validity.range", minimum=9),
        ruled("validity.range", minimum=9, maximum=10),
        "rules.validity.range(age).maximum",
        ("writers",),
    ),
    (
        ruled("validity.range", minimum="2020-01-01"),
        ruled("validity.range", minimum="2021-01-01"),
        "rules.validity.range(age).minimum",
        ("writers",),
    ),
    (
        ruled("freshness.age", maximum="7d"),
        ruled("freshness.age", maximum="36h"),
        "rules.freshness.age(age).maximum",
        ("writers",),
    ),
    (
        ruled("validity.set", values=["a", "b"]),
        ruled("validity.set", values=["a"]),
        "rules.validity.set(age).values",
        ("writers",),
    ),
    (
        ruled("validity.set", values=["a", "b"]),
        ruled("validity.set", values=["a", "c"]),
        "rules.validity.set(age).values",
        ("readers", "writers"),
    ),
    (
        ruled("validity.words", words=["x"]),
        ruled("validity.words", words=["x", "y"]),
        "rules.validity.words(age).words",
        ("writers",),
    ),
    (
        ruled("validity.pattern", pattern="a"),
        ruled("validity.pattern", pattern="b"),
        "rules.validity.pattern(age).pattern",
        ("readers", "writers"),
    ),
    (
        ruled("validity.range", severity="warning", maximum=9),
        ruled("validity.range", maximum=9),
        "rules.validity.range(age).severity",
        ("writers",),
    ),
]


@pytest.mark.parametrize(("old", "new", "what", "breaks"), CASES)
def test_each_change_says_whom_it_breaks(
    old: Contract, new: Contract, what: str, breaks: tuple[str, ...]
) -> None:
    (change,) = contract_changes(old, new)
    assert (change.what, change.breaks, change.is_breaking) == (what, breaks, bool(breaks))
    assert change.to_dict()["breaks"] == list(breaks)


def test_a_parameter_that_is_written_out_is_no_change() -> None:
    assert contract_changes(ruled("volume.rows", None), ruled("volume.rows", None, minimum=1)) == []
    assert contract_changes(promised(type="int64"), promised(type="integer")) == []


def test_rules_about_other_things_are_other_rules() -> None:
    one, two = (ruled("consistency.rule", None, condition=c) for c in ("a > 1", "a > 2"))
    assert [(c.what, c.breaks) for c in contract_changes(one, two)] == [
        ("rules.consistency.rule(a > 1)", ("readers",)),
        ("rules.consistency.rule(a > 2)", ("writers",)),
    ]


def test_a_first_contract_binds_writers_and_the_last_one_gone_releases_them() -> None:
    assert {change.breaks for change in contract_changes(None, PLAIN)} == {("writers",)}
    assert {change.breaks for change in contract_changes(PLAIN, None)} == {("readers",)}
    assert contract_changes(None, None) == []


rules = st.builds(
    lambda check, column, parameters, severity: Rule(
        check=check, column=column, parameters=parameters, severity=severity
    ),
    st.sampled_from(["validity.range", "volume.rows", "nobody.knows"]),
    st.sampled_from([None, "a", "b"]),
    st.dictionaries(st.sampled_from(["minimum", "maximum", "max_fraction"]), st.integers(0, 3)),
    st.sampled_from(["error", "warning"]),
)
columns = st.builds(
    lambda name, kind, required: ColumnPromise(name=name, type=kind, required=required),
    st.sampled_from("abc"),
    st.sampled_from(["", "int32", "int64", "string"]),
    st.booleans(),
)
contracts = st.builds(
    lambda rules, columns, key: Contract(
        dataset="t", rules=tuple(rules), columns=tuple(columns), key=tuple(key)
    ),
    st.lists(rules, max_size=3, unique_by=lambda rule: (rule.check, rule.column)),
    st.lists(columns, max_size=3, unique_by=lambda column: column.name),
    st.lists(st.sampled_from("ab"), max_size=2, unique=True),
)


@given(contracts, contracts)
def test_the_way_back_breaks_the_other_party(old: Contract, new: Contract) -> None:
    assert contract_changes(old, old) == []
    there = {change.what: set(change.breaks) for change in contract_changes(old, new)}
    back = {change.what: set(change.breaks) for change in contract_changes(new, old)}
    other = {"readers": "writers", "writers": "readers"}
    assert there.keys() == back.keys()
    for what, breaks in there.items():
        assert {other[party] for party in breaks} == back[what], what


def versions(old: Contract, new: Contract) -> Any:
    repo = Repo.init("memory://")
    with repo.transaction("old") as tx:
        tx.append("people", pa.table({"age": [1, 2]}))
        tx.set_contract("people", old)
    before = repo["people"]
    with repo.transaction("new") as tx:
        tx.set_contract("people", new)
    return replace(target_of({"age": [1]}), dataset=repo["people"], baseline=before, contract=new)


def test_the_check_judges_against_the_contract_of_the_baseline() -> None:
    target = versions(promised(unique=True), promised(required=True))
    found = findings_of(ContractChange(), target)
    assert [(f.outcome, f.column, f.evidence["what"]) for f in found] == [
        ("fail", "age", "columns.age.required"),
        ("fail", "age", "columns.age.unique"),
    ]
    only = one_finding(ContractChange(breaks="readers"), target)
    assert only.evidence["what"] == "columns.age.unique"
    assert ContractChange.defaults(target) == (ContractChange(level="warn"),)
    assert one_finding(ContractChange(), versions(PLAIN, replace(PLAIN, owner="ann"))).outcome == "pass"


def test_without_a_baseline_nothing_is_broken() -> None:
    target = target_of({"age": [1]})
    assert one_finding(ContractChange(), target).outcome == "pass"
    assert ContractChange.defaults(target) == ()
    with pytest.raises(UsageError, match="readers, writers"):
        ContractChange(breaks="all")
