"""Repositories to review, and processes that do: ``python -m tests.versions.reviewing FOLDER NAME N``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from headwater.core.ids import CommitId
from headwater.engine.local import LocalExecutor
from headwater.versions.proposals import Proposals
from headwater.versions.repo import Repo

__all__ = ["Fixed", "changed", "reviewed", "with_fix"]

ROWS = [{"id": number, "v": f"row {number}"} for number in range(40)]


class Fixed:
    """Stands for the checks: says the same of every dataset, and remembers what it was asked."""

    def __init__(self, outcome: str = "pass") -> None:
        self.outcome = outcome
        self.asked: list[tuple[CommitId, CommitId, list[str], list[str]]] = []

    def __call__(
        self, candidate: CommitId, target: CommitId, datasets: Sequence[str], only: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return a report for each dataset."""
        self.asked.append((candidate, target, list(datasets), list(only)))
        finding = {
            "check": "a.b",
            "outcome": self.outcome,
            "message": "So it is.",
            "column": None,
            "slice": None,
        }
        found = [] if self.outcome == "pass" else [finding]
        counts = {self.outcome: 1}
        return [
            {"dataset": n, "outcome": self.outcome, "counts": counts, "scores": {}, "findings": found}
            for n in datasets
        ]


def changed(repo: Repo, branch: str, key: int, value: str) -> CommitId:
    """Change a row on a branch."""
    with repo.branch(branch).transaction(f"{key} is {value}") as tx:
        tx.upsert("d", [{"id": key, "v": value}])
    assert tx.commit_id is not None
    return CommitId(tx.commit_id)


def with_fix(location: object) -> Repo:
    """Return ada's repository with a branch ``fix`` beside ``main``."""
    repo = Repo.init(str(location))
    repo.executor = LocalExecutor(1)
    repo.author = "ada"
    with repo.transaction("rows") as tx:
        tx.append("d", ROWS, key="id")
    repo.create_branch("fix")
    changed(repo, "fix", 1, "fixed")
    return repo


def reviewed(repo: Repo, author: str, checker: Fixed | None = None) -> Proposals:
    """Return the proposals as somebody else sees them who opens the repository."""
    view = Repo.open(repo.storage.location.removesuffix("/.headwater"))
    view.author = author
    return Proposals(view, checker or Fixed())


def main() -> None:
    """Comment so many times, then approve."""
    folder, name, times = sys.argv[1:]
    repo = Repo.open(folder)
    repo.author = name
    there = Proposals(repo, Fixed())
    for number in range(int(times)):
        there.comment(1, f"{name} {number}")
    there.approve(1, f"{name} approves")


if __name__ == "__main__":
    main()
