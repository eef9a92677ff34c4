"""hw link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import headwater as hw
from tests.recipes.test_link_table import PEOPLE


def filled(path: Path) -> None:
    repo = hw.init(path)
    with repo.transaction("people") as tx:
        tx.append("people", PEOPLE, key="id")
        tx.append("others", [{**one, "id": 100 + int(str(one["id"]))} for one in PEOPLE[:6]], key="id")


def test_pairs_are_shown_written_and_committed(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    filled(tmp_path)
    shown = cli("link", "people", "others", "-o", "pairs.parquet", "--into", "links").stdout
    assert "6 pairs" in shown
    assert "left_id" in shown
    assert pq.read_table(tmp_path / "pairs.parquet").num_rows == 6
    assert hw.open(tmp_path)["links"].num_rows == 6
    cli("link", "people", "others", "-o", "pairs.csv", "--columns", "name,phone")
    assert (tmp_path / "pairs.csv").read_text().startswith("left_id,")
    assert "0 pairs" in cli("link", "people").stdout


def test_a_column_that_is_not_there_is_told(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    filled(tmp_path)
    assert "Did you mean 'name'" in cli("link", "people", "others", "--columns", "nam,phone", code=2).stderr
