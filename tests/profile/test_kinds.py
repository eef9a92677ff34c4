"""Kinds of columns, and their values as numbers and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError, UsageError
from headwater.profile.kinds import Kind, as_python, from_python, kind_of, lengths_of, physical

TYPES = {
    pa.bool_(): Kind.BOOLEAN,
    pa.uint8(): Kind.INTEGER,
    pa.float32(): Kind.NUMBER,
    pa.decimal128(5, 2): Kind.NUMBER,
    pa.date32(): Kind.TIME,
    pa.timestamp("ns", "UTC"): Kind.TIME,
    pa.duration("s"): Kind.TIME,
    pa.time64("us"): Kind.TIME,
    pa.string(): Kind.TEXT,
    pa.string_view(): Kind.TEXT,
    pa.binary(4): Kind.BINARY,
    pa.list_(pa.int8()): Kind.LIST,
    pa.map_(pa.string(), pa.int8()): Kind.LIST,
    pa.list_(pa.float32(), 3): Kind.VECTOR,
    pa.struct([("a", pa.int8())]): Kind.STRUCT,
    pa.month_day_nano_interval(): Kind.STRUCT,
    pa.null(): Kind.NULL,
}


@pytest.mark.parametrize(("type_", "kind"), TYPES.items(), ids=str)
def test_every_type_has_its_kind(type_: pa.DataType, kind: Kind) -> None:
    assert kind_of(type_) is kind


def test_kinds_say_what_may_be_measured() -> None:
    assert [k for k in Kind if k.is_numeric] == [Kind.INTEGER, Kind.NUMBER]
    assert [k for k in Kind if k.is_ordered] == [Kind.INTEGER, Kind.NUMBER, Kind.TIME]
    assert [k for k in Kind if not k.is_countable] == [Kind.LIST, Kind.VECTOR, Kind.STRUCT]


@pytest.mark.parametrize(
    ("values", "type_", "numbers"),
    [
        ([3, None, 1], pa.int16(), [3, 1]),
        ([1.5, float("nan"), None], pa.float64(), [1.5]),
        ([True, False, None], pa.bool_(), [1, 0]),
        ([Decimal("1.50"), None], pa.decimal128(5, 2), [1.5]),
        ([date(1970, 1, 3), None], pa.date32(), [2]),
        ([timedelta(seconds=2)], pa.duration("ms"), [2000]),
    ],
)
def test_values_as_numbers_leave_out_what_is_missing(
    values: list[Any], type_: pa.DataType, numbers: list[float]
) -> None:
    array = pa.concat_arrays([pa.nulls(2, type_), pa.array(values, type_)])
    assert physical(array.slice(2)).tolist() == numbers
    assert physical(array).tolist() == numbers


NAIVE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (5, pa.int8()),
        (2.5, pa.float64()),
        (True, pa.bool_()),
        (date(2026, 1, 2), pa.date32()),
        (NAIVE, pa.timestamp("s")),
        (NAIVE, pa.timestamp("ns")),
        (NAIVE.replace(tzinfo=UTC), pa.timestamp("us", "UTC")),
        (timedelta(seconds=3), pa.duration("ns")),
        (NAIVE.time(), pa.time64("ns")),
        (NAIVE.time(), pa.time32("s")),
    ],
)
def test_a_value_comes_back_from_its_number(value: Any, type_: pa.DataType) -> None:
    assert as_python(from_python(value, type_), type_) == value
    assert as_python(None, type_) is None


@pytest.mark.parametrize(
    ("number", "type_", "text"),
    [
        (2.0**31, pa.date32(), "5881580-07-11"),
        (-(2.0**31), pa.date32(), "-5877641-06-24"),
        (2.0**63, pa.timestamp("us", "UTC"), "294247-01-10T04:00:54.775807Z"),
        (253402300799, pa.timestamp("s", "Asia/Tokyo"), "9999-12-31T23:59:59Z"),
        (2.0**63, pa.duration("s"), "9223372036854775807 seconds"),
    ],
)
def test_times_beyond_those_of_python_are_text(number: float, type_: pa.DataType, text: str) -> None:
    assert as_python(number, type_) == text


def test_limits_may_be_written_as_text() -> None:
    assert from_python("2.5", pa.float64()) == 2.5
    assert from_python("1970-01-02", pa.timestamp("s")) == 86400
    assert from_python("1970-01-02 00:00:01", pa.timestamp("s", "UTC")) == 86401
    assert from_python("9999-12-31", pa.timestamp("s", "Asia/Tokyo")) == 253402214400
    assert from_python("1800-01-01 09:18:59+09:18:59", pa.timestamp("s", "Asia/Tokyo")) == -5364662400
    assert from_python(np.float32(1), pa.float64()) == 1


@pytest.mark.parametrize(
    ("value", "type_"), [("soon", pa.date32()), ("much", pa.int64()), (None, pa.float64())]
)
def test_what_a_column_cannot_hold_is_refused(value: Any, type_: pa.DataType) -> None:
    with pytest.raises(UsageError, match="is no value for a column of type"):
        from_python(value, type_)


@pytest.mark.parametrize(
    ("array", "lengths"),
    [
        (pa.array(["é", "", None, "abc"]), [1, 0, 3]),
        (pa.array([b"ab", None]), [2]),
        (pa.array([b"ab"], pa.binary(2)), [2]),
        (pa.array([[1, 2], [], None]), [2, 0]),
        (pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)), [2]),
        (pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int8())), [1, 0]),
    ],
)
def test_lengths_are_of_characters_bytes_or_items(array: pa.Array, lengths: list[int]) -> None:
    assert lengths_of(array).tolist() == lengths


def test_numbers_have_no_length() -> None:
    with pytest.raises(SchemaError, match="have no length"):
        lengths_of(pa.array([1]))
