"""commit changes a dataset by an edit file or a condition."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli


def rows(repo: hw.Repo) -> dict[int, tuple[str | None, int | None]]:
    return {row["id"]: (row["name"], row["age"]) for row in repo["people"].to_arrow().to_pylist()}


def written(folder: Path, text: str) -> str:
    (folder / "édit.csv").write_text(text, encoding="utf-8")
    return "édit.csv"


def test_an_edit_file_updates_cells_and_adds_rows(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    answer = cli("commit", "people", written(folder, "id,name\n2,Robert\n7,Gus\n"), "-m", "by hand")
    assert "people  +1 added  ~1 changed  3 unchanged" in answer.stdout
    assert "Next: hw diff" in answer.stderr
    assert "hw check people" in answer.stderr
    assert rows(shop)[2] == ("Robert", 22), "the age that the file lacks stays"
    assert rows(shop)[7] == ("Gus", None)
    assert shop.commit("main").message == "by hand"


def test_values_are_read_in_the_types_of_the_dataset(folder: Path, cli: Cli) -> None:
    repo = hw.init(folder)
    with repo.transaction("zip codes") as tx:
        tx.append("t", [{"id": "007", "zip": "01234", "score": 0.5}], key="id")
    cli("commit", "t", written(folder, "id,zip,score\n007,04321,1\n"))
    assert repo["t"].to_arrow().to_pylist() == [{"id": "007", "zip": "04321", "score": 1.0}]


def test_the_same_edit_again_is_nothing(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    edit = written(folder, "id,name\n2,Robert\n")
    cli("commit", "people", edit)
    before = shop.head
    assert "Nothing to commit" in cli("commit", "people", edit).stdout
    assert cli.json("commit", "people", edit) == {
        "commit": before,
        "branch": "main",
        "is_new": False,
        "change": None,
    }


def test_append_refuses_keys_that_are_there(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert (
        cli.json("commit", "people", written(folder, "id,name,age\n8,Hal,9\n"), "--append")["change"]["added"]
        == 1
    )
    error = cli.json("commit", "people", "édit.csv", "--append", code=2)["error"]
    assert error["type"] == "InvalidKeys"


def test_rows_are_deleted_by_key_or_by_condition(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    assert cli.json("commit", "people", written(folder, "id\n2\n3\n"), "--delete")["change"]["removed"] == 2
    assert "−1 removed" in cli("commit", "people", "--delete-where", "age > 23").stdout
    assert set(rows(shop)) == {1}
    assert "does not fit dataset" in cli("commit", "people", "--delete-where", "agee > 1", code=2).stderr


def test_columns_are_added_dropped_and_renamed(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    cli("commit", "people", written(folder, "id,town\n1,Ulm\n"), "--add-columns")
    assert shop["people"].schema.names == ["id", "name", "age", "town"]
    text = cli("commit", "people", "--rename", "name=call", "--drop", "age,town").stdout
    assert "column dropped: age" in text
    assert shop["people"].schema.names == ["id", "call"]


def test_a_branch_takes_the_change(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    answer = cli("commit", "people", "--delete-where", "id = 1", "--branch", "smaller")
    assert "on smaller" in answer.stdout
    assert "hw check people@smaller" in answer.stderr
    assert shop["people"].num_rows == 4
    assert shop.branch("smaller")["people"].num_rows == 3


def test_a_dataset_can_be_removed(shop: hw.Repo, cli: Cli) -> None:
    assert cli.json("commit", "people", "--remove")["change"]["removed"] == 4
    assert shop.datasets() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("people",), "What should change?"),
        (("people", "--append"), "What should change?"),
        (("people", "--append", "--drop", "age"), "--append goes with a FILE"),
        (("nope", "--remove"), "Dataset 'nope' not found"),
        (("people", "--rename", "age"), "no NAME=VALUE"),
        (("people", "--drop", "aeg"), "Did you mean 'age'?"),
    ],
)
def test_wrong_usage_changes_nothing(words: tuple[str, ...], message: str, shop: hw.Repo, cli: Cli) -> None:
    before = shop.head
    assert message in cli("commit", *words, code=2).stderr
    assert shop.head == before
