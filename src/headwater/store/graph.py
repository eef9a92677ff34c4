"""Walks through history: ancestors, what two commits have in common, and what only one of them has.

All follow the order that commits keep (`headwater.store.commit.Commit.order`), in which every commit stands after
its parents. So a walk stops where both sides have met, and costs as much as lies between them, not as all history.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from headwater.core.ids import CommitId
from headwater.store.commit import Commit, load_commit
from headwater.store.objects import Objects

__all__ = ["Compared", "ancestors", "compare", "merge_base", "only_in"]

_LEFT, _RIGHT, _OLDER = 1, 2, 4
_BOTH = _LEFT | _RIGHT

Load = Callable[[CommitId], Commit]


@dataclass(slots=True)
class Compared:
    """The commits that only the left or only the right side reaches, newest first, and the best common ones.

    A best common ancestor is not an ancestor of another common one; after criss-cross merges there are several.
    """

    left: list[Commit] = field(default_factory=list)
    right: list[Commit] = field(default_factory=list)
    bases: list[Commit] = field(default_factory=list)


def ancestors(start: CommitId, objects: Objects) -> Iterator[Commit]:
    """Yield ``start`` and all its ancestors once each, newest first, a child always before its parents.

    Each is read when it is needed, so that the first ones cost little in a long history.
    """
    waiting = _Waiting(lambda name: load_commit(name, objects))
    waiting.push(start, _LEFT)
    while waiting:
        commit, _ = waiting.pop()
        yield commit
        for parent in commit.parents:
            waiting.push(parent, _LEFT)


def compare(left: CommitId, right: CommitId, objects: Objects) -> Compared:
    """Compare the histories of two commits."""
    waiting = _Waiting(lambda name: load_commit(name, objects))
    waiting.push(left, _LEFT)
    waiting.push(right, _RIGHT)
    found = Compared()
    while waiting.counts[_LEFT] or waiting.counts[_RIGHT] or waiting.counts[_BOTH]:
        commit, sides = waiting.pop()
        if sides == _LEFT:
            found.left.append(commit)
        elif sides == _RIGHT:
            found.right.append(commit)
        elif sides == _BOTH:
            found.bases.append(commit)
        # What is above a common ancestor is common, too, but not the best.
        for parent in commit.parents:
            waiting.push(parent, sides | _OLDER if sides & _BOTH == _BOTH else sides)
    return found


def merge_base(ours: CommitId, theirs: CommitId, objects: Objects) -> CommitId | None:
    """Return the best common ancestor of two commits, or None if they share none.

    Of several (see `Compared`) the newest is taken, and of equally new ones that with the smallest id.
    """
    bases = compare(ours, theirs, objects).bases
    return min(bases, key=lambda commit: (-commit.order, commit.id)).id if bases else None


def only_in(
    wanted: Collection[CommitId], there: Collection[CommitId], load: Load, *, depth: int | None = None
) -> tuple[list[Commit], set[CommitId]]:
    """Return the commits that ``wanted`` reach and ``there`` do not, newest first, and those of their parents that do.

    Parameters
    ----------
    wanted, there : collection of str
        Commits.
    load : callable
        Reads one.
    depth : int, optional
        Only so many commits back from ``wanted``.
    """
    waiting = _Waiting(load)
    steps = dict.fromkeys(wanted, 1)
    for name in there:
        waiting.push(name, _RIGHT)
    for name in wanted:
        waiting.push(name, _LEFT)
    found = []
    while waiting.counts[_LEFT]:
        commit, sides = waiting.pop()
        if sides == _LEFT:
            found.append(commit)
        for parent in commit.parents:
            if sides == _LEFT:
                steps[parent] = min(steps.get(parent, steps[commit.id] + 1), steps[commit.id] + 1)
                if depth is not None and steps[parent] > depth:
                    continue
            waiting.push(parent, sides)
    fresh = {commit.id for commit in found}
    border = {parent for commit in found for parent in commit.parents if parent in waiting} - fresh
    return found, border


class _Waiting:
    """Commits to look at, the newest first, each with the sides that reach it.

    All children of a commit are newer, so when it is popped its sides are known.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._heap: list[tuple[int, CommitId]] = []
        self._commits: dict[CommitId, tuple[Commit, int]] = {}
        self._done: set[CommitId] = set()
        self.counts = dict.fromkeys(range(8), 0)

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, name: CommitId) -> bool:
        return name in self._commits or name in self._done

    def push(self, name: CommitId, sides: int) -> None:
        """Add a commit, or a side to one that waits."""
        if name in self._commits:
            commit, before = self._commits[name]
            self.counts[before] -= 1
        elif name in self._done:
            return
        else:
            commit, before = self._load(name), 0
            heapq.heappush(self._heap, (-commit.order, name))
        self._commits[name] = commit, before | sides
        self.counts[before | sides] += 1

    def pop(self) -> tuple[Commit, int]:
        """Take the newest commit, with its sides."""
        _, name = heapq.heappop(self._heap)
        commit, sides = self._commits.pop(name)
        self.counts[sides] -= 1
        self._done.add(name)
        return commit, sides
