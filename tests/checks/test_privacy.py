"""Personal data in columns: found by form and by name, and never shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.checks.base import Target
from headwater.checks.privacy import PersonalData, PersonalForms
from headwater.checks.runner import run
from headwater.core.contract import ColumnPromise, Contract
from headwater.core.findings import Finding, Outcome, findings_to_table
from headwater.methods.masking import MASKED
from headwater.methods.pii import find_spans
from headwater.profile.measure import measure_table
from headwater.versions.repo import Repo
from tests.checks.targets import findings_of, loans, one_finding, target_of

PEOPLE = pa.table(
    {
        "id": [1, 2, 3, 4],
        "last_name": ["Ng", "Ó Briain", "Müller", None],
        "contact": ["ng@mail.example.com", "call 617-555-0142", None, "a.b@c.org"],
        "card": ["4111 1111 1111 1111", "no card yet", None, "5500005555555559"],
        "number": pa.array([4111111111111111, 5500005555555559, 340000000000009, 6011000000000004]),
        "amount": [10.0, 20.5, 3.0, None],
        "is_phone": [True, False, True, None],
    }
)


def by_column(findings: list[Finding]) -> dict[tuple[str | None, str], Finding]:
    return {(finding.column, finding.evidence["kind"]): finding for finding in findings}


def test_forms_and_names_are_found_with_their_rows() -> None:
    found = by_column(findings_of(PersonalData(), target_of(PEOPLE, key="id")))
    assert {name: finding.row_count for name, finding in found.items()} == {
        ("last_name", "person_name"): 0,
        ("contact", "email"): 2,
        ("contact", "phone"): 1,
        ("card", "credit_card"): 2,
        ("number", "credit_card"): 4,
    }
    assert found["contact", "email"].rows == ("1", "4")
    assert found["card", "credit_card"].rows == ("1", "4")
    assert found["card", "credit_card"].value == pytest.approx(2 / 3)
    assert "By its name" in found["last_name", "person_name"].message
    assert all(finding.fix is not None for finding in found.values())


def test_no_value_is_ever_in_a_finding() -> None:
    findings = findings_of(PersonalData(), target_of(PEOPLE, key="id"))
    text = json.dumps(findings_to_table(findings).to_pylist(), default=str)
    for column in ("last_name", "contact", "card", "number"):
        for value in PEOPLE.column(column).drop_null().to_pylist():
            assert str(value) not in text
    shapes = by_column(findings)["contact", "email"].evidence["shapes"]
    assert shapes == ["xx@xxxx.xxxxxxx.xxx", "x.x@x.xxx"]


def test_declared_and_masked_columns_pass() -> None:
    target = target_of(PEOPLE, key="id")
    declared = tuple(
        ColumnPromise(name=name, classification="personal") for name in ("contact", "card", "number")
    )
    target = replace(target, contract=replace(target.contract, columns=declared))
    assert {finding.column for finding in findings_of(PersonalData(), target)} == {"last_name"}
    passed = one_finding(PersonalData(columns=("contact", "card", "amount")), target)
    assert "2 columns declared to be personal passed" in passed.message


def test_of_a_masked_column_the_name_says_nothing_but_its_values_do() -> None:
    target = target_of(PEOPLE, key="id")
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", PEOPLE.select(["id", "last_name"]), key="id")
        tx.set_tags("data", "last_name", {MASKED: "redact"})
    finding = one_finding(PersonalData(), replace(target, dataset=repo["data"]))
    assert finding.outcome is Outcome.PASS
    with repo.transaction("raw rows come in") as tx:
        tx.append("data", [{"id": 9, "last_name": "ng@mail.example.com"}])
    assert by_column(findings_of(PersonalData(), replace(target, dataset=repo["data"]))).keys() == {
        ("last_name", "email")
    }


def test_numbers_that_pass_a_check_digit_by_chance_are_no_cards() -> None:
    numbers = pa.table({"order": pa.array([4_000_000_000_000_000 + 7919 * n for n in range(2000)])})
    assert one_finding(PersonalData(), target_of(numbers)).outcome is Outcome.PASS


def test_kinds_and_columns_can_be_chosen() -> None:
    target = target_of(PEOPLE, key="id")
    found = by_column(findings_of(PersonalData(kinds=("phone", "person_name")), target))
    assert set(found) == {("last_name", "person_name"), ("contact", "phone")}
    assert one_finding(PersonalData(columns=("amount",)), target).outcome is Outcome.PASS


def test_loan_applications_hold_no_personal_data_by_form() -> None:
    finding = one_finding(PersonalData(), target_of(loans(), key="application"))
    assert finding.outcome is Outcome.PASS


def test_labelled_sentences_have_their_rows_found(shared: Path) -> None:
    samples = json.loads((shared / "pii" / "presidio_synth_v2.json").read_text())
    table = pa.table({"id": list(range(len(samples))), "text": [sample["full_text"] for sample in samples]})
    target = replace(target_of(table, key="id"), row_limit=len(samples))
    found = by_column(findings_of(PersonalData(), target))
    names = {"credit_card": "CREDIT_CARD", "iban": "IBAN_CODE", "email": "EMAIL_ADDRESS"}
    for kind, entity in names.items():
        finding = found["text", kind]
        truth = {
            str(at)
            for at, sample in enumerate(samples)
            if any(span["entity_type"] == entity for span in sample["spans"])
        }
        hits = set(finding.rows)
        assert len(hits) == finding.row_count
        assert len(hits & truth) / len(hits) >= 0.9, kind
        assert len(hits & truth) / len(truth) >= 0.7, kind


def test_the_state_is_additive_over_rows() -> None:
    measure = PersonalForms(column="contact")
    whole = measure_table(PEOPLE, [measure])[measure]
    parts = [measure_table(PEOPLE.slice(at, 2), [measure])[measure] for at in (0, 2)]
    assert parts[0].merge(parts[1]).counts == whole.counts
    assert whole.subtract(parts[1]).counts == parts[0].counts


@given(st.lists(st.emails() | st.text(alphabet="ab1.@_%+-", max_size=12), max_size=20))
def test_whole_mail_addresses_are_counted_as_the_patterns_find_them(texts: list[str]) -> None:
    table = pa.table({"t": pa.array(texts, pa.string())})
    measure = PersonalForms(column="t")
    state = measure_table(table, [measure])[measure]
    spans = find_spans(table.column("t")).to_pylist()
    for kind in ("email", "url_with_user", "phone"):
        assert state[kind] == len({span["row"] for span in spans if span["kind"] == kind}), kind


@pytest.mark.parametrize(
    ("name", "columns", "found"),
    [
        ("products", ["name", "price"], set()),
        ("products", ["name", "first_name"], {"name", "first_name"}),
        ("customers", ["Name", "price"], {"Name"}),
        ("loan_applicants", ["name"], {"name"}),
        ("customer_orders", ["name"], set()),
    ],
)
def test_a_column_called_name_holds_names_where_the_table_is_about_persons(
    name: str, columns: list[str], found: set[str]
) -> None:
    table = pa.table({column: ["a", "b"] for column in columns})
    repo = Repo.init("memory://")
    with repo.transaction("rows") as tx:
        tx.append(name, table)
    target = Target(dataset=repo[name], contract=Contract(dataset=name))
    problems = run(target, [PersonalData()]).problems()
    assert {finding.column for finding in problems} == found
