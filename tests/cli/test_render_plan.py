"""A dry run on rows without a key shows each row before and after, the columns that change first."""

from __future__ import annotations

import headwater as hw
from tests.cli.conftest import Cli


def wide(repo: hw.Repo) -> None:
    rows = [
        {**{f"c{number}": f"{row}" * 9 for number in range(14)}, "city": f" Ulm{row}" if row % 2 else "Ulm"}
        for row in range(30)
    ]
    with repo.transaction("wide") as tx:
        tx.append("wide", rows)


def test_changed_columns_come_first_in_pairs(shop: hw.Repo, cli: Cli) -> None:
    wide(shop)
    words = ("clean", "wide", "clean.values", "-p", "columns=city", "-p", "trim=true", "--dry-run")
    lines = cli(*words, "-n", "3").stdout.splitlines()
    assert "~15 changed" in lines[1]
    assert "added" not in lines[1]
    at = lines.index("Rows before and after")
    assert lines[at + 1].split()[0] == "city"
    assert [line.split()[:2] for line in lines[at + 3 : at + 7]] == [
        ["−", "Ulm1"],
        ["+", "Ulm1"],
        ["−", "Ulm3"],
        ["+", "Ulm3"],
    ]
    assert "… 12 more; --limit 0 shows all" in lines
    assert cli(*words, "--limit", "0").stdout.count("+ ") == 15


def test_rows_that_go_are_still_listed(shop: hw.Repo, cli: Cli) -> None:
    wide(shop)
    text = cli("clean", "wide", "clean.deduplicate", "--dry-run").stdout
    assert "Rows before and after" not in text


def test_rows_with_a_key_are_drawn_by_cell(shop: hw.Repo, cli: Cli) -> None:
    words = ("clean", "people", "clean.values", "-p", "columns=name", "-p", "case=upper", "--dry-run")
    assert "Rows before and after" not in cli(*words).stdout
