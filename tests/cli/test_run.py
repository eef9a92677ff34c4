"""hw run, hw runs and hw lineage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from tests.pipelines.flows import numbers

FLOW = """
import pyarrow as pa
import headwater as hw

@hw.step(by_rows=True, reads=["x"], into="doubled", key="id")
def double(rows: pa.Table, times: int) -> pa.Table:
    print("doubling")
    return pa.table({"y": [times * x for x in rows["x"].to_pylist()]})

@hw.step
def judge(rows: pa.Table, most: int) -> int:
    if rows.num_rows > most:
        raise ValueError("too many")
    return rows.num_rows

@hw.pipeline
def flow(times: int = 2, most: int = 100):
    '''Double and judge.'''
    judge(double(hw.dataset("numbers"), times), most)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "pipelines", raising=False)
    repo = hw.init(tmp_path)
    repo.import_("numbers", numbers(20), key="id")
    (tmp_path / "pipelines.py").write_text(FLOW)
    return tmp_path


def test_a_run_is_shown_and_known_the_next_time(cli: Any, place: Path) -> None:
    assert "Double and judge." in cli("run", "--list").stdout
    first = cli("run")
    assert "2 step(s) ran, 0 reused" in first.stdout.replace("\n", " ")
    assert "20 rows" in first.stdout
    assert hw.open(place)["doubled"].num_rows == 20
    told = json.loads(cli("run", "-p", "times=2", "--json").stdout)
    assert told["steps"]["double"]["state"] == told["steps"]["judge"]["state"] == "reused"
    assert told["state"] == "succeeded"


def test_a_failed_run_says_so_and_where_its_log_is(cli: Any, place: Path) -> None:
    failed = cli("run", "-p", "most=3", code=1)
    assert "ValueError: too many" in failed.stderr
    assert "Nothing was committed" in failed.stderr
    listed = cli("runs").stdout
    assert "failed" in listed
    shown = cli("runs", "last").stdout
    assert "judge" in shown
    assert "too many" in cli("runs", "last", "--log", "judge").stdout
    assert "doubling" in cli("runs", "last", "--log", "double").stdout
    assert json.loads(cli("runs", "--json").stdout)[0]["state"] == "failed"
    assert "Did you mean 'judge'" in cli("runs", "last", "--log", "juge", code=2).stderr
    assert "Which run?" in cli("runs", "--log", "judge", code=2).stderr


def test_lineage_is_text_json_and_a_picture(cli: Any, place: Path) -> None:
    cli("run")
    assert "run flow: double" in cli("lineage", "doubled").stdout
    cli("lineage", "doubled", "--column", "y", "--svg", "graph.svg")
    assert (place / "graph.svg").read_text().startswith("<svg")
    told = json.loads(cli("lineage", "doubled", "--json").stdout)
    assert told["edges"][0]["columns"]["y"] == ["x"]


def test_no_run_yet_and_wrong_names_are_told(cli: Any, place: Path) -> None:
    assert "no run yet" in cli("runs").stdout
    assert "not found" in cli("runs", "2026", code=2).stderr
    assert "Pipeline 'other' not found" in cli("run", "other", code=2).stderr
    assert "times is a int" in cli("run", "-p", "times=many", code=2).stderr
