"""A word on the command line is a dataset where there is one, and a file otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from headwater.cli.app import Session
from headwater.cli.places import BASELINE, file_in_memory, has_repository, here_if_dataset, looks_like_file
from headwater.core.errors import NotFound
from tests.cli.conftest import Cli


def test_what_looks_like_a_file(folder: Path) -> None:
    (folder / "da.csv").write_text("a\n1\n")
    assert looks_like_file("da.csv")
    assert looks_like_file("s3://bucket/key.parquet")
    assert looks_like_file("part-*.csv")
    assert not looks_like_file("people")


def test_a_dataset_goes_before_a_file_of_the_same_name(shop: hw.Repo) -> None:
    Path("people").write_text("a\n1\n")
    Path("other").write_text("a\n1\n")
    assert here_if_dataset(Session(), "people") is not None
    assert here_if_dataset(Session(), "people@v1") is not None
    assert here_if_dataset(Session(), "other") is None
    with pytest.raises(NotFound, match="people"):
        here_if_dataset(Session(), "peeple")


def test_a_file_whose_name_holds_an_at_is_a_file(shop: hw.Repo) -> None:
    Path("mail@home.csv").write_text("a\n1\n")
    assert here_if_dataset(Session(), "mail@home.csv") is None


def test_without_a_repository_there_are_only_files(folder: Path) -> None:
    assert not has_repository(Session())
    Path("da.csv").write_text("a\n1\n")
    assert here_if_dataset(Session(), "da.csv") is None
    with pytest.raises(NotFound, match="no repository"):
        here_if_dataset(Session(), "people")


def test_a_file_does_not_ask_a_repository_far_away(folder: Path) -> None:
    Path("headwater.lock").write_text('version = 1\nrepository = "s3://nowhere/at-all"\n')
    Path("da.csv").write_text("a\n1\n")
    assert here_if_dataset(Session(), "da.csv") is None
    assert has_repository(Session())


def test_a_file_and_its_baseline_are_datasets_in_memory(folder: Path) -> None:
    Path("new.csv").write_text("id,a\n1,x\n1,y\n")
    Path("old.csv").write_text("id,a\n1,x\n2,y\n3,z\n")
    repo = file_in_memory(Session(), "new.csv", "t", key=["id"], baseline="old.csv")
    assert repo["t"].key == (), "the key repeats"
    assert repo["t"].num_rows == 2
    assert repo.at(BASELINE)["t"].key == ("id",)
    assert repo.at(BASELINE)["t"].num_rows == 3


@pytest.mark.parametrize(
    "words",
    [
        ("drift", "new.csv", "--against", "old.csv"),
        ("errors", "new.csv"),
        ("link", "new.csv"),
        ("clean", "new.csv", "clean.missing"),
    ],
)
def test_a_file_where_a_dataset_is_needed_gets_a_hint(words: tuple[str, ...], folder: Path, cli: Cli) -> None:
    for name in ("new.csv", "old.csv"):
        (folder / name).write_text("a,b\n1,2\n")
    told = cli(*words, code=2).stderr.replace("\n", " ")
    assert "'new.csv' is a file" in told
    assert "hw init && hw import new.csv" in told
    assert words[0] != "drift" or "`hw check new.csv --against old.csv` compares two files" in told
    cli("init")
    told = cli(*words, code=2).stderr.replace("\n", " ")
    assert "`hw import new.csv` makes it one" in told
