"""The order of findings, scores, groups, and the JSON form."""

from __future__ import annotations

import json

from headwater.checks.report import FINDING_FIELDS, Report, family_of, scores_of, sort_findings
from headwater.core.findings import Finding, Outcome


def finding(check: str, outcome: str, severity: float = 0.5, **more: object) -> Finding:
    return Finding(check=check, outcome=Outcome(outcome), severity=severity, message="M.", **more)  # type: ignore[arg-type]


FINDINGS = [
    finding("a.x", "pass"),
    finding("a.x", "warn", 0.4),
    finding("b.y", "warn", 0.9, value=float("nan"), rows=('"k"',), row_count=1),
    finding("b.z", "error"),
    finding("a.x", "fail", 0.2),
]


def report() -> Report:
    return Report(dataset="d", ref="r", findings=sort_findings(FINDINGS), scores=scores_of(FINDINGS))


def test_what_matters_most_comes_first() -> None:
    assert [(f.outcome, f.severity) for f in report().findings] == [
        ("fail", 0.2), ("error", 0.5), ("warn", 0.9), ("warn", 0.4), ("pass", 0.5),
    ]  # fmt: skip
    assert next((g.check, g.outcome) for g in report().groups()) == ("a.x", "fail")
    assert report().outcome is Outcome.ERROR
    assert len(report().problems()) == 4
    assert report().counts() == {"fail": 1, "error": 1, "warn": 2, "pass": 1}


def test_a_score_is_what_is_left_after_the_mean_cost_and_broken_checks_do_not_count() -> None:
    assert report().scores == {"a": round(100 * (1 - (0.2 + 0.2) / 3), 1), "b": 55.0}


def test_the_json_form_has_the_fields_that_are_promised() -> None:
    found = json.loads(json.dumps(report().to_dict(), allow_nan=False))
    assert list(found) == ["dataset", "ref", "outcome", "findings"]
    assert all(tuple(item) == FINDING_FIELDS for item in found["findings"])
    assert found["findings"][2]["value"] is None
    assert found["findings"][2]["rows"] == ["k"]
    assert "4 problems" not in repr(report())
    assert repr(report()).startswith("'d': error")


def test_the_family_is_the_first_part() -> None:
    assert family_of("validity.range") == "validity"
