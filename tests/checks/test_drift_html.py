"""The picture of a history."""

from __future__ import annotations

from xml.etree import ElementTree

from headwater.checks.drift_history import ColumnDrift, DriftHistory, WindowFacts
from headwater.checks.drift_html import drift_map, to_html

WINDOWS = tuple(WindowFacts(label=f"w{n}", rows=10, about="<b>") for n in range(3))
HISTORY = DriftHistory(
    dataset="a<b",
    ref="f" * 64,
    by="commits",
    windows=WINDOWS,
    columns=(
        ColumnDrift(
            column="x" * 40, kind="sudden", starts=(1,), size=0.5, distances=(0.0, 0.5, None), what="a"
        ),
        ColumnDrift(column="y", kind="none", distances=(0.0, 0.0, 0.1)),
    ),
)


def test_each_column_and_window_has_a_cell_and_each_change_a_stroke() -> None:
    drawn = ElementTree.fromstring(drift_map(HISTORY))
    assert len(drawn.findall("rect")) == 5
    assert len(drawn.findall("line")) == 1
    assert drawn.attrib["aria-label"] == "Drift of 2 columns over 3 windows"


def test_the_page_is_whole_and_safe() -> None:
    text = to_html(HISTORY)
    assert text.startswith("<!doctype html>")
    assert "a&lt;b" in text
    assert "<b>w0" not in text
    assert HISTORY.to_html() == text


def test_a_history_without_windows_has_no_picture() -> None:
    empty = DriftHistory(dataset="d", ref="", by="commits", windows=(), columns=())
    assert drift_map(empty) == ""
    assert "Drift of d" in to_html(empty)
