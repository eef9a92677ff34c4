"""Commits: an id made of all they say, and an order in which children come after their parents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.errors import CorruptObject, ObjectMissing, StorageError
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import FORMAT, Provenance, load_commit, save_commit
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from tests.contents import save
from tests.places import Fresh


@pytest.fixture
def objects(fresh: Fresh) -> Objects:
    return Objects(Storage(fresh()))


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
        parents=(save(objects, "first").id,),
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


def test_a_child_is_never_before_its_parents_whatever_the_clocks_said(objects: Objects) -> None:
    first = save(objects, "first", minutes=100)
    second = save(objects, "second", first, minutes=-50)
    third = save(objects, "third", second, first, minutes=200)
    assert first.order < second.order < third.order
    assert second.time < first.time
    assert third.order == (third.time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_a_commit_of_a_newer_form_is_refused(objects: Objects) -> None:
    value = objects.get_document(ObjectId(save(objects, "one").id))
    newer = CommitId(objects.put_document({**value, "format": FORMAT + 1}))
    with pytest.raises(StorageError, match=r"has format 2; this Headwater reads up to 1\. Install a newer"):
        load_commit(newer, objects)
