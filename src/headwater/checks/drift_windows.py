"""The windows that drift is followed over: what each commit brought, spans of time, or runs of rows.

A window is measured once. What a commit appended is known from the states of its chunks; the windows within a chunk
are kept with its content, so that after an append the appended rows alone are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.freshness import duration
from headwater.checks.timing import moment_text
from headwater.core.errors import UsageError
from headwater.core.ids import CommitId, canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.profile.base import Measure, State
from headwater.profile.codec import decode, encode
from headwater.profile.measure import Measured, measure_chunks, measure_table
from headwater.profile.times import require_instants, seconds_of
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache
from headwater.store.commit import Commit
from headwater.store.lookup import Places, gather
from headwater.versions.diff import Diff
from headwater.versions.repo import Repo

__all__ = ["MOST_WINDOWS", "MeasuresOf", "Window", "commit_windows", "row_windows", "time_windows"]

MOST_WINDOWS = 500

MeasuresOf = Callable[[pa.Schema], list[Measure[Any]]]


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that are looked at together, with their states.

    Parameters
    ----------
    label : str
        What it is called: a commit's first letters, a day, the number of its first row.
    rows : int
        How many rows it has.
    states : mapping of str to State
        By `Measure.key`; a measure that could not be taken is missing.
    about : str
        What else there is to say: the commit's message.
    commit : str, optional
        The commit that brought it.
    """

    label: str
    rows: int
    states: dict[str, State]
    about: str = ""
    commit: CommitId | None = None


def commit_windows(
    repo: Repo,
    dataset: str,
    measures: MeasuresOf,
    *,
    head: CommitId,
    stop: CommitId | None = None,
    limit: int = 100,
    progress: Progress = SILENT,
) -> list[Window]:
    """Return the rows that each commit added or changed, the oldest first.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str
        The dataset.
    measures : callable
        Given a schema, what to measure.
    head, stop : CommitId
        From where to look back, along first parents; and up to which commit, which is left out.
    limit : int
        The most commits, the newest.
    """
    windows: list[Window] = []
    at: CommitId | None = head
    while at is not None and at != stop and len(windows) < limit:
        commit = repo.commit(at)
        parent = commit.parents[0] if commit.parents else None
        before = None if parent is None else repo.commit(parent).datasets.get(dataset)
        if dataset in commit.datasets and commit.datasets[dataset] != before:
            window = _of_commit(repo, dataset, commit, parent, measures, progress)
            if window.rows:
                windows.append(window)
        at = parent
    return windows[::-1]


def time_windows(
    dataset: Dataset,
    column: str,
    width: str,
    measures: MeasuresOf,
    *,
    cache: Cache | None,
    executor: Executor,
) -> list[Window]:
    """Return the rows of each span of time, the earliest first; rows without a time are left out.

    Raises
    ------
    SchemaError
        If the column does not hold points in time.
    UsageError
        If there are more than `MOST_WINDOWS` spans.
    """
    require_instants(dataset.schema, column)
    seconds = duration(width).total_seconds()
    if seconds <= 0:
        raise UsageError(f"A window of {width!r} has no length. Give one such as '7d'.")

    def spans(table: pa.Table, start: int) -> NDArray[np.float64]:
        return np.floor(seconds_of(table.column(column).combine_chunks()) / seconds)

    found = _split(dataset, measures, spans, [column], ["time", column, seconds], False, cache, executor)
    return [
        Window(moment_text(number * seconds), rows, states)
        for number, (rows, states) in sorted(found.items())
    ]


def row_windows(
    dataset: Dataset, size: int, measures: MeasuresOf, *, cache: Cache | None, executor: Executor
) -> list[Window]:
    """Return every so many rows, in the order in which the dataset is read.

    Raises
    ------
    UsageError
        If there are more than `MOST_WINDOWS`, or ``size`` is no number of rows.
    """
    if size < 1:
        raise UsageError(f"A window has 1 row at least, not {size}.")

    def runs(table: pa.Table, start: int) -> NDArray[np.float64]:
        return (np.arange(start, start + table.num_rows) // size).astype(np.float64)

    found = _split(dataset, measures, runs, [], ["rows", size], True, cache, executor)
    return [
        Window(f"{int(number) * size:,}", rows, states) for number, (rows, states) in sorted(found.items())
    ]


def _of_commit(
    repo: Repo,
    dataset: str,
    commit: Commit,
    parent: CommitId | None,
    measures: MeasuresOf,
    progress: Progress,
) -> Window:
    here = repo.at(commit.id)[dataset]
    wanted = measures(here.schema)
    before = repo.at(parent)[dataset].chunks if parent and dataset in repo.at(parent) else []
    known = {(chunk.identity(), chunk.deleted_id) for chunk in before}
    now = {(chunk.identity(), chunk.deleted_id) for chunk in here.chunks}
    if known <= now:
        added = [chunk for chunk in here.chunks if (chunk.identity(), chunk.deleted_id) not in known]
        measured = measure_chunks(
            added, here.schema, wanted, executor=repo.executor, cache=repo.cache, progress=progress
        )
        rows, states = measured.rows, _states(measured, wanted)
    else:
        assert parent is not None
        rows, states = _changed(repo, dataset, parent, commit.id, wanted)
    return Window(commit.id[:8], rows, states, commit.message.partition("\n")[0], commit.id)


def _changed(
    repo: Repo, dataset: str, base: CommitId, head: CommitId, wanted: list[Measure[Any]]
) -> tuple[int, dict[str, State]]:
    """Return the states of the rows that were added or changed between two commits."""
    old, new = repo.manifest(dataset, base), repo.manifest(dataset, head)
    assert new is not None
    facts = [repo.commit(ref).datasets.get(dataset) for ref in (base, head)]
    path = f"kept/drift/{digest(canonical_json(['diff', facts, [one.key for one in wanted]]))}"
    kept = _load(repo.cache, path, wanted)
    if 0.0 in kept:
        return kept[0.0]
    changes = Diff(dataset, old, new, repo.objects, repo.executor).changes
    columns = list(dict.fromkeys(column for one in wanted for column in one.columns))
    places = Places.join([changes.added, changes.after])
    table = gather(new, places, repo.objects, columns=columns, executor=repo.executor)
    found = {0.0: (len(places), _states(measure_table(table, wanted), wanted))}
    _save(repo.cache, path, found, wanted)
    return found[0.0]


def _split(
    dataset: Dataset,
    measures: MeasuresOf,
    number: Callable[[pa.Table, int], NDArray[np.float64]],
    reads: Sequence[str],
    facts: list[Any],
    by_place: bool,
    cache: Cache | None,
    executor: Executor,
) -> dict[float, tuple[int, dict[str, State]]]:
    """Return rows and states of each window, which ``number`` gives for each row."""
    wanted = measures(dataset.schema)
    columns = list(dict.fromkeys([*reads, *(column for one in wanted for column in one.columns)]))
    starts = np.concatenate([[0], np.cumsum([chunk.live_rows for chunk in dataset.chunks])]).astype(np.int64)
    types = [str(dataset.schema.field(name).type) for name in columns]

    def task(item: tuple[int, DatasetChunk]) -> dict[float, tuple[int, dict[str, State]]]:
        start, chunk = item
        what = [chunk.identity(columns), chunk.deleted_id, types, start if by_place else None]
        path = f"kept/drift/{digest(canonical_json([*facts, what, [one.key for one in wanted]]))}"
        kept = _load(cache, path, wanted)
        if kept:
            return kept
        table = chunk.read(columns)
        found = dict(_parts(table, number(table, start), wanted))
        _save(cache, path, found, wanted)
        return found

    merged: dict[float, tuple[int, dict[str, State]]] = {}
    for found in executor.map(task, list(zip(starts.tolist(), dataset.chunks, strict=False))):
        for place, (rows, states) in found.items():
            before_rows, before = merged.get(place, (0, {}))
            both = {
                key: before[key].merge(state) if key in before else state for key, state in states.items()
            }
            merged[place] = (before_rows + rows, both)
        _require_few(len(merged))
    return merged


def _parts(
    table: pa.Table, numbers: NDArray[np.float64], wanted: list[Measure[Any]]
) -> Iterator[tuple[float, tuple[int, dict[str, State]]]]:
    order = np.argsort(numbers, kind="stable")
    order = order[~np.isnan(numbers[order])]
    ordered = numbers[order]
    fresh = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else order
    _require_few(len(fresh))
    sorted_ = table.take(pa.array(order)).combine_chunks()
    for low, high in pairwise([*fresh.tolist(), len(ordered)]):
        part = sorted_.slice(low, high - low)
        yield float(ordered[low]), (high - low, _states(measure_table(part, wanted), wanted))


def _require_few(windows: int) -> None:
    if windows > MOST_WINDOWS:
        raise UsageError(f"There are more than {MOST_WINDOWS} windows. Choose wider ones.")


def _states(measured: Measured, wanted: list[Measure[Any]]) -> dict[str, State]:
    return {one.key: measured[one] for one in wanted if one in measured and one.key not in measured.errors}


def _load(
    cache: Cache | None, path: str, wanted: list[Measure[Any]]
) -> dict[float, tuple[int, dict[str, State]]]:
    data = None if cache is None else cache.get(path)
    if data is None:
        return {}
    fields = decode("windows", 1, data)
    found: dict[float, tuple[int, dict[str, State]]] = {}
    for place, (number, rows, keys) in enumerate(fields["windows"]):
        states = {
            one.key: one.load(fields[f"{place} {one.key}"].tobytes()) for one in wanted if one.key in keys
        }
        found[number] = (rows, states)
    return found


def _save(
    cache: Cache | None,
    path: str,
    found: dict[float, tuple[int, dict[str, State]]],
    wanted: list[Measure[Any]],
) -> None:
    if cache is None:
        return
    fields: dict[str, Any] = {
        "windows": [[number, rows, list(states)] for number, (rows, states) in found.items()]
    }
    for place, (_, states) in enumerate(found.values()):
        fields |= {
            f"{place} {key}": np.frombuffer(state.to_bytes(), np.uint8) for key, state in states.items()
        }
    cache.put(path, encode("windows", 1, fields))
