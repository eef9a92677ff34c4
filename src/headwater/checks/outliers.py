"""``outliers.isolation``: rows that are unlike the rest, and the columns why."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, number_text, percent, rows_text
from headwater.core.arrays import to_python
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.hashing import hash_columns
from headwater.core.ids import canonical_json, digest
from headwater.core.schema import require_columns
from headwater.core.text import clipped
from headwater.methods.isolation import Matrix, isolation_scores, numeric_matrix, reasons, score_threshold
from headwater.methods.pii_kinds import classify_name
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.numbered import keys_at, rows_at

__all__ = ["Outliers"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_LEAST_ROWS = 50
_REASONS = 3
_LEAST_Z = 3.0
_TREES = 100
_LONGEST = 40


@CHECKS.register("outliers.isolation")
@dataclass(frozen=True, kw_only=True)
class Outliers(Check):
    """Rows are not unlike all others.

    An isolation forest tells how easily a row is set apart by random cuts; the threshold follows from the
    scores (Tukey's fence), so that no share of outliers has to be guessed. For each outlier the columns are
    named in which it lies farthest from the middle.

    Parameters
    ----------
    columns : tuple of str
        The columns to look at, two at least; by default all but the key and the label. Of text and other
        categories the rarity of a value counts.
    maximum : float
        The share of outliers that passes, from 0 to 1.
    fence : float
        How far beyond the upper quartile of scores an outlier lies, in interquartile ranges: 1.5 is usual, 3
        is far out.
    rows : int
        The most rows looked at, spread evenly.
    level : {"warn", "fail"}
        The outcome above the maximum.

    Notes
    -----
    Being unlike the rest is no fault by itself: it may be an error, a fraud, or the most interesting row.
    Scores are kept in the repository by the content of the rows.

    References
    ----------
    Liu, Ting, Zhou (2008). Isolation forest. doi:10.1109/ICDM.2008.17
    """

    id = "outliers.isolation"
    title = "Unusual rows"
    cost: ClassVar[Cost] = "model"

    columns: tuple[str, ...] = ()
    maximum: float = 0.0
    fence: float = 1.5
    rows: int = 200_000
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for two columns of numbers at least, and scikit-learn."""
        numbers = [name for name in _usual(target) if kind_of(target.schema.field(name).type).is_ordered]
        return (cls(),) if len(numbers) > 1 and find_spec("sklearn") else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Score rows, and name those beyond the fence."""
        require_columns(target.schema, self.columns, where=f"dataset {target.dataset.name!r}")
        columns = self.columns or _usual(target)
        if not columns:
            raise UsageError("There is no column to look at: the dataset is all key and label.")
        total = target.dataset.num_rows
        if total < _LEAST_ROWS:
            return [self._finding(False, f"{rows_text(total)}: too few to tell which are unusual.")]
        step = -(-total // self.rows)
        numbers = np.arange(0, total, step, dtype=np.int64)
        sample = _sample(target, columns, step)
        matrix = numeric_matrix(sample)
        if not len(matrix.names):
            return [self._finding(False, "No column has a value: there is nothing to tell rows apart by.")]
        scores = self._scores(matrix, sample, target)
        threshold = score_threshold(scores, self.fence)
        far = np.flatnonzero(scores > threshold)
        far = far[np.lexsort((far, -scores[far]))]
        return [self._judged(far, numbers, scores, threshold, matrix, target)]

    def _judged(
        self, far: I64, numbers: I64, scores: F64, threshold: float, matrix: Matrix, target: Target
    ) -> Finding:
        share = len(far) / len(scores)
        broken = share > self.maximum
        looked = f"{len(scores):,}" + (" looked at" if len(scores) < target.dataset.num_rows else "")
        if not len(far):
            return self._finding(False, f"No row of {looked} is unlike the rest.", value=0.0)
        found = reasons(matrix.values, far, _REASONS)
        listed = self._listed(far[: target.row_limit], numbers, scores, matrix, target)
        first = np.bincount(found.columns[:, 0], minlength=len(matrix.names))
        often = [
            f"{matrix.names[at]!r} ({first[at]:,})"
            for at in np.argsort(-first, kind="stable")[:3]
            if first[at]
        ]
        verb = "is" if len(far) == 1 else "are"
        why = f", because {listed[0]['why']}" if listed[0]["why"] else ""
        message = (
            f"{rows_text(len(far))} of {looked} ({percent(share)}) {verb} unlike the rest, most often in "
            f"{', '.join(often)}. The farthest is row {listed[0]['key']}{why}."
        )
        return self._finding(
            broken,
            message,
            severity=graded(0.25, share),
            value=share,
            rows=tuple(str(item["key"]) for item in listed),
            row_count=len(far),
            evidence={
                "score_threshold": round(threshold, 4),
                "outliers": listed,
                "columns": {matrix.names[at]: int(first[at]) for at in np.flatnonzero(first)},
            },
        )

    def _listed(
        self, far: I64, numbers: I64, scores: F64, matrix: Matrix, target: Target
    ) -> list[dict[str, Any]]:
        """Return the first outliers with the values that set them apart."""
        found = reasons(matrix.values, far, _REASONS)
        values = rows_at(target.dataset, numbers[far], matrix.names)
        keys = keys_at(target.dataset, numbers[far])
        secret = {name for name in matrix.names if _is_personal(name, target)}
        out = []
        for place, key in enumerate(keys):
            named = [
                (
                    matrix.names[column],
                    to_python(values.column(matrix.names[column]).slice(place, 1))[0],
                    float(z),
                )
                for column, z in zip(found.columns[place], found.z[place], strict=True)
                if abs(z) >= _LEAST_Z
            ]
            out.append(
                {
                    "key": key,
                    "score": round(float(scores[far[place]]), 4),
                    "why": " and ".join(
                        f"{name} = {'…' if name in secret else _shown(value)}" for name, value, _ in named
                    ),
                    "columns": {name: round(z, 1) for name, _, z in named},
                }
            )
        return out

    def _scores(self, matrix: Matrix, sample: pa.Table, target: Target) -> F64:
        """Return the score of each row, from the cache where it is there."""
        chunks = [f"{chunk.identity()}:{chunk.deleted_id}" for chunk in target.dataset.chunks]
        facts = [
            self.id,
            self.version,
            target.dataset.fingerprint,
            chunks,
            sample.schema.names,
            self.rows,
            target.seed,
        ]
        path = f"scores/outliers/{digest(canonical_json(facts))[:24]}.npy"
        kept = target.cache.get(path) if target.cache else None
        if kept is not None:
            scores: F64 = np.load(io.BytesIO(kept), allow_pickle=False)
            return scores
        # Trees grow on rows drawn by place: sorting by content makes the order of the rows irrelevant.
        order = np.argsort(hash_columns(sample), kind="stable")
        scores = np.empty(len(order))
        scores[order] = isolation_scores(matrix.values[order], seed=target.seed, trees=_TREES)
        if target.cache:
            buffer = io.BytesIO()
            np.save(buffer, scores, allow_pickle=False)
            target.cache.put(path, buffer.getvalue())
        return scores

    def _finding(self, broken: bool, message: str, **facts: Any) -> Finding:
        column = ", ".join(self.columns) or None
        return judged(self, broken, message, column=column, threshold=self.maximum, **facts)


def _usual(target: Target) -> tuple[str, ...]:
    spared = {*target.key, target.label}
    return tuple(
        field.name
        for field in target.schema
        if field.name not in spared
        and not field.name.startswith("_")
        and kind_of(field.type) not in (Kind.LIST, Kind.VECTOR, Kind.STRUCT, Kind.BINARY, Kind.NULL)
    )


def _sample(target: Target, columns: Sequence[str], step: int) -> pa.Table:
    start, parts = 0, []
    for batch in target.dataset.scan(columns):
        numbers = np.arange(start, start + batch.num_rows)
        parts.append(batch if step == 1 else batch.filter(pa.array(numbers % step == 0)))
        start += batch.num_rows
    return pa.Table.from_batches(parts, pa.schema([target.schema.field(name) for name in columns]))


def _is_personal(column: str, target: Target) -> bool:
    """Say whether values of a column are not for a report, by its name or the contract."""
    declared = any(promise.name == column and promise.classification for promise in target.contract.columns)
    return declared or classify_name(column) is not None


def _shown(value: Any) -> str:
    return clipped(number_text(value), _LONGEST)
