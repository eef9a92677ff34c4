"""Keys as JSON text: every key finds its row again, and text that is no key is told."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from headwater.core.errors import UsageError
from headwater.store.keytext import key_array, key_texts, parse_keys
from tests.strategies import keyed_tables


@pytest.mark.parametrize("columns", [1, 2])
def test_every_key_comes_back_from_its_text(columns: int) -> None:
    @given(keyed_tables(key_columns=columns))
    def check(table: pa.Table) -> None:
        keys = table.select([f"k{number}" for number in range(columns)])
        assert parse_keys(key_texts(keys), keys.schema).equals(keys)

    check()


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (7, pa.int32(), "7"),
        (True, pa.bool_(), "true"),
        ('naïve "☃"', pa.string(), '"naïve \\"☃\\""'),
        (b"\x00\xff", pa.binary(), '"00ff"'),
        (bytes(range(16)), pa.binary(16), '"000102030405060708090a0b0c0d0e0f"'),
        (date(2026, 11, 1), pa.date32(), '"2026-11-01"'),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), pa.timestamp("s", "Europe/Berlin"), '"2026-11-01T12:00:00Z"'),
        (1, pa.timestamp("ns"), '"1970-01-01T00:00:00.000000001"'),
        (time(12, 30), pa.time32("s"), '"12:30:00"'),
        (1, pa.time64("ns"), '"00:00:00.000000001"'),
        (timedelta(seconds=2), pa.duration("ms"), "2000"),
        (Decimal("1.50"), pa.decimal128(5, 2), '"1.50"'),
        (Decimal("1.50"), pa.decimal256(50, 2), '"1.50"'),
    ],
)
def test_keys_read_like_this(value: Any, kind: pa.DataType, text: str) -> None:
    table = pa.table({"k": pa.array([value], kind)})
    assert key_texts(table) == [text]
    assert parse_keys([text], table.schema).equals(table)


def test_a_uuid_may_be_written_with_dashes() -> None:
    schema = pa.schema([("k", pa.binary(16))])
    value = uuid.UUID(int=7)
    assert parse_keys([f'"{value}"'], schema).column("k").to_pylist() == [value.bytes]
    assert key_array([value], pa.binary(16)).to_pylist() == [value.bytes]


def test_a_key_of_several_columns_is_a_list() -> None:
    table = pa.table({"a": [1], "b": ["x"]})
    assert key_texts(table) == ['[1, "x"]']
    assert parse_keys(['[1,"x"]'], table.schema).equals(table)


def test_no_keys_are_no_rows() -> None:
    schema = pa.schema([("a", pa.date32()), ("b", pa.decimal128(3, 1))])
    assert key_texts(schema.empty_table()) == []
    assert parse_keys([], schema).equals(schema.empty_table())


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("ada", pa.string(), "A key is written as JSON"),
        ('"x"', pa.int64(), "Key 'k' is int64"),
        ("1.5", pa.int64(), "Key 'k' is int64"),
        ("99999999999999999999", pa.int64(), "Key 'k' is int64"),
        ('"2026-13-01"', pa.date32(), "Key 'k' is date32"),
        ('"25:00:00"', pa.time32("s"), "Key 'k' is time32"),
        ('"zz"', pa.binary(), "Key 'k' is binary"),
        ('"00"', pa.binary(16), "Key 'k' is fixed_size_binary"),
        ('"x"', pa.decimal128(5, 2), "Key 'k' is decimal128"),
        ("[1]", pa.int64(), "Key 'k' is int64"),
    ],
)
def test_text_that_is_no_key_is_told(text: str, kind: pa.DataType, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        parse_keys([text], pa.schema([("k", kind)]))


@pytest.mark.parametrize("text", ["1", "[1]", "[1, 2, 3]", '{"a": 1}'])
def test_a_key_of_several_columns_must_name_them_all(text: str) -> None:
    with pytest.raises(UsageError, match="it must list 2 values"):
        parse_keys([text], pa.schema([("a", pa.int64()), ("b", pa.int64())]))
