"""What measures derive from rows is derived once, and right."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.core.hashing import hash_array, hash_columns
from headwater.profile.batch import Batch

TABLE = pa.table(
    {
        "x": pa.chunked_array([[2.0, None, -0.0], [float("nan"), 0.0, 2.0]]),
        "word": ["b", "a", None, "b", "b", "a"],
        "day": pa.array([1, None, 0, 1, 1, 1], pa.int32()).cast(pa.date32()),
    }
)


def test_values_are_counted_in_order_and_without_what_is_missing() -> None:
    batch = Batch(TABLE)
    numbers = batch.value_counts("x")
    assert (numbers.values.to_pylist(), numbers.counts.tolist(), numbers.missing) == ([0.0, 2.0], [2, 2], 2)
    assert not np.signbit(numbers.values[0].as_py())
    words = batch.value_counts("word")
    assert dict(zip(words.values.to_pylist(), words.counts.tolist(), strict=True)) == {"b": 3, "a": 2}
    assert words.missing == 1
    days = batch.value_counts("day")
    assert days.values.type == pa.date32()
    assert days.counts.tolist() == [1, 4]


def test_derived_arrays_are_kept() -> None:
    batch = Batch(TABLE)
    assert batch.sorted("x") is batch.sorted("x")
    assert not batch.has_counts("word")
    assert batch.value_counts("word") is batch.value_counts("word")
    assert batch.has_counts("word")
    assert batch.row_hashes(("x", "word")) is batch.row_hashes(("x", "word"))


def test_hashes_are_those_of_values_and_rows() -> None:
    batch = Batch(TABLE)
    np.testing.assert_array_equal(batch.hashes("word"), hash_array(TABLE["word"]))
    np.testing.assert_array_equal(batch.row_hashes(("x", "word")), hash_columns(TABLE, ["x", "word"]))
    np.testing.assert_array_equal(batch.value_hashes("word"), hash_array(batch.value_counts("word").values))


def test_no_rows_give_nothing() -> None:
    batch = Batch(TABLE.slice(0, 0))
    assert batch.num_rows == 0
    assert len(batch.value_counts("x").values) == len(batch.runs("day")[0]) == 0
