"""Reports for machines and reviews: JUnit XML, SARIF and Markdown.

JUnit is read by every CI system as test results, SARIF by code hosts as annotations, Markdown by people
in a pull request.

References
----------
OASIS (2020). Static Analysis Results Interchange Format (SARIF) version 2.1.0.
Jenkins xUnit plugin, JUnit schema ``junit-10.xsd``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import quote
from xml.etree import ElementTree

from headwater.core.findings import Finding, Outcome

__all__ = ["OUTPUTS", "Findings", "to_junit", "to_markdown", "to_sarif"]

_BADGE = {Outcome.FAIL: "❌ fail", Outcome.ERROR: "💥 error", Outcome.WARN: "⚠️ warn", Outcome.PASS: "✅ pass"}
_SARIF_LEVEL = {Outcome.FAIL: "error", Outcome.ERROR: "error", Outcome.WARN: "warning", Outcome.PASS: "none"}
_CONTROL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SHOWN_ROWS = 10
_ALLOWED = "🕓 allowed"


class Findings(Protocol):
    """What a report says: the part of `headwater.checks.report.Report` that is needed here."""

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        ...

    @property
    def ref(self) -> str | None:
        """The version that was checked."""
        ...

    @property
    def outcome(self) -> Outcome:
        """The worst outcome."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found, the most important first."""
        ...


def to_junit(report: Findings) -> str:
    """Return the report as JUnit XML: a test case a finding; warnings pass, with their text as output."""
    counts = {
        outcome: sum(f.outcome is outcome and f.allowed is None for f in report.findings)
        for outcome in Outcome
    }
    totals = {
        "tests": str(len(report.findings)),
        "failures": str(counts[Outcome.FAIL]),
        "errors": str(counts[Outcome.ERROR]),
        "skipped": str(sum(f.allowed is not None for f in report.findings)),
    }
    root = ElementTree.Element("testsuites", {"name": "headwater", **totals})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(report.dataset), **totals})
    del root.attrib["skipped"]  # the schema has it for suites alone
    for finding in report.findings:
        name = _clean(" ".join(part for part in (finding.check, finding.column, finding.slice) if part))
        case = ElementTree.SubElement(suite, "testcase", {"classname": _clean(report.dataset), "name": name})
        if finding.allowed is not None:
            message = _clean(f"Allowed {finding.allowed}")
            ElementTree.SubElement(case, "skipped", {"message": message}).text = _clean(_details(finding))
        elif finding.outcome in (Outcome.FAIL, Outcome.ERROR):
            tag = "failure" if finding.outcome is Outcome.FAIL else "error"
            attributes = {"message": _clean(finding.message), "type": finding.check}
            ElementTree.SubElement(case, tag, attributes).text = _clean(_details(finding))
        elif finding.outcome is Outcome.WARN:
            ElementTree.SubElement(case, "system-out").text = _clean(_details(finding))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def to_sarif(report: Findings, *, file: str | None = None) -> str:
    """Return the report as SARIF 2.1.0: a result a finding that does not pass, with its column as logical place.

    Parameters
    ----------
    report : Findings
        The report.
    file : str, optional
        The file that was checked, for code hosts to show the results at; the dataset's name by default.
    """
    import headwater

    shown = [finding for finding in report.findings if finding.outcome is not Outcome.PASS]
    rules = sorted({finding.check for finding in shown})
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "Headwater",
                        "version": headwater.__version__,
                        "rules": [{"id": rule} for rule in rules],
                    }
                },
                "results": [_sarif_result(report.dataset, finding, rules, file) for finding in shown],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def to_markdown(report: Findings) -> str:
    """Return the report as Markdown: a verdict, a table of what did not pass, and a count of what did."""
    shown = [finding for finding in report.findings if finding.outcome is not Outcome.PASS]
    where = f" at `{report.ref[:12]}`" if report.ref else ""
    lines = [f"## {_BADGE[report.outcome]}: `{report.dataset}`{where}", ""]
    if shown:
        lines += ["| outcome | check | where | finding | rows |", "| --- | --- | --- | --- | --- |"]
        lines += [_markdown_row(finding) for finding in shown]
        lines.append("")
    passed = len(report.findings) - len(shown)
    lines.append(f"{passed} of {len(report.findings)} findings pass.")
    return "\n".join(lines) + "\n"


OUTPUTS: dict[str, Callable[[Findings], str]] = {
    "junit": to_junit,
    "sarif": to_sarif,
    "markdown": to_markdown,
}
"""The formats by the name that ``hw check --format`` takes."""


def _sarif_result(dataset: str, finding: Finding, rules: Sequence[str], file: str | None) -> dict[str, Any]:
    name = ".".join(part for part in (dataset, finding.column) if part)
    suppressed = {
        "suppressions": [{"kind": "external", "status": "accepted", "justification": finding.allowed}]
    }
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(file or dataset)}},
        "logicalLocations": [{"fullyQualifiedName": name, "kind": "member"}],
    }
    return {
        "ruleId": finding.check,
        "ruleIndex": rules.index(finding.check),
        "level": _SARIF_LEVEL[finding.outcome],
        "message": {"text": finding.message},
        "locations": [place],
        "rank": round(100 * finding.severity, 1),
        "properties": {
            key: value
            for key, value in finding.to_dict().items()
            if key not in ("check", "message", "dataset") and value not in (None, [], {})
        },
        **(suppressed if finding.allowed is not None else {}),
    }


def _markdown_row(finding: Finding) -> str:
    where = " ".join(f"`{part}`" for part in (finding.column, finding.slice) if part)
    rows = f"{finding.row_count:,}" if finding.row_count else ""
    text = finding.message if finding.allowed is None else f"{finding.message} (allowed {finding.allowed})"
    badge = _BADGE[finding.outcome] if finding.allowed is None else _ALLOWED
    cells = (badge, f"`{finding.check}`", where, text, rows)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _details(finding: Finding) -> str:
    lines = [finding.message, *([f"allowed {finding.allowed}"] if finding.allowed else [])]
    for name, value in (
        ("value", finding.value),
        ("threshold", finding.threshold),
        ("interval", finding.interval),
    ):
        if value is not None:
            lines.append(f"{name}: {value}")
    if finding.rows:
        listed = ", ".join(finding.rows[:_SHOWN_ROWS])
        more = f", … ({finding.row_count:,} in all)" if finding.row_count > _SHOWN_ROWS else ""
        lines.append(f"rows: {listed}{more}")
    if finding.fix:
        lines.append(f"fix: {finding.fix.transform} {json.dumps(dict(finding.fix.parameters), default=str)}")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _clean(text: str) -> str:
    """Return ``text`` without the control characters that XML forbids."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _uri(place: str) -> str:
    return quote(place, safe="/:")
