"""Reports for machines: valid by their standards, complete, and safe with odd text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.etree import ElementTree

from headwater.checks.outputs import OUTPUTS, to_junit, to_markdown, to_sarif
from headwater.core.findings import Finding, Fix, Outcome, worst

ODD = 'a | b <script>alert("x")</script> \x00 ünï\nsecond line'


@dataclass(frozen=True)
class Small:
    """The part of a report that the outputs read."""

    dataset: str
    ref: str | None
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        return worst(self.findings)


REPORT = Small(
    "loans",
    "3f2a91c" * 8,
    (
        Finding(
            check="completeness.null_fraction",
            outcome=Outcome.FAIL,
            message=ODD,
            column="income",
            value=0.2,
            threshold=0.0,
            interval=(0.18, 0.22),
            rows=("1", '"b"'),
            row_count=40,
            fix=Fix(transform="clean.missing", parameters={"column": "income"}),
        ),
        Finding(check="labels.balance", outcome=Outcome.WARN, message="one class is rare"),
        Finding(check="privacy.pii", outcome=Outcome.ERROR, message="the check broke"),
        Finding(check="volume.rows", outcome=Outcome.PASS, message="as many rows as before"),
    ),
)


def test_junit_counts_failures_and_errors_and_keeps_the_evidence() -> None:
    root = ElementTree.fromstring(to_junit(REPORT))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "ünï" in str(failure.get("message"))
    assert 'rows: 1, "b", … (40 in all)' in str(failure.text)
    assert 'fix: clean.missing {"column": "income"}' in str(failure.text)
    assert len(suite.findall("testcase")) == 4


def test_sarif_names_a_rule_for_every_result_and_leaves_passes_out() -> None:
    document = json.loads(to_sarif(REPORT))
    run = document["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert document["version"] == "2.1.0"
    assert [result["level"] for result in run["results"]] == ["error", "warning", "error"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    first = run["results"][0]
    assert first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "loans.income"
    assert first["properties"]["interval"] == [0.18, 0.22]


def test_markdown_keeps_odd_text_inside_its_cell() -> None:
    lines = to_markdown(REPORT).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 2 + 3
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)
    assert "<script>" not in to_markdown(REPORT)
    assert lines[-1] == "1 of 4 findings pass."


def test_every_format_takes_a_report_without_findings() -> None:
    empty = Small("empty", None, ())
    for write in OUTPUTS.values():
        assert write(empty)
    assert "✅ pass" in to_markdown(empty)
