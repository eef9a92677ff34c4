"""Measure a dataset: one scan for all measures, chunk by chunk, and only over what is not known yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import duckdb
import numpy as np
import pyarrow as pa

from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.ids import digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.profile.base import Measure, State
from headwater.profile.batch import Batch
from headwater.profile.cache import ByteCache, ChunkPack, Version, WholePack, entry_key
from headwater.profile.duck import session
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset

__all__ = ["Measured", "measure", "measure_chunks", "measure_table"]

S = TypeVar("S", bound=State)
AnyMeasure = Measure[Any]

_MOST_STALE = 0.2
"""The share of stale rows from which a state is no longer worth keeping up."""


class Measured:
    """The states of a dataset's measures.

    Parameters
    ----------
    rows : int
        Live rows of the dataset.
    states : mapping of str to State or bytes
        By `Measure.key`; bytes are read when they are asked for.
    errors : mapping of str to Exception
        What taking a measure raised.
    scanned_rows : int
        Rows that had to be read.
    """

    def __init__(
        self,
        rows: int,
        states: Mapping[str, State | bytes],
        errors: Mapping[str, Exception],
        scanned_rows: int = 0,
    ) -> None:
        self.rows = rows
        self.errors = dict(errors)
        self.scanned_rows = scanned_rows
        self._states = dict(states)

    def __getitem__(self, measure: Measure[S]) -> S:
        """Return the state of a measure.

        Raises
        ------
        Exception
            What taking it raised, if it did.
        KeyError
            If it was not asked for.
        """
        if measure.key in self.errors:
            raise self.errors[measure.key]
        state = self._states[measure.key]
        if isinstance(state, bytes):
            state = self._states[measure.key] = measure.load(state)
        return cast(S, state)

    def __contains__(self, measure: AnyMeasure) -> bool:
        return measure.key in self._states or measure.key in self.errors


def measure(
    dataset: Dataset,
    measures: Iterable[AnyMeasure],
    *,
    executor: Executor | None = None,
    cache: ByteCache | None = None,
    progress: Progress = SILENT,
    exact: Collection[AnyMeasure] = frozenset(),
) -> Measured:
    """Take measures of a dataset.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    measures : iterable of Measure
        What to measure. All of them share one read of each chunk that has to be read.
    executor : Executor, optional
        Runs the work on chunks; threads of this process by default.
    cache : Cache, optional
        Where states are looked up and kept; without one, everything is measured.
    progress : Progress
        Told about the chunks.
    exact : collection of Measure
        Those whose states must be fresh: no stale rows.

    Returns
    -------
    Measured
        A measure that cannot be taken raises its error when its state is asked for.

    Notes
    -----
    In order of preference: the merged states kept for this very version; those of the version measured last,
    aged by the rows deleted since and merged with the states of appended chunks; the states of each chunk,
    merged in scan order. A chunk's state is kept, or made from one with fewer deletions (aged; where it
    must be fresh, the deleted rows are read and subtracted), or measured.
    """
    wanted, errors = _validated(measures, dataset.schema)
    forced = {one.key for one in exact}
    chunks = dataset.chunks
    job = _Job(dataset.schema, executor or LocalExecutor(), cache, progress)
    folder = chunks[0].cache_prefix() if chunks else ""
    version = Version.of(chunks, dataset.schema) if cache is not None and chunks else None
    whole = WholePack.load(folder, version.name, cache) if cache is not None and version else None
    known: dict[str, State | bytes] = {}

    if whole is not None:
        known.update((key, data) for key, data in whole.entries.items() if key in wanted)
        _drop_stale(known, wanted, forced)
    elif cache is not None and version is not None:
        known.update(_continued(chunks, version, folder, wanted, forced, job, errors))
    missing = [one for key, one in wanted.items() if key not in known and key not in errors]
    if missing:
        known.update(job.fold(chunks, missing, forced, errors))
        if cache is not None and version is not None:
            _keep(known, wanted, whole, version, folder, chunks, cache)
    elif whole is None and cache is not None and version is not None and known:
        _keep(known, wanted, None, version, folder, chunks, cache)
    return Measured(dataset.num_rows, known, errors, job.scanned_rows)


def measure_chunks(
    chunks: Sequence[DatasetChunk],
    schema: pa.Schema,
    measures: Iterable[AnyMeasure],
    *,
    executor: Executor | None = None,
    cache: ByteCache | None = None,
    progress: Progress = SILENT,
) -> Measured:
    """Take measures of some chunks of a dataset; see `measure`. States of chunks that are kept are not taken again."""
    wanted, errors = _validated(measures, schema)
    job = _Job(schema, executor or LocalExecutor(), cache, progress)
    # Fresh states: what is stale would be compared with what is not.
    states = job.fold(chunks, list(wanted.values()), set(wanted), errors)
    return Measured(sum(chunk.live_rows for chunk in chunks), states, errors, job.scanned_rows)


def measure_table(table: pa.Table, measures: Iterable[AnyMeasure]) -> Measured:
    """Take measures of a table in memory, without a cache."""
    wanted, errors = _validated(measures, table.schema)
    states, more = _take(table, list(wanted.values()))
    return Measured(table.num_rows, states, {**errors, **more}, table.num_rows)


@dataclass
class _Job:
    """What one call works with, and what it has read."""

    schema: pa.Schema
    executor: Executor
    cache: ByteCache | None
    progress: Progress
    scanned_rows: int = 0

    def fold(
        self,
        chunks: Sequence[DatasetChunk],
        measures: Sequence[AnyMeasure],
        forced: set[str],
        errors: dict[str, Exception],
    ) -> dict[str, State]:
        """Return the merged states of chunks, in scan order; failures go to ``errors``."""
        task = partial(_chunk_states, measures=measures, schema=self.schema, forced=forced, cache=self.cache)
        empty, failed = _take(self.schema.empty_table(), measures)
        errors.update(failed)
        merged: dict[str, State] = {}
        for result in self.executor.map(task, chunks, label="measure", progress=self.progress):
            self.scanned_rows += result.scanned_rows
            errors.update(result.errors)
            for key, state in result.states.items():
                merged[key] = merged[key].merge(state) if key in merged else state
        return {key: merged.get(key, state) for key, state in empty.items() if key not in errors}


@dataclass
class _ChunkResult:
    states: dict[str, State] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    scanned_rows: int = 0


def _validated(
    measures: Iterable[AnyMeasure], schema: pa.Schema
) -> tuple[dict[str, AnyMeasure], dict[str, Exception]]:
    wanted: dict[str, AnyMeasure] = {}
    errors: dict[str, Exception] = {}
    for one in measures:
        if one.key in wanted or one.key in errors:
            continue
        try:
            one.validate(schema)
            wanted[one.key] = one
        except HeadwaterError as error:
            errors[one.key] = error
    return wanted, errors


def _continued(
    chunks: Sequence[DatasetChunk],
    version: Version,
    folder: str,
    wanted: Mapping[str, AnyMeasure],
    forced: set[str],
    job: _Job,
    errors: dict[str, Exception],
) -> dict[str, State]:
    """Return states made from those of the version measured last, where the two have rows in common."""
    assert job.cache is not None
    before = WholePack.latest(folder, job.cache)
    gone = None if before is None else before.deleted_since(chunks, version)
    if before is None or gone is None:
        return {}
    rows = sum(chunk.live_rows for chunk in chunks)
    states: dict[str, State] = {}
    for key, data in before.entries.items():
        if key in wanted and not wanted[key].bulky:
            state = wanted[key].load(data)
            state = state.aged(gone) if gone else state
            if state.stale_rows <= (0 if key in forced else _MOST_STALE * rows):
                states[key] = state
        elif key in wanted and not gone:
            short: Any = wanted[key].load(data)
            whole = None if short.stale_rows else short.restored(partial(_run, folder, job.cache))
            if whole is not None:
                states[key] = whole
    added = chunks[len(before.version.chunks) :]
    if added and states:
        # All measures, though only some go on from here: the others find these rows read already.
        more = job.fold(added, list(wanted.values()), forced, errors)
        states = {key: state.merge(more[key]) for key, state in states.items() if key in more}
    return states


def _drop_stale(known: dict[str, State | bytes], wanted: Mapping[str, AnyMeasure], forced: set[str]) -> None:
    for key in forced & known.keys():
        state = wanted[key].load(cast(bytes, known[key]))
        if state.stale_rows:
            del known[key]
        else:
            known[key] = state


def _keep(
    known: dict[str, State | bytes],
    wanted: Mapping[str, AnyMeasure],
    whole: WholePack | None,
    version: Version,
    folder: str,
    chunks: Sequence[DatasetChunk],
    cache: ByteCache,
) -> None:
    pack = whole or WholePack(version)

    def write(data: bytes) -> str:
        name = digest(data)
        cache.put(f"{folder}/run-{name}", data)
        return name

    for key, state in known.items():
        if isinstance(state, bytes):
            continue
        if wanted[key].bulky:
            settled: Any = state  # a bulky measure's state has `settled` and `summarized` as well
            known[key] = settled = settled.settled(write)
            short: Any = settled.summarized()
            pack.entries[key] = short.to_bytes()
            if short.names:
                pack.runs[key] = list(short.names)
        else:
            pack.entries[key] = state.to_bytes()
    pack.save(folder, chunks, cache)


def _run(folder: str, cache: ByteCache, name: str) -> pa.Buffer | None:
    return cache.buffer(f"{folder}/run-{name}")


def _chunk_states(
    chunk: DatasetChunk,
    measures: Sequence[AnyMeasure],
    schema: pa.Schema,
    forced: set[str],
    cache: ByteCache | None,
) -> _ChunkResult:
    """Return the states of one chunk, the cheapest way."""
    result = _ChunkResult()
    pack = ChunkPack.of(chunk, cache)
    names = {one.key: entry_key(chunk, one, _types(one, schema)) for one in measures}
    todo = []
    for one in measures:
        data = pack.entries.get(names[one.key])
        if data is None:
            todo.append(one)
        else:
            result.states[one.key] = one.load(data)
    known = len(pack.entries)
    if todo and cache is not None and chunk.deleted_id is not None:
        todo = _brought_up(chunk, pack, todo, names, forced, cache, result)
    if todo:
        states, errors = _take(chunk.read(_columns(todo), apart=True), todo)
        result.states.update(states)
        result.errors.update(errors)
        result.scanned_rows += chunk.live_rows
        pack.entries.update((names[key], state.to_bytes()) for key, state in states.items())
    if cache is not None and len(pack.entries) > known:
        pack.save(cache)
    return result


def _brought_up(
    chunk: DatasetChunk,
    pack: ChunkPack,
    measures: Sequence[AnyMeasure],
    names: Mapping[str, str],
    forced: set[str],
    cache: ByteCache,
    result: _ChunkResult,
) -> list[AnyMeasure]:
    """Bring states of the chunk with fewer deletions up to date; return the measures left to take."""
    older = pack.older(chunk, cache, {names[one.key] for one in measures})
    gone = pack.deleted - older.deleted if older else pack.deleted
    if older is None or len(gone) > _MOST_STALE * chunk.live_rows:
        return list(measures)
    kept = [one for one in measures if names[one.key] in older.entries]
    left = [one for one in measures if names[one.key] not in older.entries]
    for one in kept:
        if one.key not in forced:
            result.states[one.key] = one.load(older.entries[names[one.key]]).aged(len(gone))
        elif not one.invertible:
            left.append(one)
    taken = [one for one in kept if one.key in forced and one.invertible]
    # Whoever reads the chunk anyway gains nothing by subtracting.
    if left or not taken:
        return left + taken
    parts, _ = _take(
        chunk.read_rows(np.asarray(gone.to_array(), np.int64), _columns(taken), apart=True), taken
    )
    result.scanned_rows += len(gone)
    for one in taken:
        if one.key not in parts:
            left.append(one)
            continue
        state = one.load(older.entries[names[one.key]]).subtract(parts[one.key])
        if state.stale_rows:
            left.append(one)
        else:
            result.states[one.key] = state
            pack.entries[names[one.key]] = state.to_bytes()
    return left


def _take(table: pa.Table, measures: Sequence[AnyMeasure]) -> tuple[dict[str, State], dict[str, Exception]]:
    """Take measures of one table: one query for all aggregates, each array derived once."""
    batch = Batch(table)
    values, errors = _aggregates(table, measures)
    states: dict[str, State] = {}
    for one in measures:
        if one.key in errors:
            continue
        try:
            states[one.key] = one.measure(batch, values.get(one.key, {}))
        except Exception as error:  # noqa: BLE001 - kept, and raised when the state is asked for
            errors[one.key] = error
    return states, errors


def _aggregates(
    table: pa.Table, measures: Sequence[AnyMeasure]
) -> tuple[dict[str, dict[str, Any]], dict[str, Exception]]:
    asked = {one.key: dict(one.aggregates()) for one in measures}
    asked = {key: expressions for key, expressions in asked.items() if expressions}
    if not asked:
        return {}, {}
    with session(table) as connection:
        try:
            return _select(connection, asked), {}
        except duckdb.Error:
            # One of them is at fault: find out which, and let the others have their values.
            values: dict[str, dict[str, Any]] = {}
            errors: dict[str, Exception] = {}
            for key, expressions in asked.items():
                try:
                    values |= _select(connection, {key: expressions})
                except duckdb.Error as error:
                    reason = str(error).splitlines()[0]
                    errors[key] = UsageError(
                        f"The data does not fit the SQL of this check: {reason}", reason=reason
                    )
            return values, errors


def _select(
    connection: duckdb.DuckDBPyConnection, asked: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    expressions = list(dict.fromkeys(text for named in asked.values() for text in named.values()))
    (row,) = connection.execute(f"SELECT {', '.join(expressions)} FROM rows").fetchall()
    found = dict(zip(expressions, row, strict=True))
    return {key: {name: found[text] for name, text in named.items()} for key, named in asked.items()}


def _columns(measures: Iterable[AnyMeasure]) -> list[str]:
    return list(dict.fromkeys(column for one in measures for column in one.columns))


def _types(one: AnyMeasure, schema: pa.Schema) -> str:
    return ",".join(str(schema.field(column).type) for column in one.columns)
