"""What training and impact show in a terminal: metrics with intervals, before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from headwater.cli.render import SHORT
from headwater.cli.tables import plain_table, safe

if TYPE_CHECKING:
    from headwater.models.impact import Change, Impact
    from headwater.models.influence_report import Influence
    from headwater.models.train import Trained

__all__ = ["draw_impact", "draw_influence", "draw_trained"]

_USUAL = ("accuracy", "roc_auc", "balanced_accuracy", "root_mean_squared_error", "r_squared")
_SHOWN = 6
_STYLES = {"better": "green", "worse": "bold red", "no clear difference": "dim"}


def draw_trained(out: Console, done: Trained) -> None:
    """Draw a trained model's metrics: all of them overall, the usual two by slice and group."""
    where = f" at {done.commit[:SHORT]}" if done.commit else ""
    title = f"{where}: {_recipe(done.recipe)} predicts {safe(done.label)}"
    out.print(Text.assemble((safe(done.dataset), "bold"), title))
    line = f"trained on {done.train_rows:,} rows, judged on {done.test_rows:,} held-out rows"
    classes = f", {len(done.classes)} classes" if done.classes else ""
    out.print(Text(f"{line}, {len(done.features)} features{classes}", style="dim"))
    if done.weights:
        out.print(Text(_weights(done), style="dim"))
    out.print()
    whole = [score for score in done.scores if score.kind == "all"]
    rows = [[score.metric, _number(score.value), _interval(score.interval)] for score in whole]
    out.print(plain_table(["metric", "value", "95 % interval"], rows, right=("value",)))
    parts = {score.part: score.rows for score in done.scores if score.kind not in ("all", "gap")}
    if parts:
        _draw_parts(out, done, parts, [score.metric for score in whole])
    gaps = [score for score in done.scores if score.kind == "gap"]
    if gaps:
        table = [
            [safe(score.part), score.metric, _number(score.value), _interval(score.interval)]
            for score in gaps
        ]
        out.print()
        out.print(plain_table(["groups of", "gap", "value", "95 % interval"], table, right=("value",)))


def _weights(done: Trained) -> str:
    """Say what rows weighed, and how many rows of equal weight tell as much."""
    found = done.weights
    parts = [f"column {safe(found['column'])}"] if "column" in found else []
    if "classes" in found:
        parts.append(f"classes {_listed(found['classes'])}")
    if "groups" in found:
        parts.append(f"{safe(found['groups']['column'])} {_listed(found['groups']['weights'])}")
    if "reweigh" in found:
        cells = {f"{one['group']}/{one['label']}": one["weight"] for one in found["reweigh"]["weights"]}
        parts.append(f"{safe(found['reweigh']['column'])} by label {_listed(cells)}")
    if "annotators" in found:
        parts.append(f"{safe(found['annotators']['column'])} {_listed(found['annotators']['weights'])}")
    return f"weights: {'; '.join(parts)}; as much as {found['effective_rows']:,.0f} rows of equal weight"


def _listed(weights: Mapping[str, float]) -> str:
    shown = ", ".join(f"{safe(name)} {weight:.2f}" for name, weight in list(weights.items())[:_SHOWN])
    return shown if len(weights) <= _SHOWN else f"{shown}, … ({len(weights)})"


def _draw_parts(out: Console, done: Trained, parts: Mapping[str, int], names: Sequence[str]) -> None:
    """Draw the usual two metrics of each slice and group."""
    shown = [name for name in _USUAL if name in names][:2]
    values = {
        (score.part, score.metric): f"{_number(score.value)} ({_interval(score.interval)})"
        for score in done.scores
    }
    table: list[list[RenderableType]] = [
        [Text(safe(part)), f"{count:,}", *(values[part, name] for name in shown)]
        for part, count in parts.items()
    ]
    out.print()
    out.print(plain_table(["on", "rows", *shown], table, right=("rows",), wraps="on"))


def draw_impact(out: Console, found: Impact, gates: Sequence[Mapping[str, Any]]) -> None:
    """Draw what a change of the data did to a model: the verdict, then the figures."""
    style = {"better": "bold black on green", "worse": "bold white on red"}.get(
        found.verdict, "bold black on yellow"
    )
    span = f" {found.base[:SHORT]} → {found.head[:SHORT]} of "
    out.print(Text.assemble((f" {found.verdict.upper()} ", style), span, (safe(found.dataset), "bold")))
    out.print(found.summary(), markup=False)
    out.print(Text(_procedure(found), style="dim"))
    whole = [change for change in found.changes if change.kind == "all"]
    out.print()
    titles = ["before", "after", "change", "95 % interval", ""]
    numbers = ("before", "after", "change", "rows")
    out.print(
        plain_table(
            ["metric", *titles], [[change.metric, *_figures(change)] for change in whole], right=numbers
        )
    )
    parts = [change for change in found.changes if change.kind != "all"]
    if parts:
        out.print()
        table = [[safe(change.part), f"{change.rows:,}", *_figures(change)] for change in parts]
        name = f"{found.metric} on"
        out.print(plain_table([name, "rows", *titles], table, right=numbers, wraps=name))
    if found.gaps:
        out.print()
        table = [[safe(change.part), change.metric, *_figures(change)] for change in found.gaps]
        out.print(plain_table(["groups of", "gap", *titles], table, right=numbers, wraps="groups of"))
    _draw_notes(out, found)
    for gate in gates:
        word, style = ("passed", "green") if gate["passed"] else ("failed", "bold red")
        line = Text.assemble("Gate ", (gate["gate"], "bold"), " ", (word, style))
        out.print(line.append(f": the difference is {gate['difference']:+.4f}"))


def draw_influence(out: Console, found: Influence) -> None:
    """Draw what each group of training rows brings, the most harmful first."""
    out.print(Text.assemble((safe(found.dataset), "bold"), f" by {safe(found.by)}"))
    out.print(found.summary(), markup=False)
    seeds = f"{found.seeds} seeds" if found.seeds > 1 else "1 seed"
    line = (
        f"{_recipe(found.recipe)} predicts {safe(found.label)}; trained on {found.train_rows:,} rows, {seeds}"
    )
    out.print(Text(line, style="dim"))
    out.print()
    numbers = ("rows", "without", "with", "brings", "to others")
    rows = []
    for one in found.groups:
        before, after, change, interval, _ = _figures(one.overall)
        style = {"helps": "green", "harms": "bold red"}.get(one.effect, "dim")
        others = "–" if one.elsewhere is None else f"{one.elsewhere.difference:+.4f}"
        word = Text("" if one.effect == "no clear difference" else one.effect, style=style)
        name = "(none)" if one.group is None else safe(str(one.group))
        rows.append([name, f"{one.rows:,}", before, after, change, interval, others, word])
    titles = [safe(found.by), "rows", "without", "with", "brings", "95 % interval", "to others", ""]
    out.print(plain_table(titles, rows, right=numbers, wraps=safe(found.by)))


def _procedure(found: Impact) -> str:
    before, after = found.train_rows
    rows = f"{before:,} rows" if before == after else f"{before:,} and {after:,} rows"
    seeds = f"{found.seeds} seeds" if found.seeds > 1 else "1 seed"
    return f"{_recipe(found.recipe)} predicts {safe(found.label)}; trained on {rows}, {seeds}"


def _draw_notes(out: Console, found: Impact) -> None:
    """Draw the other ways to judge, where they say something else, and what to bear in mind."""
    notes = [
        f"{words}: {change.metric} {_number(change.base)} → {_number(change.head)} ({change.difference:+.4f})"
        for words, change in found.views()
    ]
    if notes:
        out.print(Text("\nJudged otherwise", style="bold"))
    for note in notes:
        out.print(Padding(Text(note, style="dim"), (0, 0, 0, 2), expand=False))
    if found.notes:
        out.print()
    for note in found.notes:
        out.print(Text(f"Note: {safe(note)}", style="dim"))


def _figures(change: Change) -> list[RenderableType]:
    style = _STYLES[change.verdict]
    word = "" if change.verdict == "no clear difference" else change.verdict
    return [
        _number(change.base),
        _number(change.head),
        Text(f"{change.difference:+.4f}", style=style),
        Text(_interval(change.interval, signed=True), style="dim"),
        Text(word, style=style),
    ]


def _recipe(identity: str) -> str:
    """Return a recipe's name and version without the digest of its parameters."""
    return identity.partition(":")[0] if identity.count(":") == 1 else identity


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _interval(bounds: tuple[float, float], *, signed: bool = False) -> str:
    low, high = bounds
    if math.isnan(low) or math.isnan(high):
        return "–"
    return f"{low:+.4f} to {high:+.4f}" if signed else f"{_number(low)} to {_number(high)}"
