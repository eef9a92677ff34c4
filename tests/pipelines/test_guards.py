"""Guards: rows that break a rule stop, those that pass are remembered."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.core.contract import Rule
from headwater.core.errors import RunFailed, UsageError
from headwater.engine.local import LocalExecutor
from headwater.pipelines.guards import guard
from headwater.pipelines.values import Kept, Pieces, Value, save_value
from headwater.versions.repo import Repo

FULL = Rule(check="completeness.null_fraction", column="x", parameters={"maximum": 0.0, "level": "fail"})


@pytest.fixture
def repo() -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("good", pa.table({"id": [1, 2], "x": [1, 2]}), key="id")
        tx.append("bad", pa.table({"id": [1, 2], "x": [1, None]}), key="id")
    return repo


def judged(repo: Repo, value: Value, *rules: Rule, **options: Any) -> list[dict[str, Any]]:
    return guard(
        value, rules, step="s", what="result", cache=repo.cache, executor=LocalExecutor(1), **options
    )


def test_rows_that_pass_are_remembered_by_content_and_rules(repo: Repo) -> None:
    assert judged(repo, Pieces.of_dataset(repo["good"]), FULL) == []
    assert len(repo.cache.list("steps/passed")) == 1
    assert judged(repo, Pieces.of_dataset(repo["good"]), FULL) == []
    assert len(repo.cache.list("steps/passed")) == 1


def test_rows_that_do_not_pass_stop_the_step_with_the_findings(repo: Repo) -> None:
    table = save_value(repo["bad"].to_arrow(), repo.cache, "values", step="s")
    for value in (Pieces.of_dataset(repo["bad"]), table, Pieces.of_table(repo["bad"].to_arrow())):
        with pytest.raises(RunFailed, match="result did not pass") as caught:
            judged(repo, value, FULL)
        assert caught.value.facts["findings"][0]["check"] == "completeness.null_fraction"


def test_a_warning_is_told_and_stops_nothing(repo: Repo) -> None:
    warn = Rule(check="completeness.null_fraction", column="x", parameters={"maximum": 0.0, "level": "warn"})
    (found,) = judged(repo, Pieces.of_dataset(repo["bad"]), warn)
    assert found["outcome"] == "warn"


def test_the_key_of_the_result_is_that_of_the_dataset_it_becomes(repo: Repo) -> None:
    double = Pieces.of_table(pa.table({"id": [1, 1], "x": [1, 2]}))
    with pytest.raises((RunFailed, UsageError)):
        judged(repo, double, Rule(check="uniqueness.key"), key=("id",))


def test_what_is_no_table_cannot_be_checked(repo: Repo) -> None:
    with pytest.raises(UsageError, match="no table"):
        judged(repo, Kept("a", "json", lambda: b"3"), FULL)
