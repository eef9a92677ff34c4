"""Pieces of pages: charts hold what they are given, and odd numbers and names do no harm."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from headwater.profile.page import (
    bars,
    escape,
    heatmap,
    horizontal_bars,
    number,
    range_dot,
    score_ring,
    table,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (1234567.0, "1,234,567"),
        (0.123456, "0.1235"),
        (1e-9, "1.000e-09"),
        (-2.5, "-2.5"),
    ],
)
def test_numbers_read_well(value: float | None, text: str) -> None:
    assert number(value) == text


def test_text_of_data_is_safe_in_a_page() -> None:
    assert escape("<b>\x1b[1m&\x00\n\u202e") == "&lt;b&gt;\\x1b[1m&amp;\\x00\n\\u202e"


def test_histogram_draws_a_bar_a_count_the_highest_at_full_height() -> None:
    picture = ElementTree.fromstring(bars([1, 4, 0], ["a", "b & c", "d"], label="<shape>"))
    rectangles = picture.findall("rect")
    heights = [float(item.get("height", "")) for item in rectangles]
    assert len(heights) == 3
    assert heights[1] == max(heights)
    assert heights[2] == 0
    assert rectangles[1].findtext("title") == "b & c: 4"


@pytest.mark.parametrize(
    "picture",
    [
        horizontal_bars([("<x>", 3), ("y", 1)], total=4, label="values"),
        range_dot(0.2, 0.1, 0.3, threshold=0.5, label="share"),
        range_dot(0.0, 0.0, 0.0, label="no width"),
        heatmap([[1.0, None], [math.nan, -1.0]], ["a", "<b>"], label="correlation"),
        score_ring(0.0, label="none"),
        score_ring(100.0, label="all"),
    ],
)
def test_pictures_are_well_formed(picture: str) -> None:
    assert ElementTree.fromstring(picture).get("role") == "img"


def test_nothing_to_draw_gives_no_picture() -> None:
    assert bars([], [], label="empty") == ""
    assert bars([0, 0], ["a", "b"], label="zeros") == ""
    assert horizontal_bars([], total=0, label="empty") == ""


def test_table_aligns_its_columns() -> None:
    text = table(["name", "count"], [("a", "1")], align=["left", "right"])
    assert text.count('class="right"') == 2
