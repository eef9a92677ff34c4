"""Work that a test lets die at each of its writes: ``python -m tests.versions.crashing WORK BASE FOLDER FAULT``.

Each write point gets a copy of the repository BASE below FOLDER and a process of its own, in which that write
meets the FAULT. Prints the points as JSON: the folder, the path that was written, whether the process was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from headwater.store.faults import FaultyStorage
from headwater.versions.gc import collect
from headwater.versions.importing import import_data
from headwater.versions.repo import FOLDER, Repo

_MOST_POINTS = 500


def make_base(folder: Path) -> None:
    """Make a repository with two branches that differ, a tag, and garbage."""
    repo = Repo.init(folder)
    rows = [{"id": number, "v": "old", "w": number} for number in range(50)]
    with repo.transaction("first") as tx:
        tx.append("p", rows, key="id")
        tx.append("n", [{"x": 1}, {"x": 1}, {"x": None}])
    repo.create_tag("v1")
    with repo.branch("side").transaction("on the side") as tx:
        tx.upsert("p", [{"id": 1, "v": "side"}, {"id": 100, "v": "side"}])
    with repo.transaction("on main") as tx:
        tx.upsert("p", [{"id": 2, "v": "main"}])
    with repo.branch("gone").transaction("to be garbage") as tx:
        tx.append("p", [{"id": 200, "v": "gone"}])
    repo.delete_branch("gone")
    (folder / "p.csv").write_text("id,v,w\n1,new,1\n2,main,2\n500,new,\n")


def at_work(storage: Any) -> Repo:
    """Return the repository on a storage."""
    repo = Repo(storage)
    repo.branch_name = repo.current_branch()
    return repo


def commit(repo: Repo) -> None:
    """Change rows, columns and datasets in one commit."""
    with repo.transaction("all at once") as tx:
        tx.upsert("p", [{"id": 3, "v": "new"}, {"id": 101, "v": "new"}])
        tx.delete("p", keys=[4, 5])
        tx.add_columns("p", [{"id": 1, "z": 0.5}])
        tx.append("n", [{"x": 7}])
        tx.append("fresh", [{"a": "b"}])


def import_snapshot(repo: Repo) -> None:
    """Import a file in place of what is there."""
    import_data(repo, "p", Path(repo.storage.location).parent / "p.csv")


def merge(repo: Repo) -> None:
    """Merge two branches that both have commits of their own."""
    repo.merge("side")


def revert(repo: Repo) -> None:
    """Undo a commit by another."""
    repo.revert("main")


def move_refs(repo: Repo) -> None:
    """Make a branch."""
    repo.create_branch("new")


def undo(repo: Repo) -> None:
    """Take the last move back."""
    repo.undo()


def gc(repo: Repo) -> None:
    """Remove all garbage, at once."""
    collect(repo, grace=timedelta(), keep_reflog=timedelta())


WORKS: dict[str, Callable[[Repo], None]] = {
    work.__name__: work for work in (commit, import_snapshot, merge, revert, move_refs, undo, gc)
}


def main(work: str, base: str, folder: str, fault: Any) -> None:
    """Run the work once for each of its writes."""
    points = []
    for point in range(1, _MOST_POINTS):
        here = Path(folder) / f"{fault}-{point}"
        shutil.copytree(base, here)
        child = os.fork()
        if child == 0:
            storage = FaultyStorage(here / FOLDER, at=point, fault=fault)
            WORKS[work](at_work(storage))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{work} broke at write {point}, and not by the fault")
        points.append({"folder": str(here), "killed": killed})
        if not killed:
            break
    print(json.dumps(points))


if __name__ == "__main__":
    main(*sys.argv[1:])
