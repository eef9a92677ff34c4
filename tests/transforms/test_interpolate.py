"""Gaps are filled along time, within groups, from the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.reading.splits import set_split
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

RNG = np.random.default_rng(8)
ROWS = 200
ORDER = RNG.permutation(ROWS)
TABLE = pa.table(
    {
        "id": range(ROWS),
        "time": pa.array(ORDER * 60_000_000, pa.timestamp("us")),
        "sensor": np.array(["a", "b", "c"])[RNG.integers(0, 3, ROWS)],
        "x": pa.array(RNG.normal(size=ROWS), mask=RNG.random(ROWS) < 0.3),
        "n": pa.array(RNG.integers(0, 100, ROWS), pa.int16(), mask=RNG.random(ROWS) < 0.3),
        "state": pa.array(np.array(["on", "off"])[RNG.integers(0, 2, ROWS)], mask=RNG.random(ROWS) < 0.3),
    }
)


def clean(table: pa.Table = TABLE, **parameters: Any) -> tuple[Repo, TransformResult]:
    repo = repo_of(table, contract=Contract(dataset="people", time="time"))
    return repo, run(repo, "people", make("clean.interpolate", parameters))


def frame(repo: Repo) -> pd.DataFrame:
    found: pd.DataFrame = repo["people"].to_arrow().sort_by("id").to_pandas()
    return found


def test_lines_are_those_of_pandas() -> None:
    repo, done = clean(by=["sensor"], columns=["x"])
    before = TABLE.to_pandas().sort_values("time")
    wanted = pd.concat(
        part.set_index("id", append=False).assign(
            x=part.set_index("time")["x"].interpolate("time", limit_area="inside").to_numpy()
        )["x"]
        for _, part in before.groupby("sensor")
    ).sort_index()
    np.testing.assert_allclose(frame(repo)["x"], wanted, rtol=1e-12)
    assert done.record["order"] == "time"
    assert done.record["columns"]["x"]["filled"] == TABLE.column("x").null_count - wanted.isna().sum()


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_values_of_any_type_are_carried(way: str) -> None:
    repo, _ = clean(columns=["state", "n"], way=way)
    before = TABLE.to_pandas().sort_values("time")
    for name in ("state", "n"):
        wanted = (before[name].ffill() if way == "forward" else before[name].bfill()).sort_index()
        found = frame(repo)[name]
        assert found.isna().tolist() == wanted.isna().tolist()
        assert found.dropna().tolist() == wanted.dropna().tolist()


def test_whole_numbers_stay_whole_and_indicators_remember() -> None:
    repo, _ = clean(columns=["n"], indicator=True)
    assert repo["people"].schema.field("n").type == pa.int16()
    assert frame(repo)["n_missing"].sum() == TABLE.column("n").null_count
    assert not run(repo, "people", make("clean.interpolate", {"columns": ["n"], "indicator": True})).is_new


def test_values_come_from_the_training_rows_alone() -> None:
    repo = repo_of(TABLE, contract=Contract(dataset="people", time="time"))
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.5, "test": 0.5})
    train = set(repo["people"].split("train").to_arrow(["id"]).column("id").to_pylist())
    done = run(repo, "people", make("clean.interpolate", {"columns": ["state"], "way": "forward"}))
    before = TABLE.to_pandas().sort_values("time")
    donors = before["state"].where(before["id"].isin(train)).ffill()
    wanted = before["state"].fillna(donors).sort_index()
    found = frame(repo)["state"]
    assert found.fillna("-").tolist() == wanted.fillna("-").tolist()
    assert done.record["learnt_from"]["part"] == "train"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="no line between its values"):
        clean(columns=["state"])
    with pytest.raises(SchemaError, match="an order is of numbers or times"):
        clean(order="state")
    with pytest.raises(UsageError, match="limit is -1"):
        clean(limit=-1)
    with pytest.raises(UsageError, match="gives the order"):
        clean(columns=["n"], order="n")
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    with pytest.raises(UsageError, match="no time in its contract"):
        run(repo, "people", make("clean.interpolate"))
