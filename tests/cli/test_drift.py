"""drift compares two versions, or follows a history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import headwater as hw
from tests.cli.conftest import Cli


@pytest.fixture
def sensors(folder: Path) -> hw.Repo:
    rng = np.random.default_rng(1)
    repo = hw.init(folder)
    for number in range(6):
        rows = {
            "id": np.arange(number * 200, number * 200 + 200),
            "heat": rng.normal(3 * (number >= 4), 1, 200),
            "room": rng.choice(["a", "b"], 200),
        }
        with repo.transaction(f"week {number}") as tx:
            tx.append("sensors", rows, key="id")
    repo.create_tag("v1", "main~3")
    return repo


def test_a_history_is_followed(sensors: hw.Repo, cli: Cli) -> None:
    answer = cli("drift", "sensors", "--html", "drift.html")
    assert "6 windows (commits), 1 of 2 columns changed" in answer.stdout
    assert "heat" in answer.stdout
    assert "sudden" in answer.stdout
    assert "(week 4)" in answer.stdout
    assert "Wrote drift.html" in answer.stderr
    assert Path("drift.html").read_text("utf-8").startswith("<!doctype html>")
    assert max(map(len, answer.stdout.splitlines()[:5])) <= 80
    value = cli.json("drift", "sensors", "v1..main", "--history")
    assert [window["about"] for window in value["windows"]] == ["week 3", "week 4", "week 5"]
    assert cli.json("drift", "sensors", "--window", "400", "--columns", "room")["by"] == "400 rows"


def test_two_versions_are_compared(sensors: hw.Repo, cli: Cli) -> None:
    answer = cli("drift", "sensors", "v1..main")
    assert "1 of 2 columns changed" in answer.stdout
    assert "<0.001" in answer.stdout
    assert cli("drift", "sensors", "--against", "v1", "--fail-on", "warn", code=1).stdout == answer.stdout
    cli("drift", "sensors", "v1..main~2", "--fail-on", "warn", "--html", "two.html")
    assert Path("two.html").exists()
    value = cli.json("drift", "sensors@v1", "--against", "main~5")
    assert {one["check"].partition(".")[0] for one in value["findings"]} == {"drift"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["v1"], "no REF..REF"),
        (["v1..main", "--against", "v1"], "say the same"),
        (["v1..main", "--window", "100"], "one version"),
        (["--against", "v1", "--history"], "--against compares two versions"),
        (["v1..main", "--columns", "heat"], "are for a history"),
        (["--window", "7d"], "--time"),
    ],
)
def test_wrong_usage_is_told(sensors: hw.Repo, cli: Cli, words: list[str], message: str) -> None:
    assert message in cli("drift", "sensors", *words, code=2).stderr
    assert "Did you mean 'sensors'" in cli("drift", "sensor", code=2).stderr


def test_nothing_of_both_names_is_wrong_usage(sensors: hw.Repo, cli: Cli) -> None:
    assert "which version" in cli("drift", "sensors@v1", "main~5..main", code=2).stderr
