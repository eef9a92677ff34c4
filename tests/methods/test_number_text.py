"""Numbers are read as people write them, and never guessed where two readings are possible."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.number_text import (
    NumberEvidence,
    NumberForm,
    look_at_numbers,
    plain_numbers,
    to_number,
)


def read(*texts: str | None, form: NumberForm | None = None) -> list[float | None]:
    column = pa.array(texts, pa.string())
    found = plain_numbers(column, look_at_numbers(column).form(form))
    return list(to_number(found, pa.float64()).to_pylist())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12.0),
        ("-3", -3.0),
        ("+7", 7.0),
        ("\u22125", -5.0),
        ("(300)", -300.0),
        (" 1.5 ", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1,5", 1.5),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1 234 567,8", 1234567.8),
        ("1\u202f234,5", 1234.5),
        ("1'000.5", 1000.5),
        ("12,34,567", 1234567.0),
        ("1,234,567", 1234567.0),
        ("1.5e3", 1500.0),
        ("$5", 5.0),
        ("$ -5", -5.0),
        ("-$5", -5.0),
        ("5 €", 5.0),
        ("EUR 5", 5.0),
        ("US$5", 5.0),
        ("12 %", 0.12),
        ("12pct", 0.12),
    ],
)
def test_a_number_is_read_as_it_is_meant(text: str, number: float) -> None:
    assert read(text) == [number]


@pytest.mark.parametrize(
    "text",
    ["", " ", "n/a", ".", ",", "-", "--5", "+-5", "(5", "5)", "$5€", "1,23.4", "1e999", "1 2", "0x1f", "5 kg", "nan"],
)  # fmt: skip
def test_what_is_no_number_is_none(text: str) -> None:
    assert read(text) == [None]


def test_the_column_decides_between_point_and_comma() -> None:
    assert read("1,234", "1,5") == [1.234, 1.5]
    assert read("1,234", "1.5") == [1234.0, 1.5]
    assert read("1.234", "1,5") == [1234.0, 1.5]
    assert read("1.234") == [1.234]
    assert read("1,234") == [1234.0]


def test_where_the_column_contradicts_itself_what_is_unclear_is_left() -> None:
    assert read("1,5", "1.5", "1,234", "1.234", "7") == [1.5, 1.5, None, None, 7.0]


def test_a_declared_mark_is_the_only_one() -> None:
    assert read("1.234", "1,5", "1.5", form=NumberForm(decimal=",")) == [1234.0, 1.5, None]


def test_a_percent_sign_is_an_ornament_where_bare_numbers_have_that_size() -> None:
    assert read("0.05", "0.06", "0.055%") == [0.05, 0.06, 0.055]
    assert read("0.05", "0.06", "5.5%") == [0.05, 0.06, 0.055]
    assert read("5", "6", "5.5%") == [5.0, 6.0, 5.5]
    assert read("5%", form=NumberForm(percent="number")) == [5.0]


def test_another_currency_is_no_number_of_the_column() -> None:
    assert read("$5", "$6", "€7", "8") == [5.0, 6.0, None, 8.0]
    assert read("$5", "€7", form=NumberForm(currency="€")) == [None, 7.0]


def test_whole_numbers_and_decimals_are_exact() -> None:
    plain = pa.array(
        ["9223372036854775807", "9223372036854775808", "5.0", "5.5", "1.5e3", "1e30", "-0", None]
    )
    assert to_number(plain, pa.int64()).to_pylist() == [2**63 - 1, None, 5, None, 1500, None, 0, None]
    assert to_number(pa.array(["300", "-1", "7"]), pa.uint8()).to_pylist() == [None, None, 7]
    assert to_number(pa.array(["12e-2", "0.125"]), pa.decimal128(5, 2)).to_pylist() == [Decimal("0.12"), None]


def test_codes_are_told_from_numbers() -> None:
    assert look_at_numbers(pa.array(["00501", "10001"])).coded == 1
    assert look_at_numbers(pa.array(["0.5", "0", "10"])).coded == 0


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1), st.sampled_from([",", ".", " ", "'"]))
def test_thousands_come_back(numbers: list[int], mark: str) -> None:
    texts = [f"{number:,}".replace(",", mark) for number in numbers]
    form = NumberForm(decimal="," if mark == "." else ".")
    assert read(*texts, form=form) == [float(number) for number in numbers]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_come_back(numbers: list[float]) -> None:
    assert read(*map(repr, numbers)) == numbers


@given(st.lists(st.text(max_size=12)), st.integers(0, 12))
def test_evidence_of_two_parts_adds_up(texts: list[str], cut: int) -> None:
    column = pa.array(texts, pa.string())
    parts = [look_at_numbers(column.slice(0, cut)), look_at_numbers(column.slice(cut))]
    whole, added = look_at_numbers(column), parts[0] + parts[1]
    assert whole.form() == added.form()
    assert (whole.numbers, whole.point, whole.comma, whole.coded) == (
        added.numbers,
        added.point,
        added.comma,
        added.coded,
    )


def test_counts_weigh() -> None:
    found = look_at_numbers(pa.array(["1,5", "2.5"]), np.array([99, 1]))
    assert (found.comma, found.point, found.values) == (99, 1, 100)
    assert found.form().decimal == ","
    assert NumberEvidence().form().decimal == "."


def test_a_form_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="decimal is one of"):
        NumberForm(decimal=";")  # type: ignore[arg-type]
