"""How a delimited text is written, found from its beginning."""

from __future__ import annotations

import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.base import ReadOptions
from headwater.formats.dialect import Dialect, find_dialect, name_columns


def found(head: bytes, delimiter: str | None = None, **options: object) -> Dialect:
    return find_dialect(head, "f.csv", options=ReadOptions(**options), delimiter=delimiter)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "delimiter", "names"),
    [
        (b"a,b\n1,2\n", ",", ("a", "b")),
        (b"a;b\n1,5;2,5\n", ";", ("a", "b")),
        (b"a\tb c\n1,2\t2\n", "\t", ("a", "b c")),
        (b"a|b\n1|2,3\n", "|", ("a", "b")),
        (b"text\nhello, world\nbye\n", ",", ("text",)),
        (b'"a;1",b\n"x;y",2\n', ",", ("a;1", "b")),
        ("größe,名前\n1,2\n".encode(), ",", ("größe", "名前")),
        (b"a, b\n1, 2\n", ",", ("a", "b")),
        (b'" a","b "\n1,2\n', ",", (" a", "b ")),
        (b'"a\nb",c\n1,2\n', ",", ("a\nb", "c")),
        (b"a", ",", ("a",)),
        (b"a;b\nx\ny\n", ",", ("a;b",)),
        (b"a,b\r1,2\r", ",", ("a", "b")),
        (b"sep=^\r\na,b^c\r\n1^2\r\n", "^", ("a,b", "c")),
        (b'"sep=;"\na;b\n1,5;2\n', ";", ("a", "b")),
        (b"sep=,b\n1,2\n", ",", ("sep=", "b")),
    ],
)
def test_the_delimiter_is_the_one_that_agrees_with_the_header(
    head: bytes, delimiter: str, names: tuple[str, ...]
) -> None:
    dialect = found(head)
    assert (dialect.delimiter, dialect.names) == (delimiter, names)


def test_data_begins_after_the_header_and_lines_are_counted() -> None:
    dialect = found(b'\n\n"a\nb",c\n1,2\n')
    assert (dialect.start, dialect.line) == (10, 5)
    dialect = found(b"sep=;\na;b\n1;2\n")
    assert (dialect.start, dialect.line) == (10, 3)


def test_without_header_columns_are_numbered_and_nothing_is_skipped() -> None:
    dialect = found(b"1,2\n3,4\n", header=False)
    assert (dialect.names, dialect.start, dialect.line) == (("column_1", "column_2"), 0, 1)


def test_what_the_user_or_the_format_says_goes_before_what_it_looks_like() -> None:
    assert found(b"a,b\n1,2\n", delimiter="\t").names == ("a,b",)
    assert find_dialect(b"a;b,c\n", "f", options=ReadOptions(delimiter=";"), delimiter=",").names == (
        "a",
        "b,c",
    )
    for wrong in ("", "ab", '"', "§", "\n"):
        with pytest.raises(UsageError, match="not one ASCII character"):
            find_dialect(b"a", "f", options=ReadOptions(delimiter=wrong))


@pytest.mark.parametrize(("head", "mark"), [(b"a^b\n1^2\n", "'^'"), (b"a\x1fb\n1\x1f2\n", r"'\x1f'")])
def test_one_column_that_may_be_several_is_noted(head: bytes, mark: str) -> None:
    assert mark in found(head).notes[0]
    assert mark in found(head, header=False).notes[0]
    assert "','" in found(b"a,b\n1,2\n", delimiter=";").notes[0]
    assert found(b"some text\n1\n").notes == ()


def test_nameless_columns_get_names_that_are_free() -> None:
    names, notes = name_columns(["", "a", "", "column_3"], "f", 1)
    assert names == ("column_1", "a", "column_3_", "column_3")
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", "empty"),
        (b" \n\r\n", "empty"),
        (b"a,b,a\n", "more than once: 'a'"),
        (b'a,"b\n1,2\n', "never closed"),
        (b"\xe9t\xe9,b\n1,2\n", "byte 0xe9 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("a,b\n1,2\n".encode("utf-16-be"), "--encoding utf-16-be"),
        (b"a" * 200_000, "the header cannot be read (field larger"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50), "it is not text"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(head: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=r"f\.csv") as caught:
        found(head)
    assert reason in str(caught.value)
