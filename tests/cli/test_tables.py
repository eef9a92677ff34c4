"""Tables fit the terminal and are safe to print."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from headwater.cli.tables import bytes_text, cut, data_table, fit_widths, plain_table, safe, value_text, when

WIDE = pa.table({f"column_{number}": ["a value of some length"] * 3 for number in range(12)})


def drawn(table: object, width: int) -> str:
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_wide_table_fits_and_names_the_columns_it_leaves_out(width: int) -> None:
    text = drawn(data_table(WIDE, width=width), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    shown = sum(text.splitlines()[0].count(start) for start in ("column_",))
    left_out = 12 - shown
    assert left_out == 0 or f"… {left_out} more column(s)" in text
    assert all(f"column_{number}" in text or "column_…" in text for number in range(12))


def test_the_key_comes_first_and_numbers_stand_right() -> None:
    table = pa.table({"text": ["x"], "id": [7], "score": [0.1 + 0.2]})
    lines = drawn(data_table(table, width=80, first=["id"]), 80).splitlines()
    assert lines[0].split() == ["id", "text", "score"]
    assert lines[2].split() == ["7", "x", "0.3"]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(10, 200))
def test_widths_fit_never_grow_and_keep_columns_from_the_left(wanted: list[int], width: int) -> None:
    widths = fit_widths(wanted, width)
    assert 1 <= len(widths) <= len(wanted)
    assert all(0 < size <= most for size, most in zip(widths, wanted, strict=False))
    assert sum(widths) + 2 * (len(widths) - 1) <= width


def test_control_characters_are_made_visible() -> None:
    assert safe("red\x1b[31m\nnext\ttab\x07") == "red\\x1b[31m⏎next tab\\x07"
    assert safe("\u202eabc") == "\\u202eabc"
    table = pa.table({"name\x1b]0;x": ["[bold]no markup[/bold]\x1b[2J"]})
    text = drawn(data_table(table, width=80), 80)
    assert "[bold]no markup[/bold]\\x1b[2J" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (1.5, "1.5"),
        (1 / 3, "0.3333333"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (b"\x00\xff", "<2 bytes 00ff>"),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "2026-11-01 12:00:00+00:00"),
        (["a", 1], "['a', 1]"),
        (True, "True"),
    ],
)
def test_values_read_well(value: object, text: str) -> None:
    assert value_text(value).plain == text


def test_wide_characters_count_twice_when_cutting() -> None:
    assert cut("数据数据数据", 7) == "数据数…"
    assert cut("short", 7) == "short"


def test_sizes_and_times_have_units() -> None:
    assert [bytes_text(size) for size in (0, 999, 1500, 2_500_000, 3e9, 4e12)] == [
        *("0 B", "999 B", "1.5 kB", "2.5 MB", "3.0 GB", "4.0 TB"),
    ]
    assert when(datetime(2026, 11, 1, 9, 5, tzinfo=UTC)) == "2026-11-01 09:05 UTC"


def test_the_last_column_of_a_plain_table_wraps() -> None:
    text = drawn(plain_table(["name", "what"], [["one", "word " * 20]]), 40)
    assert len(text.splitlines()) > 2
    assert text.replace("\n", " ").count("word") == 20


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:

    out = Console(width=60, record=True, file=io.StringIO())
    out.print(plain_table(["name", "rows"], [["[/]x", "[bold]1"]], right=("rows",)))
    assert "[/]x" in out.export_text()
