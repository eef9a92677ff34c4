"""A repository in a bucket behind a bad line: nothing is lost, nothing is done twice, and trying again ends."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.core.errors import StorageError
from headwater.core.findings import Outcome
from headwater.store.storage import Storage
from headwater.versions.fsck import verify
from headwater.versions.remotes import clone
from headwater.versions.repo import Repo
from tests.s3 import FAULTS, faulty_proxy

ROWS = [{"id": number, "v": number % 7} for number in range(200)]


@pytest.mark.parametrize("fault", FAULTS)
def test_work_goes_on_over_a_bad_line(
    s3: str, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    place = f"{bucket}/{uuid.uuid4().hex}"
    with faulty_proxy(s3, fault) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        repo = Repo.init(place)
        with repo.transaction("first") as tx:
            tx.append("d", ROWS, key="id")
        with repo.branch("fix").transaction("fix") as tx:
            tx.upsert("d", [{"id": 1, "v": 100}])
        with repo.transaction("main") as tx:
            tx.upsert("d", [{"id": 2, "v": 200}])
        assert repo.merge("fix").kind == "merge"
        here = clone(Repo, place, tmp_path / "here")
        with here.transaction("from here") as tx:
            tx.upsert("d", [{"id": 3, "v": 300}])
        here.push()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    again = Repo.open(place)
    found = verify(again)
    assert found.outcome == Outcome.PASS, found.findings
    assert [commit.message for commit in again.log()] == [
        "from here",
        "Merge fix into main",
        "main",
        "fix",
        "first",
    ]
    changed = {row["id"]: row["v"] for row in again["d"].to_arrow().to_pylist() if row["v"] >= 100}
    assert changed == {1: 100, 2: 200, 3: 300}


@pytest.mark.parametrize("fault", ["answer lost", "throttled"])
def test_no_commit_of_many_writers_is_lost_or_made_twice(
    s3: str, bucket: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    place = f"{bucket}/{uuid.uuid4().hex}"
    with faulty_proxy(s3, fault, every=5) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        repo = Repo.init(place)
        with repo.transaction("first") as tx:
            tx.append("d", ROWS[:4], key="id")

        def write(number: int) -> None:
            with Repo.open(place).transaction(f"writer {number}") as tx:
                tx.upsert("d", [{"id": number, "v": 100 + number}])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    again = Repo.open(place)
    assert sorted(commit.message for commit in again.log()) == ["first", *(f"writer {n}" for n in range(4))]
    assert sorted(again["d"].to_arrow()["v"].to_pylist()) == [100, 101, 102, 103]
    assert verify(again).outcome == Outcome.PASS


def test_trying_again_ends(s3: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backoff = {"base": 2, "init_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(seconds=1)}
    few = {"max_retries": 2, "retry_timeout": timedelta(seconds=5), "backoff": backoff}
    with faulty_proxy(s3, "broken", every=1) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        began = time.monotonic()
        with pytest.raises(StorageError, match="Could not read s3://bucket/x/a"):
            Storage(f"{bucket}/x", retry_config=few).read("a")
        assert time.monotonic() - began < 60
