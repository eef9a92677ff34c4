"""The command backtest."""

from __future__ import annotations

from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli
from tests.models.test_backtest import stream

pytest.importorskip("sklearn")


def test_the_answer_has_words_tables_json_and_a_page(cli: Cli, folder: Path) -> None:
    hw.init(folder).import_("s", stream(1_500), key="id", label="y")
    said = cli("backtest", "s", "--time", "t", "--window", "8", "--html", "b.html")
    for words in ("in the order of t", "Training again pays", "trained once", "behind fresh", "drifts"):
        assert words in said.stdout
    assert "<svg" in (folder / "b.html").read_text()
    found = cli.json("backtest", "s", "--time", "t", "--window", "8")
    assert found["summary"] in " ".join(said.stdout.split())
    assert len(found["windows"]) == 5
    assert "time column" in cli("backtest", "s", code=2).stderr
    assert "time span" in cli("backtest", "s", "--time", "t", "--delay", "later", code=2).stderr
