"""The chunks of a dataset: together they are its rows, and each says what is stored, deleted and kept of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.reading.dataset import Dataset


def test_chunks_add_up_to_the_dataset(cut: Dataset) -> None:
    chunks = cut.chunks
    assert pa.concat_tables(chunk.read() for chunk in chunks).equals(cut.to_arrow())
    assert sum(chunk.live_rows for chunk in chunks) == cut.num_rows
    for chunk in chunks:
        live, gone = chunk.live_positions(), chunk.deleted_positions()
        assert sorted([*live, *gone]) == list(range(chunk.rows))
        assert (chunk.deleted_id is None) == (len(gone) == 0)
        assert chunk.read_rows(live).equals(chunk.read())
        assert repr(chunk) == f"DatasetChunk({chunk.live_rows} of {chunk.rows} rows)"


def test_deleted_rows_can_be_read_by_their_place(cut: Dataset) -> None:
    first = cut.chunks[0]
    assert first.deleted_positions().tolist() == [3]
    assert first.read_rows(np.array([3, 0]), ["id"]).column("id").to_pylist() == [3, 0]
    assert first.read_rows(np.array([], np.int64)).num_rows == 0


def test_the_identity_of_a_chunk_is_that_of_the_stored_rows_of_its_columns(cut: Dataset) -> None:
    now, before = cut.chunks[0], cut.at("main~1").chunks[0]
    assert now.identity(["id"]) == before.identity(["id"])
    assert now.identity() != before.identity()
    assert now.identity(["id"]) != cut.chunks[1].identity(["id"])
    assert now.cache_prefix(["id"]) == before.cache_prefix()
    assert now.cache_prefix(["w"]) != now.cache_prefix(["id"])
    assert now.statistics["id"] == [0, 9, 0]
