"""``labels.issues``: labels that a model, which has not seen the row, finds improbable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.checks.leakage import GIVEN_AWAY, shares_explained
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.core.schema import require_columns
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.numbered import keys_at
from headwater.recipes.base import feature_columns
from headwater.recipes.label_suspects import LabelSuspects, label_suspects

__all__ = ["LabelIssues"]

_MATRIX_CLASSES = 20


@CHECKS.register("labels.issues")
@dataclass(frozen=True, kw_only=True)
class LabelIssues(Check):
    """Labels agree with what a model says that has not seen the row.

    A recipe is trained by cross-validation; confident learning estimates how many labels are wrong, and
    which. Suspects are for a person to look at: where the label is in part a matter of chance, such as a
    decision or an income, some of them are right.

    Parameters
    ----------
    label : str
        The label column; the contract's by default.
    recipe : str
        Name of a recipe; the one that fits by default.
    exclude : tuple of str
        Columns not to learn from. Those that give the label away (`headwater.checks.leakage`) are left out
        in any case: with them every label looks right.
    folds : int
        How many models are trained.
    maximum : float
        The share of suspects that passes, from 0 to 1.
    fix_confidence : float
        The suggested fix relabels rows for which the model is at least as sure of another label.
    level : {"warn", "fail"}
        The outcome above the maximum.

    Notes
    -----
    Costs as much as training ``folds`` models; what they say of each row is kept in the repository, so
    that the same rows are not judged twice.

    References
    ----------
    Northcutt, Jiang, Chuang (2021). Confident learning: estimating uncertainty in dataset labels.
    doi:10.1613/jair.1.12125
    """

    id = "labels.issues"
    title = "Wrong labels"
    cost: ClassVar[Cost] = "model"

    label: str = ""
    recipe: str = ""
    exclude: tuple[str, ...] = ()
    folds: int = 5
    maximum: float = 0.02
    fix_confidence: float = 0.9
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a label, something to learn from, and scikit-learn."""
        label = target.label
        return (cls(),) if label and _learns(target, label) and find_spec("sklearn") else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Train, and compare with the labels."""
        label = self.label or target.label
        if not label:
            raise UsageError("There is no label to judge. Name one in the contract, or with --label.")
        require_columns(target.schema, [label], where=f"dataset {target.dataset.name!r}")
        shares = shares_explained(target, label)
        leaks = tuple(name for name in shares if shares[name] > GIVEN_AWAY and not name.startswith("_"))
        exclude = tuple(dict.fromkeys((*self.exclude, *leaks)))
        left = feature_columns(target.schema, label=label, key=target.dataset.key, exclude=self.exclude)
        if set(left) <= set(leaks):
            why = f"every column to learn them from gives them away ({', '.join(leaks)})"
            return [self._unjudged(label, why)]
        found = label_suspects(
            target.dataset,
            label,
            recipe=self.recipe,
            exclude=exclude,
            folds=self.folds,
            seed=target.seed,
            cache=target.cache,
            progress=target.progress,
        )
        if isinstance(found, str):
            return [self._unjudged(label, found)]
        return [self._judged(label, found, exclude, target)]

    def _judged(self, label: str, found: LabelSuspects, exclude: tuple[str, ...], target: Target) -> Finding:
        count = len(found.rows)
        share = count / found.judged
        broken = share > self.maximum
        sure = int((found.confidence >= self.fix_confidence).sum())
        noise = f"{percent(found.noise.noise_fraction)} of all labels are estimated to be wrong"
        verb = "looks" if count == 1 else "look"
        looks = f"{rows_text(count, 'label')} of {found.judged:,} ({percent(share)}) {verb}"
        blind = f" It did not look at {', '.join(exclude)}." if exclude else ""
        bad = (
            f"{looks} wrong: a model that has not seen the row is surer of another one.{blind} "
            f"{self._example(label, found, target)} Look at them; {noise}, and for {sure:,} the model is at least "
            f"{percent(self.fix_confidence)} sure."
        )
        most = f", which passes up to {percent(self.maximum)}" if count else ""
        good = f"{looks} wrong{most}; {noise}.{blind}"
        fix = {"column": label, "min_confidence": self.fix_confidence, "folds": self.folds}
        fix |= {"recipe": self.recipe} if self.recipe else {}
        fix |= {"exclude": list(exclude)} if exclude else {}
        return judged(
            self,
            broken,
            bad if broken else good,
            severity=graded(0.5, share),
            column=label,
            value=share,
            threshold=self.maximum,
            # The worst rows are listed also where they pass: looking at them is worth while.
            rows=keys_at(target.dataset, found.rows[: target.row_limit]),
            row_count=count,
            evidence=self._evidence(label, found, target)
            | ({"not_learnt_from": list(exclude)} if exclude else {}),
            fix=Fix(transform="labels.fix", parameters=fix) if broken and sure else None,
        )

    def _unjudged(self, label: str, why: str) -> Finding:
        message = f"The labels {label!r} cannot be judged: {why}."
        return judged(self, False, message, column=label, threshold=self.maximum)

    def _evidence(self, label: str, found: LabelSuspects, target: Target) -> dict[str, Any]:
        few = slice(0, target.row_limit)
        names = _classes(found, target.schema.field(label).type)
        keys = keys_at(target.dataset, found.rows[few])
        suggestions = [
            {
                "key": key,
                "given": names[given],
                "suggested": names[suggested],
                "confidence": round(float(confidence), 4),
                "quality": round(float(quality), 4),
            }
            for key, given, suggested, confidence, quality in zip(
                keys,
                found.given[few],
                found.suggested[few],
                found.confidence[few],
                found.quality[few],
                strict=True,
            )
        ]
        facts = {
            "suggestions": suggestions,
            "recipe": found.recipe,
            "estimated_noise": found.noise.noise_fraction,
            "pairs": _pairs(found),
        }
        if len(found.classes) <= _MATRIX_CLASSES:
            matrix = np.round(found.noise.noise_matrix, 4).tolist()
            facts |= {"classes": list(found.classes), "noise_matrix": matrix}
        return facts

    def _example(self, label: str, found: LabelSuspects, target: Target) -> str:
        if not len(found.rows):
            return ""
        key = keys_at(target.dataset, found.rows[:1])[0]
        given, suggested = found.classes[found.given[0]], found.classes[found.suggested[0]]
        sure = percent(float(found.confidence[0]))
        return f"First row {key}: {label} = {given}, where the model is {sure} sure of {suggested}."


def _learns(target: Target, label: str) -> bool:
    """Say whether there is a column to learn the label from."""
    try:
        feature_columns(target.schema, label=label, key=target.key)
    except UsageError:
        return False
    return True


def _classes(found: LabelSuspects, type_: pa.DataType) -> list[Any]:
    """Return the classes as values that JSON has: text, but for numbers and truth values."""
    has_json = kind_of(type_) in (Kind.INTEGER, Kind.BOOLEAN) or pa.types.is_floating(type_)
    return list(pa.array(found.classes, pa.string()).cast(type_ if has_json else pa.string()).to_pylist())


def _pairs(found: LabelSuspects) -> list[dict[str, Any]]:
    """Return which class is most often suspected to be which, the most frequent pairs first."""
    size = len(found.classes)
    counts = np.bincount(found.given * size + found.suggested, minlength=size * size)
    return [
        {
            "given": found.classes[pair // size],
            "suggested": found.classes[pair % size],
            "rows": int(counts[pair]),
        }
        for pair in np.argsort(-counts, kind="stable")[:10]
        if counts[pair]
    ]
