"""blame and bisect name the commit that did it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import headwater as hw
from tests.cli.conftest import Cli


def test_blame_names_a_commit_for_each_cell(shop: hw.Repo, cli: Cli) -> None:
    lines = cli("blame", "people", "1").stdout
    assert "Anne" in lines
    assert "A birthday" in lines
    found = cli.json("blame", "people@fix", "2", "name")
    assert [(line["column"], line["value"], line["summary"]) for line in found] == [
        ("name", "Bobby", "Fix names")
    ]
    assert "no row with key 77" in cli("blame", "people", "77", code=2).stderr
    with shop.transaction("towns") as tx:
        tx.append("towns", [{"town": "Łódź"}], key="town")
    assert cli.json("blame", "towns", "Łódź")[0]["summary"] == "towns"


def grown(folder: Path) -> hw.Repo:
    """Return a repository in which the sixth of nine commits brought a null, which fails a check, and bad labels."""
    repo = hw.init(folder)
    rng = np.random.default_rng(0)
    rows = [{"id": n, "x": float(rng.normal()), "y": 0} for n in range(300)]
    rows = [{**row, "y": int(row["x"] > 0)} for row in rows]
    with repo.transaction("start") as tx:
        tx.append("d", rows, key="id")
    for number in range(8):
        with repo.transaction(f"step {number}") as tx:
            tx.upsert("d", [{"id": number, "x": 0.5 + number, "y": 1}])
            if number == 4:
                tx.upsert("d", [{"id": n, "y": 1 - row["y"]} for n, row in enumerate(rows) if n % 2])
                tx.upsert("d", [{"id": n, "x": None} for n in range(100, 200)])
    return repo


def test_bisect_finds_what_broke_a_check_a_command_and_a_metric(cli: Cli, folder: Path) -> None:
    repo = grown(folder)
    asked = ("bisect", "d", "--good", "main~8")
    found = cli.json(*asked, "--check", "completeness.null_fraction")
    assert found["first_bad"]["message"] == "step 4"
    assert repo.commit(found["last_good"]).message == "step 3"
    assert len(found["looks"]) <= 5
    assert "is bad already" in cli(*asked, "--run", "false", code=2).stderr
    test = f'{sys.executable} -c "import os, headwater as hw; r = hw.open(); '
    test += "raise SystemExit(r.at(os.environ['HEADWATER_REF'])['d'].to_arrow()['x'].null_count > 0)\""
    assert "step 4" in cli(*asked, "--run", test).stdout
    text = cli(*asked, "--metric", "accuracy", "--by", "0.1", "--label", "y")
    assert "is the first bad commit: step 4" in text.stdout
    assert "Next: hw show" in text.stderr


def test_bisect_needs_one_way_to_tell(cli: Cli, folder: Path) -> None:
    grown(folder)
    asked = ("bisect", "d", "--good", "main~8")
    assert "exactly one of" in cli(*asked, code=2).stderr
    assert "exactly one of" in cli(*asked, "--run", "true", "--metric", "accuracy", code=2).stderr
    assert "Metric 'beauty' not found" in cli(*asked, "--metric", "beauty", "--label", "y", code=2).stderr
    assert "cannot be run" in cli(*asked, "--run", "no-such-command-here", code=2).stderr
    assert "nothing broke" in cli(*asked, "--run", "true", code=2).stderr
