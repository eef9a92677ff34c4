"""Findings are drawn the most important first, with rows and the command that mends them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from headwater.cli.options import assignment
from headwater.cli.render_findings import badge, clean_command, draw_findings, rows_text
from headwater.core.findings import Finding, Fix, Outcome, worst


@dataclass(frozen=True)
class Report:
    findings: tuple[Finding, ...]
    dataset: str = "loans"
    ref: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        return worst(self.findings)


FAIL = Finding(
    check="validity.set",
    outcome=Outcome.FAIL,
    dataset="loans",
    column="approve",
    slice="race = 'black'",
    message="3 values are neither 0 nor 1: 9 and 7. " * 3,
    rows=("17", "204", '["a", 3]'),
    row_count=5000,
    fix=Fix(transform="clean.values", parameters={"columns": ["approve"], "mapping": {"9": None}}),
)
WARN = Finding(
    check="duplicates.exact", outcome=Outcome.WARN, dataset="loans", message="2 rows are equal.", row_count=2
)
GOOD = [Finding(check=f"good.check_{n}", outcome=Outcome.PASS, message="fine") for n in range(4)]


def drawn(
    *findings: Finding, width: int = 80, scores: Mapping[str, float] | None = None, **options: Any
) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        draw_findings(console, Report(findings, scores=scores or {}), **options)
    return captured.get()


def test_a_report_begins_with_the_verdict_and_the_counts() -> None:
    lines = drawn(FAIL, WARN, *GOOD).splitlines()
    assert lines[0].split() == ["FAIL", "loans:", "1", "fail,", "1", "warn,", "4", "pass"]
    assert "4 pass: good.check_0, good.check_1" in lines[-1]
    assert "nothing to check" in drawn()


def test_a_finding_says_where_what_which_rows_and_what_mends_it() -> None:
    text = drawn(FAIL)
    assert "validity.set  approve  race = 'black'" in text
    assert "3 values are neither 0 nor 1" in text
    assert "rows  17, 204, (a, 3) and 4,997 more" in text
    assert """fix   hw clean loans clean.values -p columns=approve -p 'mapping={"9": null}'""" in text
    assert "fix" not in drawn(FAIL, fixes=False)
    assert "2 row(s)" in drawn(WARN)


def test_scores_are_in_one_line_the_worst_first() -> None:
    text = drawn(FAIL, scores={"validity": 100.0, "completeness": 62.5})
    assert "Scores  completeness 62 · validity 100" in text


def test_rows_can_be_drawn_in_full_the_column_first() -> None:
    rows = pa.table({"id": [1, 2], "approve": [9, 7]})
    text = drawn(FAIL, WARN, examples=lambda finding: rows if finding.column else None)
    assert "        approve  id" in text
    assert "… 4,998 more row(s)" in text
    assert "rows  17" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_messages_wrap_at_any_width(width: int) -> None:
    lines = drawn(FAIL, width=width, fixes=False).splitlines()
    assert max(len(line.rstrip()) for line in lines if "validity.set" not in line) <= width


def test_the_limit_cuts_and_everything_shows_what_passes() -> None:
    text = drawn(FAIL, WARN, *GOOD, limit=1)
    assert "duplicates.exact" not in text
    assert "… 1 more finding(s)" in text
    assert drawn(FAIL, WARN, *GOOD, everything=True).count("good.check") == 4
    assert "more finding" not in drawn(FAIL, WARN, *GOOD, limit=None)


@pytest.mark.parametrize(
    "parameters",
    [
        {"columns": ["one column"], "trim": True},
        {"columns": ["a", "b"], "where": "x = 'y'"},
        {"mapping": {"N/A": None, "it's": 3}, "case": "lower"},
        {"value": "1", "other": 'say "hi"'},
    ],
)
def test_the_command_of_a_fix_reads_back_as_its_parameters(parameters: dict[str, Any]) -> None:
    words = shlex.split(clean_command("my data", Fix(transform="clean.values", parameters=parameters)))
    assert words[:4] == ["hw", "clean", "my data", "clean.values"]
    read = dict(assignment(word) for word in words[5::2])
    single = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in parameters.items()
    }
    assert read == single


def test_rows_fit_a_line_and_are_safe() -> None:
    finding = Finding(
        check="a.b", outcome=Outcome.WARN, message="m", rows=tuple(f'"{"x" * 30}{n}"' for n in range(50))
    )
    text = rows_text(finding, 80)
    assert len(text) <= 80
    assert text.endswith(" and 48 more")
    assert (
        rows_text(Finding(check="a.b", outcome=Outcome.WARN, message="m", rows=('"\\u001b[2J"',)), 80)
        == "\\x1b[2J"
    )


def test_badges_have_one_width() -> None:
    assert {len(badge(outcome).plain) for outcome in Outcome} == {7}
