"""Findings in a terminal: the ones that matter most first, in plain words, with their rows and the fix."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from headwater.cli.options import shell_word
from headwater.cli.tables import cut, data_table, safe
from headwater.core.findings import Finding, Fix, Outcome

__all__ = ["Findings", "badge", "clean_command", "draw_finding", "draw_findings"]

_STYLES = {
    Outcome.FAIL: "bold white on red",
    Outcome.ERROR: "bold white on magenta",
    Outcome.WARN: "bold black on yellow",
    Outcome.PASS: "bold black on green",
}
_ROWS = 8
_INDENT = 8


class Findings(Protocol):
    """What is drawn: the part of `headwater.checks.report.Report` that is needed here."""

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
    def scores(self) -> Mapping[str, float]:
        """From 0 to 100, by family of checks."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found, the most important first."""
        ...


def draw_findings(
    out: Console,
    report: Findings,
    *,
    limit: int | None = 10,
    everything: bool = False,
    fixes: bool = True,
    examples: Callable[[Finding], pa.Table | None] = lambda _: None,
) -> None:
    """Draw a report.

    Parameters
    ----------
    out : Console
        Where to.
    report : Findings
        What was found.
    limit : int, optional
        The most findings to draw.
    everything : bool
        Draw those that pass too.
    fixes : bool
        Whether to print the command that mends a finding: it needs a repository.
    examples : callable
        Gives the rows of a finding that are to be drawn in full; None: their keys do.
    """
    counts = Counter(
        str(finding.outcome) if finding.allowed is None else "allowed" for finding in report.findings
    )
    words = ", ".join(f"{counts[name]:,} {name}" for name in [*map(str, _STYLES), "allowed"] if counts[name])
    where = f" at {report.ref[:12]}" if report.ref else ""
    out.print(
        Text.assemble(
            badge(report.outcome),
            " ",
            (safe(report.dataset), "bold"),
            f"{where}: {words or 'nothing to check'}",
        )
    )
    if report.scores:
        out.print(_scores(report.scores))
    bad = [finding for finding in report.findings if finding.outcome is not Outcome.PASS]
    good = [finding for finding in report.findings if finding.outcome is Outcome.PASS]
    for finding in [*bad, *good][:limit] if everything else bad[:limit]:
        out.print()
        draw_finding(out, finding, examples(finding), fixes=fixes)
    left = len(bad) + (len(good) if everything else 0) - (limit or len(bad) + len(good))
    if left > 0:
        out.print(Text(f"\n… {left:,} more finding(s); --limit 0 shows all", style="dim"))
    if good and not everything:
        passed = ", ".join(sorted({finding.check for finding in good}))
        out.print()
        line = Text.assemble((f"{len(good):,} pass: ", "green"), (passed, "dim"))
        out.print(Padding(line, (0, 0, 0, 0), expand=False))


def badge(outcome: Outcome) -> Text:
    """Return an outcome as a coloured word of fixed width."""
    return Text(f" {outcome.upper():<5} ", style=_STYLES[outcome])


def clean_command(dataset: str, fix: Fix) -> str:
    """Return the command that carries a suggested fix out."""
    words = [f"-p {shell_word(f'{name}={_parameter(value)}')}" for name, value in fix.parameters.items()]
    return " ".join([f"hw clean {shell_word(dataset)} {fix.transform}", *words])


def _scores(scores: Mapping[str, float]) -> Text:
    """Return the score of each family in a line, the worst first."""
    line = Text("Scores ", style="dim")
    for number, (family, score) in enumerate(sorted(scores.items(), key=lambda item: item[1])):
        style = "green" if score >= 90 else "yellow" if score >= 60 else "red"
        line.append(" · " if number else " ").append(f"{family} ").append(
            f"{score:.0f}", style=f"not dim {style}"
        )
    return line


def draw_finding(
    out: Console, finding: Finding, examples: pa.Table | None = None, *, fixes: bool = True
) -> None:
    """Draw one finding: outcome, check and column, message, rows, fix."""
    head = Text.assemble(badge(finding.outcome), " ", (finding.check, "bold"))
    for part in (finding.column, finding.slice):
        if part:
            head.append(f"  {safe(part)}", style="cyan")
    out.print(head, soft_wrap=True)
    _indented(out, Text(safe(finding.message)))
    if finding.allowed is not None:
        _indented(out, Text(safe(f"allowed {finding.allowed}"), style="green"))
    if examples is not None and examples.num_rows:
        _draw_examples(out, finding, examples)
    elif finding.rows:
        _indented(out, Text.assemble(("rows  ", "dim"), rows_text(finding, out.width - _INDENT - 6)))
    elif finding.row_count:
        _indented(out, Text(f"{finding.row_count:,} row(s)", style="dim"))
    if finding.fix and fixes:
        command = clean_command(finding.dataset, finding.fix)
        out.print(Text.assemble(" " * _INDENT, ("fix   ", "dim"), (command, "cyan")), soft_wrap=True)


def _draw_examples(out: Console, finding: Finding, examples: pa.Table) -> None:
    about = [name.strip() for name in (finding.column or "").split(", ")]
    table = data_table(examples, width=out.width - _INDENT, first=about, narrow=16, say_rest=False)
    out.print(Padding(table, (1, 0, 0, _INDENT), expand=False))
    more = finding.row_count - examples.num_rows
    if more > 0:
        _indented(out, Text(f"… {more:,} more row(s)", style="dim"))


def rows_text(finding: Finding, width: int) -> str:
    """Return the keys of offending rows in one line, and how many more there are."""
    count = max(finding.row_count, len(finding.rows))
    keys = [cut(_key(row), 40) for row in finding.rows[:_ROWS]]
    while len(keys) > 1 and len(", ".join(keys)) > width - 16:
        keys.pop()
    more = count - len(keys)
    return ", ".join(keys) + (f" and {more:,} more" if more else "")


def _key(row: str) -> str:
    value = json.loads(row)
    return safe(", ".join(map(str, value)).join("()") if isinstance(value, list) else str(value))


def _parameter(value: Any) -> str:
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], str):
        return _parameter(value[0])
    return json.dumps(_listed(value), ensure_ascii=False, default=str)


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _listed(item) for name, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _indented(out: Console, text: Text) -> None:
    out.print(Padding(text, (0, 0, 0, _INDENT), expand=False))
