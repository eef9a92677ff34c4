"""errors lists wrong cells, asks for rows, learns from them, repairs."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import headwater as hw
from tests.cli.conftest import Cli


@pytest.fixture
def towns(shop: hw.Repo) -> hw.Repo:
    names = ["birmingham", "montgomery", "huntsville"] * 50
    names[4] = "montgomry"
    rows = [{"id": n, "town": name, "size": f"{n / 4}"} for n, name in enumerate(names)]
    rows[9]["size"] = "2.25 km"
    with shop.transaction("towns") as tx:
        tx.append("towns", rows, key="id")
    return shop


def test_wrong_cells_are_listed_with_what_was_meant(towns: hw.Repo, cli: Cli) -> None:
    found = cli.json("errors", "towns")
    assert found["num_cells"] == 2
    assert {(row["key"], row["column"], row["suggestion"]) for row in found["cells"]} == {
        ("4", "town", "montgomery"),
        ("9", "size", "2.25"),
    }
    shown = cli("errors", "towns").stdout
    assert shown.startswith("2 cells look wrong: size 1, town 1")
    assert "montgomry" in shown
    assert "… 1 more" in cli("errors", "towns", "-n", "1").stdout
    assert cli.json("errors", "towns", "--columns", "town")["num_cells"] == 1
    assert cli("errors", "people").stdout == "No cell looks wrong.\n"


def test_all_of_them_go_to_a_file(towns: hw.Repo, cli: Cli, folder: Path) -> None:
    assert cli("errors", "towns", "-o", "wrong.parquet").stdout == "Wrote 2 cells to wrong.parquet\n"
    assert pq.read_table(folder / "wrong.parquet")["column"].to_pylist() == ["town", "size"]


def test_rows_are_asked_for_and_given_back(towns: hw.Repo, cli: Cli, folder: Path) -> None:
    assert len(cli.json("errors", "towns", "--ask", "3")["ask"]) == 3
    cli("errors", "towns", "--ask", "4", "-o", "rows.csv")
    with (folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        row["town"] = "montgomry" if row["_key"] == "4" else row["town"]
        row["size"] = "9.5" if row["_key"] == "9" else row["size"]
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = cli.json("errors", "towns", "--confirmed", "rows.csv")["cells"]
    assert [(row["key"], row["suggestion"]) for row in found] == [("9", "9.5")]
    assert "towns.confirmed" in towns.datasets()
    assert cli.json("errors", "towns")["cells"] == found
    cli("errors", "towns", "--repair")
    assert towns["towns"].to_arrow(where="id = 9")["size"].to_pylist() == ["9.5"]


def test_a_repair_is_a_commit_to_review(towns: hw.Repo, cli: Cli) -> None:
    assert "would change" in cli("errors", "towns", "--repair", "--dry-run").stdout
    cli("errors", "towns", "--repair", "--branch", "repaired")
    cells = towns.diff("main", "repaired")["towns"].cells().to_pylist()
    assert {(row["id"], row["_after"]) for row in cells} == {(4, "montgomery"), (9, "2.25")}


@pytest.mark.parametrize(
    "words",
    [["--branch", "b"], ["--dry-run"], ["--repair", "--ask", "3"], ["--columns", "nope"], ["--ask", "0"]],
)
def test_what_does_not_go_together_is_refused(towns: hw.Repo, cli: Cli, words: list[str]) -> None:
    cli("errors", "towns", *words, code=2)
