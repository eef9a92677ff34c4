"""Bisecting finds the commit that broke something, in few looks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.store.commit import Commit
from headwater.versions.bisect import Look, bisect
from headwater.versions.repo import Repo
from tests.places import Fresh


def history(fresh: Fresh, length: int) -> Repo:
    """Return a repository with that many commits, where ``n`` counts them."""
    repo = Repo.init(fresh())
    for number in range(length):
        with repo.transaction(f"{number}") as tx:
            tx.append("d", [{"n": number}])
    return repo


def rows(repo: Repo, commit: Commit) -> int:
    return repo.at(commit.id)["d"].num_rows


@given(length=st.integers(2, 20), data=st.data())
def test_the_first_bad_commit_is_found_in_logarithmic_time(
    fresh: Fresh, length: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, length - 1))
    repo = history(fresh, length)
    oldest = list(repo.log())[-1].id
    found = bisect(repo, lambda commit: rows(repo, commit) > first, good=oldest)
    assert found.first_bad.message == str(first)
    assert repo.commit(found.last_good).message == str(first - 1)
    assert len(found.looks) <= 2 + math.ceil(math.log2(length))


def test_commits_of_other_datasets_are_passed_over(fresh: Fresh) -> None:
    repo = history(fresh, 2)
    good = repo.head
    for number in range(10):
        with repo.transaction(f"other {number}") as tx:
            tx.append("e", [{"n": number}])
    with repo.transaction("bad") as tx:
        tx.append("d", [{"n": 99}])
    assert good is not None
    seen: list[Look] = []
    found = bisect(repo, lambda c: rows(repo, c) > 2, good=good, dataset="d", told=seen.append)
    assert found.first_bad.message == "bad"
    assert found.last_good == good
    assert len(seen) == len(found.looks) == 2


def test_what_makes_no_sense_is_refused(fresh: Fresh) -> None:
    repo = history(fresh, 3)
    with pytest.raises(UsageError, match="is bad already"):
        bisect(repo, lambda commit: True, good="main~2")
    with pytest.raises(UsageError, match="nothing broke"):
        bisect(repo, lambda commit: False, good="main~2")
    with pytest.raises(UsageError, match="nothing broke"):
        bisect(repo, lambda commit: False, good="main")
    with pytest.raises(UsageError, match="not among the first parents"):
        bisect(repo, lambda commit: True, good="main", bad="main~1")
