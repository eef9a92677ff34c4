"""A diff in a terminal shows where things differ, at any width."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

import headwater as hw
from headwater.cli.render_diff import changed_cells, draw_diff, focus


def test_the_difference_of_long_texts_is_in_sight() -> None:
    before, after = "lorem ipsum " * 20 + "old", "lorem ipsum " * 20 + "new one"
    old, new = focus(before, after, (30, 30))
    assert old.startswith("…")
    assert old.endswith("old")
    assert new.endswith("new one")
    assert max(cell_len(old), cell_len(new)) <= 30


def test_short_texts_stay_whole_and_early_differences_cut_the_end() -> None:
    assert focus("a", "b", (10, 10)) == ("a", "b")
    assert focus("x" * 50, "y" * 50, (10, 12)) == ("x" * 9 + "…", "y" * 11 + "…")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_wide_diff_fits(width: int, folder: Path) -> None:
    repo = hw.init(folder)
    row = {f"column {number}": f"{'long text ' * 9}{number}" for number in range(30)}
    with repo.transaction("one") as tx:
        tx.append("t", [{"key_1": 1, "key_2": "eine lange Kennung", **row}], key=["key_1", "key_2"])
    with repo.transaction("two") as tx:
        changed = {name: value + "!" for name, value in row.items()}
        tx.upsert("t", [{"key_1": 1, "key_2": "eine lange Kennung", **changed}])
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        for level in ("all", "rows", "cells", "stat"):
            draw_diff(console, repo.diff(), dict(repo.diff()), level=level, limit=20)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= width
    assert any(line.endswith("!") for line in lines)
    assert any("24 more columns" in line for line in lines) or width == 60


def test_cells_of_every_column_are_shown_when_one_has_many(folder: Path) -> None:
    repo = hw.init(folder)
    with repo.transaction("one") as tx:
        tx.append("t", [{"id": n, "a": 0, "b": 0} for n in range(100)], key="id")
    with repo.transaction("two") as tx:
        tx.upsert("t", [{"id": n, "a": 1, "b": int(n == 50)} for n in range(100)])
    cells, title, total = changed_cells(repo.diff()["t"], 100, 10)
    assert total == 101
    assert title == "101 cells changed: a 100, b 1"
    assert cells.num_rows == 10
    assert set(cells.column("_column").to_pylist()) == {"a", "b"}
