"""Columns fitted to the types of a format."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.base import BATCH_ROWS
from headwater.formats.fitting import (
    fitted,
    fitted_schema,
    handed_over,
    mapped_type,
    plain_columns,
    reading,
    rows_at_once,
    short,
)


def only_int64(kind: pa.DataType) -> pa.DataType | None:
    return pa.int64() if pa.types.is_integer(kind) else None if pa.types.is_time(kind) else kind


def test_types_inside_others_are_mapped_too() -> None:
    kind = pa.struct([("a", pa.large_list(pa.int8())), ("b", pa.map_(pa.string(), pa.list_(pa.uint8(), 3)))])
    expected = pa.struct([("a", pa.list_(pa.int64())), ("b", pa.map_(pa.string(), pa.list_(pa.int64(), 3)))])
    assert mapped_type(kind, only_int64) == expected
    plain = pa.list_(pa.struct([("key", pa.string()), ("value", pa.list_(pa.int64()))]))
    assert mapped_type(kind.field("b").type, only_int64, has_maps=False, has_sizes=False) == plain
    assert mapped_type(pa.list_(pa.time64("us")), only_int64) is None
    assert mapped_type(pa.map_(pa.string(), pa.time64("us")), only_int64) is None


def test_changes_are_told_and_all_columns_without_a_type_named() -> None:
    notes: list[str] = []
    schema = pa.schema([("a", pa.int8()), ("b", pa.large_string())])
    assert fitted_schema(schema, only_int64, "X", notes.append) == pa.schema(
        [("a", pa.int64()), ("b", pa.string())]
    )
    assert notes == ["Column 'a' is int8; X holds it as int64."]
    schema = pa.schema([("t", pa.time64("us")), ("a", pa.int8()), ("u", pa.list_(pa.time64("us")))])
    with pytest.raises(
        UsageError, match=r"X has no type for columns 't' \(time\[us\]\), 'u' \(list<time\[us\]>\)"
    ):
        fitted_schema(schema, only_int64, "X", notes.append)


def test_values_that_do_not_fit_are_refused() -> None:
    batch = pa.record_batch({"a": pa.array([1, 300])})
    with pytest.raises(UsageError, match=r"A value of column 'a' \(int64\) does not fit X"):
        list(fitted([batch], pa.schema([("a", pa.int8())]), "X"))


def test_an_error_inside_batches_that_a_library_draws_is_raised_itself() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        raise UsageError("ours")
        yield

    with (
        pytest.raises(UsageError, match=r"^ours$"),
        handed_over(broken(), pa.schema([("a", pa.int8())])) as reader,
    ):
        reader.read_all()
    with pytest.raises(ZeroDivisionError), handed_over([], pa.schema([])):
        1 / 0  # noqa: B018


def test_rows_at_once_are_fewer_the_larger_they_are() -> None:
    assert rows_at_once(0, 0) == rows_at_once(1000, 1000) == BATCH_ROWS
    assert rows_at_once(1 << 40, 1 << 20) == 16
    assert 16 < rows_at_once(1 << 30, 10_000) < 1000


def test_schemas_are_plain_and_messages_short() -> None:
    schema = pa.schema([("a", pa.dictionary(pa.int32(), pa.string()))], metadata={"x": "y"})
    assert plain_columns(schema).equals(pa.schema([("a", pa.string())]), check_metadata=True)
    assert short(OSError("Not found, /home/runner/x.rs:12\nmore")) == "Not found"
    assert short(ValueError("")) == "ValueError"


class PanicException(BaseException):
    """What a library in Rust raises when it breaks; it is no `Exception`."""


def test_whatever_a_library_raises_is_an_input_error_but_for_ours_and_interrupts() -> None:
    for error in (OSError("cut"), KeyError("a"), PanicException("range end index")):
        with (
            pytest.raises(
                InputError, match=r"t: it is not a whole X, or one of a kind that cannot be read yet"
            ),
            reading("t", "X"),
        ):
            raise error
    for other in (KeyboardInterrupt(), UsageError("ours")):
        with pytest.raises(type(other)), reading("t", "X"):
            raise other
