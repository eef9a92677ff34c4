"""split says how a dataset falls into parts, and shows how it does."""

from __future__ import annotations

import headwater as hw
from tests.cli.conftest import Cli


def test_a_split_is_declared_shown_and_forgotten(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("split", "people", "--into", "train=0.5, test=0.5", "-m", "halves")
    assert "people by id, seed 0" in answer.stdout
    assert "train" in answer.stdout
    assert shop.commit("main").message == "halves"
    shown = cli.json("split", "people")
    assert shown["split"]["parts"] == [["train", 0.5], ["test", 0.5]]
    assert sum(part["rows"] for part in shown["parts"]) == shop["people"].num_rows
    assert shown["commit"] is None
    assert cli.json("split", "people@main~1")["split"] is None
    assert "has no split" in cli("split", "people", "--drop").stdout


def test_groups_and_seeds_are_named(shop: hw.Repo, cli: Cli) -> None:
    made = cli.json("split", "people", "--into", "a=0.5,b=0.5", "--by", "age", "--seed", "7")
    assert made["split"] == {"parts": [["a", 0.5], ["b", 0.5]], "by": ["age"], "is_grouped": True, "seed": 7}
    assert made["commit"] == shop.resolve("main")


def test_wrong_requests_say_how_to_mend_them(shop: hw.Repo, cli: Cli) -> None:
    for arguments, message in [
        (["--into", "train=0.8"], "sum to 1"),
        (["--into", "train"], "no NAME=SHARE"),
        (["--into", "a=0.5,a=0.5"], "comes twice"),
        (["--by", "age"], "--by goes with --into"),
        (["--into", "a=1", "--drop"], "Either --into or --drop"),
        (["--into", "a=1", "--by", "agee"], "Did you mean 'age'"),
    ]:
        assert message in cli("split", "people", *arguments, code=2).stderr
    assert "leave out @REF" in cli("split", "people@main", "--into", "a=1", code=2).stderr
