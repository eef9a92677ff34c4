"""merge brings branches together or lists the conflicts; revert and undo take changes back."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import headwater as hw
from tests.cli.conftest import Cli


def names(repo: hw.Repo, branch: str = "main") -> dict[int, str]:
    return {row["id"]: row["name"] for row in repo.branch(branch)["people"].to_arrow().to_pylist()}


def test_merge_keeps_both_sides(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("merge", "fix", "-m", "Names of Ada")
    assert answer.stdout.startswith("Merged fix into main: ")
    assert "Next: hw show main" in answer.stderr
    assert names(shop) == {1: "Anne", 2: "Bobby", 3: "Cleo", 5: None}
    assert shop.commit("main").message == "Names of Ada"


def test_merge_fast_forwards_unless_told_not_to(shop: hw.Repo, cli: Cli) -> None:
    shop.create_branch("behind", "v1")
    value = cli.json("merge", "main", "--into", "behind")
    assert value == {"kind": "fast-forward", "commit": shop.head, "branch": "behind", "source": "main"}
    assert "nothing to merge" in cli("merge", "main", "--into", "behind").stdout
    shop.create_branch("late", "v1")
    assert cli.json("merge", "main", "--into", "late", "--no-ff")["kind"] == "merge"


def test_conflicts_are_a_table_and_exit_code_1(shop: hw.Repo, cli: Cli) -> None:
    before = shop.head
    answer = cli("merge", "clash", code=1)
    assert "Anna" in answer.stderr
    assert "--ours or --theirs" in answer.stderr.replace("\n", " ")
    error = cli.json("merge", "clash", code=1)["error"]
    assert error["type"] == "MergeConflict"
    assert {
        "dataset": "people",
        "key": "1",
        "column": "name",
        "base": "Ann",
        "ours": "Anne",
        "theirs": "Anna",
    } in (error["conflicts"])
    assert shop.head == before


@pytest.mark.parametrize(("side", "name"), [("--ours", "Anne"), ("--theirs", "Anna")])
def test_a_side_can_win(side: str, name: str, shop: hw.Repo, cli: Cli) -> None:
    cli("merge", "clash", side)
    assert names(shop)[1] == name


def test_conflicts_can_be_written_to_a_file(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("merge", "clash", "--conflicts", "c.csv", code=1)
    cli("merge", "clash", "--conflicts", "c.parquet", code=1)
    assert pyarrow.csv.read_csv("c.csv").num_rows == pq.read_table("c.parquet").num_rows >= 1
    assert "not as 'c.xlsx'" in cli("merge", "clash", "--conflicts", "c.xlsx", code=2).stderr


def test_revert_undoes_one_commit_and_keeps_later_ones(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("Eva") as tx:
        tx.append("people", [{"id": 9, "name": "Eva", "age": 9}])
    assert cli("revert", "main~1").stdout.startswith("Reverted main~1: ")
    assert names(shop) == {1: "Ann", 2: "Bob", 3: "Cleo", 4: "Dora", 9: "Eva"}
    again = cli.json("revert", "main~2")
    assert again["changed"] is False
    assert "is undone already" in cli("revert", "main~2").stdout


def test_undo_goes_back_step_by_step(shop: hw.Repo, cli: Cli) -> None:
    first = shop.resolve("v1")
    value = cli.json("undo")
    assert value == {"branch": "main", "commit": first, "undone": "commit: A birthday"}
    assert "main is without commits again" in cli("undo").stdout
    assert "no earlier state" in cli("undo", code=2).stderr


def test_undo_of_another_branch_says_where_it_is(shop: hw.Repo, cli: Cli) -> None:
    with shop.branch("fix").transaction("more") as tx:
        tx.delete("people", keys=[1])
    assert "fix is back at" in cli("undo", "fix").stdout
    assert "Fix names" in cli.json("log", "fix", "-n", "1")[0]["message"]


def test_a_commit_is_picked(shop: hw.Repo, cli: Cli) -> None:
    assert "Picked fix: " in cli("cherry-pick", "fix").stdout
    assert "is here already" in cli("cherry-pick", "fix").stdout
    assert "conflict" in cli("cherry-pick", "clash", code=1).stderr
    assert cli.json("cherry-pick", "clash", "--theirs", "-m", "their name")["changed"] is True
    assert shop["people"].to_arrow(where="id = 1")["name"].to_pylist() == ["Anna"]


def test_a_branch_is_rebased(shop: hw.Repo, cli: Cli) -> None:
    cli("switch", "fix")
    assert cli("rebase", "main").stdout.startswith("fix: 1 commit(s) made anew on main, now at ")
    assert "on top of main already" in cli("rebase", "main").stdout
    cli("switch", "clash")
    assert "anew on 'main'" in cli("rebase", "main", code=1).stderr
    assert cli.json("rebase", "main", "--ours")["commits"].popitem()[1] is None


def test_conflicts_are_decided_in_a_file(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    with shop.branch("clash").transaction("another clash") as tx:
        tx.upsert("people", [{"id": 1, "age": 99}])
    cli("merge", "clash", "--conflicts", "conflicts.csv", code=1)
    table = pyarrow.csv.read_csv("conflicts.csv")
    assert table["column"].to_pylist() == ["name", "age"]
    assert "2 conflict" in cli("merge", "clash", "--resolve", "conflicts.csv", code=1).stderr
    at = table.schema.get_field_index("choose")
    pyarrow.csv.write_csv(table.set_column(at, "choose", [["theirs", "ours"]]), "conflicts.csv")
    assert "Merged clash into main" in cli("merge", "clash", "--resolve", "conflicts.csv").stdout
    assert shop["people"].to_arrow(where="id = 1").to_pylist() == [{"id": 1, "name": "Anna", "age": 22}]


def test_a_dataset_or_a_column_is_decided_by_name(shop: hw.Repo, cli: Cli) -> None:
    with shop.branch("clash").transaction("another clash") as tx:
        tx.upsert("people", [{"id": 1, "age": 99}])
    assert "1 conflict" in cli("merge", "clash", "--theirs-in", "people:name", code=1).stderr
    assert "'peple'" in cli("merge", "clash", "--theirs-in", "peple", code=2).stderr
    for options, row in (
        (["--theirs-in", "people", "--ours-in", "people:name"], {"id": 1, "name": "Anne", "age": 99}),
        (["--ours", "--theirs-in", "people:name"], {"id": 1, "name": "Anna", "age": 22}),
    ):
        cli("merge", "clash", *options)
        assert shop["people"].to_arrow(where="id = 1").to_pylist() == [row]
        cli("undo")
