"""Loading: all rows once an epoch, in batches, from wherever a reader stopped; and rows by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.reading.epoch import Shard
from headwater.reading.loading import Chunks, EpochBatches, RowReader

SCHEMA = pa.schema([("n", pa.int64()), ("t", pa.string())])


class InMemory:
    """A chunk in memory that counts how often it is read."""

    def __init__(self, start: int, rows: int) -> None:
        self.live_rows, self.start, self.reads = rows, start, 0

    def read(self, columns: list[str]) -> pa.Table:
        self.reads += 1
        numbers = range(self.start, self.start + self.live_rows)
        return pa.table({"n": numbers, "t": [str(n) for n in numbers]}, SCHEMA).select(columns)


def chunks(*counts: int) -> Chunks:
    """Return chunks with so many rows each, numbered through."""
    starts = np.cumsum([0, *counts])
    return Chunks(tuple(map(InMemory, starts.tolist(), counts)), SCHEMA, "0-0")


def numbers(batches: Any) -> list[list[int]]:
    return [batch.column("n").to_pylist() for batch in batches]


COUNTS = st.lists(st.integers(0, 7), max_size=6)


@given(COUNTS, st.integers(1, 6), st.booleans(), st.booleans(), st.integers(1, 3), st.data())
def test_a_reader_goes_on_where_it_stopped(
    counts: list[int], size: int, shuffle: bool, drop_last: bool, window: int, data: st.DataObject
) -> None:
    rank, world = data.draw(st.sampled_from([(0, 1), (0, 2), (1, 2)]))

    def made() -> EpochBatches:
        return EpochBatches(
            chunks(*counts),
            batch_rows=size,
            drop_last=drop_last,
            shuffle=shuffle,
            seed=3,
            window=window,
            shard=Shard(rank, world),
        )

    whole = numbers(made())
    assert len(whole) == len(made())
    assert all(len(batch) == size for batch in (whole if drop_last else whole[:-1]))
    stop = data.draw(st.integers(0, len(whole)))
    first, reader = [], made()
    for batch, _ in zip(reader, range(stop), strict=False):
        first.append(batch.column("n").to_pylist())
    state = made().state_dict() if stop == 0 else {**reader.state_dict(), "done": sum(map(len, first))}
    again = made()
    again.load_state_dict(state)
    assert first + numbers(again) == whole


@given(COUNTS, st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_all_rows_come_once_an_epoch(counts: list[int], size: int, workers: int, shuffle: bool) -> None:
    found = [
        row
        for worker in range(workers)
        for batch in numbers(
            EpochBatches(
                chunks(*counts), batch_rows=size, shuffle=shuffle, shard=Shard(0, 1, worker, workers)
            )
        )
        for row in batch
    ]
    assert sorted(found) == list(range(sum(counts)))


def test_the_state_counts_the_batches_that_were_given() -> None:
    reader = EpochBatches(chunks(5, 5), batch_rows=3)
    walk = iter(reader)
    next(walk)
    assert reader.state_dict()["done"] == 3
    assert len(list(walk)) == 3
    assert reader.state_dict()["done"] == 10


def test_chunks_of_other_readers_and_of_the_past_are_not_read() -> None:
    data = chunks(4, 4, 4, 4)
    assert numbers(EpochBatches(data, batch_rows=4, shard=Shard(1, 4))) == [[4, 5, 6, 7]]
    assert [part.reads for part in data.parts] == [0, 1, 0, 0]
    reader = EpochBatches(data, batch_rows=4)
    reader.load_state_dict({**reader.state_dict(), "done": 12})
    assert numbers(reader) == [[12, 13, 14, 15]]
    assert [part.reads for part in data.parts] == [0, 1, 0, 1]


def test_a_state_of_something_else_is_refused() -> None:
    state = EpochBatches(chunks(5), batch_rows=2, shuffle=True, seed=1).state_dict()
    for other in (
        EpochBatches(chunks(5), batch_rows=3, shuffle=True, seed=1),
        EpochBatches(chunks(5), batch_rows=2, shuffle=True, seed=2),
        EpochBatches(chunks(5), batch_rows=2, shuffle=True, seed=1, shard=Shard(0, 2)),
        EpochBatches(Chunks(chunks(5).parts, SCHEMA, "1-1"), batch_rows=2, shuffle=True, seed=1),
    ):
        with pytest.raises(UsageError, match="does not fit the loader"):
            other.load_state_dict(state)
    with pytest.raises(UsageError, match="1 row or more"):
        EpochBatches(chunks(5), batch_rows=0)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 3), st.data())
def test_rows_come_by_number(counts: list[int], kept: int, data: st.DataObject) -> None:
    reader = RowReader(chunks(*counts), kept=kept)
    assert len(reader) == sum(counts)
    asked = data.draw(st.lists(st.integers(-sum(counts), sum(counts) - 1), max_size=12))
    found = reader.rows(asked)
    assert found.column("n").to_pylist() == [n % sum(counts) for n in asked]
    assert found.schema == SCHEMA


def test_chunks_read_last_are_kept_and_rows_that_there_are_not_are_refused() -> None:
    data = chunks(3, 3, 3)
    reader = RowReader(data, kept=2)
    for number in (0, 3, 1, 4, 6, 3, 0):
        reader.rows([number])
    assert [part.reads for part in data.parts] == [2, 1, 1]
    for outside in (9, -10):
        with pytest.raises(IndexError, match="There are 9 rows"):
            reader.rows([outside])
    with pytest.raises(UsageError, match="At least 1"):
        RowReader(data, kept=0)
