"""Find the commit that broke something, in as few looks as there are halvings of the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headwater.core.errors import UsageError
from headwater.core.ids import CommitId
from headwater.store.commit import Commit

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Bisected", "Look", "bisect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A commit that was looked at, and whether it was bad."""

    commit: CommitId
    is_bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisected:
    """The first bad commit, the last good one before it, and what was looked at on the way."""

    first_bad: Commit
    last_good: CommitId
    looks: tuple[Look, ...]


def bisect(
    repo: Repo,
    is_bad: Callable[[Commit], bool],
    *,
    good: str,
    bad: str = "HEAD",
    dataset: str | None = None,
    told: Callable[[Look], None] = lambda look: None,
) -> Bisected:
    """Find the first bad commit after a good one, along first parents.

    Once bad, commits are taken to stay bad.

    Parameters
    ----------
    repo : Repo
        The repository.
    is_bad : callable
        Says whether a commit is bad.
    good, bad : str
        A ref that is good and one after it that is bad; both are looked at first.
    dataset : str, optional
        Pass over commits that left this dataset as it was.
    told : callable
        Told of each look.

    Returns
    -------
    Bisected

    Raises
    ------
    UsageError
        If the good commit is bad, the bad one good, or the good one not before the bad one.

    Notes
    -----
    Looks at about log2 of the number of commits between the two.
    """
    start, end = repo.resolve(good), repo.resolve(bad)
    chain = [repo.commit(end)]
    while chain[-1].id != start:
        if not chain[-1].parents:
            raise UsageError(
                f"{good!r} ({start[:12]}) is not among the first parents of {bad!r} ({end[:12]}). Name one that is."
            )
        chain.append(repo.commit(chain[-1].parents[0]))
    chain.reverse()
    if dataset is not None:
        versions = [commit.datasets.get(dataset) for commit in chain]
        chain = [
            commit
            for place, commit in enumerate(chain)
            if place == 0 or versions[place] != versions[place - 1]
        ]
    looks: list[Look] = []

    def look(place: int) -> bool:
        looks.append(Look(commit=chain[place].id, is_bad=is_bad(chain[place])))
        told(looks[-1])
        return looks[-1].is_bad

    low, high = 0, len(chain) - 1
    if look(low):
        raise UsageError(f"{good!r} is bad already. Name an older commit that is good.")
    if high == 0 or not look(high):
        raise UsageError(f"{bad!r} is good: nothing broke between {good!r} and it.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if look(middle) else (middle, high)
    return Bisected(first_bad=chain[high], last_good=chain[low].id, looks=tuple(looks))
