"""Many processes at one branch: no commit is lost, and none is told of that did not happen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.versions.fsck import verify
from headwater.versions.repo import Repo
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

PROCESSES, COMMITS = 10, 4


def run_writers(work: str, folder: Path) -> list[dict[str, list[str]]]:
    command = [
        sys.executable,
        "-m",
        "tests.versions.writers",
        work,
        str(folder),
        str(PROCESSES),
        str(COMMITS),
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said: list[dict[str, list[str]]] = json.loads(ran.stdout)
    return said


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo.init(tmp_path)
    with made.transaction("first") as tx:
        tx.append("p", [{"id": -1, "writer": -1}], key="id")
        tx.append("n", [{"x": 0}])
    return made


def test_ten_processes_commit_to_one_branch_and_no_commit_is_lost(repo: Repo, tmp_path: Path) -> None:
    said = run_writers("own_rows", tmp_path)
    assert sum(len(one["committed"]) for one in said) == PROCESSES * COMMITS
    log = [commit.message for commit in repo.log()]
    assert sorted(log) == sorted(["first", *(message for one in said for message in one["committed"])])
    ids = set(repo["p"].to_arrow()["id"].to_pylist())
    assert ids == {-1} | {writer * 1000 + n for writer in range(PROCESSES) for n in range(COMMITS)}
    assert repo["n"].num_rows == 1 + PROCESSES * COMMITS
    assert len(list(repo.refs.reflog("heads", "main"))) == len(log)
    assert verify(repo).findings == []


def test_of_changes_to_one_cell_each_is_committed_or_refused_and_the_last_one_stands(
    repo: Repo, tmp_path: Path
) -> None:
    said = run_writers("same_row", tmp_path)
    committed = [message for one in said for message in one["committed"]]
    refused = [message for one in said for message in one["conflicts"]]
    assert len(committed) + len(refused) == PROCESSES * COMMITS
    log = [commit.message for commit in repo.log()]
    assert sorted(log) == sorted(["first", *committed])
    writer, _, number = log[0].partition(".")
    assert repo["p"].to_arrow()["writer"].to_pylist() == [int(writer) * 1000 + int(number)]
    assert verify(repo).findings == []
