"""Typed batches in the types asked for."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound
from headwater.formats.retype import retyped, retyped_schema


def test_rows_are_counted_over_batches() -> None:
    batches = [
        pa.record_batch({"a": ["1"] * 10, "b": [1] * 10}),
        pa.record_batch({"a": ["2", "x"], "b": [2, 3]}),
    ]
    schema = retyped_schema(batches[0].schema, {"a": pa.int64()}, "f.db")
    assert schema.types == [pa.int64(), pa.int64()]
    found = retyped(batches, schema, "f.db")
    assert next(found).column(0).to_pylist() == [1] * 10
    with pytest.raises(
        InputError, match=r"f\.db: row 12, column 'a': 'x' is not an int64; mend the value"
    ) as caught:
        next(found)
    assert (caught.value.row, caught.value.column, caught.value.value) == (12, "a", "x")


def test_batches_that_fit_are_passed_on_as_they_are() -> None:
    batch = pa.record_batch({"a": [1]})
    assert next(retyped([batch], batch.schema, "f")) is batch


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFound, match=r"not found in f\.db"):
        retyped_schema(pa.schema([("a", pa.int64())]), {"b": pa.int64()}, "f.db")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_that_is_not_text_is_named_by_its_row(kind: pa.DataType) -> None:
    bytes_ = pa.array([b"ab", b"\xff", b"c"])
    broken = pa.Array.from_buffers(pa.string(), 3, bytes_.buffers()).cast(kind)
    batches = [
        pa.record_batch({"n": [0], "s": broken.slice(0, 1)}),
        pa.record_batch({"n": [1, 2, 3], "s": broken}),
    ]
    found = retyped(batches, batches[0].schema, "f.parquet")
    next(found)
    with pytest.raises(
        InputError, match=r"f\.parquet: row 3, column 's': the value is broken .*UTF8"
    ) as caught:
        next(found)
    assert (caught.value.row, caught.value.column) == (3, "s")
