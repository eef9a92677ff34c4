"""Cutting delimited text into whole records: Python's csv module says what is right."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.formats import records
from headwater.formats.records import Block, blocks, first_record, record_lines


def cut(data: bytes, size: int = 1 << 20, newline: bytes = b"\n") -> list[Block]:
    return list(blocks((data[at : at + size] for at in range(0, len(data), size)), ",", newline))


def said(found: list[Block]) -> list[tuple[int, str]]:
    return [(block.problem.line, block.problem.reason) for block in found if block.problem is not None]


FIELDS = st.text(st.sampled_from('a,"\n 5é'), max_size=6)


@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=3), min_size=1, max_size=8),
    st.integers(1, 40),
    st.booleans(),
)
def test_well_formed_text_is_cut_at_ends_of_records_only(
    rows: list[list[str]], size: int, quote_all: bool
) -> None:
    text = io.StringIO()
    csv.writer(
        text, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    ).writerows(rows)
    data = text.getvalue().encode()
    found = cut(data, size)
    assert said(found) == []
    assert b"".join(block.data for block in found) == data
    parsed = [list(csv.reader(io.StringIO(block.data.decode(), newline=""))) for block in found]
    assert [row for part in parsed for row in part] == rows
    starts = [line for block in found for line in record_lines(block, ",")]
    expected, reader = [], csv.reader(io.StringIO(text.getvalue(), newline=""))
    line = 1
    for row in reader:
        expected.append(line)
        line += sum(field.count("\n") for field in row) + 1
    assert starts == expected


@given(st.text(st.sampled_from('ab,"\n5 '), max_size=60), st.integers(1, 40), st.integers(1, 40))
def test_the_size_of_the_chunks_makes_no_difference(text: str, one: int, two: int) -> None:
    found = [cut(text.encode(), size) for size in (one, two)]
    assert said(found[0]) == said(found[1])
    assert len({b"".join(block.data for block in part) for part in found}) == 1


@given(st.text(st.sampled_from('ab,"\n5 '), max_size=60), st.integers(1, 40))
def test_no_line_of_any_text_is_lost_unsaid(text: str, size: int) -> None:
    data = text.encode()
    found = cut(data, size)
    kept = sum(block.data.count(b"\n") for block in found)
    left_out = [line for line, _ in said(found)]
    ends_open = bool(data) and not data.endswith(b"\n")
    assert kept + len(left_out) - (ends_open and data.count(b"\n") + 1 in left_out) == data.count(b"\n")
    assert left_out == sorted(set(left_out))
    for block in found:  # what is kept is what the csv module takes without complaint
        list(csv.reader(io.StringIO(block.data.decode(), newline=""), strict=True))


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("data", "problems", "kept"),
    [
        (b'1,"x"y\n3,4\n', [(1, "field 2 goes on after its closing quote")], b"3,4\n"),
        (b'1,5" pipe\n3,4\n', [], b'1,5" pipe\n3,4\n'),
        (b'1,"open\n3,4\n', [(1, "the quote that opens field 2 is never closed")], b"3,4\n"),
        (b"1,2\n\0\n3,4\n", [(2, "it has a NUL byte")], b"1,2\n3,4\n"),
        (b'1,"\n\0\n"\n3,4\n', [(1, "it has a NUL byte")], b"3,4\n"),
        (b"\0", [(1, "it has a NUL byte")], b""),
        (b'"a""b",""\n"""",x\n', [], b'"a""b",""\n"""",x\n'),
        (b'1,2\n"open', [(2, "the quote that opens field 1 is never closed")], b"1,2\n"),
    ],
)
def test_misplaced_quotes_and_nul_bytes_are_named(
    data: bytes, problems: list[tuple[int, str]], kept: bytes, size: int
) -> None:
    found = cut(data, size)
    assert said(found) == problems
    assert b"".join(block.data for block in found) == kept


def test_a_quote_closed_lines_further_down_is_named_where_it_opens() -> None:
    found = cut(b'a,"open\nb,c\nd,"e"\nf,g\n')
    assert said(found) == [
        (1, "the quote that opens field 2 is closed only 2 lines below, in the middle of a field")
    ]
    assert b"".join(block.data for block in found) == b'b,c\nd,"e"\nf,g\n'


def test_a_record_longer_than_may_be_held_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST_RECORD", 1000)
    assert said(cut(b"a\n" + b"x" * 5000, 100))[0] == (2, "it is longer than 0 MiB")
    assert said(cut(b'a\nb,"' + b"x\n" * 5000, 100))[0] == (2, "the quote that opens field 2 is never closed")


def test_old_macintosh_line_breaks_are_cut_too() -> None:
    found = cut(b'a,b\r1,"x\ry"\r3,4\r', 5, newline=b"\r")
    assert b"".join(block.data for block in found) == b'a,b\r1,"x\ry"\r3,4\r'
    assert [line for block in found for line in record_lines(block, ",", b"\r")] == [1, 2, 4]


def test_blank_lines_are_records_only_where_asked() -> None:
    block = Block(b"\n1\n\r\n\n2", 10)
    assert record_lines(block, ",").tolist() == [11, 14]
    assert record_lines(block, ",", blank=True).tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"a,b\n1,2", (0, 4)),
        (b"\n\r\na,b", (3, 6)),
        (b'"a\nb",c\n1', (0, 8)),
        (b'x,"a\n', None),
        (b'5" x,b\n1', (0, 7)),
        (b'"a""\n",b\n1', (0, 9)),
    ],
)
def test_the_first_record_is_found(data: bytes, place: tuple[int, int] | None) -> None:
    assert first_record(data, ",") == place
