"""status, log, show and reflog tell what is and what was."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli


def test_status_of_an_empty_repository_says_what_to_do(folder: Path, cli: Cli) -> None:
    cli("init")
    answer = cli("status")
    assert "On branch main, no commits yet" in answer.stdout
    assert "Next: hw import" in answer.stderr
    assert cli.json("status")["commit"] is None


def test_status_names_branch_commit_and_datasets(shop: hw.Repo, cli: Cli) -> None:
    text = cli("status").stdout
    assert "On branch main" in text
    assert "A birthday" in text
    assert [line.split()[:4] for line in text.splitlines() if line.startswith("people")] == [
        ["people", "4", "3", "id"]
    ]
    value = cli.json("status")
    assert value["commit"]["message"] == "A birthday"
    assert value["datasets"][0]["name"] == "people"
    assert value["datasets"][0]["key"] == ["id"]
    assert (value["branches"], value["tags"]) == (3, 1)


def test_status_says_which_rows_wait_in_quarantine(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("more") as tx:
        tx.append("people", [{"id": 1, "name": "twice", "age": 1}], on_bad_rows="quarantine")
    assert "1 row(s) of people wait in quarantine: hw quarantine people" in cli("status").stdout


def test_log_lists_commits_newest_first_with_their_refs(shop: hw.Repo, cli: Cli) -> None:
    text = cli("log").stdout
    assert text.index("A birthday") < text.index("Four people")
    assert "(→ main)" in text
    assert "tag: v1" in text
    entries = cli.json("log")
    assert [entry["summary"] for entry in entries] == ["A birthday", "Four people"]
    assert entries[0]["parents"] == [entries[1]["id"]]
    assert entries[1]["changed"] == ["people"]


def test_log_takes_a_ref_a_limit_and_a_dataset(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("Towns") as tx:
        tx.append("towns", [{"id": 1}], key="id")
    assert [entry["summary"] for entry in cli.json("log", "fix", "-n", "1")] == ["Fix names"]
    assert [entry["summary"] for entry in cli.json("log", "--dataset", "towns")] == ["Towns"]
    assert "No commit changed a dataset 'nope'" in cli("log", "--dataset", "nope").stderr


def test_log_of_an_empty_repository_is_empty(folder: Path, cli: Cli) -> None:
    cli("init")
    answer = cli("log")
    assert answer.stdout == ""
    assert "There are no commits yet." in answer.stderr
    assert cli.json("log") == []


def test_log_draws_one_line_a_commit(shop: hw.Repo, cli: Cli) -> None:
    lines = cli("log", "--oneline").stdout.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["(→ main) A birthday", "(tag: v1) Four people"]


def test_log_draws_branches_and_merges(shop: hw.Repo, cli: Cli) -> None:
    shop.merge("fix", message="Merge fix")
    lines = cli("log", "--graph", "--oneline").stdout.splitlines()
    drawn = [line[:4].rstrip() for line in lines]
    assert drawn[:2] == ["● " + lines[0][2:4], "├─╮"]
    assert "├─╯" in drawn
    assert lines[-1].startswith("● ")
    assert "│ As Ada asked." in cli("log", "--graph").stdout


def test_a_graph_of_one_dataset_is_refused(shop: hw.Repo, cli: Cli) -> None:
    assert "--graph" in cli("log", "--graph", "--dataset", "people", code=2).stderr


def test_show_tells_what_a_commit_changed(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("show", "fix")
    assert "As Ada asked." in answer.stdout
    assert "people  +1 added  −1 removed  ~1 changed" in answer.stdout
    assert "Next: hw diff" in answer.stderr
    value = cli.json("show", "fix")
    assert value["changes"]["people"]["removed"] == 1
    assert value["refs"] == ["fix"]


def test_show_of_the_first_commit_works(shop: hw.Repo, cli: Cli) -> None:
    assert "+4 added" in cli("show", "v1").stdout


def test_show_tells_columns_and_rows_of_a_dataset(shop: hw.Repo, cli: Cli) -> None:
    text = cli("show", "people", "-n", "2").stdout
    assert "people at" in text
    assert "id      int64   key" in text
    assert "… 2 more row(s)" in text
    value = cli.json("show", "people@v1", "-n", "4")
    assert [row["name"] for row in value["head"]] == ["Ann", "Bob", "Cleo", "Dora"]
    assert value["schema"][0] == {"name": "id", "type": "int64", "required": False, "classification": ""}


def test_show_of_a_dataset_by_date(shop: hw.Repo, cli: Cli) -> None:
    assert cli.json("show", "people@main@{2999-01-01}")["rows"] == 4
    assert cli.json("show", "main@{2999-01-01}")["message"] == "A birthday"


@pytest.mark.parametrize(
    "words", [("show", "nope"), ("log", "nope"), ("show", "people@nope"), ("reflog", "nope")]
)
def test_a_name_that_is_not_there_is_wrong_usage(words: tuple[str, ...], shop: hw.Repo, cli: Cli) -> None:
    assert "'nope' not found" in cli(*words, code=2).stderr
    assert cli.json(*words, code=2)["error"]["name"] == "nope"


def test_reflog_lists_moves_newest_first(shop: hw.Repo, cli: Cli) -> None:
    assert cli("reflog").stdout.splitlines()[0].endswith("commit: A birthday")
    moves = cli.json("reflog", "-n", "1")["moves"]
    assert [move["reason"] for move in moves] == ["commit: A birthday"]
    assert moves[0]["commit"] == shop.head
