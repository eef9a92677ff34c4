"""quarantine lists waiting rows with their reason, and says how to bring them back."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

import headwater as hw
from headwater.cli.main import main
from headwater.core.contract import Contract, Rule
from tests.cli.conftest import Cli


def test_nothing_waits(shop: hw.Repo, cli: Cli) -> None:
    assert cli("quarantine").stdout == "No rows wait.\n"
    assert cli.json("quarantine") == []
    assert cli("quarantine", "people").stdout == "No rows of people wait.\n"
    assert "Dataset 'nope' not found" in cli("quarantine", "nope", code=2).stderr


def test_waiting_rows_are_listed_with_their_reason(shop: hw.Repo, cli: Cli) -> None:
    with shop.transaction("more") as tx:
        rows = [{"id": number, "name": "twice", "age": 1} for number in (1, 2, 3)]
        tx.append("people", rows, on_bad_rows="quarantine")
    assert cli.json("quarantine") == [{"dataset": "people", "num_rows": 3}]
    assert "Next: hw quarantine people" in cli("quarantine").stderr
    answer = cli("quarantine", "people", "-n", "2")
    assert answer.stdout.startswith("3 row(s) of people wait in quarantine")
    assert "_reason" in answer.stdout
    assert "… 1 more" in answer.stdout
    assert "hw commit people.quarantine --remove" in answer.stderr
    assert len(cli.json("quarantine", "people")["rows"]) == 3
    cli("commit", "people.quarantine", "--remove")
    assert cli.json("quarantine") == []


def test_the_printed_commands_bring_mended_rows_back_as_they_are(
    shop: hw.Repo, cli: Cli, folder: Path
) -> None:
    with shop.transaction("more") as tx:
        tx.append("people", [{"id": 1, "name": "twice", "age": 1}], on_bad_rows="quarantine")
    before = shop["people"].schema.names
    printed = re.findall(r"hw (.*?)   \(", cli("quarantine", "people").stderr)
    assert len(printed) == 3
    cli(*shlex.split(printed[0]))
    (folder / "waiting.csv").write_text((folder / "waiting.csv").read_text().replace("1,twice", "9,once"))
    for command in printed[1:]:
        cli(*shlex.split(command))
    assert shop["people"].schema.names == before
    assert shop["people"].to_arrow(where="id = 9")["name"].to_pylist() == ["once"]
    assert shop.datasets() == ["people"]


def test_the_list_wraps_what_is_long_and_keeps_ids_whole(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    rules = (
        Rule(check="validity.range", column="age", parameters={"maximum": 120}),
        Rule(check="validity.set", column="name", parameters={"values": ["Bo"], "max_fraction": 0.9}),
    )
    with shop.transaction("contract") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=rules))
    cli("gate", "set", "main", "--suite", "contract")
    (folder / "people.csv").write_text("id,name,age\n" + "".join(f"{n},Zoë,999\n" for n in range(70, 99)))
    cli("import", "people.csv", "--mode", "append", "-m", "what the field office sent us " * 4, code=1)
    result = CliRunner().invoke(main, ["quarantine"], prog_name="hw", env={"COLUMNS": "80"})
    (waiting,) = shop.quarantine.waiting()
    assert waiting.id[:12] in result.stdout
    assert " ".join(result.stdout.split()).count("field") >= 1
    assert "…" not in result.stdout
