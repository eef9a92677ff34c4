"""Processes that write to one branch at once: ``python -m tests.versions.writers WORK PLACE PROCESSES COMMITS``.

Prints as JSON what each process says it has committed, and the conflicts it met.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from headwater.core.errors import MergeConflict
from headwater.versions.gc import collect
from headwater.versions.repo import Repo


def own_rows(repo: Repo, writer: int, number: int) -> None:
    """Add a row that only this writer adds, and one without a key that everybody adds."""
    with repo.transaction(f"{writer}.{number}") as tx:
        tx.append("p", [{"id": writer * 1000 + number, "writer": writer}])
        tx.append("n", [{"x": 1}])


def same_row(repo: Repo, writer: int, number: int) -> None:
    """Change a cell that everybody changes."""
    with repo.transaction(f"{writer}.{number}") as tx:
        tx.upsert("p", [{"id": -1, "writer": writer * 1000 + number}])


WORKS = {"own_rows": own_rows, "same_row": same_row}


def write(work: str, place: str, writer: int, commits: int) -> dict[str, list[str]]:
    """Commit several times; return the messages that were committed and those that met a conflict."""
    said: dict[str, list[str]] = {"committed": [], "conflicts": []}
    for number in range(commits):
        try:
            WORKS[work](Repo.open(place), writer, number)
            said["committed"].append(f"{writer}.{number}")
        except MergeConflict:
            said["conflicts"].append(f"{writer}.{number}")
    return said


def main(work: str, place: str, processes: str, commits: str) -> None:
    """Start the processes at once, collect garbage meanwhile, and gather what they say."""
    folder = Path(tempfile.mkdtemp())
    children = []
    for writer in range(int(processes)):
        child = os.fork()
        if child == 0:
            said = write(work, place, writer, int(commits))
            (folder / f"said-{writer}.json").write_text(json.dumps(said))
            os._exit(0)
        children.append(child)
    for _ in range(3):
        collect(Repo.open(place))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        sys.exit(f"exit codes {codes}")
    answers = [json.loads(file.read_text()) for file in sorted(folder.glob("said-*.json"))]
    shutil.rmtree(folder)
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
