"""gate and allow: what a branch takes, and what is put up with."""

from __future__ import annotations

from pathlib import Path

import headwater as hw
from headwater.core.contract import Contract, Rule
from tests.cli.conftest import Cli

RULE = Rule(check="validity.range", column="age", parameters={"minimum": 0, "maximum": 120})


def test_a_gate_is_set_shown_and_removed(shop: hw.Repo, cli: Cli) -> None:
    assert cli.json("gate", "show") == []
    assert "hw gate set main" in cli("gate", "show").stderr
    made = cli.json("gate", "set", "main", "--suite", "contract", "--divert", "validity.range:age")
    assert (made["suite"], made["divert"], made["against"]) == ("contract", ["validity.range:age"], "branch")
    line = cli("gate", "set", "main", "--blocks", "warn", "--floor", "0.3", "--against", "none").stdout
    assert line.startswith(
        "main: the contract; warn and fail keep out; from severity 0.3; compared with nothing"
    )
    assert cli.json("gate", "show", "main")[0]["divert"] == ["validity.range:age"]
    assert cli("gate", "remove", "main").stdout == "main has no gate any more\n"
    assert "validity.range" in cli("gate", "set", "main", "--only", "validity.rang", code=2).stderr
    cli("gate", "remove", "main", code=2)


def test_names_are_verified_and_settings_taken_away(shop: hw.Repo, cli: Cli) -> None:
    assert "Did you mean 'people'" in cli("gate", "set", "main", "--datasets", "peeple", code=2).stderr
    assert "Did you mean 'main'" in cli("gate", "set", "mian", code=2).stderr
    assert (
        "Did you mean 'age'" in cli("gate", "set", "main", "--divert", "validity.range:agee", code=2).stderr
    )
    assert "not found" in cli("gate", "set", "main", "--against", "nosuch", code=2).stderr
    assert "No branch has a gate" in cli("gate").stderr
    cli("gate", "set", "main", "--datasets", "web", "--divert", "validity.range", "--force")
    assert "datasets web; rows diverted" in cli("gate").stdout
    made = cli.json("gate", "set", "main", "--datasets", "", "--divert", "")
    assert (made["datasets"], made["divert"]) == ([], [])
    assert [one["branch"] for one in cli.json("gate")] == ["main"]


def test_what_was_there_before_is_told_and_stops_nothing(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    with shop.transaction("contract") as tx:
        tx.upsert("people", [{"id": 1, "age": -3}])
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    cli("gate", "set", "main", "--suite", "contract")
    (folder / "people.csv").write_text("id,name,age\n71,Bo,30\n")
    answer = cli("import", "people.csv", "--mode", "append")
    assert "Warning: validity.range people.age was there before: 1 value" in answer.stderr


def test_a_write_that_is_kept_out_ends_with_1_and_says_what_to_do(
    shop: hw.Repo, cli: Cli, folder: Path
) -> None:
    with shop.transaction("contract") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    cli("gate", "set", "main", "--suite", "contract")
    (folder / "people.csv").write_text("id,name,age\n70,Zoë,-3\n")
    answer = cli("import", "people.csv", "--mode", "append", code=1)
    assert "validity.range people.age" in answer.stderr
    assert "hw quarantine release" in answer.stderr
    value = cli.json("import", "people.csv", "--mode", "append", code=1)
    assert value["error"]["findings"][0]["rows"] == [70]
    listed = cli("quarantine")
    assert "quarantined" in listed.stdout
    (name, other) = [one["id"] for one in cli.json("quarantine")]
    assert "70" in cli("quarantine", "show", name[:10]).stdout
    assert "Dropped" in cli("quarantine", "drop", other, "--reason", "twice").stdout
    cli("quarantine", "release", name, code=1)
    done = cli.json("quarantine", "release", name[:12], "--reason", "so it is")
    assert done["commit"] == shop.head
    assert cli.json("quarantine") == []


def test_rows_are_diverted_and_released(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    with shop.transaction("contract") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    cli("gate", "set", "main", "--suite", "contract", "--divert", "validity.range")
    (folder / "people.csv").write_text("id,name,age\n70,Zoë,-3\n71,Bo,30\n")
    assert cli.json("import", "people.csv", "--mode", "append")["quarantined"] == 1
    assert cli.json("quarantine", "people")["rows"][0]["_check"] == "validity.range"
    (folder / "mended.csv").write_text("id,name,age\n70,Zoë,3\n")
    cli("quarantine", "release", "people", "--rows", "mended.csv", code=2)
    cli("quarantine", "release", "people", "--rows", "mended.csv", "--all", "--reason", "x", code=2)
    done = cli("quarantine", "release", "people", "--rows", "mended.csv", "--reason", "asked her")
    assert done.stdout.startswith("Released 1 row(s) of people")
    assert shop["people"].to_arrow(where="id = 70")["age"].to_pylist() == [3]


def test_a_finding_is_allowed(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("contract") as tx:
        tx.upsert("people", [{"id": 1, "age": -3}])
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    cli("check", "people", "--only", "validity.range", code=1)
    words = ("people", "validity.range", "--column", "age", "--until", "2999-01-31", "--reason", "old system")
    assert cli("allow", *words).stdout.startswith("Allowed validity.range of people.age until 2999-01-31")
    answer = cli("check", "people", "--only", "validity.range").stdout
    assert "1 allowed" in answer
    assert "old system" in answer
    cli("allow", "people", "validity.range", "--until", "2020-01-01", "--reason", "x", code=2)
