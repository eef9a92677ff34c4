"""``drift.embedding``: vectors are distributed as they were in the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.drift import adjusted, p_text, require_level
from headwater.checks.drift_multivariate import drawn_rows
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.errors import SchemaError
from headwater.core.findings import Finding
from headwater.core.schema import require_columns
from headwater.methods.mmd import Discrepancy, kernel_discrepancy
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.dataset import Dataset
from headwater.reading.numbered import rows_at

__all__ = ["Embedding"]

_LEAST_ROWS = 20
_PERMUTATIONS = 999


@CHECKS.register("drift.embedding")
@dataclass(frozen=True, kw_only=True)
class Embedding(Check):
    """Vectors, such as embeddings of texts or images, lie where those of the baseline do.

    Parameters
    ----------
    column : str, optional
        The column of vectors; by default each that both have.
    maximum : float
        What is let pass: the share of the spread of all vectors that lies between old and new ones, from 0 to 1. By
        custom 0.01 is a small effect, 0.06 a medium one; half a small one is about what a tenth of other vectors make.
    alpha : float
        How often chance alone may give an alarm, in all columns together.
    rows : int
        The most rows looked at on each side, drawn at random.
    level : {"warn", "fail"}
        The outcome of an alarm.

    Notes
    -----
    Maximum mean discrepancy under a Gaussian kernel, tested by permutations; see `headwater.methods.mmd`.
    """

    id = "drift.embedding"
    title = "Vectors that moved"
    cost: ClassVar[Cost] = "model"

    column: str | None = None
    maximum: float = 0.005
    alpha: float = 0.01
    rows: int = 4000
    level: Level = "warn"

    def __post_init__(self) -> None:
        require_level(self.alpha)

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a baseline with a column of vectors in common."""
        return (cls(),) if _usual(target) else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare each column, then allow for their number."""
        if target.baseline is None:
            return [judged(self, False, "There is no baseline to compare with.", column=self.column)]
        if self.column is not None:
            _require_vectors(self.column, target.dataset)
            if self.column not in target.baseline.schema.names:
                message = f"Column {self.column!r} is new: the baseline does not have it."
                return [judged(self, False, message, column=self.column)]
            _require_vectors(self.column, target.baseline)
            sizes = [d.schema.field(self.column).type.list_size for d in (target.baseline, target.dataset)]
            if sizes[0] != sizes[1]:
                raise SchemaError(
                    f"Vectors of {self.column!r} had {sizes[0]} numbers and have {sizes[1]}: made by another encoder.",
                    column=self.column,
                )
        columns = [self.column] if self.column is not None else _usual(target)
        if not columns:
            return [judged(self, False, "There is no column of vectors to compare with the baseline.")]
        found = {name: self._compared(name, target) for name in columns}
        tested = [name for name, one in found.items() if one is not None]
        p_values = adjusted([one.p_value for one in found.values() if one is not None], "holm")
        known = dict(zip(tested, p_values, strict=True))
        return [self._finding(name, one, known.get(name, 1.0)) for name, one in found.items()]

    def _compared(self, name: str, target: Target) -> Discrepancy | None:
        assert target.baseline is not None
        old, new = (
            _vectors(dataset, name, self.rows, target.rng(f"{self.id} {name} {side}"))
            for side, dataset in (("then", target.baseline), ("now", target.dataset))
        )
        if min(len(old), len(new)) < _LEAST_ROWS:
            return None
        rng = target.rng(f"{self.id} {name}")
        return kernel_discrepancy(old, new, rng=rng, permutations=_PERMUTATIONS)

    def _finding(self, name: str, one: Discrepancy | None, p: float) -> Finding:
        if one is None:
            few = (
                f"Fewer than {rows_text(_LEAST_ROWS, 'vector')} of {name!r} on one side: too few to compare."
            )
            return judged(self, False, few, column=name)
        broken = one.share > self.maximum and p <= self.alpha
        reading = (
            f"{percent(round(one.share, 4))} of their spread lies between old and new ones, p = {p_text(p)}"
        )
        message = (
            f"The vectors of {name!r} lie elsewhere than in the baseline: {reading}."
            if broken
            else f"The vectors of {name!r} lie where those of the baseline do ({reading})."
        )
        evidence: dict[str, Any] = {
            "mmd2": one.value,
            "p_value": one.p_value,
            "adjusted_p_value": p,
            "bandwidth": one.bandwidth,
        }
        return judged(
            self,
            broken,
            message,
            severity=graded(0.45, min(one.share * 4, 1.0)),
            column=name,
            value=one.share,
            threshold=self.maximum,
            evidence=evidence,
        )


def _usual(target: Target) -> list[str]:
    if target.baseline is None:
        return []
    return [
        field.name
        for field in target.schema
        if _is_vector(field.type)
        and field.name in target.baseline.schema.names
        and target.baseline.schema.field(field.name).type == field.type
    ]


def _is_vector(type_: pa.DataType) -> bool:
    if kind_of(type_) is not Kind.VECTOR or type_.list_size == 0:
        return False
    return bool(pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type))


def _require_vectors(name: str, dataset: Dataset) -> None:
    require_columns(dataset.schema, [name], where=f"dataset {dataset.name!r}")
    if not _is_vector(dataset.schema.field(name).type):
        raise SchemaError(
            f"Column {name!r} is {dataset.schema.field(name).type}: vectors are lists of one length of numbers. "
            "`hw embed` makes them of texts and images.",
            column=name,
        )


def _vectors(dataset: Dataset, name: str, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return vectors drawn at random, without those that are missing or hold what is no number."""
    column = (
        rows_at(dataset, drawn_rows(dataset, rows, rng), [name]).column(name).combine_chunks().drop_null()
    )
    size = column.type.list_size
    flat = column.flatten().cast(pa.float64(), safe=False).fill_null(np.nan)
    vectors = np.asarray(flat, np.float64).reshape(-1, size)
    return vectors[np.isfinite(vectors).all(axis=1)]
