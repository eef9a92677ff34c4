"""Workbooks: types of cells, headers, sheets, and cells that hold errors."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound
from headwater.core.types import parse_type
from headwater.formats.base import ReadOptions, Source
from headwater.formats.excel import Excel

pytest.importorskip("fastexcel")
openpyxl = pytest.importorskip("openpyxl")


def workbook(path: Path, rows: list[list[Any]], sheets: tuple[str, ...] = ("Data",)) -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for row in rows:
        book.active.append(row)
    for name in sheets[1:]:
        book.create_sheet(name).append([f"in {name}"])
    book.save(path)
    return path


def read(path: Path, *, schema: dict[str, str] | None = None, **how: Any) -> Source:
    types = {name: parse_type(kind) for name, kind in (schema or {}).items()}
    return Excel().read(str(path), options=ReadOptions(schema=types, **how))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.xlsx"


def test_cells_get_the_narrowest_type(path: Path) -> None:
    at, day = dt.datetime(2020, 1, 1, 10), dt.date(2020, 1, 2)  # noqa: DTZ001
    rows: list[list[Any]] = [
        ["id", "name", "score", "at", "day", "ok", "zip", "mixed", "none"],
        [1, "Zoë", 1.5, at, day, True, "007", 1, None],
        [2, None, 2, None, None, False, "008", "x", None],
    ]
    source = read(workbook(path, rows))
    assert source.schema.types == [
        *(pa.int64(), pa.string(), pa.float64(), pa.timestamp("us"), pa.date32(), pa.bool_()),
        *(pa.string(), pa.string(), pa.string()),
    ]
    assert source.table().to_pylist()[0] == {
        "id": 1,
        "name": "Zoë",
        "score": 1.5,
        "at": at,
        "day": day,
        "ok": True,
        "zip": "007",
        "mixed": "1",
        "none": None,
    }
    assert source.num_rows == 2


def test_a_late_cell_decides(path: Path) -> None:
    source = read(workbook(path, [["a"], *[[number] for number in range(3000)], ["x"]]))
    assert source.schema.types == [pa.string()]
    assert source.table()["a"].to_pylist()[-2:] == ["2999", "x"]


def test_empty_rows_and_nameless_empty_columns_are_left_out(path: Path) -> None:
    source = read(workbook(path, [["a", None, None, "b"], [1, None, 5, 2], [None] * 4, [3, None, 6, 4]]))
    assert source.table().to_pydict() == {"a": [1, 3], "column_2": [5, 6], "b": [2, 4]}
    assert "Left out 1 empty row." in source.notes


def test_names_are_the_cells_of_the_header(path: Path) -> None:
    day = dt.date(2020, 1, 1)
    source = read(workbook(path, [["a", "a_1", 2020, True, day, " b "], [1, 2, 3, 4, 5, 6]]))
    assert source.schema.names == ["a", "a_1", "2020", "true", "2020-01-01 00:00:00", "b"]


def test_the_table_may_begin_further_down(path: Path) -> None:
    rows: list[list[Any]] = [[], [], [None, "x", "y"], [None, 1.5, 1], [None, 2, None], [None, None, "#N/A"]]
    source = read(workbook(path, rows))
    assert source.table().to_pydict() == {"x": [1.5, 2.0], "y": [1, None]}
    assert source.notes[0] == "1 cell holds an error and reads as null, the first in row 3 of the data."


def test_cells_without_a_type_in_common_are_text(path: Path) -> None:
    source = read(workbook(path, [["a"], [dt.timedelta(hours=30)], [1.5], ["x"]]))
    assert source.schema.types == [pa.string()]


def test_errors_in_cells_are_null_and_noted(path: Path) -> None:
    source = read(workbook(path, [["a", "b"], [1, 1], ["#N/A", 2], [3, 3]]))
    assert source.table()["b"].to_pylist() == [1, 2, 3]
    assert source.table()["a"].to_pylist()[1] is None
    assert any("1 cell holds an error" in note and "row 2" in note for note in source.notes)


def test_text_that_means_null_is_null_and_noted(path: Path) -> None:
    source = read(workbook(path, [["a", "b"], [1, "x"], ["n/a", "NA"], [None, None], [3, "y"]]))
    assert source.table().to_pydict() == {"a": [1, None, 3], "b": ["x", "NA", "y"]}
    assert source.notes[0] == "Column 'a': 1 cell reads as null, such as 'n/a'."


def test_times_of_day_are_times(path: Path) -> None:
    source = read(workbook(path, [["a"], [dt.time(0)], [dt.time(10, 30)], [None]]))
    assert source.table()["a"].to_pylist() == [dt.time(0), dt.time(10, 30)]


def test_sheets_are_chosen_by_name(path: Path) -> None:
    workbook(path, [["a"], [1]], ("One", "Two"))
    assert read(path, table="Two", header=False).table().to_pydict() == {"column_1": ["in Two"]}
    assert "there are also 'Two'" in read(path).notes[0]
    with pytest.raises(NotFound, match="Did you mean 'Two'"):
        read(path, table="Too")


def test_a_header_alone_is_no_rows_and_an_empty_sheet_an_error(path: Path) -> None:
    source = read(workbook(path, [["a", "b"]]))
    assert (source.num_rows, source.schema.names) == (0, ["a", "b"])
    with pytest.raises(InputError, match="sheet 'Data' is empty"):
        read(workbook(path, []))


def test_types_asked_for_are_kept_to_and_misfits_named(path: Path) -> None:
    workbook(path, [["a"], [1], [2.5]])
    assert read(path, schema={"a": "string"}).table()["a"].to_pylist() == ["1", "2.5"]
    with pytest.raises(InputError, match=r"row 2, column 'a': '2.5' is not an int64"):
        read(path, schema={"a": "int64"}).table()


def test_other_files_and_repeated_names_are_errors(path: Path) -> None:
    with pytest.raises(InputError, match="more than once: 'a'"):
        read(workbook(path, [["a", "a"], [1, 2]]))
    path.write_bytes(b"hello")
    with pytest.raises(InputError, match="it is not a workbook"):
        read(path)


@pytest.mark.parametrize("suffix", [".xls", ".xlsb", ".ods", ".dat"])
def test_a_suffix_that_lies_does_no_harm(path: Path, suffix: str) -> None:
    lying = workbook(path, [["a"], [1]]).rename(path.with_suffix(suffix))
    assert read(lying).table().to_pylist() == [{"a": 1}]


def test_open_documents_are_read(tmp_path: Path) -> None:
    cell = "<table:table-cell office:value-type='{}'><text:p>{}</text:p></table:table-cell>"
    one = "<table:table-cell office:value-type='float' office:value='1'><text:p>1</text:p></table:table-cell>"
    rows = [cell.format("string", "n") + cell.format("string", "s"), one + cell.format("string", "é")]
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content{names}><office:body><office:spreadsheet><table:table table:name='T'>"
        + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
        + "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "t.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    assert read(path).table().to_pylist() == [{"n": 1, "s": "é"}]
