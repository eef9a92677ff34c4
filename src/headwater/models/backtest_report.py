"""The result of a backtest: decay, drift and what training again is worth, in words, as a picture and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headwater.models.evaluation import plain
from headwater.profile.page import card, escape, number, page, table

__all__ = ["Age", "Backtest", "ColumnSince", "Strategy", "WindowScores"]

_WIDE, _TALL, _LEFT, _BELOW = 860, 240, 60, 34


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowScores:
    """A window: when it begins, its rows, and the metric of the model trained once and of the two fresh ones."""

    name: str
    rows: int
    once: float
    expanding: float
    sliding: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How far models of an age (in windows) are from a fresh one, below 0 being behind; of how many comparisons."""

    windows: int
    difference: float
    interval: tuple[float, float]
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A way to train again: its mean metric, its gain over training once (above 0 is better), and its cost."""

    name: str
    value: float
    gain: float
    interval: tuple[float, float]
    trainings: int
    pays: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSince:
    """A column that drifted: since which window, how far at most, and in which share of the windows from then on."""

    column: str
    since: str
    place: int
    distance: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What would have been, had the model gone into production.

    Parameters
    ----------
    dataset, commit, time, label, recipe, metric : str
        What was tried, in the order of which column, and by which metric.
    higher_is_better : bool
        The metric's direction. Differences are turned so that above 0 is always better.
    seed, start, trainings : int
        The seed, how many windows the first model learnt from, and how many models were trained.
    windows : tuple of WindowScores
        The windows after the first model's.
    decay : tuple of Age
        By age.
    strategies : tuple of Strategy
        Ways to train again.
    drifts : tuple of ColumnSince
        Columns that drifted, the first first; the label may be among them.
    behind_since : str, optional
        The first window in which the model that was trained once is clearly behind.
    notes : tuple of str
        What to bear in mind.
    """

    dataset: str
    commit: str | None
    time: str
    label: str
    recipe: str
    metric: str
    higher_is_better: bool
    seed: int
    start: int
    trainings: int
    windows: tuple[WindowScores, ...]
    decay: tuple[Age, ...]
    strategies: tuple[Strategy, ...]
    drifts: tuple[ColumnSince, ...]
    behind_since: str | None
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what was found in a few sentences."""
        best = max((one for one in self.strategies if one.pays), key=lambda one: one.gain, default=None)
        out = []
        if self.behind_since:
            out.append(
                f"The model that was trained once is clearly behind a fresh one from {self.behind_since} on."
            )
            early = [
                one
                for one in self.drifts
                if one.place <= self._place(self.behind_since) and one.column != self.label
            ]
            if early:
                out.append(f"Columns that had drifted by then: {', '.join(one.column for one in early[:5])}.")
        else:
            out.append("The model that was trained once is in no window clearly behind a fresh one.")
        if best is None:
            out.append("Training again does not clearly pay.")
        else:
            low, high = best.interval
            out.append(
                f"Training again pays: {best.name} gains {best.gain:.4f} {self.metric} (95 % interval {low:.4f} to "
                f"{high:.4f}) for {best.trainings} trainings."
            )
        return " ".join(out)

    def __repr__(self) -> str:
        return f"Backtest({self.dataset!r} by {self.time!r}, {len(self.windows)} windows)\n  {self.summary()}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values; what is not defined is null."""
        return {name: _jsonable(value) for name, value in asdict(self).items()} | {"summary": self.summary()}

    def to_html(self) -> str:
        """Return a page that needs nothing else: the picture and the tables."""
        lead = f"<p>{escape(self.summary())}</p>"
        ways = [
            (
                escape(one.name),
                number(one.value, 4),
                _signed(one.gain),
                _span(one.interval),
                str(one.trainings),
            )
            for one in self.strategies
        ]
        ages = [
            (str(one.windows), _signed(one.difference), _span(one.interval), str(one.of))
            for one in self.decay
        ]
        drifts = [
            (f"<b>{escape(one.column)}</b>", f"<code>{escape(one.since)}</code>", number(one.distance, 2))
            for one in self.drifts
        ]
        body = [
            f"<h2>{escape(self.metric)} by window</h2>{card(self.to_svg())}",
            f"<h2>Training again</h2>{card(table(['', 'mean', 'gain', '95 % interval', 'trainings'], ways))}",
            f"<h2>Decay</h2>{card(table(['age in windows', 'behind a fresh model', '95 % interval', 'of'], ages))}",
        ]
        if drifts:
            body.append(f"<h2>Drift</h2>{card(table(['column', 'since', 'distance'], drifts))}")
        body += [f"<p>{escape(note)}</p>" for note in self.notes]
        return page(f"Backtest of {self.dataset}", lead=lead, body=body, footer="Made by Headwater.")

    def to_svg(self) -> str:
        """Return the metric by window as an SVG picture: trained once, and fresh; a stroke where columns drift."""
        lines = {
            "trained once": ([one.once for one in self.windows], "#b91c1c"),
            "every window": ([one.expanding for one in self.windows], "#0f766e"),
        }
        values = [value for series, _ in lines.values() for value in series if not math.isnan(value)]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        room = (high - low) * 0.1 or 0.05
        low, high = low - room, high + room
        step = (_WIDE - _LEFT - 10) / max(len(self.windows) - 1, 1)

        def spot(place: int, value: float) -> str:
            return f"{_LEFT + place * step:.1f},{(high - value) / (high - low) * _TALL:.1f}"

        box = f"0 -10 {_WIDE} {_TALL + _BELOW + 30}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" font-size="12"',
            ' font-family="system-ui, sans-serif" fill="currentColor">',
            f"<title>{escape(self.metric)} of {escape(self.dataset)} by window</title>",
        ]
        for share in (0.0, 0.5, 1.0):
            y = share * _TALL
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDE - 10}" stroke="currentColor" opacity=".15"/>')
            parts.append(
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{high - share * (high - low):.3f}</text>'
            )
        for one in self.drifts:
            x = _LEFT + one.place * step
            parts.append(
                f'<path d="M{x:.1f} 0V{_TALL}" stroke="#a16207" stroke-dasharray="3 4" opacity=".6">'
                f"<title>{escape(one.column)} drifts</title></path>"
            )
        for row, (name, (series, colour)) in enumerate(lines.items()):
            spots = " ".join(
                spot(place, value) for place, value in enumerate(series) if not math.isnan(value)
            )
            parts.append(f'<polyline points="{spots}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts.append(
                f'<text x="{_LEFT + 10 + row * 140}" y="{_TALL + _BELOW + 12}" fill="{colour}">{name}</text>'
            )
        ends = [0, len(self.windows) - 1] if len(self.windows) > 1 else [0]
        for place in ends if self.windows else []:
            anchor = "start" if place == 0 else "end"
            parts.append(
                f'<text x="{_LEFT + place * step:.1f}" y="{_TALL + 18}" text-anchor="{anchor}">'
                f"{escape(self.windows[place].name)}</text>"
            )
        return "".join([*parts, "</svg>"])

    def _place(self, name: str) -> int:
        return [one.name for one in self.windows].index(name)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return plain(value)


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.4f}"


def _span(interval: Sequence[float]) -> str:
    return "" if math.isnan(interval[0]) else f"{interval[0]:+.4f} to {interval[1]:+.4f}"
