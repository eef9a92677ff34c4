"""Giving rows other labels."""

from __future__ import annotations

import pytest

from headwater.core.contract import Contract
from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.findings import Finding, Outcome
from headwater.transforms.base import make
from headwater.transforms.fix_labels import FixLabels
from headwater.transforms.run import run
from tests.transforms.cases import people, repo_of

SUGGESTIONS = [
    {"key": "5", "given": True, "suggested": False, "confidence": 0.99},
    {"key": "8", "given": True, "suggested": False, "confidence": 0.6},
]


def finding(check: str = "labels.issues", column: str = "approved") -> Finding:
    return Finding(
        check=check, outcome=Outcome.WARN, message="", column=column, evidence={"suggestions": SUGGESTIONS}
    )


def test_labels_are_changed_by_key_and_counted() -> None:
    repo = repo_of(people())
    before = dict(
        zip(*[repo["people"].to_arrow().column(c).to_pylist() for c in ("id", "approved")], strict=True)
    )
    labels = {"5": not before[5], "8": before[8], "11": not before[11]}
    result = run(repo, "people", make("labels.fix", {"labels": labels}))
    after = dict(
        zip(*[repo["people"].to_arrow().column(c).to_pylist() for c in ("id", "approved")], strict=True)
    )
    assert {key for key in before if before[key] != after[key]} == {5, 11}
    assert result.record["cells"] == {"approved": 2}


def test_suggestions_of_findings_that_are_sure_enough_are_taken() -> None:
    findings = [finding(), finding(check="other.check")]
    assert FixLabels.from_findings(findings).labels == {"5": False, "8": False}
    assert FixLabels.from_findings(findings, min_confidence=0.9).labels == {"5": False}
    assert FixLabels.from_findings(findings).column == "approved"
    assert FixLabels.from_findings(findings, column="other").labels == {}
    with pytest.raises(UsageError, match="several labels: approved, paid"):
        FixLabels.from_findings([finding(), finding(column="paid")])


def test_a_dataset_without_a_label_needs_its_name() -> None:
    repo = repo_of(people(), contract=Contract(dataset="people"))
    with pytest.raises(UsageError, match="no label in its contract"):
        run(repo, "people", make("labels.fix", {"labels": {"5": False}}))
    run(repo, "people", make("labels.fix", {"labels": {"5": "x"}, "column": "city"}))
    assert repo["people"].take(["5"]).column("city").to_pylist() == ["x"]


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SchemaError, match="'approved' is bool"):
        run(repo_of(people()), "people", make("labels.fix", {"labels": {"5": "maybe"}}))
    with pytest.raises(NotFound, match="no row with key 4"):
        run(repo_of(people()), "people", make("labels.fix", {"labels": {"4": False}}))
