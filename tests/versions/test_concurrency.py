"""Many processes at one branch: no commit is lost, and none is told of that did not happen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from headwater.store.storage import is_url
from headwater.versions.fsck import verify
from headwater.versions.repo import Repo
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

PROCESSES, COMMITS = 10, 4
"""On S3, whose server here does one thing at a time, half as many processes."""


def run_writers(work: str, place: str) -> list[dict[str, list[str]]]:
    command = [
        sys.executable,
        "-m",
        "tests.versions.writers",
        work,
        place,
        str(processes(place)),
        str(COMMITS),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said: list[dict[str, list[str]]] = json.loads(ran.stdout)
    return said


def processes(place: str) -> int:
    return PROCESSES // 2 if is_url(place) else PROCESSES


@pytest.fixture
def repo(home: str) -> Repo:
    made = Repo.init(home)
    with made.transaction("first") as tx:
        tx.append("p", [{"id": -1, "writer": -1}], key="id")
        tx.append("n", [{"x": 0}])
    return made


def test_processes_commit_to_one_branch_and_no_commit_is_lost(repo: Repo, home: str) -> None:
    said = run_writers("own_rows", home)
    count = processes(home)
    assert sum(len(one["committed"]) for one in said) == count * COMMITS
    log = [commit.message for commit in repo.log()]
    assert sorted(log) == sorted(["first", *(message for one in said for message in one["committed"])])
    ids = set(repo["p"].to_arrow()["id"].to_pylist())
    assert ids == {-1} | {writer * 1000 + n for writer in range(count) for n in range(COMMITS)}
    assert repo["n"].num_rows == 1 + count * COMMITS
    assert len(list(repo.refs.reflog("heads", "main"))) == len(log)
    assert verify(repo).findings == []


def test_of_changes_to_one_cell_each_is_committed_or_refused_and_the_last_one_stands(
    repo: Repo, home: str
) -> None:
    said = run_writers("same_row", home)
    committed = [message for one in said for message in one["committed"]]
    refused = [message for one in said for message in one["conflicts"]]
    assert len(committed) + len(refused) == processes(home) * COMMITS
    log = [commit.message for commit in repo.log()]
    assert sorted(log) == sorted(["first", *committed])
    writer, _, number = log[0].partition(".")
    assert repo["p"].to_arrow()["writer"].to_pylist() == [int(writer) * 1000 + int(number)]
    assert verify(repo).findings == []
