"""Delimited text: types over the whole file, malformed lines by number, and what comes back after a write."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import InputError, NotFound
from headwater.core.types import parse_type
from headwater.formats import csv as delimited
from headwater.formats import text
from headwater.formats.base import BATCH_ROWS, READERS, WRITERS, ReadOptions, Source, WriteOptions
from tests.formats.strategies import TYPES, tables


def read(
    path: Path, data: bytes | str | None = None, *, schema: dict[str, str] | None = None, **how: Any
) -> Source:
    if data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    types = {name: parse_type(kind) for name, kind in (schema or {}).items()}
    return READERS["csv"].read(str(path), options=ReadOptions(schema=types, **how))


def write(table: pa.Table, path: Path, format: str = "csv") -> None:
    path.unlink(missing_ok=True)
    WRITERS[format].write(table.to_batches(), table.schema, path, options=WriteOptions())


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files of a few kilobytes take many blocks."""
    monkeypatch.setattr(text.utf8_chunks, "__kwdefaults__", {"size": 512})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reviews.csv"


def test_each_column_gets_the_type_of_all_its_values(file: Path) -> None:
    source = read(
        file,
        "id,price,ok,day,at,zip,word,none\n"
        "1,2,true,2020-01-01,2020-01-01T10:00:00,01234,é,\n"
        "2,2.5,False,,2020-01-02 11:30,98765,,\n",
    )
    kinds = [pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us"), *[pa.string()] * 3]
    assert source.schema.types == kinds
    assert source.num_rows == 2
    assert source.table()["price"].to_pylist() == [2.0, 2.5]
    assert source.unsettled == {"none"}
    assert [note.split("'")[1] for note in source.notes] == ["zip", "none"]


@pytest.mark.usefixtures("small_blocks")
def test_a_value_near_the_end_of_the_file_decides(file: Path) -> None:
    rows = [f"{number},{number}.5,x" for number in range(5000)]
    assert read(file, "\n".join(["a,b,c", *rows])).schema.types == [pa.int64(), pa.float64(), pa.string()]
    rows[4900] = "n/a,1e5,x"
    source = read(file, "\n".join(["a,b,c", *rows]))
    assert source.schema.types == [pa.string(), pa.float64(), pa.string()]
    assert source.notes == (
        "Column 'a' is read as text: 'n/a' in row 4,901 may mean null: say so with --null.",
    )
    assert source.table()["a"].to_pylist()[4899:4902] == ["4899", "n/a", "4901"]


@pytest.mark.usefixtures("small_blocks")
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.sampled_from('ab1.,"\n é-'), max_size=5)] * 2).filter(any),
        max_size=400,
    )
)
def test_fields_are_those_of_the_csv_module(file: Path, rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([("a", "b"), *rows])
    source = read(file, out.getvalue(), schema={"a": "string", "b": "string"})
    assert [tuple(row.values()) for row in source.table().to_pylist()] == rows


@given(table=tables())
def test_what_is_written_is_read_back_equal_with_its_schema(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "table.csv"
    write(table, path)
    schema = dict(zip(table.schema.names, table.schema.types, strict=True))
    source = READERS["csv"].read(str(path), options=ReadOptions(schema=schema, delimiter=","))
    assert source.table().equals(table), (source.table(), table)
    assert source.num_rows == len(table)


@pytest.mark.parametrize("name", ["table.csv.gz", "table.csv.zst"])
def test_compressed_tables_are_read_back_equal(tmp_path: Path, name: str) -> None:
    table = pa.table({"a": range(1000), "b": ["é"] * 1000})
    write(table, tmp_path / name)
    assert (tmp_path / name).stat().st_size < 5000
    assert read(tmp_path / name).table().equals(table)


INFERRED = (pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC"))


@given(table=tables(types=INFERRED, min_rows=1))
def test_plain_values_are_read_back_equal_without_a_schema(tmp_path: Path, table: pa.Table) -> None:
    full = table.filter(pa.compute.is_valid(table.column(0)))
    filled = [column for column in full.schema.names if full[column].null_count < len(full)]
    finite = [
        name
        for name in filled
        if not pa.types.is_floating(full.schema.field(name).type)
        or any(abs(value) < 1e308 for value in full[name].to_pylist() if value is not None)
    ]
    path = tmp_path / "table.csv"
    if finite:
        write(full.select(finite), path)
        assert read(path, delimiter=",").table().equals(full.select(finite))


def test_null_and_empty_text_stay_apart(file: Path) -> None:
    table = pa.table({"a": ["", None, "x"], "b": [1, 2, 3]})
    write(table, file)
    assert file.read_text() == 'a,b\n"",1\n,2\nx,3\n'
    assert read(file).table().equals(table)


def test_a_single_column_keeps_its_nulls(file: Path) -> None:
    table = pa.table({"a": ["x", None, None, "y"]})
    write(table, file)
    assert read(file).table().equals(table)


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        ("a,b\n1,2\n3\n4,5\n", 3, "1 field where the header has 2 ('3')"),
        ("a,b\n1,2\n\n3,4,5\n", 4, "3 fields where the header has 2 ('3,4,5')"),
        ('a,b\n1,"x\ny"\n3\n', 4, "1 field where the header has 2"),
        ('a,b\n1,2\n1,"x"y\n', 3, "field 2 goes on after its closing quote"),
        ('a,b\n1,"x\n3,4\n', 2, "the quote that opens field 2 is never closed"),
        ("a,b\n1,\0\n", 2, "it has a NUL byte"),
        (b"a,b\n1,2\n3,\xe9\n", 3, "byte 0xe9 is not UTF-8"),
        ("a,b,a\n1,2,3\n", 1, "the header names these columns more than once: 'a'"),
    ],
)
def test_a_malformed_line_is_named_with_file_line_and_reason(
    file: Path, data: str | bytes, line: int, reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(file, data)
    assert str(caught.value).startswith(f"reviews.csv, line {line}: {reason}")
    assert (caught.value.file, caught.value.line) == ("reviews.csv", line)
    assert caught.value.reason in str(caught.value)


@pytest.mark.usefixtures("small_blocks")
def test_the_first_malformed_line_of_a_large_file_is_named(file: Path) -> None:
    lines = ["a,b"] + [f'{number},"two\nlines"' for number in range(3000)]
    lines[2500] = "too,many,fields"
    lines[2800] = "few"
    with pytest.raises(InputError) as caught:
        read(file, "\n".join(lines))
    assert caught.value.line == 2 * 2500


@pytest.mark.usefixtures("small_blocks")
def test_malformed_lines_can_be_left_out_and_are_reported(file: Path) -> None:
    lines = [f"{number},x" for number in range(2000)]
    for at in range(0, 2000, 10):
        lines[at] = ["few", "1,2,3", '1,"x"y', "\0,1"][at // 10 % 4]
    source = read(file, "\n".join(["a,b", *lines]), on_bad_lines="skip")
    assert source.schema.types == [pa.int64(), pa.string()]
    assert source.num_rows == 1800
    assert source.skipped == 200
    assert len(source.bad_lines) == 100
    assert [bad.line for bad in source.bad_lines] == list(range(2, 1002, 10))
    assert source.table()["a"].to_pylist() == [number for number in range(2000) if number % 10]
    assert source.bad_lines[0].reason == "1 field where the header has 2"


@pytest.mark.usefixtures("small_blocks")
def test_types_asked_for_are_kept_to_and_misfits_named(file: Path) -> None:
    lines = [f'{number:05},{number}.50,"a\nb"' for number in range(1000)]
    data = "\n".join(["code,price,text", *lines])
    source = read(file, data, schema={"code": "int32", "price": "decimal(10, 2)"})
    assert source.schema.types == [pa.int32(), pa.decimal128(10, 2), pa.string()]
    assert source.table()["code"].to_pylist() == list(range(1000))
    with pytest.raises(InputError, match=r"line 1402: column 'price': '700.50' is not an int64") as caught:
        read(file, data.replace(".50", "", 700), schema={"price": "int64"})
    assert (caught.value.column, caught.value.value, caught.value.line) == ("price", "700.50", 1402)


def test_lines_of_misfits_are_right_below_lines_left_out(file: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(file, "a,b\n1\n1,2\n\n1\nx,2\n", schema={"a": "int64"}, on_bad_lines="skip")
    assert caught.value.line == 6


def test_a_type_for_a_column_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean 'price'"):
        read(file, "price\n1\n", schema={"prize": "int64"})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_are_found_out(file: Path, encoding: str) -> None:
    assert read(file, "nom,prix\nécole,1\n".encode(encoding)).table().to_pylist() == [
        {"nom": "école", "prix": 1}
    ]


def test_named_encodings_are_used(file: Path) -> None:
    data = "nom,prix\nécole,1\n".encode("latin-1")
    assert read(file, data, encoding="latin-1").table()["nom"].to_pylist() == ["école"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_break_is_read(file: Path, newline: str) -> None:
    assert read(file, newline.join(["a,b", "1,x", "2,y", ""])).table().to_pydict() == {
        "a": [1, 2],
        "b": ["x", "y"],
    }


def test_a_header_alone_is_no_rows(file: Path) -> None:
    source = read(file, "a,b")
    assert (source.num_rows, source.schema.names, source.notes) == (0, ["a", "b"], ())
    assert source.table().num_rows == 0
    with pytest.raises(InputError, match="the file is empty"):
        read(file, "")


def test_named_nulls_let_a_column_be_numbers(file: Path) -> None:
    source = read(file, "a,b\n1,NA\nNA,x\n", null_values=("NA",))
    assert source.table().to_pydict() == {"a": [1, None], "b": [None, "x"]}


def test_quoted_empty_numbers_are_null(file: Path) -> None:
    assert read(file, '"a","b"\n"1","x"\n"",""\n').table().to_pydict() == {"a": [1, None], "b": ["x", ""]}


def test_tabs_are_prescribed_by_tsv(tmp_path: Path) -> None:
    table = pa.table({"a,b": ["x,y", None], "c": [1, 2]})
    path = tmp_path / "t.tsv"
    write(table, path, "tsv")
    assert path.read_text() == "a,b\tc\nx,y\t1\n\t2\n"
    assert READERS["tsv"].read(str(path), options=ReadOptions()).table().equals(table)


def test_batches_are_bounded_and_can_be_drawn_again(file: Path) -> None:
    source = read(file, "a\n" + "1\n" * 300_000)
    sizes = [batch.num_rows for batch in source.batches()]
    assert max(sizes) <= BATCH_ROWS
    assert sum(sizes) == sum(batch.num_rows for batch in source.batches()) == 300_000


def test_memory_is_bounded_by_blocks_not_by_the_file(file: Path) -> None:
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(b"a,b\n")
        block = b"".join(b"%d,some text that goes on for a while\n" % number for number in range(100_000))
        for _ in range(12):
            packed.write(block)
    before = pa.total_allocated_bytes()
    source, most, rows = read(file), 0, 0
    for batch in source.batches():
        rows += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert rows == 1_200_000
    assert most < 40 << 20  # the text is 52 MB


def test_real_data_is_read_as_the_csv_module_reads_it(shared: Path) -> None:
    for name in ("sms_spam/sms_spam", "crowd/dogs_labels", "raha_beers/dirty", "er_dblp_acm/acm"):
        path = shared / f"{name}.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines)
        source = read(path, schema=dict.fromkeys(header, "string"))
        expected = {name: [row[at] or None for row in rows] for at, name in enumerate(header)}
        assert {
            name: [value or None for value in column] for name, column in source.table().to_pydict().items()
        } == (expected)


def test_types_of_real_data(shared: Path) -> None:
    sms = read(shared / "sms_spam/sms_spam.csv.gz")
    assert (sms.num_rows, sms.schema.types, sms.notes) == (5574, [pa.string(), pa.string()], ())
    dogs = read(shared / "crowd/dogs_labels.csv.gz")
    assert (dogs.num_rows, set(dogs.schema.types)) == (8070, {pa.int64()})
    beers = read(shared / "raha_beers/dirty.csv.gz")
    assert beers.schema.field("abv").type == pa.string()
    assert any("'N/A' in row 1 may mean null" in note for note in beers.notes)
    people = read(shared / "er_febrl/dataset1.csv.gz")
    assert people.schema.field("postcode").type == pa.string()


def test_the_same_types_are_tried_for_reading_as_for_writing() -> None:
    assert set(TYPES) >= set(INFERRED)
    assert delimited.MEND_LINE.startswith("mend the line")
