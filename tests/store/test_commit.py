"""Commits: an id made of all they say, ancestors newest first, and the best common ancestor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import CorruptObject, ObjectMissing
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import Commit, Provenance, ancestors, load_commit, merge_base, save_commit
from headwater.store.objects import Objects
from headwater.store.storage import Storage

START = datetime(2026, 11, 1, tzinfo=UTC)


def save(objects: Objects, message: str, *parents: Commit, minutes: int = 0) -> Commit:
    return save_commit(
        objects,
        datasets={},
        parents=tuple(parent.id for parent in parents),
        author="Ada",
        message=message,
        provenance=Provenance(),
        time=START + timedelta(minutes=minutes),
    )


@pytest.fixture
def objects() -> Objects:
    return Objects(Storage("memory://"))


def test_a_commit_comes_back_as_it_was(objects: Objects) -> None:
    provenance = Provenance(
        kind="transform",
        id="clean.missing",
        version="1",
        parameters={"columns": ["a"]},
        seed=7,
        inputs=("ab" * 32,),
        record={"rows": 3},
        code="3f2a91c",
    )
    commit = save_commit(
        objects,
        datasets={"people": ObjectId("cd" * 32)},
        parents=(CommitId("ef" * 32),),
        author="Ada",
        message="Fix ages\n\nThey were in months.",
        provenance=provenance,
        time=datetime(2026, 11, 1, 12, tzinfo=UTC).astimezone(),
    )
    assert load_commit(commit.id, Objects(objects.storage)) == commit
    assert commit.provenance == provenance
    assert commit.summary == "Fix ages"
    assert commit.time == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert commit.time.utcoffset() == timedelta(0)
    assert commit.to_dict()["provenance"]["inputs"] == ("ab" * 32,)


def test_a_commit_is_of_now_unless_it_says_otherwise(objects: Objects) -> None:
    made = save_commit(objects, datasets={}, parents=(), author="", message="m", provenance=Provenance())
    assert abs(made.time - datetime.now(UTC)) < timedelta(minutes=1)


def test_every_word_of_a_commit_counts_for_its_id(objects: Objects) -> None:
    first = save(objects, "one")
    assert save(objects, "one").id == first.id
    assert (
        len(
            {
                first.id,
                save(objects, "two").id,
                save(objects, "one", first).id,
                save(objects, "one", minutes=1).id,
            }
        )
        == 4
    )


def test_what_is_no_commit_is_told(objects: Objects) -> None:
    with pytest.raises(CorruptObject, match="is not a commit"):
        load_commit(CommitId(objects.put_document({"a": 1})), objects)
    with pytest.raises(ObjectMissing):
        load_commit(CommitId("00" * 32), objects)


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
    plan: list[tuple[set[int], int]], data: st.DataObject
) -> None:
    objects = Objects(Storage("memory://"))
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
    times = [commit.time for commit in ancestors(one.id, objects)]
    if all(skew == 0 for _, skew in plan):
        assert all(newer >= older for newer, older in pairwise(times))
