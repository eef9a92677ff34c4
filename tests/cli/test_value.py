"""hw value and hw select."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv

import headwater as hw
from tests.models.test_impact import cancer

pytest.importorskip("sklearn")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    repo = hw.init(tmp_path)
    repo.import_("tumours", cancer(), key="id", label="label")
    return tmp_path


def test_rows_are_shown_written_and_told_as_json(cli: Any, place: Path) -> None:
    shown = cli("value", "tumours", "-o", "values.csv", "--limit", "3").stdout
    assert "have a negative value" in shown
    table = csv.read_csv("values.csv")
    assert table.schema.names[:3] == ["id", "label", "value"]
    told = json.loads(cli("value", "tumours", "--json").stdout)
    assert told["rows"] == table.num_rows == len(told["values"])
    assert told["worth"] > 0.8
    assert [row["id"] for row in told["values"]] == table["id"].to_pylist()


def test_groups_are_left_out_in_turn(cli: Any, place: Path) -> None:
    shown = cli("value", "tumours", "--by", "site", "--seeds", "2").stdout
    assert "north" in shown
    assert "2 groups by site" in shown
    told = json.loads(cli("value", "tumours", "--by", "site", "--seeds", "2", "--json").stdout)
    assert {one["group"] for one in told["groups"]} == {"north", "south"}


def test_options_that_do_not_go_together_are_told(cli: Any, place: Path) -> None:
    assert "add --by" in cli("value", "tumours", "--seeds", "2", code=2).stderr
    assert "leave --by out" in cli("value", "tumours", "--by", "site", "-k", "3", code=2).stderr
    assert "not both" in cli("select", "tumours", "--count", "3", "--share", "0.1", code=2).stderr


def test_select_commits_to_a_branch_or_only_shows(cli: Any, place: Path) -> None:
    planned = cli("select", "tumours", "--by", "diverse", "--count", "50", "--dry-run").stdout
    assert "would change" in planned
    assert "small" not in hw.open(place).branches()
    cli("select", "tumours", "--by", "diverse", "--count", "50", "--branch", "small")
    repo = hw.open(place)
    assert repo.at("small")["tumours"].num_rows < 200 < repo["tumours"].num_rows
