"""Out-of-fold predictions: what a recipe says of each row when it has not seen that row."""

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
from headwater.reading.dataset import Dataset
from headwater.reading.splits import origin_hashes
from headwater.recipes.base import (
    AUGMENTED_FROM,
    Labels,
    Recipe,
    encode_labels,
    feature_columns,
    identity,
    parameters_key,
)
from headwater.recipes.split import fold_of
from headwater.recipes.threads import one_thread
from headwater.store.cache import Cache

__all__ = ["OutOfFold", "out_of_fold", "predict_fold"]

_MOST_FOLDS = 4
"""Folds that are learnt at once at most: each holds the training rows as numbers."""


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """Predictions of rows by models that were not trained on them.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Numbers of the rows with a label, in scan order.
    labels : Labels
        Their labels.
    probabilities : numpy.ndarray of float, shape (n, k)
        Probability of each class; shape (n, 1) for numbers.
    """

    rows: NDArray[np.int64]
    labels: Labels
    probabilities: NDArray[np.float64]


def out_of_fold(
    dataset: Dataset,
    recipe: Recipe,
    *,
    label: str,
    exclude: tuple[str, ...] = (),
    folds: int = 5,
    seed: int = 0,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> OutOfFold:
    """Predict every row by cross-validation.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    recipe : Recipe
        How to train.
    label : str
        The column to predict; rows without one are left out.
    exclude : tuple of str
        Columns not to learn from.
    folds : int
        Number of models, at least 2. A row's fold follows from its key, so it stays when other rows change; an
        augmented row is in the fold of the row it was made from. Folds are not stratified.
    seed : int
        Seed of folds and training.
    cache : Cache, optional
        Where results are kept, by content of the dataset, recipe and parameters.
    executor : Executor, optional
        Runs the folds; threads of this process by default, for training mostly runs outside the interpreter.
    progress : Progress
        Told about each fold.

    Returns
    -------
    OutOfFold

    Raises
    ------
    UsageError
        If there are fewer labelled rows than folds, or only one class.
    """
    if folds < 2:
        raise UsageError(f"Cross-validation needs 2 folds at least, not {folds}.")
    features = feature_columns(dataset.schema, label=label, key=dataset.key, exclude=exclude)
    table = dataset.to_arrow(_needed(dataset, features, label))
    labelled = np.asarray(pc.is_valid(table.column(label)))
    rows = np.flatnonzero(labelled).astype(np.int64)
    if len(rows) < folds:
        raise UsageError(
            f"Dataset {dataset.name!r} has {len(rows)} rows with a label, too few for {folds} folds.",
            dataset=dataset.name,
        )
    table = table.filter(pa.array(labelled))
    labels = encode_labels(table.column(label))
    facts = [dataset.fingerprint, identity(recipe), label, features, folds, seed, _order(dataset)]
    path = f"scores/out-of-fold/{parameters_key({'facts': facts})}.npy"
    stored = cache.get(path) if cache else None
    if stored is not None:
        kept = np.load(io.BytesIO(stored), allow_pickle=False)
        return OutOfFold(rows=rows, labels=labels, probabilities=kept)
    fold = fold_of(origin_hashes(dataset, table), folds, seed)
    numbers = np.unique(fold)
    if len(numbers) < 2:
        raise UsageError(
            f"The rows of dataset {dataset.name!r} all fall into one fold, for their keys are too much alike. "
            "Give it a key, or more rows."
        )
    wanted = table.select(features)

    def predict(number: np.int64) -> NDArray[np.float64]:
        return predict_fold(recipe, wanted, labels, fold == number, seed)

    runner = executor or LocalExecutor(min(folds, _MOST_FOLDS, LocalExecutor().workers))
    out = np.zeros((len(rows), max(len(labels.classes), 1)))
    with one_thread():
        said = runner.map(predict, numbers, label=f"cross-validate {dataset.name}", progress=progress)
        for number, probabilities in zip(numbers, said, strict=True):
            out[fold == number] = probabilities
    if cache:
        buffer = io.BytesIO()
        np.save(buffer, out, allow_pickle=False)
        cache.put(path, buffer.getvalue())
    return OutOfFold(rows=rows, labels=labels, probabilities=out)


def predict_fold(
    recipe: Recipe, features: pa.Table, labels: Labels, held: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    """Return predictions of the held rows by a model trained on the others."""
    known = Labels(values=labels.values[~held], classes=labels.classes)
    if labels.classes and len(np.unique(known.values)) < 2:
        shares = np.bincount(known.values.astype(np.int64), minlength=len(labels.classes)) / len(known.values)
        return np.tile(shares, (int(held.sum()), 1))
    model = recipe.fit(features.filter(pa.array(~held)), known, weights=None, seed=seed)
    return model.predict(features.filter(pa.array(held)))


def _needed(dataset: Dataset, features: Sequence[str], label: str) -> list[str]:
    """Return the columns to read; the whole row where it is the key."""
    names: list[str] = dataset.schema.names
    wanted = {*features, label, *dataset.key, AUGMENTED_FROM}
    return [name for name in names if name in wanted or not dataset.key]


def _order(dataset: Dataset) -> list[str]:
    """Return what fixes the scan order: equal content may come in another order."""
    return [f"{chunk.identity()}:{chunk.deleted_id}" for chunk in dataset.chunks]
