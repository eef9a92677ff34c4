"""Blocks of JSON values: layouts, malformed values, and columns picked from text."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import InputError
from headwater.formats.json_blocks import (
    Conflict,
    Layout,
    Malformed,
    Values,
    column_of,
    find_layout,
    parse,
    texts_of,
    values,
    without_columns,
    without_malformed,
)
from headwater.formats.read import read_table


def block(*lines: str) -> Values:
    return Values("\n".join(lines).encode(), pa.array(lines), range(1, len(lines) + 1), "line")


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        (b'\n {"a":1}\n{"a":2}', "lines"),
        (b'{"a":1}', "lines"),
        (b' [\n{"a":1}]', "array"),
        (b'{\n"a":1}\n', "objects"),
        (b'\xef\xbb\xbf[{"a":1}]', "array"),
    ],
)
def test_the_layout_is_seen_from_the_beginning(tmp_path: Path, data: bytes, layout: Layout) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(data)
    assert find_layout(path, None, may_span_lines=True) == layout
    found = list(values(path, None, layout))
    assert [text.strip()[0] for part in found for text in part.texts.to_pylist()] == ["{"] * sum(
        len(part.numbers) for part in found
    )


def test_blank_lines_are_left_out_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'\n{"a":1}\n  \r\n\n{"a":2}')
    found = list(values(path, None, "lines"))
    assert [list(part.numbers) for part in found] == [[2], [5]]
    assert [parse(part, None, infer=True).to_pylist() for part in found] == [[{"a": 1}], [{"a": 2}]]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b'[{"a":1},\n{"a":2,]', 2), (b'[{"a":1}\n{"a":2}]', 2), (b'[{"a":1}', 1), (b'[{"a":1}]\nx', 2)],
)
def test_a_mistake_in_an_array_is_named_by_its_line(tmp_path: Path, data: bytes, line: int) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match="it is not JSON") as caught:
        list(values(path, None, "array"))
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ('{"a":', "it is not JSON"),
        ('{"a":"x', "it is not JSON"),
        ("[1]", "not a JSON object"),
        ("5", "not a JSON object"),
        ('{"a":1,"a":2}', "a key comes twice"),
        ('{"a":1}{"a":2}', "more than one value"),
        ('{"a":1e999}', "number too big"),
        ('{"a":"\\ud800"}', "surrogate"),
        ("null", "not a JSON object"),
        ('{"a":' * 33 + "1" + "}" * 33, "more than 32 levels deep"),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "more than 32 levels deep"),
    ],
)
def test_malformed_values_are_found_and_can_be_left_out(second: str, reason: str) -> None:
    lines = block('{"a":1}', second, '{"a":3}')
    with pytest.raises(Malformed) as caught:
        parse(lines, None, infer=True)
    assert caught.value.at == 1
    assert reason in caught.value.reason
    rest, problems = without_malformed(lines)
    assert list(rest.numbers) == [1, 3]
    assert [problem.line for problem in problems] == [2]
    assert parse(rest, None, infer=True)["a"].to_pylist() == [1, 3]


def test_only_what_is_nested_is_deep() -> None:
    lines = block('{"a":[' + ",".join(['{"b":"[[[{{{\\\\\\"["}'] * 50) + "]}", '{"c":' * 31 + "[]" + "}" * 31)
    assert parse(lines, None, infer=True).num_rows == 2


@pytest.mark.parametrize("data", [b"null", b'null\n{"a":1}', b"[null]", b"[" * 10_000])
def test_strange_files_are_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"t\.json.*(not a|32 levels)"):
        read_table(path)


def test_a_conflict_names_its_column_even_with_slashes_in_keys() -> None:
    lines = block('{"a/b":{"c":1},"a":2}', '{"a/b":{"c":"x"},"a":3}')
    with pytest.raises(Conflict) as caught:
        parse(lines, None, infer=True)
    assert column_of(lines, caught.value) == "a/b"


def test_columns_are_picked_as_text_and_taken_out() -> None:
    lines = block('{"a/b":"é","~":{"x":[1,2]},"":true,"n":null}', '{"a/b":5}')
    assert {name: column.to_pylist() for name, column in texts_of(lines, ["a/b", "~", "", "n"]).items()} == {
        "a/b": ["é", "5"],
        "~": ['{"x":[1,2]}', None],
        "": ["true", None],
        "n": [None, None],
    }
    assert without_columns(lines, ["~", "", "n"]).texts.to_pylist() == ['{"a/b":"é"}', '{"a/b":5}']
