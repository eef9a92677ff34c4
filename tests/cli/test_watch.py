"""watch imports what arrives, tells each event in a line, and ends when it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import headwater as hw
from headwater.cli.watch import Duration
from tests.cli.conftest import Cli
from tests.conftest import ROOT


def drop(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (1, 1))


def test_once_tells_each_event_as_a_line_and_ends_with_1_if_something_waits(
    shop: hw.Repo, cli: Cli, folder: Path
) -> None:
    drop(folder / "in" / "a.csv", "id,age\n1,30\n")
    answer = cli("watch", "in", "visits", "--key", "id", "--once", "--json")
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [event["event"] for event in events] == ["imported", "stopped"]
    assert (events[0]["added"], events[0]["commit"]) == (1, shop.head)
    drop(folder / "in" / "b.csv", "id,age\n1,30,5\n2\n")
    answer = cli("watch", "in", "visits", "--once", "--done-folder", "done", code=1)
    assert "refused" in answer.stdout
    assert (folder / "done" / "refused" / "b.csv").exists()
    assert (folder / "done" / "a.csv").exists()
    assert "refused" in cli("quarantine").stdout
    assert cli.json("quarantine")[0]["facts"]["error"]
    cli("watch", "nowhere", "visits", code=2)


def test_files_go_to_the_branch_that_is_named(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    drop(folder / "in" / "a.csv", "id,age\n1,30\n")
    cli("watch", "in", "visits", "--key", "id", "--branch", "staging", "--once")
    assert "visits" in shop.at("staging")
    assert "visits" not in shop


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals, shop: hw.Repo, folder: Path) -> None:
    drop(folder / "in" / "a.csv", "id,age\n1,30\n")
    code = "from headwater.cli.main import main; main()"
    words = ["watch", "in", "visits", "--key", "id", "--every", "10ms", "--json"]
    child = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["event"] == "imported"
    time.sleep(0.05)
    child.send_signal(number)
    rest, _ = child.communicate(timeout=30)
    assert [json.loads(line)["event"] for line in rest.splitlines()] == ["stopped"]
    assert child.returncode == 0
    assert shop["visits"].num_rows == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1.5h", 5400), ("10ms", 0.01), ("2", 2)]
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 days", "-3s"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)
