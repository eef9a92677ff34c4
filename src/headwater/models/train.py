"""Train a recipe on a dataset and evaluate it on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.core.hashing import U64
from headwater.core.schema import require_columns
from headwater.models.detail import detail_of
from headwater.models.evaluation import Score, evaluate, evaluate_gaps, parts_of
from headwater.models.weighing import Weighing
from headwater.reading.dataset import Dataset
from headwater.reading.splits import origin_hashes, share
from headwater.recipes.base import (
    F64,
    Fitted,
    Labels,
    Recipe,
    Task,
    choose,
    class_names,
    encode_labels,
    feature_columns,
    identity,
    load,
)
from headwater.recipes.encoding import conform
from headwater.recipes.pictures import only_pictures, picture_columns, shrunk
from headwater.recipes.split import split

__all__ = [
    "ROW_LIMIT",
    "Trained",
    "Training",
    "keep_share",
    "label_of",
    "predict_once",
    "prepare",
    "train",
    "weights_of",
]

LEAST_ROWS = 50
LEAST_SIDE = 10
ROW_LIMIT = 100_000

_SALT = 7_001
_PICTURES = 1024
_KEPT = 0.9


@dataclass(frozen=True, kw_only=True)
class Training:
    """A dataset made ready for a recipe: labelled rows, features, and which rows are held out.

    ``rows`` are the rows with a label, ``train`` and ``test`` masks over them, ``hashes`` their key hashes;
    ``left_out`` are the sensitive features that could have been learnt from.
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
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained model with its evaluation and where it came from.

    ``predictions`` has a row for each held-out row: its key, the true ``label``, what was ``predicted``, and for
    classes the ``probability`` of each, in the order of ``classes``. ``rows`` has the key of each row that was learnt
    from, ``inputs`` their features; ``weights`` says what rows weighed, ``options`` what `train` was called with.
    ``detail`` is what `headwater.models.detail.detail_of` gives.
    """

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
    predictions: pa.Table
    inputs: pa.Table
    rows: pa.Table
    options: Mapping[str, Any]
    weights: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        shown = ", ".join(f"{s.metric} {s.value:.4f}" for s in self.scores if s.kind == "all")
        return f"Trained({self.recipe} on {self.dataset!r}, {self.train_rows:,} rows: {shown})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model and its predictions as JSON-able values."""
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
            "options": dict(self.options),
            "weights": dict(self.weights),
            "scores": [score.to_dict() for score in self.scores],
            "detail": dict(self.detail),
        }


def train(
    dataset: Dataset,
    *,
    recipe: str | None = None,
    label: str | None = None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    class_weight: str | Mapping[str, float] | None = None,
    group_weight: str | None = None,
    reweigh: str | None = None,
    annotator_weight: str | None = None,
    groups: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    holdout: float = 0.25,
    use_sensitive: bool = False,
    limit: int = ROW_LIMIT,
    seed: int = 0,
) -> Trained:
    """Train a recipe and evaluate it on rows held out by their key.

    Parameters
    ----------
    dataset : Dataset
        The data.
    recipe : str, optional
        Name of a recipe, with parameters or without (``tabular(iterations=300)``), or ``module:function``;
        ``text``, ``image`` or ``tabular``, whichever fits, by default.
    label : str, optional
        The column to predict; the contract's label by default.
    exclude : sequence of str
        Columns not to learn from.
    weight : str, optional
        Column with the weight of each row.
    class_weight, group_weight, reweigh, annotator_weight : optional
        Weights by class, group, group and label, and annotator, multiplied with that column; see ``classes``,
        ``group``, ``reweigh`` and ``annotator`` of `headwater.models.weighing.Weighing`. Held-out rows weigh the same.
    groups : sequence of str, optional
        Columns whose groups are judged apart; the contract's sensitive features by default.
    slices : sequence of str
        SQL conditions of rows that are judged apart.
    holdout : float
        Share of keys held out.
    use_sensitive : bool
        Whether to learn from the contract's sensitive features too. They are always what groups are made of.
    limit : int
        About how many rows are used at most, held-out ones included: chosen by their key, so the same ones in
        every version.
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
    where = f"dataset {dataset.name!r}"
    require_columns(dataset.schema, [*exclude], where=where)
    weighing = Weighing(
        column=weight, classes=class_weight, group=group_weight, reweigh=reweigh, annotator=annotator_weight
    )
    weighing.require(dataset.schema, where)
    named = weighing.annotator_column
    ready = prepare(
        dataset,
        recipe=recipe,
        label=label,
        exclude=[*exclude, *([named] if named else [])],
        weight=weight,
        holdout=holdout,
        use_sensitive=use_sensitive,
        keep=keep_share(limit, dataset.num_rows),
    )
    known = ready.rows.filter(pa.array(ready.train))
    held = ready.rows.filter(pa.array(ready.test))
    labels = encode_labels(known.column(ready.label))
    truth, judged = known_labels(held, ready.label, labels)
    weights, weighed = weighing.weights(known, ready.label, labels, dataset.key)
    model = ready.recipe.fit(known.select(list(ready.features)), labels, weights=weights, seed=seed)
    said = model.predict(judged.select(list(ready.features)))
    contract = dataset.contract
    columns = groups if groups is not None else contract.sensitive if contract else ()
    parts = parts_of(dataset, judged, groups=columns, slices=slices)
    rng = np.random.default_rng(seed)
    scores = evaluate(truth, said, parts, rng=rng) + evaluate_gaps(truth, said, parts, rng=rng)
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
        predictions=_predictions(dataset, judged, ready.label, labels, said),
        inputs=known.select(list(ready.features)),
        rows=_keys(dataset, known),
        options={
            "recipe": recipe or ready.recipe.id,
            "label": ready.label,
            "exclude": list(exclude),
            "weight": weight,
            "class_weight": dict(class_weight) if isinstance(class_weight, Mapping) else class_weight,
            "group_weight": group_weight,
            "reweigh": reweigh,
            "annotator_weight": annotator_weight,
            "groups": list(columns),
            "slices": list(slices),
            "holdout": holdout,
            "use_sensitive": use_sensitive,
            "limit": limit,
            "seed": seed,
        },
        weights=weighed,
        detail=detail_of(truth, said, rng=np.random.default_rng(seed)),
    )


def prepare(
    dataset: Dataset,
    *,
    recipe: str | None,
    label: str | None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    holdout: float = 0.25,
    use_sensitive: bool = False,
    keep: float = 1.0,
    columns: Sequence[str] | None = None,
) -> Training:
    """Choose label, features, recipe and held-out rows.

    Parameters
    ----------
    dataset, recipe, label, exclude, weight, holdout, use_sensitive
        As in `train`; columns to exclude and weights that the dataset lacks are passed over.
    keep : float
        Share of the keys that are used at all.
    columns : sequence of str, optional
        Without a key, the columns that make up the row; all by default.

    Raises
    ------
    UsageError
        If there is no label or no feature, or too few rows.
    """
    name = label_of(dataset, label)
    there = dataset.schema.names
    contract = dataset.contract
    sensitive = [
        column for column in (contract.sensitive if contract else ()) if column in there and column != name
    ]
    spared = [*exclude, *([] if use_sensitive else sensitive), *([weight] if weight else [])]
    left = [column for column in spared if column in there]
    chosen = load(recipe) if recipe else None
    picture = _picture(dataset, chosen, name, left)
    if picture:
        features = [picture]
    else:
        features = feature_columns(dataset.schema, label=name, key=dataset.key, exclude=left)
    if chosen is None:
        chosen = load("image" if picture else choose(dataset.schema, features))
    rows = _labelled(dataset, name, keep, columns, picture)
    masks = split(dataset, rows, holdout=holdout, columns=columns)
    few = int(masks.train.sum()), int(masks.test.sum())
    if sum(few) < LEAST_ROWS or min(few) < LEAST_SIDE:
        raise UsageError(
            f"Dataset {dataset.name!r} has {rows.num_rows} labelled rows, {few[0]} to train on and {few[1]} held out; "
            f"at least {LEAST_ROWS} are needed, with {LEAST_SIDE} on each side.",
            dataset=dataset.name,
        )
    return Training(
        dataset=dataset,
        label=name,
        features=tuple(features),
        recipe=chosen,
        rows=rows,
        train=masks.train,
        test=masks.test,
        hashes=masks.hashes,
        weight=weight if weight in there else None,
        left_out=() if use_sensitive else tuple(column for column in sensitive if column not in exclude),
    )


def keep_share(limit: int, rows: int) -> float:
    """Return the share of keys to use so that about ``limit`` rows are.

    Raises
    ------
    UsageError
        If the limit leaves too few.
    """
    if limit < LEAST_ROWS:
        raise UsageError(f"At least {LEAST_ROWS} rows are needed; the limit is {limit}.")
    return min(1.0, limit / max(rows, 1))


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


def predict_once(
    side: Training,
    rows: pa.Table,
    hashes: U64,
    labels: Labels,
    tables: Sequence[pa.Table],
    number: int | None,
    seed: int,
) -> list[F64]:
    """Train on nine tenths of the keys, another nine for each ``number``, or on all for None; predict the tables' rows.

    Parameters
    ----------
    side : Training
        Recipe, label, features and weight.
    rows : pyarrow.Table
        The training rows, n of them.
    hashes : numpy.ndarray of uint64, shape (n,)
        Hashes of their keys.
    labels : Labels
        The classes; none for numbers.
    tables : sequence of pyarrow.Table
        What to predict.
    number : int, optional
        Of the training, from 0 on.
    seed : int
        Seed of the choice and the training.
    """
    drawn = np.ones(len(hashes), np.bool_)
    if number is not None:
        drawn = share(hashes, 1 + seed * 1000 + number) < _KEPT
    some = rows.filter(pa.array(drawn))
    task: Task = "classification" if labels.classes else "regression"
    known = encode_labels(some.column(side.label), labels.classes or None, task)
    columns = list(side.features)
    model = side.recipe.fit(
        some.select(columns), known, weights=weights_of(some, side.weight), seed=seed + (number or 0)
    )
    schema = some.select(columns).schema
    return [model.predict(conform(table, schema)) for table in tables]


def _picture(dataset: Dataset, recipe: Recipe | None, label: str, exclude: Sequence[str]) -> str | None:
    """Return the column of pictures to learn from: where the recipe reads pictures, or nothing else tells anything."""
    asked = getattr(recipe, "reads_pictures", False)
    if recipe is not None and not asked:
        return None
    found = picture_columns(dataset, [label, *exclude])
    kept = [n for n in dataset.schema.names if n not in (label, *dataset.key, *exclude, *found)]
    others = [n for n in kept if not n.startswith("_") and not pa.types.is_null(dataset.schema.field(n).type)]
    if len(found) == 1 and (asked or only_pictures(dataset.schema, others)):
        return found[0]
    if recipe is not None:
        listed = f": {', '.join(found)}. Exclude all but one" if found else ""
        raise UsageError(
            f"The recipe {recipe.id!r} needs one column of pictures; dataset {dataset.name!r} has {len(found)}{listed}."
        )
    return None


def _labelled(
    dataset: Dataset, label: str, keep: float, columns: Sequence[str] | None, picture: str | None = None
) -> pa.Table:
    """Return the rows with a label, those of a share of the keys; an augmented row goes with its source.

    Pictures are made small while they are read, so that large ones need not fit into memory.
    """
    parts = [dataset.schema.empty_table()]
    for batch in dataset.scan(batch_rows=_PICTURES) if picture else dataset.scan():
        some = pa.Table.from_batches([batch])
        some = some.filter(pc.is_valid(some.column(label)))
        if keep < 1.0:
            some = some.filter(pa.array(share(origin_hashes(dataset, some, columns), _SALT) < keep))
        if picture:
            place = some.schema.get_field_index(picture)
            some = some.set_column(place, some.schema.field(place), shrunk(some.column(place)))
        parts.append(some)
    return pa.concat_tables(parts).combine_chunks()


def _predictions(dataset: Dataset, rows: pa.Table, label: str, labels: Labels, said: F64) -> pa.Table:
    """Return what a model says of held-out rows, as a table with their keys."""
    keys = _keys(dataset, rows)
    out = {**dict(zip(keys.column_names, keys.columns, strict=True)), "label": rows.column(label)}
    if not labels.classes:
        return pa.table({**out, "predicted": said[:, 0]})
    best = pa.array(labels.classes).take(pa.array(said.argmax(axis=1)))
    probability = pa.FixedSizeListArray.from_arrays(pa.array(said.ravel()), len(labels.classes))
    return pa.table({**out, "predicted": best, "probability": probability})


def _keys(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """Return the key of each row; without key columns the name that its content gives it."""
    return rows.select(list(dataset.key)) if dataset.key else pa.table({"key": dataset.keys_of(rows)})


def known_labels(rows: pa.Table, label: str, learnt: Labels) -> tuple[Labels, pa.Table]:
    """Return the truth of held-out rows, and the rows; those of a class that was never learnt are left out."""
    if not learnt.classes:
        return encode_labels(rows.column(label), task="regression"), rows
    known = pc.is_in(class_names(rows.column(label)), value_set=pa.array(learnt.classes, pa.string()))
    kept = rows.filter(known)
    return encode_labels(kept.column(label), learnt.classes), kept
