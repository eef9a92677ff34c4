"""Arrow to text: the forms of values, and errors on the way."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.copying import copy_csv, copy_json
from headwater.formats.read import read_table

TABLE = pa.table(
    {
        'a "b"': pa.array(["x,\ny", None, ""]),
        "f": [1.0, 0.1, None],
        "n": pa.array([Decimal("1.50"), None, Decimal("12345678901234.56")], pa.decimal128(38, 2)),
        "z": pa.array(
            [dt.datetime(2020, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))] * 3,
            pa.timestamp("ms", "UTC"),
        ),
        "y": [b"\0\xff", None, b""],
        "l": [[1, None], None, []],
        "s": [{"k": 'é"'}, None, {"k": None}],
        "d": pa.array([1, None, 3], pa.duration("s")),
    }
)


def test_delimited_text_has_one_form_for_each_type(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    copy_csv(TABLE.to_batches(), TABLE.schema, path)
    assert path.read_text(encoding="utf-8") == (
        '"a ""b""",f,n,z,y,l,s,d\n'
        '"x,\ny",1.0,1.50,2020-01-01 00:00:00Z,AP8=,"[1,null]","{""k"":""é\\""""}",1\n'
        ",0.1,,2020-01-01 00:00:00Z,,,,\n"
        '"",,12345678901234.56,2020-01-01 00:00:00Z,"",[],"{""k"":null}",3\n'
    )


def test_json_has_one_form_for_each_type(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    copy_json(TABLE.to_batches(), TABLE.schema, path)
    assert gzip.decompress(path.read_bytes()).decode().splitlines()[0] == (
        '{"a \\"b\\"":"x,\\ny","f":1.0,"n":"1.50","z":"2020-01-01 00:00:00Z","y":"AP8=","l":[1,null],'
        '"s":{"k":"é\\""},"d":1}'
    )


def test_rows_keep_their_order_over_many_batches(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    batches = [pa.record_batch({"a": range(start, start + 1000)}) for start in range(0, 300_000, 1000)]
    copy_csv(batches, batches[0].schema, path)
    assert path.read_text().split() == ["a", *map(str, range(300_000))]


def test_an_error_of_whoever_gives_the_batches_arrives_as_it_is(tmp_path: Path) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise InputError("line 2 is wrong", line=2)

    with pytest.raises(InputError, match="line 2 is wrong") as caught:
        copy_csv(batches(), pa.schema([("a", pa.int64())]), tmp_path / "t.csv")
    assert caught.value.line == 2


def test_no_columns_cannot_be_delimited_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one column"):
        copy_csv([], pa.schema([]), tmp_path / "t.csv")


def test_a_path_with_quotes_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    copy_csv([pa.record_batch({"a": [1]})], pa.schema([("a", pa.int64())]), path)
    assert path.read_text() == "a\n1\n"


def test_decimals_longer_than_those_of_duckdb_keep_their_digits(tmp_path: Path) -> None:
    kind = pa.decimal256(76, 2)
    batch = pa.record_batch({"d": pa.array([Decimal("9" * 70 + ".25"), None], kind)})
    copy_csv([batch], batch.schema, tmp_path / "t.csv")
    copy_json([batch], batch.schema, tmp_path / "t.jsonl")
    for name in ("t.csv", "t.jsonl"):
        assert (
            read_table(tmp_path / name, schema={"d": kind}).column("d").to_pylist()
            == batch.column("d").to_pylist()
        )


def test_what_cannot_be_written_as_text_says_what_to_do(tmp_path: Path) -> None:
    batch = pa.record_batch({"d": pa.array([[Decimal(1)]], pa.list_(pa.decimal256(76, 2)))})
    with pytest.raises(UsageError, match=r"cannot be written as text: .*Parquet or Arrow instead"):
        copy_json([batch], batch.schema, tmp_path / "t.jsonl")
