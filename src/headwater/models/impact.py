"""Impact: what a change of the data does to a model, with the training recipe held fixed.

The same recipe is trained on two commits, on the same keys, with the same seeds, and judged on the same
held-out keys. The difference is paired, row by row and seed by seed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import hash_columns
from headwater.core.ids import digest
from headwater.core.progress import track
from headwater.methods.intervals import percentile_interval
from headwater.models.evaluation import RESAMPLES, Part, draws, parts_of
from headwater.models.metrics import Metric, default_metric, metric, metrics_for
from headwater.models.train import Training, label_of, prepare, weights_of
from headwater.recipes.base import F64, Labels, class_names, encode_labels, identity, parameters_key, task_of
from headwater.recipes.split import share
from headwater.store.dataset import Dataset
from headwater.store.repo import Repo

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Change", "Impact", "Verdict", "impact"]

Verdict = Literal["better", "worse", "no clear difference"]

_KEPT = 0.9
_POWER = 2.8
_FEW = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a metric of one part of the held-out rows changed.

    Parameters
    ----------
    part, kind : str
        Which rows: ``all``, a slice or a group.
    rows : int
        How many.
    metric : str
        Name of the metric.
    base, head : float
        Its value before and after, the mean over the seeds.
    difference : float
        ``head - base``.
    interval : tuple of float
        Confidence interval of the difference.
    verdict : str
        ``better`` or ``worse`` if the interval leaves zero out, in the metric's direction.
    detectable : float
        The smallest difference that this comparison would have shown in 4 of 5 cases.
    """

    part: str
    kind: str
    rows: int
    metric: str
    base: float
    head: float
    difference: float
    interval: tuple[float, float]
    verdict: Verdict
    detectable: float

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-able values; what is not defined is null."""
        out = {**asdict(self), "interval": list(self.interval)}
        return {name: _plain(value) for name, value in out.items()}


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What a change of the data did to a model.

    Parameters
    ----------
    dataset, base, head, recipe, metric : str
        What was compared, how it was trained, and the metric that decides.
    label : str
        The column that is predicted.
    seeds : int
        How often each side was trained.
    train_rows : tuple of int
        Rows to train on, before and after.
    test_rows : int
        Held-out rows that both versions have.
    changes : tuple of Change
        Judged on the rows as they are in ``head``: all metrics overall, the deciding one by slice and group.
    on_base : tuple of Change
        The same overall, judged on the rows as they are in ``base``.
    notes : tuple of str
        What to bear in mind.
    """

    dataset: str
    base: str
    head: str
    recipe: str
    metric: str
    label: str
    seeds: int
    train_rows: tuple[int, int]
    test_rows: int
    changes: tuple[Change, ...]
    on_base: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def overall(self) -> Change:
        """The change of the deciding metric over all held-out rows."""
        return next(c for c in self.changes if c.kind == "all" and c.metric == self.metric)

    @property
    def verdict(self) -> Verdict:
        """``better``, ``worse`` or ``no clear difference``."""
        return self.overall.verdict

    def summary(self) -> str:
        """Return the verdict in a sentence that says how sure it is."""
        found = self.overall
        low, high = found.interval
        figures = (
            f"{found.metric} {found.base:.4f} → {found.head:.4f} (difference {found.difference:+.4f}, "
            f"95 % interval {low:+.4f} to {high:+.4f}) on {found.rows:,} held-out rows"
        )
        if found.verdict == "no clear difference":
            unseen = f"A difference below {found.detectable:.4f} could not have been seen."
            return f"No clear difference: {figures}. {unseen}"
        word = "helped" if found.verdict == "better" else "made the model worse"
        return f"The change {word}: {figures}."

    def __repr__(self) -> str:
        return f"Impact({self.base[:12]} → {self.head[:12]} of {self.dataset!r}, {self.recipe})\n  {self.summary()}"

    def table(self) -> Table:
        """Return the changes as a table for the terminal."""
        from rich.table import Table

        out = Table(
            title=f"{self.dataset}: {self.base[:12]} → {self.head[:12]}", title_justify="left", box=None
        )
        for name in ("on", "rows", "metric", "before", "after", "difference", "95 % interval", ""):
            is_text = name in ("on", "metric", "")
            out.add_column(name, justify="left" if is_text else "right", no_wrap=not is_text)
        styles = {"better": "green", "worse": "red"}
        for change in self.changes:
            *cells, verdict = _cells(change)
            out.add_row(
                *cells, "" if change.verdict not in styles else verdict, style=styles.get(change.verdict)
            )
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the impact as JSON-able values."""
        return {
            "dataset": self.dataset,
            "base": self.base,
            "head": self.head,
            "recipe": self.recipe,
            "label": self.label,
            "metric": self.metric,
            "verdict": self.verdict,
            "summary": self.summary(),
            "seeds": self.seeds,
            "train_rows": list(self.train_rows),
            "test_rows": self.test_rows,
            "changes": [change.to_dict() for change in self.changes],
            "on_base": [change.to_dict() for change in self.on_base],
            "notes": list(self.notes),
        }

    def to_markdown(self) -> str:
        """Return the impact as Markdown, for a review."""
        lines = [
            f"### Impact on `{self.dataset}`: {self.verdict}",
            "",
            self.summary(),
            "",
            "| on | rows | metric | before | after | difference | 95 % interval | |",
            "| --- | ---: | --- | ---: | ---: | ---: | ---: | --- |",
            *("| " + " | ".join(_cells(change)) + " |" for change in self.changes),
            "",
            *(f"- {note}" for note in self.notes),
        ]
        return "\n".join(lines).rstrip() + "\n"


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
    seed: int = 0,
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
    recipe, label, exclude, weight : optional
        As in `headwater.models.train.train`; label and recipe follow from ``head``. Columns that only one side
        has are used on that side: they are part of the change.
    metric : str, optional
        The metric that decides; see `headwater.models.metrics.default_metric`.
    groups : sequence of str, optional
        Columns whose groups are compared; the sensitive features of the contract by default.
    slices : sequence of str
        SQL conditions of rows that are compared apart.
    seeds : int
        How often each side is trained, each time on another nine tenths of the training keys, the same on
        both sides.
    holdout : float
        Share of keys held out.
    seed : int
        Seed of everything.

    Returns
    -------
    Impact

    Raises
    ------
    UsageError
        If the two versions share no held-out rows, or one cannot be trained on.

    Notes
    -----
    Held out are keys, by their hash, so they are the same in both versions and in every other. Only keys that
    both versions have, with a label in both, are judged on. The truth is the same for both sides: the rows as
    they are in ``head``, the version that was reviewed; figures on the rows as they are in ``base`` are given
    beside them. The interval is a percentile bootstrap over held-out rows and seeds, both paired.

    References
    ----------
    Efron, Tibshirani (1993). An introduction to the bootstrap. doi:10.1201/9780429246593
    Bouthillier et al. (2021). Accounting for variance in machine learning benchmarks. MLSys 3.
    """
    if seeds < 1:
        raise UsageError(f"At least one seed is needed, not {seeds}.")
    old, new = repo.at(base)[dataset], repo.at(head)[dataset]
    if new.commit is None or old.commit is None:
        raise UsageError("Impact compares commits.")
    target = label_of(new, label)
    after, before = (
        prepare(
            side, recipe=recipe, label=target, exclude=_there(exclude, side), weight=weight, holdout=holdout
        )
        for side in (new, old)
    )
    before = replace(before, recipe=after.recipe)
    contract = new.contract
    columns = tuple(groups) if groups is not None else contract.sensitive if contract else ()
    labels = _classes(before, after)
    chosen = metric_of(metric, labels)
    truth_new, truth_old = _paired(before, after)
    if not truth_new.num_rows:
        raise UsageError(
            f"The two versions of dataset {dataset!r} share no held-out rows with a label. "
            + ("Import it with a key: without one a changed row is another row." if not new.key else ""),
            dataset=dataset,
        )
    said = [
        _predictions(repo, side, labels, (truth_new, truth_old), seeds, seed, name)
        for side, name in ((before, "before"), (after, "after"))
    ]
    parts = parts_of(new, truth_new, groups=columns, slices=slices)
    rng = np.random.default_rng(seed)
    return Impact(
        dataset=dataset,
        base=old.commit,
        head=new.commit,
        recipe=identity(after.recipe),
        metric=chosen.name,
        label=target,
        seeds=seeds,
        train_rows=(int(before.train.sum()), int(after.train.sum())),
        test_rows=truth_new.num_rows,
        changes=tuple(
            _compare(_truth(truth_new, target, labels), said[0][0], said[1][0], parts, chosen, rng)
        ),
        on_base=tuple(
            _compare(_truth(truth_old, target, labels), said[0][1], said[1][1], parts[:1], chosen, rng)
        ),
        notes=tuple(_notes(old, new, truth_new.num_rows, parts)),
    )


def metric_of(name: str | None, labels: Labels) -> Metric:
    """Return the metric that decides."""
    return metric(name or default_metric(labels), labels)


def _there(names: Sequence[str], dataset: Dataset) -> list[str]:
    return [name for name in names if name in dataset.schema.names]


def _classes(before: Training, after: Training) -> Labels:
    """Return the classes of both sides' training rows (none for numbers), without rows."""
    columns = [side.rows.filter(pa.array(side.train)).column(side.label) for side in (before, after)]
    tasks = [task_of(column.type, column) for column in columns]
    if tasks[0] != tasks[1]:
        raise UsageError(f"The label is for {tasks[0]} in one version and for {tasks[1]} in the other.")
    if tasks[1] == "regression":
        return Labels(values=np.zeros(0))
    texts = pa.concat_arrays([class_names(column) for column in columns])
    known = encode_labels(pa.chunked_array([texts]))
    return Labels(values=np.zeros(0), classes=known.classes)


def _paired(before: Training, after: Training) -> tuple[pa.Table, pa.Table]:
    """Return the held-out rows that both versions have, in the same order: as in head, and as in base."""
    hashes = [side.hashes[side.test] for side in (before, after)]
    _, first, second = np.intersect1d(hashes[0], hashes[1], return_indices=True)
    order = np.argsort(second, kind="stable")
    held = [side.rows.filter(pa.array(side.test)) for side in (before, after)]
    return held[1].take(pa.array(second[order])), held[0].take(pa.array(first[order]))


def _predictions(
    repo: Repo, side: Training, labels: Labels, tables: Sequence[pa.Table], seeds: int, seed: int, name: str
) -> list[F64]:
    """Return for each table the predictions of each seed's model, shape (seeds, n, k); kept in the cache."""
    facts = {
        "side": [
            side.dataset.fingerprint,
            identity(side.recipe),
            side.label,
            list(side.features),
            side.weight,
        ],
        "classes": list(labels.classes),
        "rows": [_fingerprint(table) for table in tables],
        "train": int(side.train.sum()),
        "seeds": [seeds, seed],
    }
    path = f"scores/impact/{parameters_key(json.loads(json.dumps(facts)))}.npz"
    stored = repo.cache.get(path)
    if stored is not None:
        with np.load(io.BytesIO(stored), allow_pickle=False) as kept:
            return [kept[f"arr_{place}"] for place in range(len(tables))]
    rows = side.rows.filter(pa.array(side.train))
    hashes = side.hashes[side.train]
    # Rows in the order of their keys, so that the order they are stored in changes no model.
    order = np.argsort(hashes, kind="stable")
    rows, hashes = rows.take(pa.array(order)), hashes[order]
    columns = list(side.features)
    parts: list[list[NDArray[np.float64]]] = [[] for _ in tables]
    for number in track(range(seeds), f"train on {name}", progress=repo.progress, total=seeds):
        drawn = (
            share(hashes, 1 + seed * 1000 + number) < _KEPT if seeds > 1 else np.ones(len(hashes), np.bool_)
        )
        some = rows.filter(pa.array(drawn))
        known = encode_labels(
            some.column(side.label), labels.classes or None, None if labels.classes else "regression"
        )
        model = side.recipe.fit(
            some.select(columns), known, weights=weights_of(some, side.weight), seed=seed + number
        )
        for place, table in enumerate(tables):
            parts[place].append(model.predict(_with_columns(table, side).select(columns)))
    out = [np.stack(found) for found in parts]
    buffer = io.BytesIO()
    np.savez(buffer, *out)
    repo.cache.put(path, buffer.getvalue())
    return out


def _fingerprint(table: pa.Table) -> str:
    return digest(hash_columns(table).tobytes())[:24]


def _with_columns(table: pa.Table, side: Training) -> pa.Table:
    """Return held-out rows with the side's features: those its version lacks or types otherwise are fitted."""
    for name in side.features:
        kind = side.rows.schema.field(name).type
        if name not in table.schema.names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table


def _truth(table: pa.Table, label: str, labels: Labels) -> Labels:
    column = table.column(label)
    if not labels.classes:
        return encode_labels(column, task="regression")
    codes = pc.index_in(class_names(column), value_set=pa.array(labels.classes, pa.string()))
    return Labels(values=np.asarray(pc.fill_null(codes, -1)).astype(np.float64), classes=labels.classes)


def _compare(
    truth: Labels, before: F64, after: F64, parts: Sequence[Part], chosen: Metric, rng: np.random.Generator
) -> list[Change]:
    """Return all metrics of the first part, and the deciding one of the others."""
    out = []
    for place, part in enumerate(parts):
        rows = part.rows & (truth.values >= 0 if truth.classes else True)
        weights = draws(int(rows.sum()), RESAMPLES, rng)
        # The same seeds are drawn for both sides in each resample; the first draw takes each once.
        seeds = rng.multinomial(len(before), np.full(len(before), 1 / len(before)), size=RESAMPLES) / len(
            before
        )
        shares = np.vstack([np.full((1, len(before)), 1 / len(before)), seeds])
        picked = Labels(values=truth.values[rows], classes=truth.classes)
        wanted = (
            [chosen] + [m for m in metrics_for(truth) if m.name != chosen.name] if place == 0 else [chosen]
        )
        for found in wanted:
            first = _mean_over_seeds(found, picked, before[:, rows], weights, shares)
            second = _mean_over_seeds(found, picked, after[:, rows], weights, shares)
            out.append(_change(found, part, int(rows.sum()), first, second))
    return out


def _mean_over_seeds(found: Metric, truth: Labels, said: F64, weights: F64, shares: F64) -> F64:
    scores = np.stack([found.compute(truth, predictions, weights) for predictions in said], axis=1)
    mean: F64 = (scores * shares).sum(axis=1)
    return mean


def _change(found: Metric, part: Part, rows: int, before: F64, after: F64) -> Change:
    differences = (after - before)[1:]
    differences = differences[~np.isnan(differences)]
    low, high = percentile_interval(differences) if len(differences) else (float("nan"), float("nan"))
    better, worse = (low > 0, high < 0) if found.higher_is_better else (high < 0, low > 0)
    enough = rows >= _FEW
    return Change(
        part=part.name,
        kind=part.kind,
        rows=rows,
        metric=found.name,
        base=float(before[0]),
        head=float(after[0]),
        difference=float(after[0] - before[0]),
        interval=(low, high),
        verdict="better" if better and enough else "worse" if worse and enough else "no clear difference",
        detectable=float(_POWER * differences.std()) if len(differences) else float("nan"),
    )


def _notes(old: Dataset, new: Dataset, rows: int, parts: Sequence[Part]) -> list[str]:
    out = []
    if not new.key:
        out.append(
            f"Dataset {new.name!r} has no key: a changed row counts as another row, so only rows that did not change "
            "are judged on. Import it with a key for a full comparison."
        )
    if old.fingerprint == new.fingerprint and old.schema.equals(new.schema):
        out.append("Both versions hold the same rows.")
    if rows < 100:
        out.append(f"Only {rows} rows were held out: small effects cannot be seen.")
    few = [part.name for part in parts if part.kind != "all" and part.rows.sum() < _FEW]
    if few:
        out.append(f"Fewer than {_FEW} rows, so no verdict: {', '.join(few)}.")
    return out


def _cells(change: Change) -> list[str]:
    low, high = change.interval
    return [
        change.part,
        f"{change.rows:,}",
        change.metric,
        f"{change.base:.4f}",
        f"{change.head:.4f}",
        f"{change.difference:+.4f}",
        f"{low:+.4f} … {high:+.4f}",
        change.verdict,
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
