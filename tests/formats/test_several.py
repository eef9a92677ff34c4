"""Several sources as one: types, missing columns, notes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError
from headwater.formats.read import read
from headwater.formats.write import write


def files(folder: Path, *texts: str, suffix: str = ".csv") -> list[Path]:
    paths = [folder / f"{at}{suffix}" for at in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_rows_follow_in_the_order_of_the_files_and_columns_by_name(tmp_path: Path) -> None:
    source = read(files(tmp_path, "a,b\n1,x\n", "b,c,a\ny,true,2\n"))
    assert source.table().to_pylist() == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": "y", "c": True}]
    assert (source.num_rows, source.location.endswith("0.csv and 1 more")) == (2, True)


@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        ("1", "2.5", [1.0, 2.5]),
        ("1.50", "x", ["1.50", "x"]),
        ("007", "8", ["007", "8"]),
        ('""', "3", [None, 3]),
        ("2020-01-01", "soon", ["2020-01-01", "soon"]),
    ],
)
def test_types_join_as_if_it_were_one_file(
    tmp_path: Path, first: str, second: str, values: list[object]
) -> None:
    table = read(files(tmp_path, f"k,a\n1,{first}\n", f"k,a\n2,{second}\n")).table()
    assert table["a"].to_pylist() == values


def test_columns_without_values_in_one_file_do_not_decide(tmp_path: Path) -> None:
    source = read(files(tmp_path, "k,a,z\n1,,\n", "k,a,z\n2,5,\n"))
    assert source.table()["a"].to_pylist() == [None, 5]
    assert source.unsettled == {"z"}


def test_json_lines_join_too(tmp_path: Path) -> None:
    paths = files(tmp_path, '{"a":1,"b":{"x":1}}\n', '{"a":"s","b":"t"}\n', suffix=".jsonl")
    assert read(paths).table().to_pylist() == [{"a": "1", "b": '{"x":1}'}, {"a": "s", "b": "t"}]


def test_typed_files_widen_but_are_never_bent(tmp_path: Path) -> None:
    paths = [tmp_path / f"{at}.parquet" for at in range(3)]
    for path, values in zip(paths, ([1], [2.5], ["x"]), strict=True):
        write(pa.table({"a": values}), pa.table({"a": values}).schema, path)
    assert read(paths[:2]).table()["a"].to_pylist() == [1.0, 2.5]
    with pytest.raises(SchemaError, match=r"Column 'a' is double in .*0.parquet and string in .*2.parquet"):
        read(paths)
    assert read(paths[::2], schema={"a": "string"}).table()["a"].to_pylist() == ["1", "x"]


def test_a_type_for_a_column_of_one_file_only_is_taken(tmp_path: Path) -> None:
    source = read(files(tmp_path, "a\n1\n", "a,b\n2,3\n"), schema={"b": "string"})
    assert source.table().to_pydict() == {"a": [1, 2], "b": [None, "3"]}


def test_notes_and_bad_lines_say_their_file(tmp_path: Path) -> None:
    source = read(files(tmp_path, "a,b\n007,1\n", "a,b\n1\n007,2\n"), on_bad_lines="skip")
    assert len(source.notes) == 2
    assert "0.csv: Column 'a' is read as text" in source.notes[0]
    assert "1.csv: Left out 1 malformed line, the first being line 2" in source.notes[1]
    assert [(bad.file, bad.line) for bad in source.bad_lines] == [("1.csv", 2)]


def test_many_notes_are_cut_short(tmp_path: Path) -> None:
    header = ",".join(f"c{at}" for at in range(30))
    row = ",".join(["007"] * 30)
    for count in (1, 2):
        notes = read(files(tmp_path, *[f"{header}\n{row}\n"] * count)).notes
        assert (len(notes), notes[-1]) == (21, "There are 10 more notes like these.")
