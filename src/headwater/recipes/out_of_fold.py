"""Out-of-fold predictions: what a recipe says of each row when it has not seen that row."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.progress import SILENT, Progress, track
from headwater.recipes.base import Labels, Recipe, encode_labels, feature_columns, identity, parameters_key
from headwater.recipes.split import fold_of, key_hashes
from headwater.store.dataset import Dataset
from headwater.store.repo import Cache

__all__ = ["OutOfFold", "out_of_fold"]


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
        Number of models, at least 2. A row's fold follows from its key, so it stays when other rows change.
    seed : int
        Seed of folds and training.
    cache : Cache, optional
        Where results are kept, by content of the dataset, recipe and parameters.
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
    table = dataset.to_arrow()
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
        return OutOfFold(
            rows=rows, labels=labels, probabilities=np.load(io.BytesIO(stored), allow_pickle=False)
        )
    fold = fold_of(key_hashes(dataset, table), folds, seed)
    out = np.zeros((len(rows), max(len(labels.classes), 1)))
    wanted = table.select(features)
    for number in track(np.unique(fold), f"cross-validate {dataset.name}", progress=progress, total=folds):
        held = fold == number
        if held.all():
            raise UsageError(f"All rows of dataset {dataset.name!r} have one key hash; give it a key.")
        known = Labels(values=labels.values[~held], classes=labels.classes)
        if labels.classes and len(np.unique(known.values)) < 2:
            out[held] = np.bincount(known.values.astype(np.int64), minlength=len(labels.classes)) / len(
                known.values
            )
            continue
        model = recipe.fit(wanted.filter(pa.array(~held)), known, weights=None, seed=seed)
        out[held] = model.predict(wanted.filter(pa.array(held)))
    if cache:
        buffer = io.BytesIO()
        np.save(buffer, out, allow_pickle=False)
        cache.put(path, buffer.getvalue())
    return OutOfFold(rows=rows, labels=labels, probabilities=out)


def _order(dataset: Dataset) -> list[str]:
    """Return what fixes the scan order: equal content may come in another order."""
    return [f"{chunk.identity()}:{chunk.deleted_id}" for chunk in dataset.chunks]
