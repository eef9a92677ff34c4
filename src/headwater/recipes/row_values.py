"""What each training row is worth to a recipe: Shapley values of votes among the rows that it sees as alike."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.shapley import knn_shapley
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.dataset import Dataset
from headwater.reading.numbered import rows_at
from headwater.reading.splits import augmented, key_hashes, origin_hashes, share
from headwater.recipes.base import (
    AUGMENTED_FROM,
    Labels,
    Recipe,
    choose,
    encode_labels,
    feature_columns,
    identity,
    load,
    parameters_key,
    task_of,
)
from headwater.recipes.out_of_fold import predict_fold
from headwater.recipes.split import fold_of, split, split_columns
from headwater.recipes.threads import one_thread
from headwater.store.cache import Cache

__all__ = ["LEAST_ROWS", "RowValues", "row_values"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

ROW_LIMIT = 50_000
JUDGES = 2_000
LEAST_ROWS = 20
_SALT = 104_729


@dataclass(frozen=True, kw_only=True, eq=False)
class RowValues:
    """What rows are worth.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Numbers of the rows that were valued, in the order of their keys.
    features : pyarrow.Table
        What the recipe sees of them.
    labels : Labels
        Their classes.
    recipe : Recipe
        The recipe.
    fold : numpy.ndarray of int64, shape (n,)
        The part that each is in.
    by_judges : numpy.ndarray of float64, shape (folds, n)
        Their values to the judging rows of each part; NaN for rows of the same part.
    judges : numpy.ndarray of int64, shape (folds,)
        How many rows of each part judge.
    """

    rows: I64
    features: pa.Table
    labels: Labels
    recipe: Recipe
    fold: I64
    by_judges: F64
    judges: I64

    @property
    def values(self) -> F64:
        """The value of each row, about `worth` on average; a row below 0 has other labels around it."""
        return self.without(None)

    @property
    def worth(self) -> float:
        """The share of right votes among the neighbours of the rows that judge."""
        return float(np.nansum(np.nanmean(self.by_judges, axis=1) * self.judges) / self.judges.sum())

    def without(self, part: int | None) -> F64:
        """Return the values of rows to the judges of all parts but one."""
        weights = np.where(np.isnan(self.by_judges), 0.0, self.judges[:, None].astype(np.float64))
        if part is not None:
            weights[part] = 0.0
        return np.asarray((np.nan_to_num(self.by_judges) * weights).sum(axis=0) / weights.sum(axis=0))

    def table(self, dataset: Dataset, label: str) -> pa.Table:
        """Return the rows, the least valuable first: key, label, value, and the other columns that can be read."""
        values = self.values
        order = np.lexsort((self.rows, values))
        shown = [
            field.name
            for field in dataset.schema
            if not (pa.types.is_nested(field.type) or kind_of(field.type) is Kind.BINARY)
        ]
        rows = rows_at(dataset, self.rows[order], shown if dataset.key else None)
        keys = {name: rows.column(name) for name in dataset.key} or {"key": pa.array(dataset.keys_of(rows))}
        first = {**keys, label: rows.column(label), "value": pa.array(values[order])}
        return pa.table({**first, **{name: rows.column(name) for name in shown if name not in first}})


def row_values(
    dataset: Dataset,
    label: str,
    *,
    recipe: str = "",
    exclude: Sequence[str] = (),
    k: int = 10,
    holdout: float = 0.25,
    folds: int = 5,
    judges: int = JUDGES,
    limit: int = ROW_LIMIT,
    seed: int = 0,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> RowValues:
    """Value the rows that a recipe trains on, by exact KNN-Shapley values.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    label : str
        The column of classes.
    recipe : str
        Name of a recipe; ``text`` or ``tabular``, whichever fits, by default.
    exclude : sequence of str
        Columns not to learn from.
    k : int
        How many neighbours vote.
    holdout : float
        The share of keys that recipes hold out. These rows are neither valued nor judged on, so that a model may be
        judged by them afterwards. With 0 all rows take part.
    folds : int
        The training rows fall into so many parts; those of each part judge the rows of the others.
    judges : int
        About how many rows judge, chosen by their key.
    limit : int
        About how many rows are valued, chosen by their key.
    seed : int
        Seed of parts, choices and training.
    cache : Cache, optional
        Where values are kept, by content of the dataset, recipe and parameters.
    executor : Executor, optional
        Runs the parts; one after the other by default.
    progress : Progress
        Told about them.

    Returns
    -------
    RowValues
        A row of the dataset that has no label, is held out or was not chosen has no value.

    Raises
    ------
    UsageError
        If the label is a number to predict or has one class, or there are too few rows.

    Notes
    -----
    Two rows are as near as what the recipe says of them: the square roots of the class probabilities, by a model that
    was trained on other parts, as points (the Hellinger distance). So a row harms if rows that look like it to the
    recipe have other labels. Measured with labels made wrong, this found more of them than distances between the
    columns themselves, and removing what it found helped the model more (docs/how-to/value.md).

    Augmented rows are valued, and never judge. Time: ``folds`` trainings, and O(judges * limit * log(limit)), some
    seconds for the defaults. Memory: the rows used.

    References
    ----------
    Jia et al. (2019). Efficient task-specific data valuation for nearest neighbor algorithms. PVLDB 12(11).
    doi:10.14778/3342263.3342637
    """
    if folds < 2:
        raise UsageError(f"The rows fall into 2 parts at least, not {folds}.", folds=folds)
    features = feature_columns(dataset.schema, label=label, key=dataset.key, exclude=exclude)
    chosen = load(recipe or choose(dataset.schema, features))
    rows, table, hashes = _chosen(dataset, label, features, holdout, limit, seed)
    labels = _classes(table, label)
    codes = labels.values.astype(np.int64)
    fold = fold_of(origin_hashes(dataset, table), folds, seed)
    judge = ~augmented(table) & (share(hashes, seed + _SALT) < judges / len(rows))
    counts = np.bincount(fold[judge], minlength=folds)
    if (counts > 0).sum() < 2:
        raise UsageError(
            f"The {len(rows)} labelled rows of dataset {dataset.name!r} are too few, or their keys too much alike, to "
            "judge each other. Give it a key, or more rows.",
            dataset=dataset.name,
        )
    seen = table.select(features)
    order = [f"{chunk.identity()}:{chunk.deleted_id}" for chunk in dataset.chunks]
    facts = [dataset.fingerprint, order, identity(chosen), label, features, k, holdout, judges, limit, seed]
    path = f"scores/values/{parameters_key({'facts': facts, 'folds': folds, 'version': 1})}.npy"
    stored = cache.get(path) if cache else None
    if stored is not None:
        found: F64 = np.load(io.BytesIO(stored), allow_pickle=False)
        return RowValues(
            rows=rows, features=seen, labels=labels, recipe=chosen, fold=fold, by_judges=found, judges=counts
        )
    runner = executor or LocalExecutor(1)

    def believe(part: np.int64) -> F64:
        return predict_fold(chosen, seen, labels, fold == part, seed)

    points = np.zeros((len(rows), len(labels.classes)))
    parts = np.unique(fold)
    with one_thread():
        said = runner.map(believe, parts, label=f"cross-validate {dataset.name}", progress=progress)
        for part, probabilities in zip(parts, said, strict=True):
            points[fold == part] = np.sqrt(np.clip(probabilities, 0.0, 1.0))

    def value(part: np.int64) -> F64:
        others, there = fold != part, judge & (fold == part)
        return len(points[others]) * knn_shapley(
            points[others], codes[others], points[there], codes[there], k=k
        )

    found = np.full((folds, len(rows)), np.nan)
    judged = np.flatnonzero(counts)
    for part, values in zip(
        judged, runner.map(value, judged, label=f"value {dataset.name}", progress=progress), strict=True
    ):
        found[part, fold != part] = values
    if cache:
        buffer = io.BytesIO()
        np.save(buffer, found, allow_pickle=False)
        cache.put(path, buffer.getvalue())
    return RowValues(
        rows=rows, features=seen, labels=labels, recipe=chosen, fold=fold, by_judges=found, judges=counts
    )


def _chosen(
    dataset: Dataset, label: str, features: Sequence[str], holdout: float, limit: int, seed: int
) -> tuple[I64, pa.Table, NDArray[np.uint64]]:
    """Return the rows to value, in the order of their keys so that how they are stored changes nothing."""
    names = dataset.schema.names
    wanted = {*features, label, *split_columns(dataset), AUGMENTED_FROM}
    keep = min(1.0, limit / max(dataset.num_rows, 1))
    parts, numbers, hashes, start = [dataset.schema.empty_table()], [], [], 0
    parts = [parts[0].select([name for name in names if name in wanted])]
    for batch in dataset.scan([name for name in names if name in wanted]):
        some = pa.Table.from_batches([batch])
        mine = np.asarray(pc.is_valid(some.column(label)))
        if holdout:
            mine &= split(dataset, some, holdout=holdout).train
        if keep < 1.0:
            mine &= share(origin_hashes(dataset, some), seed + 2 * _SALT) < keep
        parts.append(some.filter(pa.array(mine)))
        numbers.append(start + np.flatnonzero(mine))
        hashes.append(key_hashes(dataset, some)[mine])
        start += some.num_rows
    rows = np.concatenate([*numbers, np.zeros(0, np.int64)]).astype(np.int64)
    if len(rows) < LEAST_ROWS:
        raise UsageError(
            f"Dataset {dataset.name!r} has {len(rows)} rows with a label that are not held out; at least "
            f"{LEAST_ROWS} are needed.",
            dataset=dataset.name,
        )
    every = np.concatenate(hashes)
    order = np.argsort(every, kind="stable")
    return rows[order], pa.concat_tables(parts).take(pa.array(order)).combine_chunks(), every[order]


def _classes(table: pa.Table, label: str) -> Labels:
    column = table.column(label)
    if task_of(column.type, column) == "regression":
        raise UsageError(
            f"The label {label!r} is a number to predict, and neighbours vote on classes. To know what parts of the "
            "data are worth, leave them out in turn: name the column that tells them apart (--by).",
            column=label,
        )
    return encode_labels(column)
