"""The result of an impact measurement: the verdict in words, and the figures as table, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.models.comparison import Change, Verdict
from headwater.models.metric_rules import Measured

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["VIEWS", "Impact"]

_TITLES = ("on", "rows", "metric", "before", "after", "difference", "95 % interval", "")
VIEWS = {
    "on_head": "both sides on the rows as they are after the change",
    "on_base": "both sides on the rows as they were before the change",
    "on_unchanged": "rows that are the same in both versions",
}
"""The other ways to judge, with what they judge on."""


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What a change of the data did to a model.

    Parameters
    ----------
    dataset, base, head, recipe, metric : str
        What was compared, how it was trained, and the metric that decides.
    label : str
        The column that is predicted.
    seeds : int
        How often each side was trained.
    train_rows : tuple of int
        Rows to train on, before and after.
    test_rows : int
        Held-out rows that both versions have.
    changes : tuple of Change
        All metrics overall, the deciding one by slice and group. Each side reads the held-out rows as its own
        version writes them; the true labels are those of ``head`` for both.
    gaps : tuple of Change
        Gaps between the groups of each sensitive feature, judged in the same way.
    on_head, on_base : tuple of Change
        The deciding metric overall, with values and labels from that version for both sides.
    on_unchanged : tuple of Change
        The same on held-out rows that are equal in both versions; empty where these are too few.
    notes : tuple of str
        What to bear in mind.
    """

    dataset: str
    base: str
    head: str
    recipe: str
    metric: str
    label: str
    seeds: int
    train_rows: tuple[int, int]
    test_rows: int
    changes: tuple[Change, ...]
    on_base: tuple[Change, ...]
    on_head: tuple[Change, ...] = ()
    on_unchanged: tuple[Change, ...] = ()
    gaps: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def overall(self) -> Change:
        """The change of the deciding metric over all held-out rows."""
        return next(c for c in self.changes if c.kind == "all" and c.metric == self.metric)

    @property
    def verdict(self) -> Verdict:
        """``better``, ``worse`` or ``no clear difference``."""
        return self.overall.verdict

    def differences(self) -> list[Measured]:
        """Return all differences, of parts and of gaps, as figures that rules can be about."""
        return [
            Measured(metric=c.metric, part=c.part, kind=c.kind, value=c.difference, interval=c.interval)
            for c in (*self.changes, *self.gaps)
        ]

    def summary(self) -> str:
        """Return the verdict in a sentence that says how sure it is."""
        found = self.overall
        low, high = found.interval
        figures = (
            f"{found.metric} {found.base:.4f} → {found.head:.4f} (difference {found.difference:+.4f}, "
            f"95 % interval {low:+.4f} to {high:+.4f}) on {found.rows:,} held-out rows"
        )
        if found.verdict == "better":
            return f"The change helped: {figures}."
        if found.verdict == "worse":
            return f"The change made the model worse: {figures}."
        if found.detectable == 0.0:
            return f"No clear difference: {figures}. Both models say the same."
        return f"No clear difference: {figures}. A difference below {found.detectable:.4f} could not have been seen."

    def __repr__(self) -> str:
        span = f"{self.base[:12]} → {self.head[:12]} of {self.dataset!r}, {self.recipe}"
        return "\n  ".join([f"Impact({span})", self.summary(), *(f"Note: {note}" for note in self.notes)])

    def table(self) -> Table:
        """Return the changes as a table for the terminal."""
        from rich.table import Table

        title = f"{self.dataset}: {self.base[:12]} → {self.head[:12]}"
        out = Table(title=title, title_justify="left", box=None)
        for name in _TITLES:
            is_text = name in ("on", "metric", "")
            out.add_column(name, justify="left" if is_text else "right", no_wrap=not is_text)
        styles = {"better": "green", "worse": "red"}
        for change in (*self.changes, *self.gaps):
            *cells, verdict = _cells(change)
            style = styles.get(verdict, "dim")
            out.add_row(*cells, f"[{style}]{verdict}[/]")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the impact as JSON-able values."""
        return {
            "dataset": self.dataset,
            "base": self.base,
            "head": self.head,
            "recipe": self.recipe,
            "label": self.label,
            "metric": self.metric,
            "verdict": self.verdict,
            "summary": self.summary(),
            "seeds": self.seeds,
            "train_rows": list(self.train_rows),
            "test_rows": self.test_rows,
            **{
                name: [change.to_dict() for change in getattr(self, name)]
                for name in ("changes", "gaps", "on_head", "on_base", "on_unchanged")
            },
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """Return the impact as Markdown, for a review."""
        head = ["| on | rows | metric | before | after | difference | 95 % interval | |"]
        head.append("| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |")
        rows = (*self.changes, *self.gaps)
        lines = [f"### Impact on `{self.dataset}`: {self.verdict}", "", self.summary(), "", *head]
        lines += [_row(_cells(change)) for change in rows]
        if views := list(self.views()):
            lines += ["", f"{self.metric}, judged otherwise:", "", *head]
            lines += [_row([name, *_cells(change)[1:]]) for name, change in views]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def views(self) -> Iterator[tuple[str, Change]]:
        """Yield the other ways to read held-out rows, in words, with the deciding metric where it differs."""
        for name, words in VIEWS.items():
            for change in getattr(self, name):
                if change.metric == self.metric and change != self.overall:
                    yield words, change


def _cells(change: Change) -> list[str]:
    low, high = change.interval
    return [
        change.part,
        f"{change.rows:,}",
        change.metric,
        f"{change.base:.4f}",
        f"{change.head:.4f}",
        f"{change.difference:+.4f}",
        f"{low:+.4f} … {high:+.4f}",
        change.verdict,
    ]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
