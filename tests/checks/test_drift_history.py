"""Drift over a history: series with known truth, and electricity prices whose columns start to vary at a known row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

import headwater as hw
from headwater.core.errors import HeadwaterError, UsageError

WINDOWS = 24
COURSES = {
    "still": np.zeros(WINDOWS),
    "sudden": np.repeat([0, 1], [10, 14]),
    "gradual": np.clip((np.arange(WINDOWS) - 6) / 12, 0, 1),
    "recurring": np.tile(np.repeat([0, 1], 4), 3),
}


def batch(number: int, rng: np.random.Generator, rows: int = 300) -> pa.Table:
    made: dict[str, Any] = {"id": np.arange(number * rows, (number + 1) * rows)}
    for name, course in COURSES.items():
        made[name] = rng.normal(2 * course[number], 1, rows)
        moved = rng.random(rows) < course[number]
        made[f"{name}_word"] = np.where(
            moved, rng.choice(["b", "c"], rows), rng.choice(["a", "b"], rows, p=[0.8, 0.2])
        )
    made["at"] = pa.array((number * rows + np.arange(rows)) * 60, pa.timestamp("s"))
    return pa.table(made)


@pytest.fixture(scope="module")
def repo() -> hw.Repo:
    made = hw.init("memory://")
    rng = np.random.default_rng(3)
    for number in range(WINDOWS):
        with made.transaction(f"day {number}") as tx:
            tx.append("data", batch(number, rng), key="id")
    return made


def kinds(history: Any) -> dict[str, str]:
    return {one.column: one.kind for one in history.columns}


TRUTH = {name: "none" if name == "still" else name for name in COURSES}
TRUTH |= {f"{name}_word": kind for name, kind in TRUTH.items()}


@pytest.mark.parametrize("window", [None, "300", "5h"])
def test_kinds_of_drift_are_told_apart(repo: hw.Repo, window: str | None) -> None:
    history = repo.drift("data", window=window, time="at")
    assert kinds(history) == TRUTH
    assert len(history.windows) == WINDOWS
    found = {one.column: one for one in history.columns}
    assert found["sudden"].starts == (10,)
    assert found["recurring"].starts == (4, 8, 12, 16, 20)
    assert found["sudden_word"].what.startswith("a: 8")
    assert found["sudden"].distances[3] < 0.1 < found["sudden"].distances[12]  # type: ignore[operator]
    assert history.columns[-1].kind == "none"


def test_a_part_of_history_and_some_columns_can_be_asked_for(repo: hw.Repo) -> None:
    history = repo.drift("data", since="main~12", columns=["sudden", "still"])
    assert kinds(history) == {"sudden": "none", "still": "none"}
    assert len(repo.drift("data@main~4").windows) == WINDOWS - 4
    value = repo.drift("data", columns=["sudden"]).to_dict()
    assert value["columns"][0]["starts"][0]["about"] == "day 10"


def test_columns_come_and_go() -> None:
    repo = hw.init("memory://")
    rng = np.random.default_rng(0)
    with repo.transaction("one") as tx:
        tx.append("data", {"x": rng.normal(size=200)})
    with repo.transaction("two") as tx:
        tx.append("data", {"x": rng.normal(size=200), "y": rng.normal(size=200)})
    found = {one.column: one.distances for one in repo.drift("data").columns}
    assert found["y"][0] is None or found["y"][0] >= 0
    assert len(found["x"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "7d"}, "--time"),
        ({"columns": ["nope"]}, "nope"),
        ({"columns": ["v"]}, "cannot be counted"),
        ({"window": "0"}, "1 row at least"),
        ({"window": "soon"}, "no time span|--time"),
    ],
)
def test_what_cannot_be_followed_is_told(options: dict[str, Any], message: str) -> None:
    repo = hw.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("data", pa.table({"x": [1.0], "v": pa.array([[1.0]])}))
    with pytest.raises(HeadwaterError, match=message):
        repo.drift("data", **options)
    with pytest.raises(UsageError):
        repo.drift("data", window="soon", time="x")


def test_prices_start_to_vary_where_they_do(shared: Path) -> None:
    repo = hw.init("memory://")
    repo.import_("elec", pa_csv.read_csv(shared / "stream_elec2" / "elec.csv.gz"))
    history = repo.drift("elec", window=1000)
    found = {one.column: one for one in history.columns}
    for name in ("transfer", "vicprice", "vicdemand"):
        assert found[name].kind == "sudden"
        assert history.windows[found[name].starts[0]].label == "17,000"
        assert "100% →" in found[name].what
    assert found["period"].kind == "none"
