"""Backtest: train on the past and judge on what followed, window by window, as it would have been in production.

References
----------
Tashman (2000). Out-of-sample tests of forecasting accuracy: an analysis and review. International Journal of
Forecasting 16(4). doi:10.1016/S0169-2070(00)00065-0 (rolling origin, expanding and sliding windows)
Gama, Sebastião, Rodrigues (2013). On evaluating stream learning algorithms. Machine Learning 90. (test, then train)
Žliobaitė (2013). How good is the electricity benchmark for evaluating concept drift adaptation. arXiv:1301.3524
(repeating the last label as the measure of how alike labels near in time are)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.freshness import duration
from headwater.core.errors import SchemaError, UsageError
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.change_points import excess_distance
from headwater.methods.intervals import percentile_interval
from headwater.methods.multiple_testing import holm
from headwater.methods.two_samples import homogeneity_p_value
from headwater.models.backtest_report import Age, Backtest, ColumnSince, Strategy, WindowScores
from headwater.models.comparison import compare
from headwater.models.evaluation import Part
from headwater.models.metrics import Metric, default_metric, metric
from headwater.models.train import ROW_LIMIT, Training, keep_share, prepare, weights_of
from headwater.profile.times import seconds_of
from headwater.reading.dataset import Dataset
from headwater.recipes.base import F64, Labels, encode_labels, identity, task_of
from headwater.recipes.encoding import numbers
from headwater.recipes.threads import one_thread

__all__ = ["backtest"]

_MOST = 200
_LEAST_ROWS = 50
_DRIFT = 0.1
_ALIKE = 0.1
_ALPHA = 0.001
_BINS = 10
_NAMED = 30
_RESAMPLES = 2_000


def backtest(
    dataset: Dataset,
    *,
    time: str | None = None,
    window: str | int = 12,
    start: int = 3,
    delay: str | float = 0.0,
    recipe: str | None = None,
    label: str | None = None,
    exclude: Sequence[str] = (),
    weight: str | None = None,
    metric: str | None = None,
    use_sensitive: bool = False,
    limit: int = ROW_LIMIT,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Backtest:
    """Say how fast a model decays, which columns drift first, and how often training again pays.

    Parameters
    ----------
    dataset : Dataset
        The data.
    time : str, optional
        The column that says when a row happened: dates, timestamps, or numbers that grow with time. The contract's
        time column by default. The model does not learn from it.
    window : str or int
        Windows: so many of about equally many rows each, or a span such as ``"7d"``.
    start : int
        How many windows the first model learns from.
    delay : str or float
        How long after a row its label is known: a span such as ``"14d"``, or a number in the unit of the time column.
        A model learns from rows alone whose label was known when it was trained.
    recipe, label, exclude, weight, use_sensitive, limit
        As in `headwater.models.train.train`.
    metric : str, optional
        The metric; see `headwater.models.metrics.default_metric`.
    seed : int
        Seed of training and intervals.
    executor : Executor, optional
        Runs the trainings; this process by default.
    progress : Progress
        Told about them.

    Returns
    -------
    Backtest

    Raises
    ------
    NotFound
        If there is no such column, recipe or metric.
    UsageError
        If there is no time column, or there are too few windows or rows.
    SchemaError
        If the column is none that has an order in time.

    Notes
    -----
    At the end of each window from ``start`` on a model is trained on all that is known (*expanding*), and one on the
    last ``start`` windows (*sliding*). Each is asked about all later windows.

    *Decay* is how much a model of a given age is behind one that is fresh, on the same rows, in the mean over the
    windows: so a hard month makes no decay. *Training again pays* where its mean gain over the model that was trained
    once is clear. Intervals are bootstraps over whole windows, since rows near in time are alike. Rows of one time stay
    in one window.

    *Drift* of a column is its Jensen-Shannon distance from the rows that the first model learnt from, less what
    chance makes of it, at least 0.1 and certain at 0.001 over all columns and windows (Holm).
    """
    contract = dataset.contract
    column = time or (contract.time if contract else None)
    if not column:
        raise UsageError(
            f"Dataset {dataset.name!r} has no time column. Name one with time= (--time), or import with it.",
            dataset=dataset.name,
        )
    require_columns(dataset.schema, [column], where=f"dataset {dataset.name!r}")
    ready = prepare(
        dataset,
        recipe=recipe,
        label=label,
        exclude=[*exclude, *([column] if column not in exclude else [])],
        weight=weight,
        use_sensitive=use_sensitive,
        keep=keep_share(limit, dataset.num_rows),
    )
    times, is_instant = _times(ready.rows, column)
    known = np.isfinite(times)
    order = np.argsort(times[known], kind="stable")
    rows = ready.rows.filter(pa.array(known)).take(pa.array(order))
    times = times[known][order]
    edges = _edges(times, window, is_instant)
    if not 1 <= start <= len(edges) - 2:
        raise UsageError(
            f"There are {len(edges) - 1} windows, and the first model learns from {start}: at least one more is "
            "needed. Give more windows, or a smaller start."
        )
    late = duration(delay).total_seconds() if isinstance(delay, str) else float(delay)
    trial = _Trial(ready, rows, times, edges, start, late, seed)
    chosen = _metric(metric, trial.labels)
    found = trial.scores(chosen, executor or LocalExecutor(1), progress)
    names = [_moment(times[first], is_instant) for first in edges[:-1]]
    notes = []
    if (lost := int((~known).sum())) > 0:
        notes.append(f"{lost:,} rows without a time in {column!r} were left out.")
    if ready.rows.num_rows < dataset.num_rows:
        notes.append(f"{ready.rows.num_rows:,} of {dataset.num_rows:,} rows have a label and were used.")
    notes += trial.alike()
    return Backtest(
        dataset=dataset.name,
        commit=dataset.commit,
        time=column,
        label=ready.label,
        recipe=identity(ready.recipe),
        metric=chosen.name,
        higher_is_better=chosen.higher_is_better,
        seed=seed,
        start=start,
        trainings=trial.trainings,
        windows=tuple(trial.windows(found, names)),
        decay=tuple(trial.decay(found, chosen)),
        strategies=tuple(trial.strategies(found, chosen)),
        drifts=tuple(trial.drifts(names)),
        behind_since=trial.behind_since(found, chosen, names),
        notes=tuple(notes),
    )


@dataclass
class _Found:
    """The metric of each model on each window, shape (models, windows), and what the models said."""

    expanding: F64
    sliding: F64
    once: list[F64]
    fresh: list[F64]


class _Trial:
    """Rows in the order of time, cut into windows."""

    def __init__(
        self,
        ready: Training,
        rows: pa.Table,
        times: F64,
        edges: Sequence[int],
        start: int,
        delay: float,
        seed: int,
    ) -> None:
        self.ready, self.rows, self.times, self.edges = ready, rows, times, list(edges)
        self.start, self.delay, self.seed = start, delay, seed
        self.features = rows.select(list(ready.features))
        column = rows.column(ready.label)
        self.labels = encode_labels(column, task=task_of(column.type, column))
        self.count = len(edges) - 1
        self.trainings = 0

    def scores(self, chosen: Metric, executor: Executor, progress: Progress) -> _Found:
        """Train all models, and ask each about all later windows."""
        ends = range(self.start, self.count)
        tasks = [(end, is_sliding) for is_sliding in (False, True) for end in ends]
        with one_thread():
            said = list(
                executor.map(
                    lambda task: self._said(*task), tasks, label="train on the past", progress=progress
                )
            )
        self.trainings = len(tasks)
        shape = len(ends), self.count
        tables = {False: np.full(shape, np.nan), True: np.full(shape, np.nan)}
        for (end, is_sliding), after in zip(tasks, said, strict=True):
            for place, one in enumerate(after):
                rows = self._rows(end + place)
                truth = Labels(values=self.labels.values[rows], classes=self.labels.classes)
                value = chosen.compute(truth, one, np.ones((1, len(one))))
                tables[is_sliding][end - self.start, end + place] = float(value[0])
        once = said[0]
        fresh = [after[0] for after in said[: len(ends)]]
        return _Found(tables[False], tables[True], once, fresh)

    def windows(self, found: _Found, names: Sequence[str]) -> list[WindowScores]:
        """Return the scores of each window after the first model's."""
        out = []
        for place in range(self.start, self.count):
            model = place - self.start
            out.append(
                WindowScores(
                    name=names[place],
                    rows=self.edges[place + 1] - self.edges[place],
                    once=float(found.expanding[0, place]),
                    expanding=float(found.expanding[model, place]),
                    sliding=float(found.sliding[model, place]),
                )
            )
        return out

    def decay(self, found: _Found, chosen: Metric) -> list[Age]:
        """Return by age how far models are behind a fresh one on the same rows."""
        sign = 1.0 if chosen.higher_is_better else -1.0
        models = self.count - self.start
        rng = np.random.default_rng([self.seed, 1])
        out = []
        for age in range(1, models):
            behind = np.array(
                [
                    sign
                    * (
                        found.expanding[old, self.start + old + age]
                        - found.expanding[old + age, self.start + old + age]
                    )
                    for old in range(models - age)
                ]
            )
            behind = behind[~np.isnan(behind)]
            if len(behind):
                out.append(
                    Age(
                        windows=age,
                        difference=float(behind.mean()),
                        interval=_over_windows(behind, rng),
                        of=len(behind),
                    )
                )
        return out

    def strategies(self, found: _Found, chosen: Metric) -> list[Strategy]:
        """Return what each way to train again gains over training once."""
        sign = 1.0 if chosen.higher_is_better else -1.0
        models = self.count - self.start
        rng = np.random.default_rng([self.seed, 2])
        once = found.expanding[0, self.start :]
        out = []
        every = sorted({step for step in (4, 2, 1) if step < models}, reverse=True)
        ways = [("never", found.expanding, models)]
        ways += [
            (f"every {step} windows" if step > 1 else "every window", found.expanding, step) for step in every
        ]
        ways.append((f"every window, on the last {self.start}", found.sliding, 1))
        for name, table, step in ways:
            used = [(place // step) * step for place in range(models)]
            scores = np.array([table[model, self.start + place] for place, model in enumerate(used)])
            gains = sign * (scores - once)
            gains = gains[~np.isnan(gains)]
            trainings = len(set(used))
            interval = (0.0, 0.0) if name == "never" else _over_windows(gains[1:], rng)
            out.append(
                Strategy(
                    name=name,
                    value=float(np.nanmean(scores)) if len(gains) else float("nan"),
                    gain=float(gains.mean()) if len(gains) else float("nan"),
                    interval=interval,
                    trainings=trainings,
                    pays=name != "never" and len(gains) > 2 and interval[0] > 0,
                )
            )
        return out

    def alike(self) -> list[str]:
        """Return a note if labels near in time are alike: then a random split lets the future into the training."""
        if not self.labels.classes:
            return []
        values = self.labels.values[self.edges[self.start] - 1 :]
        repeats = float((values[1:] == values[:-1]).mean())
        shares = np.bincount(values.astype(np.int64)) / len(values)
        chance = float((shares**2).sum())
        if repeats - chance < _ALIKE:
            return []
        text = (
            f"Labels near in time are alike: {repeats:.0%} of the rows have the label of the row before, {chance:.0%} "
            "by chance. A random split puts neighbours on both sides and flatters any model; hold out by time."
        )
        return [text]

    def behind_since(self, found: _Found, chosen: Metric, names: Sequence[str]) -> str | None:
        """Return the first window in which the model that was trained once is clearly behind a fresh one."""
        rng = np.random.default_rng([self.seed, 3])
        later = range(1, len(found.fresh))
        for place in later:
            rows = self._rows(self.start + place)
            truth = Labels(values=self.labels.values[rows], classes=self.labels.classes)
            part = Part(name="all", kind="all", rows=np.ones(len(truth.values), np.bool_))
            (change,) = compare(
                truth,
                found.once[place][None],
                found.fresh[place][None],
                [part],
                chosen,
                rng,
                everything=False,
                tests=len(later),
            )
            if change.verdict == "better":
                return names[self.start + place]
        return None

    def drifts(self, names: Sequence[str]) -> list[ColumnSince]:
        """Return the columns that drifted from what the first model learnt from, those that did first first."""
        distances, p_values = [], []
        columns = [*self.ready.features, self.ready.label]
        for column in columns:
            counts = self._counts(self.rows.column(column))
            first = counts[: self.start].sum(axis=0)
            later = counts[self.start :]
            distances.append([excess_distance(first, one) if one.sum() else 0.0 for one in later])
            p_values.append([homogeneity_p_value(first, one) if one.sum() else 1.0 for one in later])
        far = np.array(distances)
        sure = holm(np.array(p_values).ravel()).reshape(far.shape) < _ALPHA
        out = []
        for column, size, is_far in zip(columns, far, sure & (far >= _DRIFT), strict=True):
            if not is_far.any():
                continue
            since = int(np.argmax(is_far))
            out.append(
                ColumnSince(
                    column=column,
                    since=names[self.start + since],
                    place=since,
                    distance=float(size[is_far].max()),
                    share=float(is_far[since:].mean()),
                )
            )
        return sorted(out, key=lambda one: (one.place, -one.distance, one.column))

    def _said(self, end: int, is_sliding: bool) -> list[F64]:
        """Train at the end of a window, and return what the model says of each later one."""
        last = self.edges[end]
        if self.delay:
            known = np.searchsorted(self.times, self.times[last] - self.delay, side="left")
            last = min(last, int(known))
        # As many rows as the last windows have; those that came too late to be known do not count.
        some_rows = self.edges[end] - self.edges[end - self.start]
        first = max(last - some_rows, 0) if is_sliding else 0
        if last - first < _LEAST_ROWS:
            raise UsageError(
                f"At window {end + 1} of {self.count} only {max(last - first, 0)} labelled rows were known; at least "
                f"{_LEAST_ROWS} are needed. Begin later (start=), with wider windows, or with a shorter delay."
            )
        some = slice(first, last)
        values = self.labels.values[some]
        if self.labels.classes and len(np.unique(values)) < 2:
            raise UsageError(
                f"Until window {end + 1} of {self.count} all labels are alike, so there is nothing to learn. Begin "
                "later: a larger start."
            )
        picked = self.features.slice(first, last - first)
        weights = weights_of(self.rows.slice(first, last - first), self.ready.weight)
        labels = Labels(values=values, classes=self.labels.classes)
        model = self.ready.recipe.fit(picked, labels, weights=weights, seed=self.seed)
        return [
            model.predict(self.features.slice(self.edges[place], self.edges[place + 1] - self.edges[place]))
            for place in range(end, self.count)
        ]

    def _rows(self, place: int) -> slice:
        return slice(self.edges[place], self.edges[place + 1])

    def _counts(self, column: pa.ChunkedArray) -> NDArray[np.float64]:
        """Return how many values of each window are in each bin, shape (windows, bins)."""
        codes, bins = _codes(column, self.edges[self.start])
        at = np.repeat(np.arange(self.count), np.diff(self.edges))
        return (
            np.bincount(at * bins + codes, minlength=self.count * bins)
            .reshape(self.count, bins)
            .astype(float)
        )


def _codes(column: pa.ChunkedArray, first: int) -> tuple[NDArray[np.int64], int]:
    """Return the bin of each value: tenths of the first rows, or their most frequent values; one more for nulls."""
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return np.asarray(column.is_null()).astype(np.int64), 2
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        texts = column.cast(pa.string()).combine_chunks()
        tally = pc.value_counts(texts.slice(0, first).drop_null())
        best = np.argsort(-np.asarray(tally.field("counts")), kind="stable")[:_NAMED]
        named = tally.field("values").take(pa.array(best))
        codes = np.asarray(pc.fill_null(pc.index_in(texts, value_set=named), len(named))).astype(np.int64)
        codes[np.asarray(texts.is_null())] = len(named) + 1
        return codes, len(named) + 2
    values = numbers(column)
    there = values[:first][~np.isnan(values[:first])]
    cuts = np.unique(np.quantile(there, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(there) else np.zeros(0)
    codes = np.searchsorted(cuts, values, side="left").astype(np.int64)
    codes[np.isnan(values)] = len(cuts) + 1
    return codes, len(cuts) + 2


def _times(rows: pa.Table, column: str) -> tuple[F64, bool]:
    values = rows.column(column).combine_chunks()
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return seconds_of(values), True
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return numbers(values), False
    raise SchemaError(
        f"Column {column!r} holds {kind}, which has no order in time. Use dates, timestamps or numbers; "
        "`hw clean DATASET clean.dates` reads dates from text.",
        column=column,
    )


def _edges(times: F64, window: str | int, is_instant: bool) -> list[int]:
    """Return the first row of each window, and the end; rows of one time are in one window."""
    if isinstance(window, str):
        if not is_instant:
            raise UsageError(
                f"The time column holds numbers, so a window of {window!r} has no meaning: give a count."
            )
        width = duration(window).total_seconds()
        if width <= 0:
            raise UsageError(f"A window of {window!r} has no length. Give one such as '7d'.")
        number = np.floor(times / width)
        firsts = np.flatnonzero(np.diff(number, prepend=-np.inf))
    else:
        if window < 2:
            raise UsageError(f"At least 2 windows are needed, not {window}.")
        wanted = (np.arange(window) * len(times)) // window
        firsts = (
            np.unique(np.searchsorted(times, times[wanted], side="left")) if len(times) else np.zeros(0, int)
        )
    if len(firsts) > _MOST:
        raise UsageError(f"There are {len(firsts):,} windows, more than {_MOST}. Give wider ones.")
    return [*firsts.tolist(), len(times)]


def _over_windows(values: F64, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of the mean, drawing whole windows."""
    if len(values) < 2:
        return float("nan"), float("nan")
    drawn = rng.integers(0, len(values), (_RESAMPLES, len(values)))
    return percentile_interval(values[drawn].mean(axis=1))


def _metric(name: str | None, labels: Labels) -> Metric:
    return metric(name or default_metric(labels), labels)


def _moment(value: float, is_instant: bool) -> str:
    if not is_instant:
        return f"{value:g}"
    when = datetime.fromtimestamp(value, UTC)
    return f"{when:%Y-%m-%d}" if value % 86_400 == 0 else f"{when:%Y-%m-%d %H:%M}"
