"""JSON Lines and arrays: types over the whole file, malformed lines by number, and round trips."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.core.types import parse_type
from headwater.formats import text
from headwater.formats.base import READERS, WRITERS, ReadOptions, Source, WriteOptions
from tests.formats.strategies import tables


def read(
    path: Path, data: bytes | str | None = None, *, schema: dict[str, str] | None = None, **how: Any
) -> Source:
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    types = {name: parse_type(kind) for name, kind in (schema or {}).items()}
    return READERS[path.suffix[1:]].read(str(path), options=ReadOptions(schema=types, **how))


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def array(tmp_path: Path) -> Path:
    return tmp_path / "events.json"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files of a few kilobytes take many blocks."""
    monkeypatch.setattr(text.line_blocks, "__kwdefaults__", {"size": 512})


def test_objects_become_structs_lists_stay_lists_and_missing_keys_are_null(lines: Path) -> None:
    source = read(lines, '{"a":1,"b":{"x":1,"y":[1]},"c":[{"z":"é"}]}\n{"a":2.5,"b":{"y":[]},"d":true}\n')
    assert source.schema.names == ["a", "b", "c", "d"]
    assert source.schema.field("a").type == pa.float64()
    assert source.table().to_pylist() == [
        {"a": 1.0, "b": {"x": 1, "y": [1]}, "c": [{"z": "é"}], "d": None},
        {"a": 2.5, "b": {"x": None, "y": []}, "c": None, "d": True},
    ]


def test_dates_and_times_are_found_in_strings_but_numbers_in_strings_stay(lines: Path) -> None:
    source = read(
        lines, '{"d":"2020-01-01","t":"2020-01-01","z":"007","n":"5"}\n{"d":null,"t":"2020-01-01T10:00"}\n'
    )
    assert source.schema.types == [pa.date32(), pa.timestamp("us"), pa.string(), pa.string()]


@pytest.mark.usefixtures("small_blocks")
def test_types_are_found_over_the_whole_file(lines: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"a": number, "b": None, "c": [], "t": "2020-01-01"} for number in range(2000)
    ]
    rows[1900] = {"a": 0.5, "b": {"x": 1}, "c": ["s"], "t": "later", "new": 1}
    source = read(lines, "\n".join(map(json.dumps, rows)))
    assert source.schema.field("b").type == pa.struct([("x", pa.int64())])
    assert source.table().to_pylist() == [
        {name: row.get(name) for name in source.schema.names} for row in rows
    ]
    assert (source.num_rows, source.notes) == (2000, ())


@pytest.mark.usefixtures("small_blocks")
def test_values_without_a_type_in_common_are_read_as_text(lines: Path) -> None:
    rows: list[dict[str, Any]] = [{"a": 1, "b": number, "c": {"k": 1}} for number in range(500)]
    rows[3]["a"] = "x"
    rows[400]["b"] = "y"
    rows[450]["c"] = {"k": "z", "l": [1.5, None]}
    source = read(lines, "\n".join(map(json.dumps, rows)))
    assert source.schema.types == [pa.string()] * 3
    found = source.table().to_pylist()
    assert (found[3]["a"], found[400]["b"], found[399]["b"]) == ("x", "y", "399")
    assert json.loads(found[450]["c"]) == rows[450]["c"]
    assert [note.split(" is read")[0] for note in source.notes] == ["Column 'a'", "Column 'b'", "Column 'c'"]


def test_whole_numbers_that_doubles_cannot_hold_are_noted(lines: Path) -> None:
    source = read(lines, '{"a":12345678901234567890}\n{"a":1}\n')
    assert "may lose digits" in source.notes[0]
    assert read(lines, schema={"a": "string"}).table()["a"].to_pylist() == ["12345678901234567890", "1"]
    assert read(lines, schema={"a": "decimal(20, 0)"}).table()["a"].to_pylist()[0] == 12345678901234567890


@pytest.mark.parametrize(
    "data", ['[{"a":1,\n"b":"x"},{"a":2}]', '{\n"a":1,"b":"x"}\n{"a"\n:2}', '{"a":1,"b":"x"}\n{"a":2}']
)
def test_json_files_may_be_arrays_or_objects_over_several_lines(array: Path, data: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read(array, data.encode(encoding)).table().to_pydict() == {"a": [1, 2], "b": ["x", None]}
    assert read(array, gzip.compress(data.encode())).num_rows == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"a":1}\n\n{"a":2\n', "events.jsonl, line 3: it is not JSON: missing a comma"),
        ('{"a":1}\n[1]\n', "events.jsonl, line 2: it is not a JSON object ('[1]')"),
        ('{"a":1,"a":2}', "line 1: a key comes twice"),
        (b'{"a":1}\n{"a":"\xe9"}', "line 2: byte 0xe9 is not UTF-8"),
        ("", "events.jsonl: the file is empty"),
        ("{}\n{}\n", "no object in it has a key"),
        ("hello\n", "line 1: it is not JSON: expecting value"),
    ],
)
def test_malformed_lines_are_named_with_file_line_and_reason(
    lines: Path, data: str | bytes, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(lines, data)
    assert said in str(caught.value)


@pytest.mark.usefixtures("small_blocks")
def test_malformed_lines_can_be_left_out_and_are_reported(lines: Path) -> None:
    rows = [json.dumps({"a": number}) for number in range(1000)]
    rows[10], rows[700], rows[701] = '{"a":', "[5]", '{"a":1e999}'
    source = read(lines, "\n".join(rows), on_bad_lines="skip")
    assert (source.num_rows, source.skipped, [bad.line for bad in source.bad_lines]) == (
        997,
        3,
        [11, 701, 702],
    )
    assert source.table()["a"].to_pylist() == [at for at in range(1000) if at not in (10, 700, 701)]
    with pytest.raises(InputError, match="line 11"):
        read(lines)


def test_types_asked_for_are_kept_to_and_misfits_named(lines: Path, array: Path) -> None:
    data = '{"a":"1.50","b":1,"c":[1],"d":"AP8="}\n{"a":2,"b":"x"}'
    source = read(
        lines, data, schema={"a": "decimal(5, 2)", "b": "string", "c": "list<double>", "d": "binary"}
    )
    assert [str(value) for value in source.table()["a"].to_pylist()] == ["1.50", "2.00"]
    assert source.table()["c"].to_pylist() == [[1.0], None]
    assert source.table()["d"].to_pylist() == [b"\0\xff", None]
    assert source.notes == ()
    with pytest.raises(InputError, match=r"line 2: column 'b': 'x' is not an int64") as caught:
        read(lines, schema={"b": "int64"})
    assert (caught.value.column, caught.value.value) == ("b", "x")
    with pytest.raises(InputError, match="element 2: column 'a'"):
        read(array, '[{"a":1},{"a":"x"}]', schema={"a": "int64"})
    with pytest.raises(NotFound, match="Did you mean 'a'"):
        read(lines, schema={"aa": "int64"})


def test_no_rows_with_a_schema_are_no_rows(array: Path) -> None:
    source = read(array, "[]", schema={"a": "int64"})
    assert (source.num_rows, source.table().schema) == (0, pa.schema([("a", pa.int64())]))


@given(table=tables(min_rows=1))
def test_what_is_written_is_read_back_equal_with_its_schema(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "t.jsonl"
    path.unlink(missing_ok=True)
    WRITERS["jsonl"].write(table.to_batches(), table.schema, path, options=WriteOptions())
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    found = READERS["jsonl"].read(str(path), options=ReadOptions(schema=types)).table()
    assert found.equals(table), (found.to_pydict(), table.to_pydict())


@pytest.mark.parametrize("name", ["t.jsonl.gz", "t.jsonl.zst"])
def test_compressed_lines_are_read_back_equal(tmp_path: Path, name: str) -> None:
    table = pa.table({"a": range(1000), "b": ["é"] * 1000})
    path = tmp_path / name
    WRITERS["jsonl"].write(table.to_batches(), table.schema, path, options=WriteOptions())
    assert path.stat().st_size < 5000
    assert READERS["jsonl"].read(str(path), options=ReadOptions()).table().equals(table)


def test_nested_values_are_read_back_equal_without_a_schema(lines: Path) -> None:
    table = pa.table(
        {"a": [[1, 2], None, []], "b": [{"x": "é", "y": [{"z": 1.5}]}, None, {"x": None, "y": None}]}
    )
    WRITERS["jsonl"].write(table.to_batches(), table.schema, lines, options=WriteOptions())
    assert read(lines).table().to_pylist() == table.to_pylist()


def test_bytes_deep_inside_cannot_be_written(lines: Path) -> None:
    table = pa.table({"a": [[b"x"]]})
    with pytest.raises(UsageError, match="bytes inside a list"):
        WRITERS["jsonl"].write(table.to_batches(), table.schema, lines, options=WriteOptions())


def test_real_data_is_read_as_the_json_module_reads_it(shared: Path) -> None:
    path = shared / "pii/presidio_synth_v2.json"
    expected = json.loads(path.read_text(encoding="utf-8"))
    source = READERS["json"].read(str(path), options=ReadOptions())
    assert source.num_rows == len(expected) == 724
    assert source.table().select(["full_text", "spans"]).to_pylist() == [
        {"full_text": row["full_text"], "spans": row["spans"]} for row in expected
    ]
