"""quarantine lists waiting rows with their reason, and says how to bring them back."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import headwater as hw
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
