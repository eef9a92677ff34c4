"""Epochs: every row once, in an order that the seed fixes, shared out among all readers, from anywhere on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.reading.epoch import Epoch, Shard

COUNTS = st.lists(st.integers(0, 9), max_size=12)


def met(epoch: Epoch, counts: list[int], start: int, end: int) -> list[tuple[int, int]]:
    """Return the rows met, as chunk and row of it."""
    found = []
    for stretch in epoch.stretches(start, end):
        places = [(chunk, row) for chunk in stretch.chunks for row in range(counts[chunk])]
        found += [places[row] for row in stretch.rows]
    return found


@given(COUNTS, st.booleans(), st.integers(-3, 3), st.integers(0, 3), st.integers(1, 5), st.data())
def test_readers_together_meet_every_row_once(
    counts: list[int], shuffle: bool, seed: int, number: int, window: int, data: st.DataObject
) -> None:
    epoch = Epoch(counts, shuffle=shuffle, seed=seed, epoch=number, window=window)
    world, workers = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    shards = [Shard(rank, world, worker, workers) for rank in range(world) for worker in range(workers)]
    found = [row for shard in shards for row in met(epoch, counts, *shard.stretch(epoch.rows))]
    assert found == met(epoch, counts, 0, epoch.rows)
    assert sorted(found) == [(chunk, row) for chunk, count in enumerate(counts) for row in range(count)]
    if not shuffle:
        assert found == sorted(found)


@given(COUNTS, st.integers(1, 5), st.integers(1, 3), st.data())
def test_equal_ranks_have_as_many_rows_each(
    counts: list[int], world: int, workers: int, data: st.DataObject
) -> None:
    rows = sum(counts)
    sizes = [
        sum(
            end - start
            for start, end in (Shard(rank, world, w, workers, True).stretch(rows) for w in range(workers))
        )
        for rank in range(world)
    ]
    assert sizes == [rows // world] * world


@given(COUNTS, st.booleans(), st.integers(1, 4), st.data())
def test_an_epoch_goes_on_from_anywhere(
    counts: list[int], shuffle: bool, window: int, data: st.DataObject
) -> None:
    epoch = Epoch(counts, shuffle=shuffle, seed=1, window=window)
    everything = met(epoch, counts, 0, epoch.rows)
    start = data.draw(st.integers(0, epoch.rows))
    end = data.draw(st.integers(start, epoch.rows))
    assert met(epoch, counts, start, end) == everything[start:end]


def test_seeds_and_epochs_draw_other_orders_and_mix_the_chunks_of_a_window() -> None:
    counts = [100] * 8
    orders = {
        key: tuple(met(Epoch(counts, shuffle=True, seed=key[0], epoch=key[1], window=4), counts, 0, 800))
        for key in [(0, 0), (0, 1), (1, 0), (-1, 0)]
    }
    assert len(set(orders.values())) == 4
    again = met(Epoch(counts, shuffle=True, seed=0, epoch=1, window=4), counts, 0, 800)
    assert tuple(again) == orders[0, 1]
    first = [chunk for chunk, _ in orders[0, 0][:50]]
    assert len(set(first)) == 4
    assert np.bincount(first).max() < 30
    assert {len(stretch.chunks) for stretch in Epoch(counts, shuffle=True, window=3).stretches(0, 800)} == {
        2,
        3,
    }


def test_a_reader_reads_only_the_chunks_of_its_stretch() -> None:
    epoch = Epoch([10] * 8, shuffle=True, window=2)
    for rank in range(4):
        stretches = list(epoch.stretches(*Shard(rank, 4).stretch(80)))
        assert sum(len(stretch.chunks) for stretch in stretches) == 2


def test_readers_that_there_are_not_are_refused() -> None:
    for arguments in ((1, 1), (-1, 2), (0, 0), (0, 1, 2, 2)):
        with pytest.raises(UsageError, match="they count from 0"):
            Shard(*arguments)
    with pytest.raises(UsageError, match="1 chunk or more"):
        Epoch([1], window=0)
