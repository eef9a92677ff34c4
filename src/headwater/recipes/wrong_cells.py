"""The cells of a dataset that are probably wrong: learnt from a sample, judged chunk by chunk, kept by content."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.hashing import hash_columns
from headwater.core.ids import canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.cell_errors import CellModel, Verdict, learn
from headwater.methods.cell_labels import Lesson, learn_lesson, most_useful_rows, signatures
from headwater.methods.coded_values import Coded, as_text, encode
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache

__all__ = ["CONFIRMED", "KEY", "WRONG_CELLS", "WrongCells", "judged_columns"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

CONFIRMED = "{}.confirmed"
"""The dataset that keeps confirmed rows."""

KEY = "_key"
"""The column of confirmed rows that names the row, as in findings."""

WRONG_CELLS = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("chance", pa.float64()),
        ("suggestion", pa.string()),
        ("confidence", pa.float64()),
    ]
)
"""One row for each wrong cell. ``suggestion`` is null where none is known, and empty where the cell should be;
``confidence`` is the probability that the cell is wrong and the suggestion right."""

_VERSION = 2
_SAMPLE = 50_000
_WRONG = 0.5
_TAUGHT = 0.9
_KINDS = (Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.TIME)


def judged_columns(dataset: Dataset, columns: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns whose cells can be judged: scalars outside the key; of ``columns``, if some are given.

    Raises
    ------
    NotFound
        If a column is not there.
    UsageError
        If one is part of the key, or holds lists, bytes or structs.
    """
    require_columns(dataset.schema, tuple(columns), where=f"dataset {dataset.name!r}")
    fit = tuple(
        item.name
        for item in dataset.schema
        if item.name not in dataset.key and not item.name.startswith("_") and kind_of(item.type) in _KINDS
    )
    for name in columns:
        if name not in fit:
            raise UsageError(
                f"The cells of column {name!r} cannot be judged: it is part of the key, or holds no text, numbers "
                f"or times. Columns that can be: {', '.join(fit) or 'none'}."
            )
    return tuple(name for name in fit if name in columns) if columns else fit


@dataclass(frozen=True, kw_only=True)
class WrongCells:
    """The search for wrong cells of one dataset.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    columns : tuple of str
        The columns to tell of; all that can be judged by default. Judged are all: each helps with the others.
    confirmed : pyarrow.Table, optional
        Rows that a person has put right: the column ``_key``, and right values as text. All cells of such a row
        are taken as confirmed, whether they were changed or not.
    rows : int
        How many rows to learn from at most, spread evenly.
    seed : int
        Seed of the rows that dependencies are first tried on.
    cache, executor, progress
        Where findings of chunks are kept, who judges them, and who is told.

    Notes
    -----
    Past ``rows`` rows the model learns from the first 2, 4, 8, … chunks, the greatest power of two there is:
    so chunks that come are judged by the model that is there, and what was found in the others is kept,
    until the dataset has doubled.
    """

    dataset: Dataset
    columns: tuple[str, ...] = ()
    confirmed: pa.Table | None = None
    rows: int = _SAMPLE
    seed: int = 0
    cache: Cache | None = None
    executor: Executor = field(default_factory=LocalExecutor)
    progress: Progress = SILENT

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns that are judged."""
        return judged_columns(self.dataset)

    @cached_property
    def _told(self) -> pa.Array | None:
        """The columns to tell of; None for all."""
        return pa.array(judged_columns(self.dataset, self.columns), pa.string()) if self.columns else None

    def chunks(self) -> Iterator[pa.Table]:
        """Yield for each chunk its wrong cells, as `WRONG_CELLS`, rows numbered as in the dataset."""
        if self._told is None and not self.names:
            return
        found: list[pa.Table | None] = [self._kept(chunk) for chunk in self._live]
        wanted = [chunk for chunk, kept in zip(self._live, found, strict=True) if kept is None]
        fresh = iter(())
        if wanted:
            model, lesson = self.model, self.lesson

            def judge(chunk: DatasetChunk) -> pa.Table:
                return self._judge(chunk, model, lesson)

            label = f"judge cells of {self.dataset.name}"
            fresh = iter(self.executor.map(judge, wanted, label=label, progress=self.progress))
        start = 0
        for chunk, kept in zip(self._live, found, strict=True):
            table = kept
            if table is None:
                table = next(fresh)
                self._keep(chunk, table)
            if self._told is not None:
                table = table.filter(pc.is_in(table.column("column"), self._told))
            numbers = pc.add(table.column("row"), start)
            yield table.set_column(0, WRONG_CELLS.field("row"), numbers)
            start += chunk.live_rows

    def table(self) -> pa.Table:
        """Return all wrong cells."""
        return pa.concat_tables([WRONG_CELLS.empty_table(), *self.chunks()])

    def ask(self, rows: int) -> pa.Table:
        """Return the rows whose confirmation would teach most: ``_key``, and all judged columns as text."""
        sample, keys = self._sample
        columns = {name: self._coded(sample, name) for name in self.names}
        if not columns or not sample.num_rows:
            return self._as_asked(sample.slice(0, 0), [])
        verdicts = self.model.judge(columns)
        groups = {name: signatures(name, columns[name], verdicts[name]) for name in self.names}
        chances = {name: self.lesson.chances(verdicts[name], groups[name]) for name in self.names}
        known = set() if self.confirmed is None else set(self.confirmed.column(KEY).to_pylist())
        skip = np.array([at for at, key in enumerate(keys) if key in known], np.int64)
        picked = most_useful_rows(chances, groups, self.lesson, rows=rows, skip=skip)
        return self._as_asked(sample.take(pa.array(picked)), [keys[at] for at in picked])

    @cached_property
    def model(self) -> CellModel:
        """What the sample says the cells should look like."""
        sample, _ = self._sample
        columns = {name: self._coded(sample, name) for name in self.names}
        return learn(columns, rng=np.random.default_rng(self.seed))

    @cached_property
    def lesson(self) -> Lesson:
        """What the confirmed rows taught."""
        rows, right = self._confirmed_rows
        if right is None or not rows.num_rows:
            return Lesson()
        columns = {name: self._coded(rows, name) for name in self.names}
        taught = []
        for name in self.names:
            if name in right.column_names:
                given = _texts(right.column(name))
                now = columns[name].objects[columns[name].codes]
                taught.append((name, np.arange(rows.num_rows), _differ(now, given), given))
        return learn_lesson(self.model.judge(columns), columns, taught)

    @property
    def _live(self) -> list[DatasetChunk]:
        return [chunk for chunk in self.dataset.chunks if chunk.live_rows]

    @cached_property
    def _learnt_from(self) -> list[DatasetChunk]:
        """The chunks that the model learns from."""
        chunks = self._live
        if self.dataset.num_rows <= self.rows:
            return chunks
        return chunks[: 1 << (len(chunks).bit_length() - 1)]

    @cached_property
    def _sample(self) -> tuple[pa.Table, list[str]]:
        """The rows that the model learns from, and their keys."""
        total = sum(chunk.live_rows for chunk in self._learnt_from)
        step = max(-(-total // self.rows), 1)
        start, parts = 0, []
        for chunk in self._learnt_from:
            rows = self._read(chunk)
            if step > 1:
                rows = rows.take(pa.array(np.arange(-start % step, rows.num_rows, step)))
            start += chunk.live_rows
            parts.append(rows)
        empty = pa.schema([self.dataset.schema.field(name) for name in self._needed]).empty_table()
        table = pa.concat_tables([empty, *parts])
        return table, self.dataset.keys_of(table)

    @property
    def _needed(self) -> list[str]:
        wanted = {*self.names, *self.dataset.key}
        return [name for name in self.dataset.schema.names if name in wanted or not self.dataset.key]

    def _read(self, chunk: DatasetChunk) -> pa.Table:
        return chunk.read(self._needed)

    def _coded(self, rows: pa.Table, name: str) -> Coded:
        kind = kind_of(self.dataset.schema.field(name).type)
        return encode(rows.column(name), is_text=kind is Kind.TEXT)

    @cached_property
    def _confirmed_rows(self) -> tuple[pa.Table, pa.Table | None]:
        """The rows of the dataset that were confirmed and are still there, and their right values."""
        empty = self.dataset.schema.empty_table()
        if self.confirmed is None or not self.confirmed.num_rows:
            return empty, None
        if KEY not in self.confirmed.column_names:
            raise NotFound.among("column", KEY, self.confirmed.column_names, where="the confirmed rows")
        keys = self.confirmed.column(KEY).to_pylist()
        there = np.flatnonzero(self.dataset.places(keys).found).tolist()
        rows = self.dataset.take([keys[at] for at in there]) if there else empty
        return rows, self.confirmed.take(pa.array(there, pa.int64()))

    def _judge(self, chunk: DatasetChunk, model: CellModel, lesson: Lesson) -> pa.Table:
        """Return the wrong cells of a chunk, its rows numbered from 0."""
        rows = self._read(chunk)
        columns = {name: self._coded(rows, name) for name in self.names}
        whole = self._learnt_from == [chunk] and len(self._sample[1]) == rows.num_rows
        verdicts = model.judge(model.columns if whole else columns)
        certain = self._certain(rows)
        parts = [
            self._cells(name, columns[name], verdicts[name], lesson, certain.get(name, {}))
            for name in self.names
        ]
        table = pa.concat_tables([WRONG_CELLS.empty_table(), *parts])
        table = table.take(pc.sort_indices(table, [("row", "ascending")]))
        numbers = np.asarray(table.column("row"))
        distinct, place = np.unique(numbers, return_inverse=True)
        keys = self.dataset.keys_of(rows.take(pa.array(distinct))) if len(distinct) else []
        named = pa.array(keys, pa.string()).take(pa.array(place))
        return table.set_column(1, WRONG_CELLS.field("key"), named)

    def _cells(
        self, name: str, column: Coded, verdict: Verdict, lesson: Lesson, certain: Mapping[int, str | None]
    ) -> pa.Table:
        """Return the wrong cells of one column; ``certain`` has the right value of confirmed rows."""
        chance = (
            lesson.chances(verdict, signatures(name, column, verdict)) if lesson.seen.size else verdict.chance
        )
        chance = np.array(chance)
        for row, right in certain.items():
            chance[row] = 0.0 if right is None else 1.0
        rows = np.flatnonzero(chance > _WRONG)
        reason, suggestion, confidence = verdict.best(rows)
        values = column.objects[column.codes[rows]]
        share = np.minimum(confidence / np.maximum(verdict.chance[rows], 1e-9), 1.0)
        confidence = chance[rows] * lesson.sure(name, reason, share)
        reason[reason == np.array(None)] = "confirmed"
        for (taught, value), right in lesson.meant.items():
            if taught == name:
                same = values == value
                suggestion[same] = right
                confidence[same] = np.maximum(confidence[same], _TAUGHT * chance[rows][same])
        for row, right in certain.items():
            if right is not None:
                at = int(np.searchsorted(rows, row))
                reason[at], suggestion[at], confidence[at] = "confirmed", right, 1.0
        unchanged = suggestion == values
        suggestion[unchanged], confidence[unchanged] = None, 0.0
        return pa.table(
            [
                pa.array(rows),
                pa.nulls(len(rows), pa.string()),
                pa.array(np.full(len(rows), name, object), pa.string()),
                pa.array([value or None for value in values], pa.string()),
                pa.array(reason, pa.string()),
                pa.array(np.round(chance[rows], 4)),
                pa.array(suggestion, pa.string()),
                pa.array(np.round(confidence, 4)),
            ],
            schema=WRONG_CELLS,
        )

    def _certain(self, rows: pa.Table) -> dict[str, dict[int, str | None]]:
        """Return by column the confirmed rows of a chunk: their right value where the cell is wrong, else None."""
        if self.confirmed is None or not self.confirmed.num_rows:
            return {}
        given = {key: at for at, key in enumerate(self.confirmed.column(KEY).to_pylist())}
        places = [(row, given[key]) for row, key in enumerate(self.dataset.keys_of(rows)) if key in given]
        if not places:
            return {}
        here = pa.array([row for row, _ in places], pa.int64())
        there = pa.array([at for _, at in places], pa.int64())
        out: dict[str, dict[int, str | None]] = {}
        for name in self.names:
            if name in self.confirmed.column_names:
                now = _texts(rows.column(name).take(here))
                right = _texts(self.confirmed.column(name).take(there))
                wrong = _differ(now, right)
                out[name] = {
                    row: value if bad else None
                    for (row, _), value, bad in zip(places, right.tolist(), wrong.tolist(), strict=True)
                }
        return out

    def _as_asked(self, rows: pa.Table, keys: list[str]) -> pa.Table:
        texts = {name: as_text(rows.column(name)).cast(pa.string()) for name in self.names}
        return pa.table({KEY: pa.array(keys, pa.string()), **texts})

    @cached_property
    def _facts(self) -> str:
        """A name for what the model learns from."""
        taught = None
        if self.confirmed is not None and self.confirmed.num_rows:
            taught = [self.confirmed.column_names, sorted(hash_columns(self.confirmed).tolist())]
        parts = [f"{chunk.identity(self._needed)}:{chunk.deleted_id}" for chunk in self._learnt_from]
        return digest(canonical_json([_VERSION, self.names, self.rows, self.seed, taught, parts]))

    def _path(self, chunk: DatasetChunk) -> str:
        name = digest(canonical_json([self._facts, chunk.identity(self._needed), chunk.deleted_id]))
        return f"scores/cells/{name}.arrow"

    def _kept(self, chunk: DatasetChunk) -> pa.Table | None:
        stored = self.cache.get(self._path(chunk)) if self.cache else None
        return None if stored is None else pa.ipc.open_file(pa.py_buffer(stored)).read_all()

    def _keep(self, chunk: DatasetChunk, table: pa.Table) -> None:
        if self.cache:
            sink = io.BytesIO()
            with pa.ipc.new_file(
                sink, WRONG_CELLS, options=pa.ipc.IpcWriteOptions(compression="zstd")
            ) as out:
                out.write_table(table)
            self.cache.put(self._path(chunk), sink.getvalue())


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.array([*as_text(column).to_pylist(), None], object)[:-1]


def _differ(now: NDArray[np.object_], right: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.asarray(now != right, np.bool_)
