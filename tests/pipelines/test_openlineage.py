"""Runs as events of OpenLineage: each fits the standard's schemas, and says what ran on which versions."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headwater as hw
from headwater.core.contract import Contract
from headwater.core.errors import RunFailed
from headwater.pipelines.openlineage import Events, namespace_of
from tests.pipelines.openlineage_server import require_valid


@hw.step(by_rows=True, reads=["text"], into="features", key="id")
def measure(rows: pa.Table) -> pa.Table:
    return pa.table({"length": pc.utf8_length(rows["text"])})


@hw.step(expects=["completeness.null_fraction:length"])
def mean(rows: pa.Table) -> float:
    return float(pc.mean(rows["length"]).as_py())


@hw.step
def broken(value: float) -> float:
    raise ValueError(f"no {value}")


@hw.pipeline
def good() -> None:
    mean(measure(hw.dataset("reviews")))


@hw.pipeline
def bad() -> None:
    broken(mean(measure(hw.dataset("reviews"))))


@pytest.fixture
def repo() -> hw.Repo:
    """Return a repository with a dataset that somebody owns."""
    repo = hw.init("memory://")
    repo.import_("reviews", [{"id": n, "text": "good " * n} for n in range(20)], key="id")
    with repo.transaction("owner") as tx:
        tx.set_contract("reviews", Contract(dataset="reviews", key=("id",), owner="Ada"))
    return repo


def events(repo: hw.Repo) -> list[dict[str, Any]]:
    found = list(Events(repo).all_of(repo.runs.get("last")))
    for one in found:
        require_valid(json.loads(json.dumps(one)))
    return found


def test_a_run_is_a_job_with_its_steps_as_children(repo: hw.Repo) -> None:
    done = repo.run(good)
    found = events(repo)
    assert [(one["eventType"], one["job"]["name"]) for one in found] == [
        ("START", "good"),
        ("START", "good.measure"),
        ("COMPLETE", "good.measure"),
        ("START", "good.mean"),
        ("COMPLETE", "good.mean"),
        ("COMPLETE", "good"),
    ]
    parent = found[1]["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == found[0]["run"]["runId"] == found[-1]["run"]["runId"]
    times = [one["eventTime"] for one in found]
    assert times == sorted(times)
    (source,) = found[-1]["inputs"]
    assert source["facets"]["version"]["datasetVersion"] == done.record.sources["reviews"]
    assert source["facets"]["ownership"]["owners"] == [{"name": "Ada"}]
    (output,) = found[-1]["outputs"]
    assert output["facets"]["version"]["datasetVersion"] == done.record.commit
    assert [one["name"] for one in output["facets"]["schema"]["fields"]] == ["id", "text", "length"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 20


def test_columns_follow_the_columns_that_they_come_from(repo: hw.Repo) -> None:
    repo.run(good)
    fields = events(repo)[-1]["outputs"][0]["facets"]["columnLineage"]["fields"]
    origin = {"namespace": namespace_of(repo), "name": "reviews", "field": "text"}
    assert fields["length"]["inputFields"] == [origin]


def test_what_one_step_gives_another_is_a_dataset_of_both(repo: hw.Repo) -> None:
    repo.run(good)
    found = {(one["eventType"], one["job"]["name"]): one for one in events(repo)}
    given = found["COMPLETE", "good.mean"]["inputs"][0]
    assert given["name"] == "good.measure"
    assert found["COMPLETE", "good.mean"]["outputs"][0]["name"] == "good.mean"
    assert found["COMPLETE", "good.measure"]["outputs"][0]["name"] == "features"


def test_a_step_that_breaks_fails_the_run_with_its_words(repo: hw.Repo) -> None:
    with pytest.raises(RunFailed):
        repo.run(bad)
    found = events(repo)
    assert [one["eventType"] for one in found[-2:]] == ["FAIL", "FAIL"]
    assert "no 47.5" in found[-1]["run"]["facets"]["errorMessage"]["message"]
    assert found[-1]["outputs"] == []


def test_findings_are_assertions(repo: hw.Repo) -> None:
    with repo.transaction("gaps") as tx:
        tx.upsert("reviews", [{"id": n, "text": None} for n in range(15)])
    with pytest.raises(RunFailed):
        repo.run(good)
    failed = [one for one in events(repo) if one["job"]["name"] == "good.mean" and one["eventType"] == "FAIL"]
    (assertion,) = failed[0]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert assertion == {"assertion": "completeness.null_fraction", "success": False, "column": "length"}


def test_a_version_that_was_collected_is_named_without_its_schema(repo: hw.Repo) -> None:
    repo.run(good)
    record = repo.runs.get("last")
    gone = hw.init("memory://")
    for one in Events(gone, "elsewhere").all_of(record):
        require_valid(one)
        assert all("schema" not in each["facets"] for each in (*one["inputs"], *one["outputs"]))
        assert one["job"]["namespace"] == "elsewhere"
