"""The result of leaving groups out: what each brings, as a table, JSON and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from headwater.models.comparison import Change

__all__ = ["Effect", "GroupInfluence", "Influence"]

Effect = Literal["helps", "harms", "no clear difference"]

_EFFECTS: dict[str, Effect] = {"better": "helps", "worse": "harms"}
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInfluence:
    """What one group of training rows brings.

    Parameters
    ----------
    group : Any
        The value of the column; None for rows without one.
    rows : int
        Its training rows.
    overall : Change
        From the model without the group to the model with it, on all held-out rows.
    elsewhere : Change or None
        The same on held-out rows of other groups; None where there are none.
    """

    group: Any
    rows: int
    overall: Change
    elsewhere: Change | None

    @property
    def effect(self) -> Effect:
        """Whether the group helps or harms, on all held-out rows."""
        return _EFFECTS.get(self.overall.verdict, "no clear difference")

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-able values."""
        return {
            "group": self.group,
            "rows": self.rows,
            "effect": self.effect,
            "overall": self.overall.to_dict(),
            "elsewhere": None if self.elsewhere is None else self.elsewhere.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What each group of training rows brings, the most harmful first.

    Parameters
    ----------
    dataset, by, label, recipe, metric : str
        What was left out by which column, and how the model was trained and judged.
    groups : tuple of GroupInfluence
        The groups.
    seeds, train_rows, test_rows : int
        How often each model was trained, on how many rows, judged by how many.
    """

    dataset: str
    by: str
    label: str
    recipe: str
    metric: str
    groups: tuple[GroupInfluence, ...]
    seeds: int
    train_rows: int
    test_rows: int

    def summary(self) -> str:
        """Return in a sentence which groups help and which harm."""
        named = {
            effect: [str(one.group) for one in self.groups if one.effect == effect]
            for effect in ("harms", "helps")
        }
        total = len(self.groups)
        parts = [
            f"{len(names)} {'harms' if len(names) == 1 else 'harm'} ({_listed(names)})"
            if effect == "harms"
            else f"{len(names)} {'helps' if len(names) == 1 else 'help'} ({_listed(names[::-1])})"
            for effect, names in named.items()
            if names
        ]
        said = ", ".join(parts) or "none makes a clear difference"
        return (
            f"Of {total} groups by {self.by}, {said}: {self.metric} with and without each, on {self.test_rows:,} "
            "held-out rows."
        )

    def __repr__(self) -> str:
        lines = [f"{one.group}: {one.overall.difference:+.4f} ({one.effect})" for one in self.groups[:10]]
        return "\n  ".join([f"Influence({self.dataset!r} by {self.by!r})", self.summary(), *lines])

    def to_dict(self) -> dict[str, Any]:
        """Return the influence as JSON-able values."""
        names = ("dataset", "by", "label", "recipe", "metric", "seeds", "train_rows", "test_rows")
        return {
            **{name: getattr(self, name) for name in names},
            "summary": self.summary(),
            "groups": [one.to_dict() for one in self.groups],
        }


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
