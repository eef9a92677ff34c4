"""embed makes a column of vectors as one commit; similar finds rows by it."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli

TEXTS = ["my card has not arrived", "the card did not arrive", "what is the exchange rate", None]
HASH = ("--encoder", "hash", "-p", "dimensions=128")


@pytest.fixture
def asked(folder: Path) -> hw.Repo:
    repo = hw.init(folder)
    repo.import_("asked", [{"id": f"q{n}", "text": text} for n, text in enumerate(TEXTS)], key="id")
    return repo


def test_vectors_are_one_commit_and_the_second_time_there_is_nothing_to_do(asked: hw.Repo, cli: Cli) -> None:
    answer = cli("embed", "asked", "text", *HASH)
    assert "column(s) text_embedding added" in answer.stdout
    assert "3 value(s) encoded by hash@1:" in answer.stdout
    assert "hw similar asked --text TEXT" in answer.stderr
    value = cli.json("embed", "asked", "text")
    assert value["is_new"] is False
    assert value["record"]["encoded"] == 0
    assert asked.branch("main")["asked"].schema.field("text_embedding").type.list_size == 128


def test_a_dry_run_and_a_branch(asked: hw.Repo, cli: Cli) -> None:
    before = asked.head
    assert "would change" in cli("embed", "asked", "text", *HASH, "--dry-run").stdout
    value = cli.json("embed", "asked", "text", *HASH, "--into", "v", "--branch", "vectors", "-m", "Vectors")
    assert asked.head == before
    assert asked.branches()["vectors"] == value["commit"]
    assert "v" in asked.branch("vectors")["asked"].schema.names
    assert asked.commit("vectors").message == "Vectors"


def test_a_function_in_the_current_directory_is_an_encoder(asked: hw.Repo, cli: Cli, folder: Path) -> None:
    (folder / "cli_embed_own.py").write_text("def encode(values):\n    return [[1.0, 2.0]] * len(values)\n")
    value = cli.json("embed", "asked", "text", "--encoder", "cli_embed_own:encode")
    assert value["record"]["dimensions"] == 2
    answer = cli("embed", "asked", "text", "--encoder", "cli_embed_own:other", code=2)
    assert "There is no encoder 'cli_embed_own:other'" in answer.stderr


def test_encoders_are_listed(cli: Cli) -> None:
    assert "Hashed words" in cli("embed", "--list").stdout
    facts = {fact["encoder"]: fact for fact in cli.json("embed", "--list")}
    assert facts["hash"]["installed"] is True
    assert facts["image"]["reads"] == "image"
    assert all(len(line) <= 80 for line in cli("embed", "--list").stdout.splitlines())


def test_what_is_wrong_is_said(asked: hw.Repo, cli: Cli) -> None:
    assert "Which dataset and which column?" in cli("embed", code=2).stderr
    assert "Did you mean 'text'" in cli("embed", "asked", "texts", code=2).stderr
    assert "hsah" in cli("embed", "asked", "text", "--encoder", "hsah", code=2).stderr
    assert "Give exactly one of --key" in cli("similar", "asked", code=2).stderr
    assert "has no column of vectors" in cli("similar", "asked", "--key", "q1", code=2).stderr


def test_rows_like_a_row_or_a_text_are_shown_the_nearest_first(asked: hw.Repo, cli: Cli) -> None:
    cli("embed", "asked", "text", *HASH)
    lines = cli("similar", "asked", "--key", "q0").stdout.splitlines()
    assert "_score" in lines[0]
    assert "the card did not arrive" in lines[2]
    found = cli.json("similar", "asked", "--text", "exchange rate", "-k", "1")
    assert [row["id"] for row in found] == ["q2"]
    far = cli.json("similar", "asked@main", "--text", "exchange rate", "--metric", "l2")
    assert far[0]["id"] == "q2"
    assert far[0]["_score"] < far[1]["_score"]


def test_an_index_finds_them_too(asked: hw.Repo, cli: Cli) -> None:
    pytest.importorskip("usearch")
    cli("embed", "asked", "text", *HASH)
    found = cli.json("similar", "asked", "--key", '"q0"', "--approximate")
    assert found[0]["id"] == "q1"


def test_rows_like_an_image_are_found(folder: Path, cli: Cli) -> None:
    image = pytest.importorskip("PIL.Image")
    (folder / "photos").mkdir()
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        image.new("RGB", (50, 40), colour).save(folder / "photos" / f"{name}.png")
    image.new("RGB", (20, 30), (210, 10, 0)).save(folder / "other.jpg")
    hw.init(folder)
    cli("import", "photos", "--key", "path")
    cli("embed", "photos", "bytes")
    found = cli.json("similar", "photos", "--file", "other.jpg", "--column", "bytes_embedding", "-k", "1")
    assert found[0]["path"] == "red.png"


def test_without_vectors_to_compare_with_that_is_said(asked: hw.Repo, cli: Cli) -> None:
    cli("embed", "asked", "text", *HASH)
    with asked.branch("main").transaction("others go") as tx:
        tx.delete("asked", keys=["q1", "q2"])
    answer = cli("similar", "asked", "--key", "q0")
    assert answer.stdout == ""
    assert "No row has a vector" in answer.stderr
