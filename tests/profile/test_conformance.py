"""Rows that keep to a range, a set, a pattern, a type, a rule."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import HeadwaterError, NotFound, SchemaError, UsageError
from headwater.profile.base import Measure
from headwater.profile.conformance import Holds, InRange, InSet, Matches, Parses, sql_columns
from headwater.profile.measure import measure_table
from headwater.profile.tally import Tally
from headwater.profile.top import TopValues

TABLE = pa.table(
    {
        "x": [1.0, 5.0, None, float("nan"), -0.0],
        "whole": pa.array([1, 2, 3, None, 5], pa.uint8()),
        "word": ["ab", "é", None, "", "ab\n"],
        "day": pa.array([date(2026, 1, d) for d in (1, 2, 3)] + [None] * 2),
        "items": [[1], [], None, [1, 2, 3], [1]],
        "flag": [True, None, False, True, True],
    }
)


def tally(one: Measure[Tally], *others: Measure[Any], table: pa.Table = TABLE) -> dict[str, int]:
    return dict(measure_table(table, [*others, one])[one].counts)


@pytest.mark.parametrize(
    ("one", "missing", "below", "above"),
    [
        (InRange(column="x", minimum=0, maximum=4), 2, 0, 1),
        (InRange(column="whole", minimum=-5, maximum=2), 1, 0, 2),
        (InRange(column="whole", minimum=1000), 1, 4, 0),
        (InRange(column="day", minimum="2026-01-02", maximum="2026-01-02"), 2, 1, 1),
        (InRange(column="word", minimum=1, maximum=2, of="length"), 1, 1, 1),
        (InRange(column="items", maximum=2, of="length"), 1, 0, 1),
    ],
    ids=str,
)
def test_values_below_and_above_a_range(one: InRange, missing: int, below: int, above: int) -> None:
    assert tally(one) == {"rows": 5, "missing": missing, "below": below, "above": above}


@pytest.mark.parametrize(
    ("one", "missing", "outside"),
    [
        (InSet(column="word", values=("ab", "é")), 1, 2),
        (InSet(column="x", values=(0, 1)), 2, 1),
        (InSet(column="whole", values=(1, 2)), 1, 2),
        (InSet(column="day", values=("2026-01-01",)), 2, 2),
        (InSet(column="flag", values=(True,)), 1, 1),
        (InSet(column="word", values=()), 1, 4),
    ],
    ids=str,
)
def test_values_outside_a_set_counted_before_or_not(one: InSet, missing: int, outside: int) -> None:
    expected = {"rows": 5, "missing": missing, "outside": outside}
    assert tally(one) == tally(one, TopValues(column=one.column)) == expected


def test_texts_match_as_a_whole_counted_before_or_not() -> None:
    one = Matches(column="word", pattern="a|ab|é")
    expected = {"rows": 5, "missing": 1, "unmatched": 2}
    assert tally(one) == tally(one, TopValues(column="word")) == expected


def test_texts_that_can_be_read_as_a_type() -> None:
    table = pa.table({"word": ["1", "1.5", "x", None, "2026-01-01"]})
    for kind, unparsed in (("BIGINT", 2), ("DOUBLE", 2), ("DATE", 3)):
        found = tally(Parses(column="word", sql_type=kind), table=table)  # type: ignore[arg-type]
        assert found == {"rows": 5, "missing": 1, "unparsed": unparsed}


def test_a_condition_is_true_false_or_unknown() -> None:
    one = Holds(condition="x > 2 OR flag", reads=("x", "flag"))
    assert tally(one) == {"rows": 5, "true": 4, "false": 0, "unknown": 1}


@pytest.mark.parametrize(
    ("one", "error", "message"),
    [
        (InRange(column="word", minimum=1), SchemaError, "a range needs numbers or times"),
        (InRange(column="day", minimum="soon"), UsageError, "is no value for a column"),
        (InSet(column="whole", values=("a",)), SchemaError, "cannot hold all of"),
        (InSet(column="whole", values=(300,)), SchemaError, "cannot hold all of"),
        (Matches(column="x", pattern="a"), SchemaError, "a pattern needs text"),
        (Matches(column="word", pattern="(?<=a)b"), UsageError, "no regular expression .RE2.: invalid perl"),
        (Parses(column="x", sql_type="DATE"), SchemaError, "needs text"),
        (Holds(condition="y > 1", reads=()), NotFound, "Column 'y' not found"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_says_why(
    one: Measure[Any], error: type[HeadwaterError], message: str
) -> None:
    measured = measure_table(TABLE, [one])
    with pytest.raises(error, match=message):
        measured[one]


def test_the_columns_of_a_condition_are_found_whatever_their_case() -> None:
    schema = pa.schema([("Amount", pa.int64()), ("paid at", pa.date32()), ("other", pa.string())])
    assert sql_columns('amount > 1 AND "paid at" IS NULL', schema) == ("Amount", "paid at")
    assert sql_columns("TRUE", schema) == ()
    assert sql_columns("list_contains([x * 2 for x in [amount]], 4)", schema) == ("Amount",)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("x >", "no SQL condition"),
        ("x", "gives DOUBLE, not true or false"),
        ("word", "gives VARCHAR, not true or false"),
        ("sum(x) > 1", "does not fit the dataset"),
        ("row_number() OVER () = 1", "does not fit the dataset"),
        ("x IN (SELECT x FROM rows)", "looks at other rows"),
        ("x; DROP TABLE rows", "no SQL condition"),
        ("nofunction(x)", "no SQL condition"),
    ],
)
def test_what_is_no_condition_of_one_row_is_refused(condition: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sql_columns(condition, TABLE.schema)


def test_a_column_that_needs_quotes_is_told_so() -> None:
    schema = pa.schema(
        [("education-num", pa.int64()), ("education", pa.string()), ("hours per week", pa.int64())]
    )
    with pytest.raises(NotFound, match='Write "education-num" in double quotes'):
        sql_columns("education-num <= 16", schema)
    assert sql_columns('"education-num" <= 16', schema) == ("education-num",)
    with pytest.raises(NotFound, match="Did you mean 'education'"):
        sql_columns("eduction = 'x'", schema)
