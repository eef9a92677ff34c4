"""Dates are read as people write them, and left alone where day and month cannot be told apart."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.date_text import DateEvidence, DateOrder, Dates, look_at_dates, read_dates


def read(*texts: str | None, order: DateOrder = "auto", pivot: int = 69) -> list[str | None]:
    column = pa.array(texts, pa.string())
    return shown(read_dates(column, look_at_dates(column).order(order), pivot=pivot))


def shown(found: Dates) -> list[str | None]:
    texts = found.instants.astype("datetime64[us]").astype(str).tolist()
    short = [text.replace(".000000", "").replace("T00:00:00", "") for text in texts]
    return [text if known else None for text, known in zip(short, found.known, strict=True)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-03-04", "2024-03-04"),
        ("2024/3/4", "2024-03-04"),
        ("20240304", "2024-03-04"),
        ("4.3.2024", "2024-03-04"),
        ("04.03.24", "2024-03-04"),
        ("4 March 2024", "2024-03-04"),
        ("4. März 2024", "2024-03-04"),
        ("4th of March, 2024", "2024-03-04"),
        ("March 4, 2024", "2024-03-04"),
        ("Mar 4 2024", "2024-03-04"),
        ("4-Mar-24", "2024-03-04"),
        ("4 de marzo de 2024", "2024-03-04"),
        ("4 août 2024", "2024-08-04"),
        ("2024 Mar 4", "2024-03-04"),
        ("Mon, 04 Mar 2024 10:00:00 +0000", "2024-03-04T10:00:00"),
        ("2024-03-04T10:05", "2024-03-04T10:05:00"),
        ("2024-03-04 10:05:06.789", "2024-03-04T10:05:06.789000"),
        ("2024-03-04T10:00:00+02:00", "2024-03-04T08:00:00"),
        ("2024-03-04T10:00Z", "2024-03-04T10:00:00"),
        ("2024-03-04 3:07 pm", "2024-03-04T15:07:00"),
        ("2024-03-04 12:07 am", "2024-03-04T00:07:00"),
        ("20240304T101500Z", "2024-03-04T10:15:00"),
        ("29.02.2024", "2024-02-29"),
    ],
)
def test_a_date_is_read_as_it_is_meant(text: str, meant: str) -> None:
    assert read(text) == [meant]


@pytest.mark.parametrize(
    "text",
    ["", "soon", "12:00", "31.02.2024", "29.02.2023", "2024-13-01", "3/4-2024", "2024-01-01 25:00", "0000-01-01",
     "5 Foo 2020", "1/1/2020 13:00 pm", "2024-01-01 0:30 am", "2024-01-01T10:00+99:00", "32/1/2020", "20241331"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert read(text) == [None]


def test_the_column_decides_between_day_and_month() -> None:
    assert read("13/4/2024", "3/4/2024") == ["2024-04-13", "2024-04-03"]
    assert read("4/13/2024", "3/4/2024") == ["2024-04-13", "2024-03-04"]
    assert read("3/4/2024", order="month_first") == ["2024-03-04"]


def test_what_the_column_does_not_decide_is_unclear() -> None:
    column = pa.array(["3/4/2024", "5/5/2024"])
    found = read_dates(column, look_at_dates(column).order())
    assert found.unclear.tolist() == [True, False]
    assert shown(found) == [None, "2024-05-05"]
    assert read("13/4/2024", "4/13/2024", "3/4/2024") == ["2024-04-13", "2024-04-13", None]


def test_each_mark_has_its_own_order() -> None:
    assert read("4/13/2024", "3/4/2024", "3.4.2024") == ["2024-04-13", "2024-03-04", "2024-04-03"]
    assert look_at_dates(pa.array(["3.4.2024"])).order() == {".": "day_first"}


def test_two_digit_years_turn_at_the_pivot() -> None:
    assert read("1.2.68", "1.2.69", "1.2.99", "1.2.00") == [
        "2068-02-01",
        "1969-02-01",
        "1999-02-01",
        "2000-02-01",
    ]
    assert read("1.2.30", pivot=25) == ["1930-02-01"]


def test_evidence_counts_and_adds_up() -> None:
    texts = pa.array(["13/4/2024", "3/4/2024 10:00", "2024-01-01T00:00Z", "no", None])
    found = look_at_dates(texts, np.array([1, 2, 3, 4, 0]))
    assert (found.values, found.dates, found.timed, found.zoned) == (10, 6, 5, 3)
    assert found.orders == {"/": (1, 0, 2)}
    assert look_at_dates(texts.slice(0, 2)) + look_at_dates(texts.slice(2)) == look_at_dates(texts)
    with pytest.raises(UsageError, match="order is one of"):
        DateEvidence().order("year_first")  # type: ignore[arg-type]


@given(st.lists(st.dates(date(1, 1, 1), date(9999, 12, 31)), min_size=1))
def test_iso_dates_come_back(dates: list[date]) -> None:
    texts = [day.isoformat() for day in dates]
    assert read(*texts) == texts


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1))
def test_instants_come_back(times: list[datetime]) -> None:
    column = pa.array([time.isoformat() for time in times])
    found = read_dates(column, {})
    assert pa.array(found.instants).cast(pa.timestamp("us", "UTC")).to_pylist() == times


@given(
    st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1),
    st.sampled_from(
        [("%d/%m/%Y", "day_first"), ("%m/%d/%y", "month_first"), ("%d %B %Y", "auto"), ("%b %d, %Y", "auto")]
    ),
)
def test_written_dates_come_back(dates: list[date], form: tuple[str, DateOrder]) -> None:
    written, order = form
    assert read(*(day.strftime(written) for day in dates), order=order) == [day.isoformat() for day in dates]
