"""Evaluation: metrics of one model on held-out rows, with intervals, overall, by slice and by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.methods.intervals import percentile_interval
from headwater.models.gaps import LEAST_OF_GROUP, gap, rates
from headwater.models.metrics import Metric, metrics_for
from headwater.reading.dataset import Dataset, filtered
from headwater.recipes.base import Labels, class_names

__all__ = [
    "RESAMPLES",
    "Part",
    "Score",
    "draws",
    "evaluate",
    "evaluate_gaps",
    "groups_of",
    "parts_of",
    "plain",
]

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESAMPLES = 500
_GROUPS = 20
_ROW = "_hw_row"
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A subpopulation of the held-out rows: all of them, a slice, or a group of the sensitive ``feature``."""

    name: str
    kind: str
    rows: Mask
    feature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric of one part, with its interval."""

    part: str
    kind: str
    rows: int
    metric: str
    value: float
    interval: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the score as JSON-able values; what is not defined is null."""
        out = {**asdict(self), "interval": list(self.interval)}
        return {name: plain(value) for name, value in out.items()}


def evaluate(
    labels: Labels,
    predictions: F64,
    parts: Sequence[Part],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Score]:
    """Return every metric of every part, with percentile bootstrap intervals over the rows.

    Parameters
    ----------
    labels : Labels
        The truth, n rows.
    predictions : numpy.ndarray of float, shape (n, k)
        What the model says.
    parts : sequence of Part
        Which rows to judge together.
    rng : numpy.random.Generator
        Draws the resamples.
    confidence : float
        Of the intervals.
    resamples : int
        How many.

    Returns
    -------
    list of Score
    """
    out = []
    for part in parts:
        picked = Labels(values=labels.values[part.rows], classes=labels.classes)
        said = predictions[part.rows]
        weights = draws(len(picked.values), resamples, rng)
        out += [_score(found, part, picked, said, weights, confidence) for found in metrics_for(labels)]
    return out


def evaluate_gaps(
    labels: Labels,
    predictions: F64,
    parts: Sequence[Part],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Score]:
    """Return the gaps between the groups of each sensitive feature; see `headwater.models.gaps`.

    Parameters
    ----------
    labels, predictions, parts, rng, confidence, resamples
        As in `evaluate`; only parts that are groups count.

    Returns
    -------
    list of Score
        Of kind ``gap``, with the feature as part. A gap is never negative, so where groups are small its interval
        lies above 0 though they are treated alike.
    """
    features = groups_of(parts)
    weights = draws(len(labels.values), resamples, rng)
    out = []
    for feature, masks in features.items():
        for rate in rates(labels, predictions):
            values = gap(rate, masks, weights)
            out.append(
                Score(
                    part=feature,
                    kind="gap",
                    rows=int(np.any(masks, axis=0).sum()),
                    metric=rate.name,
                    value=float(values[0]),
                    interval=percentile_interval(values[1:], confidence),
                )
            )
    return out


def groups_of(parts: Sequence[Part], known: Mask | None = None) -> dict[str, list[Mask]]:
    """Return for each sensitive feature its groups of 30 rows at least, as masks over the ``known`` rows."""
    out: dict[str, list[Mask]] = {}
    for part in parts:
        rows = part.rows if known is None else part.rows[known]
        if part.kind == "group" and rows.sum() >= LEAST_OF_GROUP:
            out.setdefault(part.feature, []).append(rows)
    return {feature: masks for feature, masks in out.items() if len(masks) > 1}


def draws(rows: int, resamples: int, rng: np.random.Generator) -> F64:
    """Return how often each row is drawn in each resample, shape (resamples + 1, rows); first the rows themselves."""
    out = np.ones((resamples + 1, rows))
    step = max(1, _BLOCK // max(rows, 1))
    for first in range(1, resamples + 1, step):
        some = min(step, resamples + 1 - first)
        picked = rng.integers(0, max(rows, 1), (some, rows)) + rows * np.arange(some)[:, None]
        out[first : first + some] = np.bincount(picked.ravel(), minlength=some * rows).reshape(some, rows)
    return out


def parts_of(
    dataset: Dataset, table: pa.Table, *, groups: Sequence[str] = (), slices: Sequence[str] = ()
) -> list[Part]:
    """Return the parts to judge: all rows, each slice, each value of each sensitive feature.

    Parameters
    ----------
    dataset : Dataset
        For its name and schema.
    table : pyarrow.Table
        The held-out rows.
    groups : sequence of str
        Columns whose values are the groups; numbers with many values are cut at their quartiles.
    slices : sequence of str
        SQL conditions.
    """
    everything = Part(name="all", kind="all", rows=np.ones(table.num_rows, np.bool_))
    return [
        everything,
        *(Part(name=where, kind="slice", rows=_where(dataset, table, where)) for where in slices),
        *(part for column in groups for part in _groups(table, column)),
    ]


def _where(dataset: Dataset, table: pa.Table, where: str) -> Mask:
    numbered = table.append_column(_ROW, pa.array(np.arange(table.num_rows)))
    rows = filtered(numbered, where, [_ROW], dataset.name).column(_ROW)
    mask = np.zeros(table.num_rows, np.bool_)
    mask[np.asarray(rows)] = True
    return mask


def _groups(table: pa.Table, column: str) -> list[Part]:
    if column not in table.schema.names:
        raise UsageError(f"There is no column {column!r} to group by.", column=column)
    values = table.column(column)
    if pc.count_distinct(values).as_py() > _GROUPS:
        return _quartiles(values, column)
    names = (
        class_names(values)
        if pa.types.is_floating(values.type) and _whole(values)
        else values.cast(pa.string())
    )
    found = sorted(value for value in pc.unique(names).to_pylist() if value is not None)
    return [
        Part(
            name=f"{column} = {value}",
            kind="group",
            feature=column,
            rows=np.asarray(pc.fill_null(pc.equal(names, value), False)),
        )
        for value in found
    ]


def _whole(values: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(values, pc.round(values))).as_py())


def _quartiles(values: pa.ChunkedArray, column: str) -> list[Part]:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise UsageError(
            f"Column {column!r} has more than {_GROUPS} values: too many groups. Group them first, or use a slice.",
            column=column,
        )
    numbers = np.asarray(pc.fill_null(values.cast(pa.float64()), np.nan))
    edges = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75]))
    bounds = [-np.inf, *edges, np.inf]
    return [
        Part(
            name=f"{column} in ({low:g}, {high:g}]",
            kind="group",
            feature=column,
            rows=(numbers > low) & (numbers <= high),
        )
        for low, high in pairwise(bounds)
    ]


def _score(found: Metric, part: Part, labels: Labels, said: F64, weights: F64, confidence: float) -> Score:
    values = found.compute(labels, said, weights)
    return Score(
        part=part.name,
        kind=part.kind,
        rows=len(labels.values),
        metric=found.name,
        value=float(values[0]),
        interval=percentile_interval(values[1:], confidence),
    )


def plain(value: Any) -> Any:
    """Return a number, or list of numbers, as JSON has it: null where it is not finite."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
