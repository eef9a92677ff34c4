"""Writing: streams of rows become chunks of bounded rows and bytes, in their order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.engine.local import LocalExecutor
from headwater.store import writing
from headwater.store.chunk import CHUNK_ROWS, read_chunk
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop, rechunk, write_chunks
from tests.places import Fresh

INTS = pa.schema([("v", pa.int64())])


def batches(*sizes: int) -> list[pa.RecordBatch]:
    """Return batches of these sizes that count up."""
    ends = np.cumsum(sizes)
    return [
        pa.record_batch([pa.array(np.arange(end - size, end))], schema=INTS)
        for size, end in zip(sizes, ends, strict=True)
    ]


@pytest.mark.parametrize(
    ("sizes", "chunks"),
    [
        ((), []),
        ((0,), []),
        ((0, 0), []),
        ((1,), [1]),
        ((1, 0, 2), [3]),
        ((CHUNK_ROWS,), [CHUNK_ROWS]),
        ((CHUNK_ROWS + 1,), [CHUNK_ROWS, 1]),
        ((CHUNK_ROWS - 1, 1), [CHUNK_ROWS]),
        ((CHUNK_ROWS - 1, 2), [CHUNK_ROWS, 1]),
        ((3 * CHUNK_ROWS,), [CHUNK_ROWS] * 3),
        ((100_000, 100_000, 100_000), [CHUNK_ROWS, CHUNK_ROWS, 300_000 - 2 * CHUNK_ROWS]),
    ],
)
def test_chunks_hold_as_many_rows_as_they_may_and_none_is_empty(
    sizes: tuple[int, ...], chunks: list[int]
) -> None:
    assert [table.num_rows for table in rechunk(batches(*sizes), INTS)] == chunks


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 50), st.integers(8, 400))
def test_rows_keep_their_order_and_bounds_hold_whatever_the_batches(
    sizes: list[int], rows: int, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "CHUNK_ROWS", rows)
        patch.setattr(writing, "CHUNK_BYTES", size)
        made = list(rechunk(batches(*sizes), INTS))
    assert [value for table in made for value in table.column("v").to_pylist()] == list(range(sum(sizes)))
    assert all(0 < table.num_rows <= rows for table in made)
    # "About" so many bytes: the last row of a chunk may reach over the bound. All but the last are full.
    assert all(8 * (table.num_rows - 1) < size for table in made)
    assert all(table.num_rows == rows or 8 * (table.num_rows + 1) > size for table in made[:-1])


def test_rows_wider_than_a_chunk_get_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES", 1000)
    schema = pa.schema([("text", pa.string())])
    wide = pa.record_batch([["x" * 5000, "y" * 5000, "z" * 5000]], schema=schema)
    assert [table.num_rows for table in rechunk([wide], schema)] == [1, 1, 1]


def test_the_bytes_of_a_slice_are_its_own() -> None:
    schema = pa.schema([("text", pa.string())])
    wide = pa.record_batch([["x" * 1000] * 1000], schema=schema)
    parts = [wide.slice(start, 10) for start in range(0, 1000, 10)]
    assert [table.num_rows for table in rechunk(parts, schema)] == [1000]


def test_rows_that_take_no_bytes_are_cut_by_number() -> None:
    schema = pa.schema([("nothing", pa.null())])
    nulls = pa.record_batch([pa.nulls(CHUNK_ROWS + 5)], schema=schema)
    assert [table.num_rows for table in rechunk([nulls], schema)] == [CHUNK_ROWS, 5]


def test_a_stream_is_drawn_only_as_far_as_needed() -> None:
    drawn = []

    def stream() -> Iterator[pa.RecordBatch]:
        for batch in batches(CHUNK_ROWS, CHUNK_ROWS, CHUNK_ROWS):
            drawn.append(batch.num_rows)
            yield batch

    next(rechunk(stream(), INTS))
    assert len(drawn) == 1


def test_chunks_are_written_in_the_order_of_the_rows_by_any_number_of_threads(fresh: Fresh) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(4))
    chunks = write_chunks(batches(CHUNK_ROWS, CHUNK_ROWS, 7), INTS, key=["v"], shop=shop)
    assert [chunk.rows for chunk in chunks] == [CHUNK_ROWS, CHUNK_ROWS, 7]
    firsts = [read_chunk(chunk, INTS, shop.objects).column("v")[0].as_py() for chunk in chunks]
    assert firsts == [0, CHUNK_ROWS, 2 * CHUNK_ROWS]
    assert all(chunk.keys for chunk in chunks)


def test_the_same_rows_make_the_same_objects(shop: Workshop) -> None:
    one, two = (write_chunks(batches(3, 4), INTS, key=["v"], shop=shop) for _ in range(2))
    assert one == two
    assert write_chunks(batches(7), INTS, key=["v"], shop=shop) == one


def test_no_rows_make_no_chunk(shop: Workshop) -> None:
    assert write_chunks([], INTS, key=[], shop=shop) == []
    assert write_chunks(batches(0), INTS, key=["v"], shop=shop) == []


def test_whoever_waits_is_told_of_each_chunk(fresh: Fresh) -> None:
    told: list[str] = []

    class Told:
        def start(self, label: str, total: int | None) -> None:
            told.append(f"start {label}")

        def advance(self, label: str, units: int = 1) -> None:
            told.append(f"{label} {units}")

        def finish(self, label: str) -> None:
            told.append(f"finish {label}")

    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1), Told())
    write_chunks(batches(CHUNK_ROWS + 1), INTS, key=[], shop=shop, label="write")
    assert told == ["start write", "write 1", "write 1", "finish write"]
