"""Reproducing runs: the same is the same, what differs is told with its place, and nothing is changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import HeadwaterError, NotFound, RunFailed, UsageError
from headwater.pipelines.loading import load_pipeline
from headwater.pipelines.records import RunRecord
from tests.pipelines.flows import sums

FLOW = """
import os
import random
import pyarrow as pa
import pyarrow.compute as pc
import headwater as hw

@hw.step(by_rows=True, reads=["x"], into="doubled", key="id")
def double(rows: pa.Table) -> pa.Table:
    return pa.table({"y": pc.multiply(rows["x"], 2.0)})

@hw.step(by_rows=True, reads=["y"])
def halve(rows: pa.Table) -> pa.Table:
    return pa.table({"z": pc.divide(rows["y"], 2.0)})

@hw.step
def total(rows: pa.Table, times: float) -> dict:
    return {"sum": pc.sum(rows["z"]).as_py() * times}

@hw.step
def noise(n: int) -> pa.Table:
    return pa.table({"k": list(range(n)), "r": [1 + random.random() * 1e-6 for _ in range(n)]})

@hw.step(into="means", key="k")
def means(rows: pa.Table) -> pa.Table:
    return rows

@hw.step
def fails() -> int:
    raise ValueError("no")

@hw.pipeline
def steady(times: float = 1.5):
    total(halve(double(hw.dataset("numbers"))), times)

@hw.pipeline
def noisy():
    means(noise(5))

@hw.pipeline
def broken():
    fails()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "reproduced_flow", raising=False)
    repo = hw.init(tmp_path)
    repo.import_("numbers", pa.table({"id": range(50), "x": [n / 7 for n in range(50)]}), key="id")
    (tmp_path / "reproduced_flow.py").write_text(FLOW)
    return tmp_path


def ran(place: Path, name: str) -> RunRecord:
    pipeline, file = load_pipeline(f"reproduced_flow.py:{name}")
    return hw.open(place).run(pipeline, file=file).record


def test_a_run_is_reproduced_on_the_commits_it_read_and_nothing_changes(place: Path) -> None:
    record = ran(place, "steady")
    repo = hw.open(place)
    with repo.transaction("later") as tx:
        tx.upsert("numbers", pa.table({"id": [1], "x": [1e6]}))
    before = (repo.head, repo.runs.ids())
    (place / "reproduced_flow.py").write_text("broken(")
    found = repo.reproduce(record.id, here=True)
    assert {one.name: one.state for one in found.steps} == dict.fromkeys(("double", "halve", "total"), "same")
    assert found.is_reproduced
    assert found.environment["packages"] == {}
    assert (repo.head, repo.runs.ids()) == before


def test_a_step_without_a_seed_is_named_and_a_tolerance_forgives_it(place: Path) -> None:
    record = ran(place, "noisy")
    repo = hw.open(place)
    found = repo.reproduce(record.id, here=True)
    assert not found.is_reproduced
    assert "seed it" in found["noise"].note
    assert "took what differs" in found["means"].note
    assert found["means"].difference.row.startswith("k=")
    near = repo.reproduce(record.id, here=True, tolerance=1e-5)
    assert [one.state for one in near.steps] == ["within tolerance"] * 2
    assert near.is_reproduced


def test_results_that_are_gone_are_not_comparable_and_datasets_stay_so(place: Path) -> None:
    record = ran(place, "steady")
    repo = hw.open(place)
    repo.cache.forget(repo.cache.list("steps"))
    found = repo.reproduce(record.id, here=True)
    assert [one.state for one in found.steps] == ["same", "not comparable", "same"]
    assert found.is_reproduced
    assert "Reproduction" not in repr(found)
    assert found.to_dict()["steps"][0]["dataset"] == "doubled"


def test_packages_of_another_version_are_listed(place: Path) -> None:
    record = ran(place, "steady")
    repo = hw.open(place)
    packages = {**record.environment["packages"], "pyarrow": "1.2.3"}
    repo.runs.save(
        RunRecord.from_dict({**record.to_dict(), "environment": {**record.environment, "packages": packages}})
    )
    found = repo.reproduce(record.id, here=True)
    assert found.environment["packages"] == {"pyarrow": {"recorded": "1.2.3", "found": pa.__version__}}


def test_what_cannot_be_reproduced_is_told(place: Path) -> None:
    repo = hw.open(place)
    with pytest.raises(NotFound, match="Run 'last' not found"):
        repo.reproduce("last")
    with pytest.raises(RunFailed):
        ran(place, "broken")
    with pytest.raises(UsageError, match="failed, so there is nothing to compare with"):
        repo.reproduce("last", here=True)
    record = ran(place, "steady")
    gone = {"numbers": "0" * 64}
    repo.runs.save(RunRecord.from_dict({**record.to_dict(), "sources": gone}))
    with pytest.raises(NotFound, match="read 'numbers' at commit 000000000000, which is not in this"):
        repo.reproduce(record.id, here=True)
    with pytest.raises(UsageError, match="tolerance"):
        repo.reproduce(record.id, here=True, tolerance=-1)


def test_a_repository_in_memory_cannot_be_replayed() -> None:
    repo = hw.init("memory://")
    repo.import_("numbers", pa.table({"id": [1], "x": [1]}), key="id")
    repo.run(sums)
    with pytest.raises(UsageError, match="in memory"):
        repo.reproduce("last", here=True)


def test_a_run_is_reproduced_in_an_environment_made_afresh(place: Path) -> None:
    record = ran(place, "steady")
    pin = f"filelock=={record.environment['packages']['filelock']}"
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(place / "w"),
        "--timeout",
        "3",
    ]
    done = subprocess.run([*words, "--retries", "0", pin], capture_output=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip("no index of packages can be reached")
    # What pytest itself has loaded is no part of the run.
    core = ["blake3", "click", "duckdb", "filelock", "numpy", "obstore", "pyarrow", "pyroaring", "PyYAML"]
    facts = {**record.environment, "used": [*core, "headwater"]}
    repo = hw.open(place)
    repo.runs.save(RunRecord.from_dict({**record.to_dict(), "environment": facts}))
    try:
        found = repo.reproduce(record.id, uses_uv=False)
    except HeadwaterError as error:
        pytest.fail(str(error))
    assert found.is_reproduced
    assert [one.state for one in found.steps] == ["same"] * 3
    assert (found.environment["made"], found.environment["packages"]) == ("pip", {})
