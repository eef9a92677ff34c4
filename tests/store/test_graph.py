"""Walks through history: ancestors newest first, the best common ancestor, and no more read than is needed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.ids import CommitId
from headwater.store.commit import Commit, load_commit
from headwater.store.graph import ancestors, compare, merge_base, only_in
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from tests.contents import save
from tests.places import Fresh


@pytest.fixture
def objects(fresh: Fresh) -> Objects:
    return Objects(Storage(fresh()))


def test_ancestors_come_newest_first_and_once(objects: Objects) -> None:
    root = save(objects, "root")
    left = save(objects, "left", root, minutes=1)
    right = save(objects, "right", root, minutes=2)
    merge = save(objects, "merge", left, right, minutes=3)
    assert [commit.message for commit in ancestors(merge.id, objects)] == ["merge", "right", "left", "root"]


def test_of_two_common_ancestors_the_later_is_the_base(objects: Objects) -> None:
    root = save(objects, "root")
    middle = save(objects, "middle", root, minutes=1)
    left = save(objects, "left", middle, minutes=2)
    right = save(objects, "right", middle, minutes=3)
    assert merge_base(left.id, right.id, objects) == middle.id
    assert merge_base(left.id, middle.id, objects) == middle.id
    assert merge_base(left.id, left.id, objects) == left.id
    assert merge_base(left.id, save(objects, "other root").id, objects) is None


def test_a_clock_that_ran_backwards_does_not_move_the_base(objects: Objects) -> None:
    root = save(objects, "root", minutes=100)
    middle = save(objects, "middle", root, minutes=-50)
    left = save(objects, "left", middle, minutes=200)
    right = save(objects, "right", middle, root, minutes=-70)
    assert merge_base(left.id, right.id, objects) == middle.id


def test_after_a_criss_cross_the_base_is_one_of_the_best_for_both_sides(objects: Objects) -> None:
    root = save(objects, "root")
    a = save(objects, "a", root, minutes=1)
    b = save(objects, "b", root, minutes=2)
    left, right = save(objects, "left", a, b, minutes=3), save(objects, "right", b, a, minutes=3)
    assert merge_base(left.id, right.id, objects) == merge_base(right.id, left.id, objects) == b.id


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 20), max_size=2), st.integers(-5, 5)), min_size=2, max_size=12),
    st.data(),
)
def test_the_base_is_a_common_ancestor_that_no_other_descends_from(
    fresh: Fresh, plan: list[tuple[set[int], int]], data: st.DataObject
) -> None:
    objects = Objects(Storage(fresh()))
    commits: list[Commit] = []
    above: dict[CommitId, set[CommitId]] = {}
    for number, (wanted, skew) in enumerate(plan):
        parents = [commits[index] for index in sorted(wanted) if index < number]
        commit = save(objects, str(number), *parents, minutes=number + skew)
        commits.append(commit)
        above[commit.id] = {commit.id}.union(*(above[parent.id] for parent in parents))
    one, other = data.draw(st.sampled_from(commits)), data.draw(st.sampled_from(commits))
    assert {commit.id for commit in ancestors(one.id, objects)} == above[one.id]
    base, common = merge_base(one.id, other.id, objects), above[one.id] & above[other.id]
    if base is None:
        assert not common
    else:
        assert base in common
        assert all(base not in above[rival] for rival in common - {base})
    found = compare(one.id, other.id, objects)
    assert {commit.id for commit in found.left} == above[one.id] - above[other.id]
    assert {commit.id for commit in found.right} == above[other.id] - above[one.id]
    assert {commit.id for commit in found.bases} == {
        best for best in common if all(best not in above[rival] for rival in common - {best})
    }
    sought, there = (data.draw(st.lists(st.sampled_from(commits), max_size=3)) for _ in range(2))
    lacking, border = only_in(
        [c.id for c in sought], [c.id for c in there], lambda name: load_commit(name, objects)
    )
    known: set[CommitId] = set().union(*(above[c.id] for c in there))
    assert {commit.id for commit in lacking} == set().union(*(above[c.id] for c in sought)) - known
    assert border == {parent for commit in lacking for parent in commit.parents} & known
    order = [commit.id for commit in ancestors(one.id, objects)]
    assert all(
        order.index(child.id) < order.index(p)
        for child in commits
        if child.id in order
        for p in child.parents
    )
    times = [commit.time for commit in ancestors(one.id, objects)]
    if all(skew == 0 for _, skew in plan):
        assert all(newer >= older for newer, older in pairwise(times))


def test_what_lies_before_the_place_where_two_sides_part_is_not_read(objects: Objects) -> None:
    line = [save(objects, "0")]
    for number in range(1, 300):
        line.append(save(objects, str(number), line[-1], minutes=number))
    left = save(objects, "left", line[-1], minutes=400)
    right = save(objects, "right", line[-3], minutes=500)
    reads: list[CommitId] = []

    def load(name: CommitId) -> Commit:
        reads.append(name)
        return load_commit(name, objects)

    lacking, border = only_in([left.id], [right.id, line[5].id], load)
    assert [commit.message for commit in lacking] == ["left", "299", "298"]
    assert border == {line[-3].id}
    assert len(reads) < 10
    some, border = only_in([left.id], [], load, depth=2)
    assert [commit.message for commit in some] == ["left", "299"]
    assert border == set()
    cold = Objects(objects.storage)
    found = compare(left.id, right.id, cold)
    assert ([c.message for c in found.left], [c.message for c in found.right]) == (
        ["left", "299", "298"],
        ["right"],
    )
    assert len(cold._documents) < 10
