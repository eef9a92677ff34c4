"""Markdown tables hold any text."""

from __future__ import annotations

import pyarrow as pa

import headwater as hw
from headwater.cli.render_markdown import diff_markdown, markdown_rows, markdown_table


def test_marks_inside_cells_are_escaped() -> None:
    text = markdown_table(pa.table({"a|b": ["x|y", "<b>", None], "n": [1, 2, 3]}))
    assert text.splitlines() == [
        "| a\\|b | n |",
        "| --- | ---: |",
        "| x\\|y | 1 |",
        "| &lt;b&gt; | 2 |",
        "| null | 3 |",
    ]


def test_an_empty_table_has_its_titles() -> None:
    assert markdown_rows(["a"], []) == "| a |\n| --- |\n"


def test_a_diff_is_counts_then_cells_then_rows(shop: hw.Repo) -> None:
    found = shop.diff("v1", "fix")
    text = diff_markdown(found, dict(found), level="all", limit=10)
    assert text.startswith("## Data diff `")
    assert "| people | 1 | 1 | 1 | 2 |" in text
    assert "| 2 | name | Bob | Bobby |" in text
    assert "| added | 5 | null | 25 |" in text
    assert "Bobby" not in diff_markdown(found, dict(found), level="stat", limit=10)
    assert diff_markdown(found, {}, level="all", limit=10).endswith("No differences.\n")
