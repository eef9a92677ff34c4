"""Impact: what a change of the data does to a model, with the training recipe held fixed.

The same recipe is trained on two commits, on the same keys, with the same seeds, and judged on the same
held-out keys. The difference is paired, row by row and seed by seed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.hashing import U64, hash_columns
from headwater.core.ids import digest
from headwater.core.progress import Progress
from headwater.engine.base import Executor
from headwater.models.comparison import FEW, Change, Verdict, compare, compare_gaps
from headwater.models.evaluation import Part, parts_of
from headwater.models.metrics import Metric, default_metric, metric
from headwater.models.report import Impact
from headwater.models.train import ROW_LIMIT, Training, keep_share, label_of, predict_once, prepare
from headwater.reading.dataset import Dataset
from headwater.recipes.base import (
    F64,
    Labels,
    class_names,
    encode_labels,
    identity,
    parameters_key,
    task_of,
)
from headwater.recipes.threads import one_thread
from headwater.store.cache import Cache
from headwater.versions.repo import Repo

__all__ = ["Change", "Impact", "Verdict", "impact"]

Mask = NDArray[np.bool_]

_SMALL = 100
_WEIGHT = "_weight"


def impact(
    repo: Repo,
    dataset: str,
    *,
    base: str,
    head: str,
    recipe: str | None = None,
    label: str | None = None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    metric: str | None = None,
    groups: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    seeds: int = 5,
    holdout: float = 0.25,
    use_sensitive: bool = False,
    limit: int = ROW_LIMIT,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Impact:
    """Train the same recipe on two commits and compare on the same held-out rows.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str
        Name of the dataset.
    base, head : str
        The two refs: before and after.
    recipe, label, exclude, weight, use_sensitive, limit : optional
        As in `headwater.models.train.train`; label and recipe follow from ``head``. Columns that only one side
        has are used on that side: they are part of the change.
    metric : str, optional
        The metric that decides; see `headwater.models.metrics.default_metric`.
    groups : sequence of str, optional
        Columns whose groups are compared; the sensitive features of the contract by default.
    slices : sequence of str
        SQL conditions of rows that are compared apart, on the rows as they are in ``head``.
    seeds : int
        How often each side is trained, each time on another nine tenths of the training keys, the same on
        both sides.
    holdout : float
        Share of keys held out.
    seed : int
        Seed of everything.
    executor : Executor, optional
        Runs the trainings; that of the repository by default.
    progress : Progress, optional
        Told about the trainings; that of the repository by default.

    Returns
    -------
    Impact

    Raises
    ------
    NotFound
        If there is no such dataset, column, recipe or metric.
    UsageError
        If the two versions share no held-out rows, or one cannot be trained on.

    Notes
    -----
    *Held out* are keys, by their hash, so they are the same in both versions and in every other. Only keys that
    both versions have, with a label in both, are judged on; augmented rows never are, and those made from a
    held-out row are not trained on.

    *What is the truth?* A change may touch held-out rows too, and then "the same held-out rows" can be read in
    more than one way. The verdict lets each side read the values as its own version writes them, for that is what
    its model will meet: a model trained on masked ages is asked about masked ages, and one trained on raw ages
    about raw ones. Were both asked about masked ages, the model that never saw any would look bad, and masking
    would seem to help. The true label is the same for both: that of ``head``, the version that was reviewed.
    Because labels in ``head`` may themselves be wrong (if they follow a model's suggestions, they favour that
    model), three other readings are given beside it: values and labels of ``head`` for both, those of ``base`` for
    both, and only the rows that are equal in both. Where the readings disagree a note says so. Where no held-out
    row changed they are one and the same.

    *Chance* enters by the held-out rows, and by the training: a model also changes a little when a few rows are
    left out. So each side is trained several times, on the same nine tenths of the keys, and both rows and seeds
    are resampled, in pairs; see `headwater.models.comparison.compare`.

    Predictions are kept in the repository's cache by content of the versions, recipe and seeds. Time is that of
    ``2 * seeds`` trainings. Memory: the used rows of both versions.

    References
    ----------
    Bouthillier et al. (2021). Accounting for variance in machine learning benchmarks. MLSys 3.
    Efron, Tibshirani (1993). An introduction to the bootstrap. doi:10.1201/9780429246593
    """
    if seeds < 1:
        raise UsageError(f"At least one seed is needed, not {seeds}.")
    old, new = (repo.at(ref, dataset=dataset)[dataset] for ref in (base, head))
    _require_somewhere([*exclude, *([weight] if weight else [])], old, new)
    target = label_of(new, label)
    keep = keep_share(limit, max(old.num_rows, new.num_rows))
    # Without a key a row is named by its values: those of the columns that both versions have.
    columns = [name for name in new.schema.names if name in old.schema.names]

    def ready(side: Dataset, chosen: str | None) -> Training:
        return prepare(
            side,
            recipe=chosen,
            label=target,
            exclude=exclude,
            weight=weight,
            holdout=holdout,
            use_sensitive=use_sensitive,
            keep=keep,
            columns=columns,
        )

    after = ready(new, recipe)
    before = ready(old, recipe or after.recipe.id)
    labels = _classes(before, after)
    chosen = _metric(metric, labels)
    held = _Held.of(before, after)
    contract = new.contract
    features = tuple(groups) if groups is not None else contract.sensitive if contract else ()
    parts = parts_of(new, held.with_groups(features), groups=features, slices=slices)
    runner, teller = executor or repo.executor, progress or repo.progress
    said = [
        _predictions(side, labels, held, seeds, seed, repo.cache, runner, teller, name)
        for side, name in ((before, "before"), (after, "after"))
    ]
    views = _Views(held, target, labels, said[0], said[1])
    overall = compare(*views.own, parts, chosen, np.random.default_rng([seed, 0]))

    def judged(view: tuple[Labels, F64, F64]) -> tuple[Change, ...]:
        rows = Part(name="all", kind="all", rows=np.ones(len(view[0].values), np.bool_))
        rng = np.random.default_rng([seed, 0])
        return tuple(compare(*view, [rows], chosen, rng, everything=False))

    whole = tuple(overall[:1])
    on_head = judged(views.head) if held.changed.any() else whole
    on_base = judged(views.base) if held.changed.any() else whole
    unchanged = ~held.changed
    on_unchanged = whole
    if held.changed.any():
        on_unchanged = judged(views.some(unchanged)) if unchanged.sum() >= FEW else ()
    found = Impact(
        dataset=dataset,
        base=str(old.commit),
        head=str(new.commit),
        recipe=identity(after.recipe),
        metric=chosen.name,
        label=target,
        seeds=seeds,
        train_rows=(int(before.train.sum()), int(after.train.sum())),
        test_rows=held.after.num_rows,
        changes=tuple(overall),
        gaps=tuple(compare_gaps(*views.own, parts, np.random.default_rng([seed, 1]))),
        on_head=on_head,
        on_base=on_base,
        on_unchanged=on_unchanged,
    )
    notes = _notes(found, before, after, held, parts, keep, labels)
    return replace(found, notes=notes)


@dataclass(frozen=True, kw_only=True)
class _Held:
    """The held-out rows that both versions have, in the same order.

    ``changed`` marks rows of which a feature or the label differs, ``relabelled`` those of which the label does;
    ``gone`` and ``come`` count held-out rows that only one version has.
    """

    before: pa.Table
    after: pa.Table
    changed: Mask
    relabelled: Mask
    gone: int
    come: int

    @classmethod
    def of(cls, before: Training, after: Training) -> _Held:
        hashes = [side.hashes[side.test] for side in (before, after)]
        _, first, second = np.intersect1d(hashes[0], hashes[1], return_indices=True)
        if not len(first):
            hint = (
                ""
                if after.dataset.key
                else " Import it with a key: without one a changed row is another row."
            )
            raise UsageError(
                f"The two versions of dataset {after.dataset.name!r} share no held-out rows with a label.{hint}",
                dataset=after.dataset.name,
            )
        order = np.argsort(second, kind="stable")
        tables = [
            side.rows.filter(pa.array(side.test)).take(pa.array(places[order]))
            for side, places in ((before, first), (after, second))
        ]
        names = sorted({*before.features, *after.features})
        relabelled = _row_hashes(tables[0], [before.label]) != _row_hashes(tables[1], [after.label])
        changed = relabelled | (_row_hashes(tables[0], names) != _row_hashes(tables[1], names))
        return cls(
            before=tables[0],
            after=tables[1],
            changed=changed,
            relabelled=relabelled,
            gone=len(hashes[0]) - len(first),
            come=len(hashes[1]) - len(first),
        )

    def with_groups(self, features: Sequence[str]) -> pa.Table:
        """Return the rows as they are after the change, with the groups' columns from before where they went."""
        table = self.after
        for name in features:
            if name not in table.schema.names and name in self.before.schema.names:
                table = table.append_column(name, self.before.column(name))
        return table


class _Views:
    """The ways to judge: true labels, and what each side's models say, shape (seeds, n, k).

    ``before`` and ``after`` hold each side's predictions on the rows as they were before and as they are after.
    """

    def __init__(
        self, held: _Held, label: str, labels: Labels, before: Sequence[F64], after: Sequence[F64]
    ) -> None:
        old, new = (_truth(table, label, labels) for table in (held.before, held.after))
        self.own = new, before[0], after[1]
        self.head = new, before[1], after[1]
        self.base = old, before[0], after[0]

    def some(self, rows: Mask) -> tuple[Labels, F64, F64]:
        """Return the first view of some rows only."""
        truth, before, after = self.own
        picked = Labels(values=truth.values[rows], classes=truth.classes)
        return picked, before[:, rows], after[:, rows]


def _metric(name: str | None, labels: Labels) -> Metric:
    return metric(name or default_metric(labels), labels)


def _require_somewhere(names: Sequence[str], old: Dataset, new: Dataset) -> None:
    known = {*old.schema.names, *new.schema.names}
    for name in names:
        if name not in known:
            raise NotFound.among("column", name, known, where=f"dataset {new.name!r}, before or after")


def _classes(before: Training, after: Training) -> Labels:
    """Return the classes of both sides' training rows (none for numbers), without rows."""
    columns = [side.rows.filter(pa.array(side.train)).column(side.label) for side in (before, after)]
    tasks = [task_of(column.type, column) for column in columns]
    if tasks[0] != tasks[1]:
        raise UsageError(
            f"The label {after.label!r} is for {tasks[0]} in one version and for {tasks[1]} in the other."
        )
    if tasks[1] == "regression":
        return Labels(values=np.zeros(0))
    for column in columns:
        encode_labels(column)
    texts = pa.concat_arrays([class_names(column) for column in columns])
    return Labels(values=np.zeros(0), classes=encode_labels(texts).classes)


def _predictions(
    side: Training,
    labels: Labels,
    held: _Held,
    seeds: int,
    seed: int,
    cache: Cache,
    executor: Executor,
    progress: Progress,
    name: str,
) -> list[F64]:
    """Return what each seed's model says of the held-out rows as they were before, and as they are after.

    Each has shape (seeds, n, k), and is kept in the cache.
    """
    hashes = side.hashes[side.train]
    # Rows in the order of their keys, so that the order they are stored in changes no model.
    order = np.argsort(hashes, kind="stable")
    rows, hashes = side.rows.filter(pa.array(side.train)).take(pa.array(order)), hashes[order]
    columns = list(side.features)
    same = not held.changed.any() and held.before.schema.equals(held.after.schema)
    tables = [held.before] if same else [held.before, held.after]
    facts = {
        "side": [side.dataset.fingerprint, str(rows.select(columns).schema), identity(side.recipe)],
        "roles": [side.label, columns, side.weight],
        "classes": list(labels.classes),
        "train": digest(hashes.tobytes()),
        "held": [digest(_row_hashes(table, columns).tobytes()) for table in tables],
        "seeds": [seeds, seed],
    }
    path = f"scores/impact/{parameters_key(facts)}.npz"
    stored = cache.get(path)
    if stored is not None:
        with np.load(io.BytesIO(stored), allow_pickle=False) as kept:
            return [kept[f"t{0 if same else place}"] for place in range(2)]

    def task(number: int) -> list[F64]:
        return predict_once(side, rows, hashes, labels, tables, number if seeds > 1 else None, seed)

    with one_thread():
        found = list(executor.map(task, range(seeds), label=f"train on {name}", progress=progress))
    out = [np.stack([models[place] for models in found]) for place in range(len(tables))]
    buffer = io.BytesIO()
    named: dict[str, Any] = {f"t{place}": values for place, values in enumerate(out)}
    np.savez(buffer, **named)
    cache.put(path, buffer.getvalue())
    return [out[0], out[-1]]


def _truth(table: pa.Table, label: str, labels: Labels) -> Labels:
    column = table.column(label)
    if not labels.classes:
        return encode_labels(column, task="regression")
    codes = pc.index_in(class_names(column), value_set=pa.array(labels.classes, pa.string()))
    return Labels(values=np.asarray(pc.fill_null(codes, -1)).astype(np.float64), classes=labels.classes)


def _row_hashes(table: pa.Table, columns: Sequence[str]) -> U64:
    """Return a hash of each row's values; a column that is not there counts as null throughout."""
    return hash_columns(table, [name for name in columns if name in table.schema.names])


def _notes(
    found: Impact,
    before: Training,
    after: Training,
    held: _Held,
    parts: Sequence[Part],
    keep: float,
    labels: Labels,
) -> tuple[str, ...]:
    """Return what a reader of the figures should know."""
    old, new = before.dataset, after.dataset
    out = []
    if old.fingerprint == new.fingerprint and old.schema.equals(new.schema):
        out.append("Both versions hold the same rows.")
    if not new.key:
        out.append(
            f"Dataset {new.name!r} has no key: a changed row counts as another row, so only rows that did not change "
            "are judged on. Import it with a key for a full comparison."
        )
    elif held.relabelled.any():
        out.append(
            f"{int(held.relabelled.sum()):,} of {len(held.relabelled):,} held-out labels differ. The labels after the "
            "change are taken for true; if they follow a model's suggestions without review, they favour the change."
        )
    if others := [
        f"{words}: {change.verdict} ({change.difference:+.4f})"
        for words, change in found.views()
        if change.verdict != found.verdict
    ]:
        out.append(f"The verdict depends on how held-out rows are read. On {'; on '.join(others)}.")
    for words, count in (("only before", held.gone), ("only after", held.come)):
        if count and new.key:
            out.append(f"{count:,} held-out rows are there {words} the change, and not judged on.")
    for words, here, there in (("before", before, after), ("after", after, before)):
        if lone := sorted(set(here.features) - set(there.features)):
            out.append(f"Learnt from only {words} the change: {', '.join(lone)}.")
    if after.left_out:
        out.append(f"Not learnt from, because sensitive: {', '.join(after.left_out)}.")
    if _WEIGHT in new.schema.names and after.weight is None:
        out.append(f"The weights in column {_WEIGHT!r} were not used: name it as the weight to use them.")
    if keep < 1.0:
        out.append(
            f"About {keep:.0%} of the rows were used, the same keys on both sides; limit= sets how many."
        )
    if len(held.changed) < _SMALL:
        out.append(f"Only {len(held.changed)} rows were held out: small effects cannot be seen.")
    if few := [part.name for part in parts if part.kind != "all" and part.rows.sum() < FEW]:
        out.append(f"Fewer than {FEW} rows, so no verdict: {', '.join(few)}.")
    if found.gaps and len(labels.classes) == 2:
        out.append(f"Selection and positive rates are about {after.label} = {labels.classes[1]}.")
    return tuple(out)
