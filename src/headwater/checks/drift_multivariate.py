"""``drift.multivariate``: no model can tell new rows from old ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.drift import p_text, require_level
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.methods.auc import Auroc, auroc
from headwater.methods.moved_slices import Condition, MovedSlice, moved_slices, separation
from headwater.profile.kinds import Kind, as_python, kind_of
from headwater.profile.quoting import identifier, literal
from headwater.reading.dataset import Dataset
from headwater.reading.numbered import rows_at
from headwater.reading.splits import origin_hashes
from headwater.recipes.base import Fitted, Labels
from headwater.recipes.encoding import can_encode, conform
from headwater.recipes.split import fold_of
from headwater.recipes.tabular import Tabular

__all__ = ["Multivariate", "drawn_rows"]

Mask = NDArray[np.bool_]
F64 = NDArray[np.float64]

_LEAST_ROWS = 50
_ITERATIONS = 40
_EXPLAINED = 30
_PERMUTED_ROWS = 2000
_LISTED = 5
_LEAST_MOVE = 0.02


@CHECKS.register("drift.multivariate")
@dataclass(frozen=True, kw_only=True)
class Multivariate(Check):
    """All columns together are as in the baseline: a model trained to tell new rows from old ones cannot.

    It sees what single columns do not show, such as two columns that no longer go together. An alarm says which
    columns give new rows away, and which parts of the data grew or shrank.

    Parameters
    ----------
    columns : tuple of str
        The columns to look at; by default all that both have, but for the key, the label, times and vectors.
    exclude : tuple of str
        Columns to leave out.
    maximum : float
        What is let pass: the area under the ROC curve, 0.5 where the model can tell nothing, 1 where it can tell all.
    alpha : float
        How often chance alone may give an alarm.
    rows : int
        The most rows looked at on each side, drawn at random.
    level : {"warn", "fail"}
        The outcome of an alarm.

    Notes
    -----
    Two models are trained, each on one half of the rows, and score the other half. A half's Mann-Whitney test holds
    whatever its model learnt; the p-value is twice the smaller one, which holds however the two depend on each other.
    Rows that both versions have are in the same half, and no difference: where most rows are old ones, so is most of
    the comparison.

    References
    ----------
    Lopez-Paz, Oquab (2017). Revisiting classifier two-sample tests. ICLR. arXiv:1610.06545
    Kim, Ramdas, Singh, Wasserman (2021). Classification accuracy as a proxy for two-sample testing.
    doi:10.1214/20-AOS1962
    """

    id = "drift.multivariate"
    title = "New rows that a model tells from old ones"
    cost: ClassVar[Cost] = "model"

    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    maximum: float = 0.6
    alpha: float = 0.01
    rows: int = 10_000
    level: Level = "warn"

    def __post_init__(self) -> None:
        require_level(self.alpha)
        if self.rows < _LEAST_ROWS:
            raise UsageError(f"rows is {self.rows}; at least {_LEAST_ROWS} are needed to learn from.")

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a baseline, two columns in common, and scikit-learn."""
        return (cls(),) if len(_usual(target)) > 1 and find_spec("sklearn") else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Train, score, and where new rows can be told, say by what."""
        if target.baseline is None:
            return [judged(self, False, "There is no baseline to compare with.")]
        require_columns(target.schema, self.columns, where=f"dataset {target.dataset.name!r}")
        columns = [name for name in self.columns or _usual(target) if name not in self.exclude]
        require_columns(target.baseline.schema, columns, where="the baseline")
        columns = [name for name in columns if can_encode(target.schema.field(name).type)]
        if not columns:
            return [judged(self, False, "No column can be compared with the baseline.")]
        few = min(target.dataset.num_rows, target.baseline.num_rows)
        if few < _LEAST_ROWS:
            return [judged(self, False, f"{rows_text(few)}: too few to learn to tell old from new.")]
        old, old_half = self._drawn(target.baseline, columns, target, "then")
        new, new_half = self._drawn(target.dataset, columns, target, "now")
        table = pa.concat_tables([conform(old, new.schema), new]).combine_chunks()
        is_new = np.repeat([False, True], [len(old), len(new)])
        halves = np.concatenate([old_half, new_half])
        if any(len(np.unique(is_new[halves == half])) < 2 for half in (False, True)):
            return [
                judged(self, False, "Rows of one half are all old or all new: there is nothing to learn.")
            ]
        if all(column.null_count == len(column) for column in table.columns):
            return [judged(self, False, "No column has a value: there is nothing to tell rows apart by.")]
        models = [_fitted(table, is_new, halves == half, target.seed) for half in (False, True)]
        found = [
            _told(model, table, is_new, halves != half)
            for model, half in zip(models, (False, True), strict=True)
        ]
        return [self._finding(found, models, table, is_new, halves, target)]

    def _finding(
        self,
        found: list[Auroc],
        models: list[Fitted],
        table: pa.Table,
        is_new: Mask,
        halves: Mask,
        target: Target,
    ) -> Finding:
        p = min(2 * min(one.p_value for one in found), 1.0)
        whole = Auroc(sum(one.value for one in found) / 2, math.hypot(*(one.error for one in found)) / 2, p)
        broken = whole.value > self.maximum and p <= self.alpha
        reading = f"area under the ROC curve {whole.value:.3f}, p = {p_text(p)}"
        evidence: dict[str, Any] = {"p_value": p, "rows": [int((~is_new).sum()), int(is_new.sum())]}
        if broken:
            weights = _importances(models[0], table, is_new, halves, target)
            slices = _slices(table, is_new, halves)
            evidence |= {"columns": weights, "slices": slices}
            names = ", ".join(repr(name) for name in list(weights)[:3])
            message = f"A model tells new rows from old ones ({reading}), most by {names}."
            if slices:
                first = slices[0]
                message += f" Rows with {first['slice']} were {percent(first['then'])} and are {percent(first['now'])}."
        else:
            message = f"A model cannot tell new rows from old ones well enough to matter ({reading})."
        return judged(
            self,
            broken,
            message,
            severity=graded(0.4, min(2 * whole.value - 1, 1.0)),
            column=", ".join(self.columns) or None,
            value=whole.value,
            threshold=self.maximum,
            interval=whole.interval(),
            evidence=evidence,
        )

    def _drawn(
        self, dataset: Dataset, columns: list[str], target: Target, name: str
    ) -> tuple[pa.Table, Mask]:
        """Return rows drawn at random, and for each the half that its key puts it in."""
        numbers = drawn_rows(dataset, self.rows, target.rng(f"{self.id} {name}"))
        extra = [key for key in dataset.key if key not in columns]
        rows = rows_at(dataset, numbers, [*columns, *extra])
        half = fold_of(origin_hashes(dataset, rows, columns), 2, target.seed) > 0
        return rows.select(columns), half


def drawn_rows(dataset: Dataset, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of at most so many rows drawn at random, ascending."""
    total = dataset.num_rows
    if total <= rows:
        return np.arange(total, dtype=np.int64)
    return np.sort(rng.choice(total, rows, replace=False)).astype(np.int64)


def _usual(target: Target) -> list[str]:
    if target.baseline is None:
        return []
    spared = {*target.key, target.label, target.time}
    return [
        field.name
        for field in target.schema
        if field.name not in spared
        and not field.name.startswith("_")
        and can_encode(field.type)
        and kind_of(field.type) not in (Kind.TIME, Kind.VECTOR)
        and field.name in target.baseline.schema.names
        and kind_of(target.baseline.schema.field(field.name).type) is kind_of(field.type)
    ]


def _fitted(table: pa.Table, is_new: Mask, rows: Mask, seed: int) -> Fitted:
    labels = Labels(values=is_new[rows].astype(np.float64), classes=("then", "now"))
    recipe = Tabular(iterations=_ITERATIONS)
    return recipe.fit(table.filter(pa.array(rows)), labels, weights=None, seed=seed)


def _told(model: Fitted, table: pa.Table, is_new: Mask, rows: Mask) -> Auroc:
    scores, new = model.predict(table.filter(pa.array(rows)))[:, 1], is_new[rows]
    return auroc(scores[~new], scores[new])


def _importances(
    model: Fitted, table: pa.Table, is_new: Mask, halves: Mask, target: Target
) -> dict[str, float]:
    """Return how much of the area is lost where a column is shuffled, for the columns that tell most by themselves."""
    rng = target.rng("drift.multivariate importances")
    places = np.flatnonzero(halves)
    if len(places) > _PERMUTED_ROWS:
        places = np.sort(rng.choice(places, _PERMUTED_ROWS, replace=False))
    rows, new = table.take(pa.array(places)), is_new[places]
    names = list(table.schema.names)
    if len(names) > _EXPLAINED:
        alone = separation(rows, new)
        names = sorted(names, key=lambda name: -alone[name])[:_EXPLAINED]

    def area(some: pa.Table) -> float:
        scores = model.predict(some)[:, 1]
        return auroc(scores[~new], scores[new]).value

    if new.all() or not new.any():
        return {}
    whole, lost = area(rows), {}
    for name in names:
        mixed = rows.column(name).take(pa.array(rng.permutation(len(rows))))
        lost[name] = whole - area(
            rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), mixed)
        )
    ordered = sorted(lost.items(), key=lambda item: -item[1])
    return {name: round(loss, 4) for name, loss in ordered[: 2 * _LISTED] if loss > 0} or dict(ordered[:1])


def _slices(table: pa.Table, is_new: Mask, halves: Mask) -> list[dict[str, Any]]:
    found = [
        one for one in moved_slices(table, is_new, held=halves) if abs(one.now - one.then) >= _LEAST_MOVE
    ]
    return [_slice(one, table.schema) for one in found[:_LISTED]]


def _slice(one: MovedSlice, schema: pa.Schema) -> dict[str, Any]:
    text = " AND ".join(_sql(condition, schema) for condition in one.conditions)
    return {"slice": text, "then": round(one.then, 4), "now": round(one.now, 4)}


def _sql(condition: Condition, schema: pa.Schema) -> str:
    name = identifier(condition.column) if not condition.column.isidentifier() else condition.column
    if condition.sign in ("missing", "there"):
        return f"{name} IS {'NOT ' if condition.sign == 'there' else ''}NULL"
    value = condition.value
    if isinstance(value, float):
        value = as_python(value, schema.field(condition.column).type)
    text = f"{name} {condition.sign} {literal(value)}"
    return f"({text} OR {name} IS NULL)" if condition.or_missing else text
