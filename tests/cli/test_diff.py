"""diff compares what it is asked to, at the level and in the form it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import headwater as hw
from tests.cli.conftest import Cli


def test_diff_alone_is_what_the_last_commit_changed(shop: hw.Repo, cli: Cli) -> None:
    text = cli("diff").stdout
    assert "people  ~1 changed  3 unchanged" in text
    assert "2 cells changed: name 1, age 1" in text
    assert "Anne" in text
    value = cli.json("diff")
    assert value["datasets"]["people"]["cells"][0] == {
        "id": 1,
        "_column": "name",
        "_before": "Ann",
        "_after": "Anne",
    }


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (("v1..fix",), (1, 1, 1)),
        (("v1..fix", "people"), (1, 1, 1)),
        (("v1",), (0, 0, 1)),
        (("v1", "people"), (0, 0, 1)),
        (("fix..",), (1, 1, 2)),
        (("..fix",), (1, 1, 2)),
        (("main...fix",), (1, 1, 1)),
        (("people",), (0, 0, 1)),
    ],
)
def test_diff_understands_ranges_and_datasets(
    words: tuple[str, ...], counts: tuple[int, int, int], shop: hw.Repo, cli: Cli
) -> None:
    stat = cli.json("diff", *words, "--stat")["datasets"]["people"]
    assert (stat["added"], stat["removed"], stat["changed"]) == counts
    assert "rows" not in stat


def test_levels_leave_out_what_was_not_asked_for(shop: hw.Repo, cli: Cli) -> None:
    cells = cli("diff", "v1..fix", "--cells").stdout
    assert "Bobby" in cells
    assert "Rows" not in cells
    rows = cli("diff", "v1..fix", "--rows").stdout
    assert [line.split()[0] for line in rows.splitlines() if line.startswith(("−", "+"))] == [
        "−",
        "+",
        "−",
        "+",
    ]
    assert "cells changed" not in rows
    everything = cli("diff", "v1..fix").stdout
    assert "Rows added" in everything
    assert "Rows removed" in everything


def test_the_limit_cuts_and_says_so(shop: hw.Repo, cli: Cli) -> None:
    text = cli("diff", "v1..fix", "--cells", "--limit", "1").stdout
    assert "--limit 0 shows all" in cli("diff", "--cells", "--limit", "1").stdout
    assert "--limit 0 shows all" not in text
    assert cli.json("diff")["limit"] == 1000
    assert len(cli.json("diff", "--limit", "1")["datasets"]["people"]["cells"]) == 1


def test_no_differences_are_no_error(shop: hw.Repo, cli: Cli) -> None:
    assert "No differences." in cli("diff", "v1..v1").stdout
    assert cli.json("diff", "v1..v1")["datasets"] == {}
    assert "No differences." in cli("diff", "v1..v1", "people").stdout


def test_columns_that_came_and_went_are_named(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("columns") as tx:
        tx.drop_columns("people", ["age"])
        tx.add_columns("people", [{"id": 1, "town": "Ulm"}])
    text = cli("diff", "--stat").stdout
    assert "column added: town: string" in text
    assert "column dropped: age: int64" in text


def test_a_removed_dataset_can_be_named(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("away") as tx:
        tx.drop("people")
    assert "−4 removed" in cli("diff", "people").stdout


@pytest.mark.parametrize("words", [("nope",), ("v1..nope",), ("v1..main", "nope"), ("nope", "people")])
def test_a_name_that_is_not_there_is_wrong_usage(words: tuple[str, ...], shop: hw.Repo, cli: Cli) -> None:
    assert "'nope' not found" in cli("diff", *words, code=2).stderr


def test_the_nearest_name_is_suggested_for_a_dataset(shop: hw.Repo, cli: Cli) -> None:
    assert "Did you mean 'people'?" in cli("diff", "peeple", code=2).stderr
    assert "At most a range and a dataset" in cli("diff", "a", "b", "c", code=2).stderr


def test_branches_without_a_common_commit_are_compared_with_two_dots(folder: Path, cli: Cli) -> None:
    repo = hw.init(folder)
    for branch in ("one", "two"):
        with repo.branch(branch).transaction(branch) as tx:
            tx.append("t", [{"id": branch}], key="id")
    assert "no commit in common" in cli("diff", "one...two", code=2).stderr
    assert cli.json("diff", "one..two", "--stat")["datasets"]["t"]["added"] == 1


@pytest.mark.parametrize("suffix", ["json", "html", "md", "txt"])
def test_the_suffix_of_the_output_says_the_format(suffix: str, shop: hw.Repo, cli: Cli, folder: Path) -> None:
    answer = cli("diff", "v1..fix", "-o", f"änderung.{suffix}")
    assert answer.stdout == f"Wrote änderung.{suffix}\n"
    text = (folder / f"änderung.{suffix}").read_text("utf-8")
    assert "Bobby" in text
    assert {"json": "{", "html": "<!doctype html>", "md": "## Data diff", "txt": ""}[suffix] in text[:20]
    assert cli.json("diff", "v1..fix", "-o", f"x.{suffix}")["path"] == f"x.{suffix}"


def test_formats_go_to_stdout_without_a_file(shop: hw.Repo, cli: Cli) -> None:
    assert json.loads(cli("diff", "--format", "json").stdout)["datasets"]["people"]["changed"] == 1
    assert cli("diff", "--format", "markdown").stdout.startswith("## Data diff")
    assert cli("diff", "--format", "html").stdout.rstrip().endswith("</html>")


def test_parquet_holds_rows_or_cells_of_one_dataset(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("diff", "v1..fix", "-o", "rows.parquet")
    assert sorted(pq.read_table("rows.parquet").column("_change").to_pylist()) == [
        "added",
        "after",
        "before",
        "removed",
    ]
    assert cli.json("diff", "v1..fix", "--cells", "-o", "cells.parquet")["rows"] == 1
    assert "Parquet goes to a file" in cli("diff", "--format", "parquet", code=2).stderr
    assert "nothing to write" in cli("diff", "v1..v1", "-o", "none.parquet", code=2).stderr
    with shop.transaction("two") as tx:
        tx.append("towns", [{"id": 1}], key="id")
        tx.delete("people", keys=[1])
    assert "people, towns" in cli("diff", "-o", "two.parquet", code=2).stderr
    assert "the suffix says the format" in cli("diff", "-o", "changes.xlsx", code=2).stderr
