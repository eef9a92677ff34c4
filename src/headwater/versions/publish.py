"""Publish a commit to a branch: its gate judges it, then the branch moves by compare-and-swap, or does not."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from headwater.core.ids import CommitId
from headwater.store.commit import Commit
from headwater.store.reachable import keep_alive
from headwater.versions.audit import admit

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["publish"]


def publish(
    repo: Repo,
    branch: str,
    commit: Commit,
    *,
    expected: CommitId | None,
    reason: str,
    began: float | None = None,
    held_to: CommitId | None = None,
    divert: bool = True,
    author: str = "",
    last: Callable[[Commit], bool] = lambda commit: True,
) -> Commit | None:
    """Publish a commit, which is stored already.

    Parameters
    ----------
    repo : Repo
        The repository.
    branch : str
        The branch.
    commit : Commit
        The commit.
    expected : CommitId, optional
        Where the branch is; None if it is not there.
    reason : str
        For the reflog.
    began : float, optional
        When the work began, as `time.monotonic` tells it; now by default.
    held_to : CommitId, optional
        What the gate compares with; ``expected`` by default.
    divert : bool
        Whether the gate may divert rows.
    author : str
        For the reflog; the repository's by default.
    last : callable
        Asked just before the branch moves; false keeps it where it is.

    Returns
    -------
    Commit or None
        What was published: another commit than was given if rows were diverted. None if the branch was elsewhere.

    Raises
    ------
    GateClosed
        If the gate kept it out.
    """
    began = monotonic() if began is None else began
    admitted = admit(repo, branch, commit, held_to or expected, divert=divert)
    moved = False
    try:
        keep_alive(admitted.commit, repo.objects, began)
        moved = last(admitted.commit) and repo.refs.move(
            "heads",
            branch,
            admitted.commit.id,
            expected=expected,
            reason=reason,
            author=author or repo.author,
        )
    finally:
        admitted.settle(published=moved)
    return admitted.commit if moved else None
