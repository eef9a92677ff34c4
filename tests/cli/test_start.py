"""init makes a repository where it is told to."""

from __future__ import annotations

from pathlib import Path

import headwater as hw
from tests.cli.conftest import Cli


def test_init_makes_a_repository_here(folder: Path, cli: Cli) -> None:
    answer = cli("init")
    assert "Made an empty repository in" in answer.stdout
    assert "Next: hw import FILE" in answer.stderr
    assert hw.open(folder).datasets() == []


def test_init_makes_the_folder_and_names_the_branch(folder: Path, cli: Cli) -> None:
    made = cli.json("init", "neu/Läden", "--branch", "trunk")
    assert made["branch"] == "trunk"
    assert hw.open(folder / "neu" / "Läden").branch_name == "trunk"


def test_init_takes_the_place_that_dash_c_names(folder: Path, cli: Cli) -> None:
    cli("-C", "elsewhere", "init")
    assert (folder / "elsewhere" / ".headwater").is_dir()
    assert not (folder / ".headwater").exists()


def test_init_over_a_repository_is_refused(shop: hw.Repo, cli: Cli) -> None:
    assert "There is a repository" in cli("init", code=2).stderr
    assert shop["people"].num_rows == 4
