"""The record of a proposal: what its events add up to, in whatever order they are joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import CorruptObject
from headwater.core.ids import CommitId
from headwater.store.commit import load_commit
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.versions.proposal import (
    EventKind,
    Picture,
    Proposal,
    add_event,
    event_names,
    join_events,
    read_events,
    record_of,
)
from tests.places import Fresh

A, B = CommitId("a" * 64), CommitId("b" * 64)
GOOD = Picture(source_commit=A, target_commit=B, candidate=A, outcome="pass")


def opened(objects: Objects, picture: Picture = GOOD, required: int = 1) -> CommitId:
    facts = {
        "title": "A fix",
        "description": "",
        "source": "fix",
        "target": "main",
        "reviewers": ["bob"],
        "required": required,
        "only": [],
        "picture": picture.to_dict(),
    }
    return add_event(objects, "open", facts, after=None, author="ada").id


def said(objects: Objects, after: CommitId, kind: EventKind, author: str, **facts: object) -> CommitId:
    return add_event(objects, kind, {"text": "", **facts}, after=after, author=author).id


@pytest.fixture
def objects(fresh: Fresh) -> Objects:
    return Objects(Storage(fresh()))


def read(objects: Objects, head: CommitId) -> Proposal:
    return read_events(1, head, objects)


def test_enough_others_must_approve_the_commit_that_is_merged(objects: Objects) -> None:
    head = opened(objects, required=2)
    assert read(objects, head).status == "open"
    head = said(objects, head, "approve", "ada", commit=A)
    head = said(objects, head, "approve", "bob", commit=A)
    head = said(objects, head, "approve", "bob", commit=A)
    assert (read(objects, head).approvals, read(objects, head).status) == (("bob",), "open")
    assert read(objects, head).reasons()[0].startswith("1 more approval(s)")
    head = said(objects, head, "approve", "cleo", commit=A)
    assert (read(objects, head).status, read(objects, head).reasons()) == ("approved", [])
    moved = Picture(source_commit=B, target_commit=B, candidate=A, outcome="pass")
    head = said(objects, head, "update", "ada", picture=moved.to_dict())
    found = read(objects, head)
    assert (found.status, found.approvals) == ("open", ())
    assert "bob, cleo approved an earlier commit" in found.reasons()[0]


def test_a_request_for_changes_stands_until_its_author_approves(objects: Objects) -> None:
    head = opened(objects)
    head = said(objects, head, "request-changes", "bob", commit=A, text="row 7")
    head = said(objects, head, "approve", "cleo", commit=A)
    assert read(objects, head).objections == ("bob",)
    assert read(objects, head).reasons() == ["Changes are requested by bob."]
    head = said(objects, head, "approve", "bob", commit=A)
    assert read(objects, head).reasons() == []
    assert [(r.author, r.verdict) for r in read(objects, head).reviews] == [
        ("cleo", "approve"),
        ("bob", "approve"),
    ]


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Picture(source_commit=A, target_commit=B, conflicts=3), r"3 conflict\(s\)"),
        (Picture(source_commit=A, target_commit=B, candidate=A), "have not run"),
        (
            Picture(
                source_commit=A,
                target_commit=B,
                candidate=A,
                outcome="fail",
                reports=({"dataset": "d", "outcome": "fail"}, {"dataset": "e", "outcome": "warn"}),
            ),
            r"do not pass: d \(fail\)",
        ),
        (
            Picture(
                source_commit=A,
                target_commit=B,
                candidate=A,
                outcome="error",
                reports=({"dataset": "d", "outcome": "error"},),
            ),
            r"do not pass: d \(error\)",
        ),
    ],
)
def test_what_stands_in_the_way_is_told(objects: Objects, picture: Picture, reason: str) -> None:
    import re

    (found,) = read(objects, opened(objects, picture, required=0)).reasons()
    assert re.search(reason, found)
    assert Picture.from_dict(picture.to_dict()) == picture


def test_closed_can_be_reopened_and_merged_is_final(objects: Objects) -> None:
    head = said(objects, opened(objects), "close", "bob")
    assert (read(objects, head).status, read(objects, head).reasons()) == (
        "closed",
        ["It is closed already."],
    )
    head = said(objects, head, "reopen", "bob")
    assert read(objects, head).status == "open"
    head = said(objects, head, "merged", "bob", commit=B)
    head = said(objects, head, "close", "cleo")
    assert (read(objects, head).status, read(objects, head).merge_commit) == ("merged", B)


WORDS = st.lists(
    st.tuples(st.sampled_from(["comment", "approve", "request-changes"]), st.sampled_from(["bob", "cleo"])),
    max_size=6,
)


@given(WORDS, WORDS)
def test_two_ends_join_to_one_record_that_holds_every_word(
    fresh: Fresh, left: list[tuple[EventKind, str]], right: list[tuple[EventKind, str]]
) -> None:
    objects = Objects(Storage(fresh()))
    start = opened(objects)
    ends: list[CommitId] = []
    for words in (left, right):
        head = start
        for number, (kind, author) in enumerate(words):
            head = said(objects, head, kind, author, commit=A, text=f"{len(ends)}.{number}")
        ends.append(head)
    joined = join_events(objects, ends).id
    # Whoever joins them makes the same event, so that copies agree.
    assert join_events(Objects(objects.storage), ends[::-1]).id == joined
    found = read(objects, joined)
    assert event_names(joined, objects) == {
        joined,
        *event_names(ends[0], objects),
        *event_names(ends[1], objects),
    }
    texts = [event.facts["text"] for event in found.events if "text" in event.facts]
    for number, words in enumerate((left, right)):
        mine = [text for text in texts if text.startswith(f"{number}.")]
        assert mine == [f"{number}.{index}" for index in range(len(words))]
    assert {record_of(load_commit(event.id, objects)) for event in found.events} == {start}


def test_a_commit_that_is_no_event_is_refused(objects: Objects) -> None:
    from headwater.store.commit import Provenance, save_commit

    plain = save_commit(objects, datasets={}, parents=(), author="x", message="m", provenance=Provenance())
    with pytest.raises(CorruptObject, match="no event of a proposal"):
        read(objects, plain.id)
    stray = add_event(objects, "comment", {"text": "x"}, after=None, author="x")
    with pytest.raises(CorruptObject, match="does not begin with its opening"):
        read(objects, stray.id)
