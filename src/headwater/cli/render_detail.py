"""What `hw train --full` shows beside the metrics: confusions, classes, calibration, residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from headwater.cli.tables import plain_table, safe

__all__ = ["draw_detail"]

_MOST = 15


def draw_detail(out: Console, detail: Mapping[str, Any]) -> None:
    """Draw the details of an evaluation: of long lists what comes first."""
    if "confusion" in detail:
        _draw_classes(out, detail)
    if "calibration" in detail:
        _draw_calibration(out, detail["calibration"], two=len(detail["classes"]) == 2)
    if "residuals" in detail:
        found = detail["residuals"]
        out.print(Text(f"\ntruth minus prediction: {found['mean']:,.4g} in the mean"))
        rows = [
            [f"{one['quantile']:.0%}", f"{one['value']:,.4g}", _span(one["interval"], ",.4g")]
            for one in found["quantiles"]
        ]
        out.print(plain_table(["quantile", "value", "95 % interval"], rows, right=("quantile", "value")))


def _draw_classes(out: Console, detail: Mapping[str, Any]) -> None:
    cells = detail["confusion"]
    pairs: list[list[RenderableType]] = [
        [Text(safe(one["label"])), Text(safe(one["predicted"])), f"{one['rows']:,}"] for one in cells[:_MOST]
    ]
    out.print()
    out.print(plain_table(["label", "predicted", "rows"], pairs, right=("rows",)))
    _say_rest(out, cells)
    classes = sorted(detail["classes"], key=lambda one: -one["rows"])
    names = ("precision", "recall", "f1")
    shown: list[list[RenderableType]] = [
        [
            Text(safe(one["label"])),
            f"{one['rows']:,}",
            *(_value(one[name], one[f"{name}_interval"]) for name in names),
        ]
        for one in classes[:_MOST]
    ]
    out.print()
    out.print(plain_table(["label", "rows", *names], shown, right=("rows",)))
    _say_rest(out, classes)


def _draw_calibration(out: Console, found: Mapping[str, Any], *, two: bool) -> None:
    of = "the second class" if two else "the class that is predicted"
    out.print(
        Text(
            f"\ncalibration of {of}: error {found['error']:.4f} ({_span(found['interval'])}), "
            f"without chance {found['debiased']:.4f}"
        )
    )
    parts = ("reliability", "resolution", "uncertainty")
    listed = ", ".join(f"{name} {found[name]:.4f}" for name in parts)
    out.print(Text(f"squared error {found['squared_error']:.4f}: {listed}", style="dim"))
    rows = [
        [f"{one['rows']:,}", f"{one['score']:.3f}", f"{one['rate']:.3f}", _span(one["interval"], ".3f")]
        for one in found["bins"]
    ]
    out.print(plain_table(["rows", "score", "rate", "95 % interval"], rows, right=("rows", "score", "rate")))


def _value(value: float | None, interval: Sequence[float] | None) -> str:
    return "–" if value is None or interval is None else f"{value:.3f} ({_span(interval, '.3f')})"


def _span(interval: Sequence[float], form: str = ".4f") -> str:
    low, high = interval
    return f"{low:{form}} to {high:{form}}"


def _say_rest(out: Console, items: Sequence[Any]) -> None:
    if len(items) > _MOST:
        out.print(Text(f"… and {len(items) - _MOST:,} more (--json has all)", style="dim"))
