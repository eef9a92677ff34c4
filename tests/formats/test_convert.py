"""Values in the type a user asks for, and the first that does not fit."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.core.types import parse_type
from headwater.formats.convert import ValueMisfit, convert, json_form

FITS: list[tuple[list[str | None], str, list[Any]]] = [
    (["1", " 2", "", "3.0", "+4", "007", None], "int64", [1, 2, None, 3, 4, 7, None]),
    (["inf", "1e5", " .5 "], "double", [float("inf"), 1e5, 0.5]),
    (["TRUE", "0", " 1", ""], "bool", [True, False, True, None]),
    (["2020-01-01 "], "date", [dt.date(2020, 1, 1)]),
    (["2020-01-01T10:00Z"], "timestamp[us, UTC]", [dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC)]),
    (["1.50", "1"], "decimal(10, 2)", [Decimal("1.50"), Decimal("1.00")]),
    (["10:00:01.5"], "time", [dt.time(10, 0, 1, 500000)]),
    (["5"], "duration", [dt.timedelta(microseconds=5)]),
    (["AP8=", None, ""], "binary", [b"\0\xff", None, b""]),
    (["YWI="], "fixed_binary[2]", [b"ab"]),
    (["3f2504e0-4f89-11d3-9a0c-0305e82c3301"], "uuid", [uuid.UUID("3f2504e0-4f89-11d3-9a0c-0305e82c3301")]),
    (["[1,2]", None, ""], "list<float>[2]", [[1.0, 2.0], None, None]),
    (['{"a":1,"b":"2020-01-01"}'], "struct<a: int64, b: date>", [{"a": 1, "b": dt.date(2020, 1, 1)}]),
    (["x", " "], "string", ["x", " "]),
    (["x"], "dictionary<int32, string>", ["x"]),
    ([], "list<int64>", []),
]
MISFITS = [
    (["1", "x"], "int64", 1, "'x' is not an int64"),
    (["0x1F"], "int64", 0, "'0x1F' is not an int64"),
    (["300"], "int8", 0, "'300' is not an int8"),
    (["1.5"], "int64", 0, "'1.5' is not an int64"),
    (["1", "1e400"], "double", 1, "'1e400' is not a double"),
    (["yes"], "bool", 0, "'yes' is not a bool"),
    (["2020-01-01 10:00"], "date", 0, "is not a date"),
    (["2020-01-01T00:00Z"], "timestamp", 0, "is not a timestamp"),
    (["1.505"], "decimal(10, 2)", 0, "'1.505' is not a decimal(10, 2)"),
    (["A"], "binary", 0, "'A' is not a binary"),
    (["q"], "uuid", 0, "'q' is not a uuid"),
    (["[1]", "[1,"], "list<int64>", 1, "'[1,' is not a list<int64>"),
    (["12"], "struct<a: int64>", 0, "is not a struct"),
    (['{"a":1}} {"v":2'], "struct<a: int64>", 0, "is not a struct"),
    (["x" * 100], "int64", 0, "x…"),
]


@pytest.mark.parametrize(("written", "kind", "values"), FITS)
def test_text_becomes_the_type_asked_for(written: list[str | None], kind: str, values: list[Any]) -> None:
    found = convert(pa.array(written, pa.string()), parse_type(kind))
    assert found.type == parse_type(kind)
    assert found.to_pylist() == values


@pytest.mark.parametrize(("written", "kind", "row", "reason"), MISFITS)
def test_the_first_value_that_does_not_fit_is_named(
    written: list[str], kind: str, row: int, reason: str
) -> None:
    with pytest.raises(ValueMisfit) as caught:
        convert(
            pa.array(["", *written], pa.string()) if kind == "int64" else pa.array(written), parse_type(kind)
        )
    assert caught.value.row == row + (kind == "int64")
    assert reason in caught.value.reason


def test_named_nulls_are_null_where_the_type_is_not_text() -> None:
    assert convert(pa.array(["1", "NA"]), pa.int64(), nulls=("NA",)).to_pylist() == [1, None]
    assert convert(pa.array(["1", "NA"]), pa.string(), nulls=("NA",)).to_pylist() == ["1", "NA"]


@pytest.mark.parametrize(
    ("values", "kind", "row"),
    [
        (pa.array([1.0, 2.5]), pa.int64(), 1),
        (pa.array([2**53 + 1]), pa.float64(), 0),
        (pa.array([0, 2]), pa.bool_(), 1),
        (pa.array([1.0, 1e300]), pa.float32(), 1),
        (pa.array([dt.datetime(2020, 1, 1, 10)]), pa.date32(), 0),  # noqa: DTZ001
        (pa.array([300]), pa.int8(), 0),
    ],
)
def test_typed_values_are_never_bent_to_fit(values: pa.Array, kind: pa.DataType, row: int) -> None:
    with pytest.raises(ValueMisfit) as caught:
        convert(values, kind)
    assert caught.value.row == row


def test_typed_values_that_fit_are_converted() -> None:
    assert convert(pa.array([1.0, None]), pa.int64()).to_pylist() == [1, None]
    assert convert(pa.array([1]), pa.string()).to_pylist() == ["1"]
    same = pa.array([1])
    assert convert(same, pa.int64()) is same


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([[1]]), pa.int64()),
        (pa.array([1]), pa.date32()),
        (pa.array([{"a": 1}]), pa.struct([("b", pa.int64())])),
        (pa.array(["{}"]), pa.struct([("a", pa.binary())])),
    ],
)
def test_types_that_no_value_can_have_are_a_wrong_request(values: pa.Array, kind: pa.DataType) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        convert(values, kind)


def test_the_json_form_of_a_type_is_one_that_arrow_can_parse() -> None:
    assert json_form(pa.list_(pa.float32(), 3)) == pa.list_(pa.float32())
    assert json_form(pa.struct([("d", pa.date32())])) == pa.struct([("d", pa.string())])
