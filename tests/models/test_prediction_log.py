"""The prediction log keeps what was asked, said and true, for as long as it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import NotFound
from headwater.models.prediction_log import PredictionLog, log_branch, log_rows
from headwater.recipes.model_file import Signature
from tests.models.registered import loans, repo_with_loans

SIGNATURE = Signature(
    inputs=loans(1).select(["income", "debt", "job"]).schema, label="approve", classes=("no", "yes")
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def rows(count: int, *, day: int = 0, version: int = 1, role: str = "live") -> pa.Table:
    said = np.column_stack([np.linspace(0, 1, count), 1 - np.linspace(0, 1, count)])
    return log_rows(
        loans(count).select(["income", "debt", "job"]),
        said,
        SIGNATURE,
        ids=[f"{role}-{day}-{n}" for n in range(count)],
        version=version,
        time=NOW + timedelta(days=day),
        role=role,
        latency_ms=1.5,
    )


def test_what_was_asked_and_said_comes_back_in_order_of_time() -> None:
    log = PredictionLog(repo_with_loans(), "loans")
    log.append(rows(5, day=2))
    log.append(rows(5, day=1))
    found = log.window()
    assert found.column("_time").to_pylist() == sorted(found.column("_time").to_pylist())
    assert found.column("_predicted").to_pylist()[:5] == ["yes", "yes", "no", "no", "no"]
    assert found.column("_probability")[0].as_py() == [0.0, 1.0]
    assert found.column("_truth").null_count == 10
    assert found.num_rows == 10
    assert log.window(NOW + timedelta(days=2)).num_rows == 5
    assert log.window(until=NOW + timedelta(days=2)).num_rows == 5
    assert "job" not in log.window(columns=["income"]).column_names


def test_truth_joins_whenever_it_comes_and_the_last_word_counts() -> None:
    log = PredictionLog(repo_with_loans(), "loans")
    assert log.add_feedback(["live-0-1", "nobody"], pa.array(["no", "no"])) == 2
    log.append(rows(3))
    log.add_feedback(["live-0-1", "live-0-2"], pa.array(["yes", "no"]))
    assert log.window().column("_truth").to_pylist() == [None, "yes", "no"]


def test_shadows_are_seen_only_when_asked_for() -> None:
    log = PredictionLog(repo_with_loans(), "loans")
    log.append(rows(3))
    log.append(rows(2, role="shadow", version=2))
    assert log.window().num_rows == 3
    assert set(log.window(roles=["shadow"]).column("_version").to_pylist()) == {2}


def test_the_log_is_no_part_of_the_data() -> None:
    repo = repo_with_loans()
    head = repo.head
    PredictionLog(repo, "loans").append(rows(3))
    assert repo.head == head
    assert repo.datasets() == ["loans"]
    assert [commit.parents for commit in repo.log(log_branch("loans"))] == [()]


def test_what_is_too_old_leaves_the_log_and_its_history() -> None:
    repo = repo_with_loans()
    log = PredictionLog(repo, "loans")
    for day in range(10):
        log.append(rows(4, day=day))
        log.add_feedback([f"live-{day}-0"], pa.array(["yes"]))
    assert log.retain(5, now=NOW + timedelta(days=9)) == 16
    assert log.window().num_rows == 24
    assert len(repo.branch(log_branch("loans"))["feedback"]) == 6
    assert len(list(repo.log(log_branch("loans")))) == 1
    assert log.retain(5, now=NOW + timedelta(days=9)) == 0
    log.append(rows(1, day=30))
    assert log.window().num_rows == 25


def test_numbers_and_no_rows_are_logged_too() -> None:
    signature = Signature(inputs=SIGNATURE.inputs, label="debt")
    features = loans(2).select(["income", "debt", "job"])
    found = log_rows(features, np.array([[1.5], [2.5]]), signature, ids=["a", "b"], version=1)
    assert found.column("_predicted").to_pylist() == [1.5, 2.5]
    none = log_rows(features.slice(0, 0), np.zeros((0, 2)), SIGNATURE, ids=[], version=1)
    assert none.num_rows == 0


def test_an_empty_log_says_how_to_fill_it() -> None:
    log = PredictionLog(repo_with_loans(), "loans")
    assert not log.exists
    assert log.retain(1) == 0
    with pytest.raises(NotFound, match="hw serve loans"):
        log.window()
