"""Types found over all values: what each way of writing becomes, and that blocks merge to what the whole gives."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.formats.infer import EMPTY, Facts, Kind, arrow_type, look, merge, note

CASES: list[tuple[list[str | None], pa.DataType]] = [
    (["1", "-20", "0", None], pa.int64()),
    (["9223372036854775807"], pa.int64()),
    (["9223372036854775808"], pa.string()),
    (["1", "2", "x"], pa.string()),
    (["007", "008"], pa.string()),
    (["-007"], pa.string()),
    (["-0"], pa.string()),
    (["0x1F"], pa.string()),
    (["+49301234"], pa.string()),
    (["1,234"], pa.string()),
    (["1", "2.5"], pa.float64()),
    (["-0.5", "0", "0.0", "0e1", "1E-7"], pa.float64()),
    (["01.5"], pa.string()),
    (["nan", "1.5", "inf"], pa.float64()),
    (["nan", "inf"], pa.string()),
    (["1e400"], pa.string()),
    (["9007199254740993", "1.5"], pa.string()),
    (["12345678901234567890", "1.5"], pa.string()),
    ([" 1", "2 ", ""], pa.int64()),
    (["", "  "], pa.string()),
    (["true", "False", "TRUE"], pa.bool_()),
    (["true", "1"], pa.string()),
    (["yes", "no"], pa.string()),
    (["2020-02-29"], pa.date32()),
    (["2021-02-29"], pa.string()),
    (["2020-1-1"], pa.string()),
    (["0000-01-01", "9999-12-31"], pa.date32()),
    (["2020-01-01", "2020-01-02 10:00"], pa.timestamp("us")),
    (["2020-01-01T10:00:00.123456789"], pa.timestamp("ns")),
    (["1600-01-01", "2020-01-01T10:00:00.123456789"], pa.string()),
    (["1600-01-01T10:00", "2020-01-01T10:00"], pa.timestamp("us")),
    (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+02:00"], pa.timestamp("us", "UTC")),
    (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00"], pa.string()),
    (["2020-01-01", "1"], pa.string()),
    (["12/31/2020"], pa.string()),
    ([None, None], pa.string()),
    ([], pa.string()),
    (["ä", "b"], pa.string()),
]


def text(values: list[str | None]) -> pa.StringArray:
    return pa.array(values, pa.string())


@pytest.mark.parametrize(("values", "kind"), CASES)
def test_a_type_is_taken_only_when_every_value_is_written_as_it(
    values: list[str | None], kind: pa.DataType
) -> None:
    assert arrow_type(look(text(values))) == kind


@given(
    st.lists(st.sampled_from([value for values, _ in CASES for value in values]), max_size=12),
    st.integers(0, 12),
)
def test_blocks_merge_to_what_the_whole_gives(values: list[str | None], cut: int) -> None:
    whole = look(text(values))
    first = look(text(values[:cut]))
    for hint in (EMPTY, first):
        second = look(text(values[cut:]), hint).moved(len(values[:cut]))
        merged = merge(first, second)
        assert arrow_type(merged) == arrow_type(whole)
        assert (merged.kind in (Kind.EMPTY, Kind.BLANK)) == (whole.kind in (Kind.EMPTY, Kind.BLANK))


def test_blank_values_do_not_make_numbers_text_in_whichever_block_they_are() -> None:
    blank, number, word = (look(text([value])) for value in ("", "1", "x"))
    assert arrow_type(merge(blank, number)) == arrow_type(merge(number, blank)) == pa.int64()
    assert arrow_type(merge(blank, word)) == arrow_type(merge(blank, look(text([None])))) == pa.string()


def test_merging_is_associative_in_the_type() -> None:
    parts = [look(text([value])) for value in ("1", "2020-01-01", "1.5", "true")]
    left = merge(merge(parts[0], parts[2]), parts[1])
    right = merge(parts[0], merge(parts[2], parts[1]))
    assert arrow_type(left) == arrow_type(right) == pa.string()


def test_the_first_value_that_breaks_the_type_is_named_by_its_row() -> None:
    values: list[str | None] = [str(number) for number in range(1000)]
    values[900] = "x"
    facts = look(text([None, *values]))
    assert note("qty", facts) == "Column 'qty' is read as text: 'x' in row 902 is not an int64."


def test_a_value_that_breaks_the_type_in_a_later_block_is_named_by_its_row_in_the_file() -> None:
    first = look(text(["1"] * 10))
    second = look(text(["2", "x"]), first).moved(10)
    assert note("qty", merge(first, second)) == "Column 'qty' is read as text: 'x' in row 12 is not an int64."
    at_once = look(text(["x", "2"]), first).moved(10)
    assert (
        note("qty", merge(first, at_once)) == "Column 'qty' is read as text: 'x' in row 11 is not an int64."
    )
    other = look(text(["2020-01-01"]), first).moved(10)
    assert "'2020-01-01' in row 11" in str(note("qty", merge(first, other)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["00501"], "leading zero"),
        (["1,234"], "thousands separators"),
        (["3,14"], "decimal comma"),
        (["12345678901234567890"], "more digits"),
        (["+49301234"], "plus sign"),
        (["31.12.2020"], "not an ISO date"),
        (["1", "N/A"], "may mean null"),
        ([None], "no values"),
    ],
)
def test_a_note_says_why_a_column_is_text(values: list[str | None], said: str) -> None:
    assert said in str(note("c", look(text(values))))


def test_plain_text_needs_no_note() -> None:
    assert note("c", look(text(["hello", "1"]))) is None
    assert note("c", look(text(["1"]))) is None


def test_columns_known_to_be_text_are_not_looked_at_again() -> None:
    assert look(text(["1"]), Facts(Kind.STRING)) == Facts(Kind.STRING)
