"""The ready line: each step in its turn, nothing twice, bad data and bad models stop, and rows go back for review."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

import headwater as hw
from headwater.core.contract import ColumnPromise, Contract
from headwater.core.errors import RunFailed, UsageError
from headwater.models.review_rows import REVIEW
from headwater.pipelines.records import StepRecord
from headwater.pipelines.triggers import OnCommit, OnFiles
from tests.models.registered import loans, repo_with_loans

pytest.importorskip("sklearn")
pytest.importorskip("skops")

READING = {"sensitive": ["region"]}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hw.Repo:
    """Return a repository beside a file of applications."""
    monkeypatch.chdir(tmp_path)
    pa.csv.write_csv(loans(), "loans.csv")
    return hw.init(tmp_path)


def line(**options: object) -> object:
    return hw.line("loans", source="loans.csv", key="id", label="approve", reading=READING, **options)  # type: ignore[arg-type]


def states(result: object) -> list[str]:
    return [one.state for one in result.record.steps.values()]  # type: ignore[attr-defined]


def test_from_a_file_to_production_and_nothing_twice(repo: hw.Repo) -> None:
    done = repo.run(line())  # type: ignore[arg-type]
    assert list(done.record.steps) == ["importer", "analyzer", "trainer", "validator", "deployer"]
    assert repo.models["loans@production"].id == "loans@1"
    assert repo.models["loans"].facts["commit"] == done["importer"]
    assert states(repo.run(line())) == ["reused"] * 5  # type: ignore[arg-type]
    assert list(repo.models) == ["loans@1"]


def test_new_data_make_a_new_version_that_takes_over(repo: hw.Repo) -> None:
    repo.run(line())  # type: ignore[arg-type]
    pa.csv.write_csv(loans(600), "loans.csv")
    repo.run(line())  # type: ignore[arg-type]
    assert [one.stage for one in repo.models.versions("loans")] == ["archived", "production"]


def test_a_dataset_that_is_there_needs_no_source() -> None:
    repo = repo_with_loans()
    repo.run(hw.line("loans", model="credit", stage="staging"))
    assert repo.models["credit"].stage == "staging"
    with repo.transaction("something else") as tx:
        tx.append("other", pa.table({"a": [1]}))
    assert set(states(repo.run(hw.line("loans", model="credit", stage="staging")))) == {"reused"}


def test_bad_data_stop_at_the_analyzer() -> None:
    repo = repo_with_loans()
    with repo.transaction("promise") as tx:
        columns = (ColumnPromise(name="debt", required=True),)
        tx.set_contract("loans", Contract(dataset="loans", label="approve", key=("id",), columns=columns))
    with pytest.raises(RunFailed, match=r"debt.*hw check loans@"):
        repo.run(hw.line("loans"))
    assert [one.state for one in _last(repo).values()] == ["done", "failed", "skipped", "skipped", "skipped"]
    assert len(repo.models) == 0
    repo.run(hw.line("loans", checks=["uniqueness"]))
    assert len(repo.models) == 1


def test_a_closed_gate_sends_rows_back_for_review(repo: hw.Repo) -> None:
    with pytest.raises(RunFailed, match=r"accuracy >= 0\.99 does not hold.*review/loans"):
        repo.run(line(rules=["accuracy >= 0.99"], review=20))  # type: ignore[arg-type]
    queue = repo.orphan("review/loans")[REVIEW]
    assert len(queue) == 20
    assert queue.key == ("id",)
    assert [one.stage for one in repo.models.versions("loans")] == ["candidate"]
    assert "deployer" not in [name for name, one in _last(repo).items() if one.state == "done"]
    repo.run(line())  # type: ignore[arg-type]
    assert [(one.id, one.stage) for one in repo.models.versions("loans")] == [("loans@1", "production")]


def _last(repo: hw.Repo) -> dict[str, StepRecord]:
    return dict(repo.runs.get("last").steps)


def test_what_starts_it_follows_from_where_data_come_from() -> None:
    assert line().on == (OnFiles("loans.csv"),)  # type: ignore[attr-defined]
    assert hw.line("loans").on == (OnCommit("loans"),)
    assert hw.line("loans", on=[OnCommit("a"), OnCommit("b")]).on == (OnCommit("a"), OnCommit("b"))


def test_wrong_lines_are_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="staging or production"):
        hw.line("loans", stage="archived")
    with pytest.raises(UsageError, match="METRIC >= NUMBER"):
        hw.line("loans", rules=["good"])


def test_the_repository_of_a_run_is_known_in_its_steps_alone() -> None:
    with pytest.raises(UsageError, match="in a step"):
        hw.repository()
