"""Windows: what commits brought, spans of time, runs of rows; read once and kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.drift_windows import commit_windows, row_windows, time_windows
from headwater.core.errors import SchemaError, UsageError
from headwater.profile.base import Measure
from headwater.profile.columns import Counts
from headwater.profile.quantiles import Quantiles
from headwater.reading.chunks import DatasetChunk
from headwater.versions.repo import Repo

X = Quantiles(column="x")


def measures(schema: pa.Schema) -> list[Measure[Any]]:
    return [Counts(column="x"), X]


def rows(start: int, count: int) -> pa.Table:
    ids = np.arange(start, start + count)
    return pa.table({"id": ids, "x": ids.astype(np.float64), "at": pa.array(ids * 3600, pa.timestamp("s"))})


@pytest.fixture
def repo() -> Repo:
    made = Repo.init("memory://")
    for number in range(4):
        with made.transaction(f"part {number}") as tx:
            tx.append("data", rows(number * 50, 50), key="id")
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many rows were read, chunk by chunk."""
    seen: list[int] = []
    real = DatasetChunk.read

    def counted(self: DatasetChunk, *args: Any, **kwargs: Any) -> pa.Table:
        seen.append(self.live_rows)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(DatasetChunk, "read", counted)
    return seen


def middle(window: Any) -> float:
    return float(window.states[X.key].quantile(0.5))


def test_a_commit_is_what_it_added_or_changed(repo: Repo) -> None:
    with repo.transaction("change three, drop one") as tx:
        tx.upsert("data", [{"id": n, "x": 1000.0 + n, "at": None} for n in (3, 4, 5)])
        tx.delete("data", keys=[60])
    with repo.transaction("drop alone") as tx:
        tx.delete("data", keys=[70])
    assert repo.head is not None
    windows = commit_windows(repo, "data", measures, head=repo.head)
    assert [window.rows for window in windows] == [50, 50, 50, 50, 3]
    assert [middle(window) for window in windows] == [24, 74, 124, 174, 1004]
    assert windows[-1].about == "change three, drop one"
    stop = repo.resolve("main~3")
    assert len(commit_windows(repo, "data", measures, head=repo.head, stop=stop)) == 2
    assert [w.rows for w in commit_windows(repo, "data", measures, head=repo.head, limit=2)] == [50, 3]


def test_commits_are_measured_once(repo: Repo, reads: list[int]) -> None:
    with repo.transaction("change") as tx:
        tx.upsert("data", [{"id": 3, "x": 5.0, "at": None}])
    assert repo.head is not None
    first = commit_windows(repo, "data", measures, head=repo.head)
    reads.clear()
    again = commit_windows(repo, "data", measures, head=repo.head)
    assert sum(reads) == 0
    assert [middle(window) for window in again] == [middle(window) for window in first]


def test_spans_of_time_and_runs_of_rows_read_what_is_new(repo: Repo, reads: list[int]) -> None:
    options: dict[str, Any] = {"cache": repo.cache, "executor": repo.executor}
    windows = time_windows(repo["data"], "at", "1d", measures, **options)
    assert [window.rows for window in windows] == [24] * 8 + [8]
    assert [window.label for window in windows[:2]] == ["1970-01-01", "1970-01-02"]
    runs = row_windows(repo["data"], 80, measures, **options)
    assert [(window.label, window.rows, middle(window)) for window in runs] == [
        ("0", 80, 39), ("80", 80, 119), ("160", 40, 179),
    ]  # fmt: skip
    reads.clear()
    again = time_windows(repo["data"], "at", "1d", measures, **options)
    assert sum(reads) == 0
    assert [middle(window) for window in again] == [middle(window) for window in windows]


def test_windows_that_cannot_be_are_told(repo: Repo) -> None:
    options: dict[str, Any] = {"cache": None, "executor": repo.executor}
    with pytest.raises(UsageError, match="wider"):
        time_windows(_long(), "at", "1min", measures, **options)
    with pytest.raises(UsageError, match="1 row at least"):
        row_windows(repo["data"], 0, measures, **options)
    with pytest.raises(UsageError, match="no length"):
        time_windows(repo["data"], "at", "0d", measures, **options)
    with pytest.raises(SchemaError, match="points in time"):
        time_windows(repo["data"], "x", "1d", measures, **options)


def _long() -> Any:
    repo = Repo.init("memory://")
    with repo.transaction("long") as tx:
        tx.append("data", rows(0, 600))
    return repo["data"]
