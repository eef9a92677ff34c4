"""Findings: one set of fields everywhere, and a table that gives them back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.findings import (
    FINDINGS_SCHEMA,
    Finding,
    Fix,
    Outcome,
    findings_from_table,
    findings_to_table,
    worst,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBER = st.floats(allow_nan=False)
FINDINGS = st.builds(
    Finding,
    check=st.just("completeness.null_fraction"),
    outcome=st.sampled_from(Outcome),
    message=TEXT,
    dataset=TEXT,
    severity=st.floats(0, 1),
    column=st.none() | TEXT,
    slice=st.none() | TEXT,
    value=st.none() | NUMBER,
    threshold=st.none() | NUMBER,
    interval=st.none() | st.tuples(NUMBER, NUMBER),
    rows=st.lists(st.integers().map(json.dumps) | TEXT.map(json.dumps), max_size=3).map(tuple),
    row_count=st.integers(0, 2**62),
    evidence=st.dictionaries(TEXT, st.integers() | TEXT, max_size=2),
    fix=st.none()
    | st.builds(Fix, transform=TEXT, parameters=st.dictionaries(TEXT, st.booleans(), max_size=2)),
)


@given(st.lists(FINDINGS, max_size=4))
def test_findings_come_back_from_their_table_as_they_were(findings: list[Finding]) -> None:
    table = findings_to_table(findings)
    assert table.schema == FINDINGS_SCHEMA
    assert findings_from_table(table) == findings


def test_the_fields_of_a_finding_have_these_names_everywhere() -> None:
    finding = Finding(
        check="uniqueness.key",
        outcome=Outcome.FAIL,
        message="Two rows share a key.",
        interval=(0.5, 1.0),
        rows=("1", '["a", 2]'),
        fix=Fix(transform="clean.deduplicate"),
    )
    found = finding.to_dict()
    assert list(found) == [
        *("check", "outcome", "message", "dataset", "severity", "column", "slice", "value", "threshold"),
        *("interval", "rows", "row_count", "evidence", "fix"),
    ]
    assert found["outcome"] == "fail"
    assert found["rows"] == [1, ["a", 2]]
    assert found["interval"] == [0.5, 1.0]
    assert found["fix"] == {"transform": "clean.deduplicate", "parameters": {}}
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [([], "pass"), (["warn", "pass"], "warn"), (["fail", "warn"], "fail"), (["fail", "error"], "error")],
)
def test_the_worst_outcome_counts(outcomes: list[str], verdict: str) -> None:
    findings = [Finding(check="c", outcome=Outcome(outcome), message="m") for outcome in outcomes]
    assert worst(findings) == verdict
