"""A profile fits the terminal; small histograms tell the truth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import headwater as hw
from headwater.cli.render_profile import draw_profile, share_text, sparkline


def drawn(table: pa.Table, width: int = 80, label: str | None = None) -> str:
    repo = hw.init("memory://")
    repo.import_("data", table, label=label)
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        draw_profile(console, repo.profile("data"))
    return captured.get()


def test_bars_are_as_high_as_counts_and_gaps_show() -> None:
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([1, 1_000_000]) == "▁█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "  "


def test_equal_counts_stay_equal_when_put_together() -> None:
    assert set(sparkline([7] * 24)) == {"█"}
    assert set(sparkline([7] * 20)) == {"█"}


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_bars_fit_and_hide_no_count(counts: list[int]) -> None:
    line = sparkline(counts)
    assert len(line) <= 12
    assert bool(line.strip()) == any(counts)


@pytest.mark.parametrize(
    ("count", "whole", "text"),
    [
        (0, 5, "0%"),
        (5, 5, "100%"),
        (1, 10**6, "<0.1%"),
        (10**6 - 1, 10**6, ">99.9%"),
        (1, 8, "12.5%"),
        (0, 0, "0%"),
    ],
)
def test_shares_are_never_rounded_to_nothing_or_all(count: int, whole: int, text: str) -> None:
    assert share_text(count, whole) == text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_kind_of_column_fits(width: int, rng: np.random.Generator) -> None:
    rows = 300
    table = pa.table(
        {
            "a number with a rather long name": rng.normal(size=rows),
            "whole": rng.integers(0, 10**9, rows),
            "day": pa.array(np.arange(rows).astype("datetime64[D]")),
            "moment": pa.array(np.arange(rows).astype("datetime64[s]")),
            "flag": pa.array([True, None, False] * 100),
            "kind": ["a value that is long enough to be cut", "b\x1b[31m", None] * 100,
            "unique": [f"text {n}" for n in range(rows)],
            "nothing": pa.nulls(rows),
            "lists": [[1, 2]] * rows,
            "bytes": [b"ab"] * rows,
            "constant": [7] * rows,
        }
    )
    text = drawn(table, width, label="flag")
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "no values" in text or width == 60
    assert "\x1b" not in text
    assert "33.3%" in text
    assert "Label: flag" in text
    assert "length 6 · 8 · 8" in text or width == 60, "narrow values wrap"


def test_strong_correlations_are_named(rng: np.random.Generator) -> None:
    x = rng.normal(size=200)
    text = drawn(pa.table({"x": x, "twice": 2 * x, "other": rng.normal(size=200)}))
    assert "Correlated: twice and x +1.00" in text


def test_an_empty_dataset_is_no_problem() -> None:
    assert "0 rows" in drawn(pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}))
