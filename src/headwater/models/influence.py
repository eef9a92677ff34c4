"""Influence: what a model loses, or gains, when a part of its training rows is left out."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, hash_columns
from headwater.core.ids import digest
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import plain_type, require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.models.comparison import compare
from headwater.models.evaluation import Part
from headwater.models.influence_report import GroupInfluence, Influence
from headwater.models.metrics import default_metric
from headwater.models.metrics import metric as find_metric
from headwater.models.train import ROW_LIMIT, Training, keep_share, known_labels, predict_once, prepare
from headwater.reading.dataset import Dataset
from headwater.recipes.base import F64, Labels, encode_labels, identity, parameters_key
from headwater.recipes.threads import one_thread
from headwater.store.cache import Cache

__all__ = ["GroupInfluence", "Influence", "influence"]

I64 = NDArray[np.int64]

MOST_GROUPS = 50


def influence(
    dataset: Dataset,
    *,
    by: str,
    recipe: str | None = None,
    label: str | None = None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    metric: str | None = None,
    seeds: int = 5,
    holdout: float = 0.25,
    use_sensitive: bool = False,
    limit: int = ROW_LIMIT,
    seed: int = 0,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Influence:
    """Leave each group of training rows out in turn, and compare the models on the same held-out rows.

    Parameters
    ----------
    dataset : Dataset
        The data.
    by : str
        The column whose values are the groups, such as the source or the annotator of a row; 2 to 50 of them.
    recipe, label, exclude, weight, holdout, use_sensitive, limit : optional
        As in `headwater.models.train.train`.
    metric : str, optional
        The metric that decides; see `headwater.models.metrics.default_metric`.
    seeds : int
        How often each model is trained, each time on another nine tenths of the training keys.
    seed : int
        Seed of everything.
    cache : Cache, optional
        Where predictions are kept, by content of the dataset and parameters.
    executor : Executor, optional
        Runs the trainings.
    progress : Progress
        Told about them.

    Returns
    -------
    Influence

    Raises
    ------
    NotFound
        If there is no such column, recipe or metric.
    UsageError
        If there are fewer than 2 or more than 50 groups, or the dataset cannot be trained on.

    Notes
    -----
    The difference and its interval are those of `headwater.models.comparison.compare`: paired by row and seed. With
    many groups a difference must be clearer to count (Bonferroni). A model without a group is worse on that group's own
    rows, so the held-out rows of other groups are given beside all: a group that helps only itself shows there. Time is
    that of ``seeds * (groups + 1)`` trainings.

    References
    ----------
    Cook (1977). Detection of influential observation in linear regression. doi:10.1080/00401706.1977.10489493
    Koh, Ang, Teo, Liang (2019). On the accuracy of influence functions for measuring group effects. NeurIPS 32.
    """
    if seeds < 1:
        raise UsageError(f"At least one seed is needed, not {seeds}.")
    require_columns(dataset.schema, [by], where=f"dataset {dataset.name!r}")
    ready = prepare(
        dataset,
        recipe=recipe,
        label=label,
        exclude=exclude,
        weight=weight,
        holdout=holdout,
        use_sensitive=use_sensitive,
        keep=keep_share(limit, dataset.num_rows),
    )
    # Rows in the order of their keys, so that the order they are stored in changes no model.
    order = np.argsort(ready.hashes[ready.train], kind="stable")
    rows = ready.rows.filter(pa.array(ready.train)).take(pa.array(order))
    hashes = ready.hashes[ready.train][order]
    values, code = _groups(rows, by, dataset.name)
    labels = encode_labels(rows.column(ready.label))
    _require_classes(labels, code, values, by)
    truth, held = known_labels(ready.rows.filter(pa.array(ready.test)), ready.label, labels)
    chosen = find_metric(metric or default_metric(truth), truth)
    said = _predictions(
        ready,
        rows,
        hashes,
        held,
        labels,
        code,
        seeds,
        seed,
        cache,
        executor or LocalExecutor(1),
        progress,
    )
    home = _places(held, by, values)
    everything = np.ones(held.num_rows, np.bool_)
    out = []
    for place, value in enumerate(values.to_pylist()):
        parts = [Part(name="all", kind="all", rows=everything)]
        others = home != place
        if others.any() and not others.all():
            parts.append(Part(name="other groups", kind="slice", rows=others))
        rng = np.random.default_rng([seed, 0])
        found = compare(
            truth, said[place + 1], said[0], parts, chosen, rng, everything=False, tests=len(values)
        )
        out.append(
            GroupInfluence(
                group=value,
                rows=int((code == place).sum()),
                overall=found[0],
                elsewhere=found[1] if len(found) > 1 else None,
            )
        )
    sign = 1.0 if chosen.higher_is_better else -1.0
    out.sort(key=lambda one: sign * one.overall.difference)
    return Influence(
        dataset=dataset.name,
        by=by,
        label=ready.label,
        recipe=identity(ready.recipe),
        metric=chosen.name,
        groups=tuple(out),
        seeds=seeds,
        train_rows=rows.num_rows,
        test_rows=held.num_rows,
    )


def _require_classes(labels: Labels, code: I64, values: pa.Array, by: str) -> None:
    """Raise if a model without one of the groups would know one class alone."""
    for place, value in enumerate(values.to_pylist() if labels.classes else []):
        if len(np.unique(labels.values[code != place])) < 2:
            raise UsageError(
                f"Without the rows of {by} = {value!r} only one class is left to learn. Name another column.",
                column=by,
            )


def _groups(rows: pa.Table, by: str, dataset: str) -> tuple[pa.Array, I64]:
    """Return the values of the column, the most frequent first, and the place of each row's."""
    column = rows.column(by).cast(plain_type(rows.schema.field(by).type)).combine_chunks()
    if pa.types.is_nested(column.type):
        raise UsageError(f"Column {by!r} is {column.type}: groups are named by plain values.", column=by)
    tally = column.value_counts()
    order = np.argsort(-np.asarray(tally.field("counts")), kind="stable")
    values = tally.field("values").take(pa.array(order))
    if not 2 <= len(values) <= MOST_GROUPS:
        raise UsageError(
            f"Column {by!r} has {len(values):,} value(s) in the training rows of {dataset!r}; 2 to {MOST_GROUPS} "
            "groups can be left out in turn. Name another column.",
            column=by,
        )
    return values, _places(rows, by, values)


def _places(rows: pa.Table, by: str, values: pa.Array) -> I64:
    column = rows.column(by).cast(values.type)
    return np.asarray(pc.fill_null(pc.index_in(column, value_set=values), -1), np.int64)


def _predictions(
    side: Training,
    rows: pa.Table,
    hashes: U64,
    held: pa.Table,
    labels: Labels,
    code: I64,
    seeds: int,
    seed: int,
    cache: Cache | None,
    executor: Executor,
    progress: Progress,
) -> F64:
    """Return what models say of the held-out rows: with all rows, then without each group.

    Shape (groups + 1, seeds, n, k).
    """
    groups = int(code.max()) + 1
    facts = {
        "side": [side.dataset.fingerprint, identity(side.recipe), str(rows.schema), list(side.features)],
        "roles": [side.label, side.weight, list(labels.classes)],
        "rows": [digest(part.tobytes()) for part in (hashes, code, hash_columns(held))],
        "seeds": [seeds, seed],
    }
    path = f"scores/influence/{parameters_key(facts)}.npy"
    stored = cache.get(path) if cache else None
    if stored is not None:
        kept: F64 = np.load(io.BytesIO(stored), allow_pickle=False)
        return kept

    def task(numbered: tuple[int, int]) -> F64:
        left_out, number = numbered
        stay = code != left_out
        some = rows.filter(pa.array(stay))
        which = number if seeds > 1 else None
        return predict_once(side, some, hashes[stay], labels, [held], which, seed)[0]

    # No row is in group -1: that model learns from all.
    works = [(left_out, number) for left_out in range(-1, groups) for number in range(seeds)]
    with one_thread():
        found = list(
            executor.map(task, works, label=f"train without {side.dataset.name}'s groups", progress=progress)
        )
    out = np.stack(found).reshape(groups + 1, seeds, *found[0].shape)
    if cache:
        buffer = io.BytesIO()
        np.save(buffer, out, allow_pickle=False)
        cache.put(path, buffer.getvalue())
    return out
