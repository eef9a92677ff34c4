"""Train a recipe on a dataset and evaluate it on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.models.evaluation import Score, evaluate, parts_of
from headwater.recipes.base import (
    F64,
    Fitted,
    Labels,
    Recipe,
    choose,
    class_names,
    encode_labels,
    feature_columns,
    identity,
    load,
)
from headwater.recipes.split import split
from headwater.store.dataset import Dataset

__all__ = ["Trained", "Training", "label_of", "prepare", "train", "weights_of"]

LEAST_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Training:
    """A dataset made ready for a recipe: labelled rows, features, and which rows are held out.

    ``rows`` are all rows with a label, ``train`` and ``test`` masks over them, ``hashes`` their key hashes.
    """

    dataset: Dataset
    label: str
    features: tuple[str, ...]
    recipe: Recipe
    rows: pa.Table
    train: np.ndarray[Any, np.dtype[np.bool_]]
    test: np.ndarray[Any, np.dtype[np.bool_]]
    hashes: np.ndarray[Any, np.dtype[np.uint64]]
    weight: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model with its evaluation and where it came from."""

    model: Fitted
    dataset: str
    commit: str | None
    fingerprint: str
    recipe: str
    label: str
    features: tuple[str, ...]
    seed: int
    train_rows: int
    test_rows: int
    classes: tuple[str, ...]
    scores: tuple[Score, ...]

    def __repr__(self) -> str:
        shown = ", ".join(f"{s.metric} {s.value:.4f}" for s in self.scores if s.kind == "all")
        return f"Trained({self.recipe} on {self.dataset!r}, {self.train_rows:,} rows: {shown})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model as JSON-able values."""
        return {
            "dataset": self.dataset,
            "commit": self.commit,
            "fingerprint": self.fingerprint,
            "recipe": self.recipe,
            "label": self.label,
            "features": list(self.features),
            "seed": self.seed,
            "train_rows": self.train_rows,
            "test_rows": self.test_rows,
            "classes": list(self.classes),
            "scores": [score.to_dict() for score in self.scores],
        }


def train(
    dataset: Dataset,
    *,
    recipe: str | None = None,
    label: str | None = None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    groups: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    holdout: float = 0.25,
    seed: int = 0,
) -> Trained:
    """Train a recipe and evaluate it on rows held out by their key.

    Parameters
    ----------
    dataset : Dataset
        The data.
    recipe : str, optional
        Name of a recipe, or ``module:function``; ``text`` or ``tabular``, whichever fits, by default.
    label : str, optional
        The column to predict; the contract's label by default.
    exclude : sequence of str
        Columns not to learn from.
    weight : str, optional
        Column with the weight of each row.
    groups : sequence of str, optional
        Columns whose groups are judged apart; the contract's sensitive features by default.
    slices : sequence of str
        SQL conditions of rows that are judged apart.
    holdout : float
        Share of keys held out.
    seed : int
        Seed of training and intervals.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        If there is no label, only one class, or too few rows.
    """
    ready = prepare(dataset, recipe=recipe, label=label, exclude=exclude, weight=weight, holdout=holdout)
    known = ready.rows.filter(pa.array(ready.train))
    held = ready.rows.filter(pa.array(ready.test))
    labels = encode_labels(known.column(ready.label))
    truth, judged = known_labels(held, ready.label, labels)
    model = ready.recipe.fit(
        known.select(list(ready.features)), labels, weights=weights_of(known, weight), seed=seed
    )
    contract = dataset.contract
    columns = groups if groups is not None else contract.sensitive if contract else ()
    parts = parts_of(dataset, judged, groups=columns, slices=slices)
    scores = evaluate(
        truth, model.predict(judged.select(list(ready.features))), parts, rng=np.random.default_rng(seed)
    )
    return Trained(
        model=model,
        dataset=dataset.name,
        commit=dataset.commit,
        fingerprint=dataset.fingerprint,
        recipe=identity(ready.recipe),
        label=ready.label,
        features=ready.features,
        seed=seed,
        train_rows=known.num_rows,
        test_rows=judged.num_rows,
        classes=labels.classes,
        scores=tuple(scores),
    )


def prepare(
    dataset: Dataset,
    *,
    recipe: str | None,
    label: str | None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    holdout: float = 0.25,
) -> Training:
    """Choose label, features, recipe and held-out rows; see `train`."""
    name = label_of(dataset, label)
    left_out = [*exclude, *([weight] if weight else [])]
    features = feature_columns(dataset.schema, label=name, key=dataset.key, exclude=left_out)
    rows = dataset.to_arrow(where=None)
    rows = rows.filter(pc.is_valid(rows.column(name)))
    masks = split(dataset, rows, holdout=holdout)
    if masks.train.sum() < LEAST_ROWS or masks.test.sum() < 1:
        raise UsageError(
            f"Dataset {dataset.name!r} has {rows.num_rows} labelled rows, {int(masks.train.sum())} to train on; "
            f"at least {LEAST_ROWS} are needed, and one held out.",
            dataset=dataset.name,
        )
    chosen = recipe or choose(dataset.schema, features)
    return Training(
        dataset=dataset,
        label=name,
        features=tuple(features),
        recipe=load(chosen),
        rows=rows,
        train=masks.train,
        test=masks.test,
        hashes=masks.hashes,
        weight=weight,
    )


def label_of(dataset: Dataset, label: str | None) -> str:
    """Return the label column, given or from the contract.

    Raises
    ------
    UsageError
        If there is none.
    """
    contract = dataset.contract
    found = label or (contract.label if contract else None)
    if not found:
        raise UsageError(
            f"Dataset {dataset.name!r} has no label column. Name one with label= (--label), or import with it.",
            dataset=dataset.name,
        )
    return found


def weights_of(rows: pa.Table, weight: str | None) -> F64 | None:
    """Return the weights of rows; None without a weight column. A missing weight is 1."""
    if weight is None:
        return None
    values: F64 = np.asarray(pc.fill_null(rows.column(weight).cast(pa.float64()), 1.0))
    return values


def known_labels(rows: pa.Table, label: str, learnt: Labels) -> tuple[Labels, pa.Table]:
    """Return the truth of held-out rows, and the rows; those of a class that was never learnt are left out."""
    if not learnt.classes:
        return encode_labels(rows.column(label), task="regression"), rows
    known = pc.is_in(class_names(rows.column(label)), value_set=pa.array(learnt.classes, pa.string()))
    kept = rows.filter(known)
    return encode_labels(kept.column(label), learnt.classes), kept
