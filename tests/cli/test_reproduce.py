"""hw runs reproduce."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import headwater as hw

FLOW = """
import random
import headwater as hw

@hw.step
def steady() -> float:
    return 0.5

@hw.step
def noise() -> float:
    return random.random()

@hw.pipeline
def good():
    steady()

@hw.pipeline
def bad():
    noise()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "pipelines", raising=False)
    hw.init(tmp_path)
    (tmp_path / "pipelines.py").write_text(FLOW)
    return tmp_path


def test_the_exit_code_says_whether_a_run_is_reproduced(cli: Any, place: Path) -> None:
    cli("run", "good")
    good = cli("runs", "reproduce", "last", "--here")
    assert "is reproduced" in good.stdout.replace("\n", " ")
    assert "same" in good.stdout
    cli("run", "bad")
    bad = json.loads(cli("runs", "reproduce", "last", "--here", "--json", code=1).stdout)
    assert not bad["reproduced"]
    assert bad["steps"][0]["note"].endswith("seed it")
    cli("runs", "reproduce", "last", "--here", "--tolerance", "1")


def test_wrong_use_is_told(cli: Any, place: Path) -> None:
    assert "not found" in cli("runs", "reproduce", "nope", code=2).stderr
    assert "leave the options" in cli("runs", "reproduce", "x", "--here", "--pip", code=2).stderr
