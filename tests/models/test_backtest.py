"""A backtest sees the past only, finds when what changed, and nothing where nothing does."""

from __future__ import annotations

import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import headwater as hw
from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.models.backtest_report import Backtest

pytest.importorskip("sklearn")

DAY = 86_400


def stream(rows: int = 3_000, *, change: float | None = 0.6, seed: int = 0) -> pa.Table:
    """Return hourly rows; after the change one column moves, and what it means is turned about."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=rows), rng.normal(size=rows)
    late = np.arange(rows) >= rows * (2.0 if change is None else change)
    y = np.where(late, -x, x) + 0.5 * z + rng.normal(0, 0.5, rows) > 0
    return pa.table(
        {
            "id": np.arange(rows),
            "t": pa.array(np.arange(rows) * 3_600, pa.timestamp("s")),
            "x": np.where(late, x + 2.0, x),
            "z": z,
            "y": np.where(y, "a", "b"),
        }
    )


def repo_with(table: pa.Table, **options: Any) -> hw.Repo:
    repo = hw.init("memory://")
    repo.import_("s", table, key="id", label="y", **options)
    return repo


@pytest.fixture(scope="module")
def changed() -> Backtest:
    """Return a backtest over a change in the eighth of twelve windows."""
    return repo_with(stream()).backtest("s", time="t")


def test_the_fall_is_found_where_it_is_and_a_fresh_model_recovers(changed: Backtest) -> None:
    once = [one.once for one in changed.windows]
    fresh = [one.sliding for one in changed.windows]
    assert min(once[:4]) > 0.85 > 0.6 > max(once[5:])
    assert min(fresh[5:]) > 0.8
    assert changed.behind_since == changed.windows[5].name
    assert "1970" in changed.behind_since


def test_the_column_that_moved_is_named_with_its_window_and_no_other(changed: Backtest) -> None:
    assert [(one.column, one.place, one.share) for one in changed.drifts] == [("x", 4, 1.0)]
    assert "Columns that had drifted by then: x." in changed.summary()


def test_training_again_pays_after_a_change_and_the_last_windows_most(changed: Backtest) -> None:
    ways = {one.name: one for one in changed.strategies}
    assert ways["never"].gain == 0.0
    assert not ways["never"].pays
    assert ways["every window"].pays
    assert ways["every window, on the last 3"].gain > ways["every window"].gain > ways["every 4 windows"].gain
    assert [ways[name].trainings for name in ("never", "every 4 windows", "every window")] == [1, 3, 9]
    ages = [one.difference for one in changed.decay]
    assert ages[0] < 0
    assert len(ages) == 8


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_changes_nothing_is_found(seed: int) -> None:
    found = repo_with(stream(2_000, change=None, seed=seed)).backtest("s", time="t", window=8, start=4)
    assert found.drifts == ()
    assert found.behind_since is None
    assert max(abs(one.gain) for one in found.strategies) < 0.03
    assert found.notes == ()


def test_no_model_sees_what_came_after_it() -> None:
    table = stream(1_000, change=None)
    rng = np.random.default_rng(5)
    table = table.set_column(4, "y", pa.array(np.where(rng.random(1_000) < 0.5, "a", "b")))
    half = table.append_column("number", pa.array(np.arange(1_000) // 2))
    found = repo_with(half).backtest("s", time="t", window=5, start=2, exclude=["id"])
    assert all(0.35 < one.expanding < 0.65 for one in found.windows)


def test_labels_that_come_late_are_not_learnt_from_early() -> None:
    prompt = repo_with(stream()).backtest("s", time="t")
    late = repo_with(stream()).backtest("s", time="t", delay="20d")
    after = slice(5, 7)
    gone = [one.expanding for one in late.windows[after]]
    assert max(gone) < min(one.expanding for one in prompt.windows[after])


def test_windows_of_a_span_are_calendar_windows_and_ties_stay_together() -> None:
    table = stream(2_000, change=None)
    found = repo_with(table).backtest("s", time="t", window="7d", start=3)
    starts = [datetime.date.fromisoformat(one.name) for one in found.windows]
    assert {(b - a).days for a, b in pairwise(starts)} == {7}
    ties = table.set_column(1, "t", pa.array(np.arange(2_000) // 400))
    found = repo_with(ties).backtest("s", time="t", window=12, start=2)
    assert [one.rows for one in found.windows] == [400, 400, 400]


def test_the_contract_may_name_the_time_and_rows_without_one_are_said() -> None:
    table = stream(1_200, change=None)
    times = table.column("t").to_pylist()
    times[5] = None
    table = table.set_column(1, "t", pa.array(times, pa.timestamp("s")))
    found = repo_with(table, time="t").backtest("s", window=6)
    assert found.time == "t"
    assert found.notes[0].startswith("1 rows without a time")


def test_numbers_are_predicted_too_and_less_error_is_better() -> None:
    table = stream(2_000)
    late = np.arange(2_000) >= 1_200
    x = np.asarray(table["x"])
    y = np.where(late, -3 * x, 3 * x) + np.random.default_rng(1).normal(size=2_000)
    found = repo_with(table.set_column(4, "y", pa.array(y))).backtest("s", time="t", window=8)
    assert (found.metric, found.higher_is_better) == ("root_mean_squared_error", False)
    assert {one.name: one.pays for one in found.strategies}["every window, on the last 3"]
    assert found.decay[0].difference < 0


def test_the_same_again_is_the_same() -> None:
    first, second = (repo_with(stream(1_500)).backtest("s", time="t", window=6).to_dict() for _ in range(2))
    assert {**first, "commit": ""} == {**second, "commit": ""}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({}, UsageError, "no time column"),
        ({"time": "w"}, NotFound, "w"),
        ({"time": "y"}, SchemaError, "no order in time"),
        ({"time": "t", "window": 1}, UsageError, "2 windows"),
        ({"time": "t", "window": 3, "start": 3}, UsageError, "at least one more"),
        ({"time": "t", "window": "1h"}, UsageError, "more than 200"),
        ({"time": "t", "window": "soon"}, UsageError, "time span"),
        ({"time": "id", "window": "7d"}, UsageError, "holds numbers"),
        ({"time": "t", "delay": "900d"}, UsageError, "shorter delay"),
        ({"time": "t", "metric": "acuracy"}, NotFound, "accuracy"),
    ],
)
def test_what_cannot_be_done_is_told(options: dict[str, Any], error: type[Exception], match: str) -> None:
    repo = repo_with(stream(600, change=None).set_column(0, "id", pa.array(range(600))))
    with pytest.raises(error, match=match):
        repo.backtest("s", **options)


def test_one_kind_of_label_at_the_start_is_told() -> None:
    table = stream(600, change=None).set_column(4, "y", pa.array(["a"] * 300 + ["b"] * 300))
    with pytest.raises(UsageError, match="all labels are alike"):
        repo_with(table).backtest("s", time="t", window=6, start=2)


def test_electricity_prices_decay_and_training_again_pays(shared: Path) -> None:
    """Elec2 drifts (Gama et al. 2004; Zliobaite 2013): a model of the past falls behind one that goes along."""
    table = pa.csv.read_csv(shared / "stream_elec2" / "elec.csv.gz").slice(0, 20_000)
    table = table.append_column("number", pa.array(np.arange(len(table))))
    repo = hw.init("memory://")
    repo.import_("elec", table, key="number", label="class")
    found = repo.backtest("elec", time="number", window=8, start=2)
    ways = {one.name: one for one in found.strategies}
    assert found.behind_since is not None
    assert ways["every window"].gain > 0
    (note,) = found.notes
    assert "of the rows have the label of the row before" in note
    assert {"vicprice", "transfer"} & {one.column for one in found.drifts}
