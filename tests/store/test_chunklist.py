"""Lists of chunks: as plain lists however long they are, and in few pages that equal lists share."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.ids import ObjectId
from headwater.engine.local import LocalExecutor
from headwater.store.chunk import Chunk, Group
from headwater.store.chunklist import INLINE, ChunkList, Entry, Page, missing, unshared
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from tests.places import Fresh


def name(*facts: object) -> ObjectId:
    return ObjectId(hashlib.sha256(repr(facts).encode()).hexdigest())


def chunk(number: int, *, rows: int = 131_072, deleted: int = 0) -> Chunk:
    return Chunk(
        rows=rows,
        groups=(Group(name("group", number), {"id": "id"}),),
        row_hashes=name("rows", number),
        deleted=name("deleted", number, deleted) if deleted else None,
        deleted_rows=deleted,
        statistics={"id": [number * 10, number * 10 + 9, 0], "mixed": ["a" if number % 2 else 1, None, None]},
    )


def chunks(count: int, start: int = 0) -> list[Chunk]:
    return [chunk(number) for number in range(start, start + count)]


def objects(fresh: Fresh) -> Objects:
    return Objects(Storage(fresh()))


def again(saved: ChunkList, store: Objects) -> ChunkList:
    return ChunkList.from_dict(saved.to_dict(), Objects(store.storage))


def pages_of(listed: ChunkList) -> set[ObjectId]:
    seen: set[ObjectId] = set()
    list(listed.unseen(seen))
    return seen


def written(store: Objects) -> int:
    return sum(1 for _ in store.storage.list("objects"))


@pytest.mark.parametrize("count", [0, 1, INLINE, INLINE + 1, 500, 5000])
def test_a_list_that_was_saved_is_the_list(fresh: Fresh, count: int) -> None:
    store, plain = objects(fresh), chunks(count)
    saved = again(ChunkList(plain).saved(store), store)
    assert len(saved) == count
    assert list(saved) == plain
    assert ("pages" in saved.to_dict()) == (count > INLINE)
    for number in random.Random(0).sample(range(count), min(count, 20)):
        assert saved[number] == plain[number]
    if count:
        assert saved[-1] == plain[-1]
        assert saved[1:5] == tuple(plain[1:5])
    with pytest.raises(IndexError):
        saved[count]


edits = st.lists(
    st.tuples(
        st.lists(st.integers(0, 10_000), max_size=6),
        st.lists(st.integers(0, 10_000), max_size=40),
        st.integers(0, 90),
        st.booleans(),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(st.sampled_from([0, 3, 60, 70, 300, 1500]), edits)
def test_edits_do_what_they_do_to_a_plain_list_and_equal_lists_have_equal_pages(
    fresh: Fresh, count: int, steps: list[tuple[list[int], list[int], int, bool]]
) -> None:
    store, plain = objects(fresh), chunks(count)
    listed = ChunkList(plain).saved(store)
    start = 100_000
    for changed, removed, appended, save in steps:
        changes = {
            number % len(plain): replace(plain[number % len(plain)], deleted_rows=1, deleted=name(start))
            for number in changed
            if plain
        }
        gone = {number % len(plain) for number in removed if plain}
        more = chunks(appended, start)
        start += appended
        listed = listed.edited(changes, appended=more, removed=gone)
        plain = [changes.get(n, one) for n, one in enumerate(plain) if n not in gone] + more
        assert list(listed) == plain
        assert list(listed.where(lambda entry: True)) == list(enumerate(plain))
        for number in range(0, len(plain), max(len(plain) // 7, 1)):
            assert listed[number] == plain[number]
        if save:
            listed = again(listed.saved(store), store)
            assert list(listed) == plain
    assert listed.saved(store).to_dict() == ChunkList(plain).saved(objects(fresh)).to_dict()


def test_chunks_without_live_rows_are_left_out(fresh: Fresh) -> None:
    store = objects(fresh)
    for count in (5, 200):
        listed = ChunkList(chunks(count)).saved(store)
        empty = chunk(3, rows=10, deleted=10)
        after = listed.edited({3: empty}, appended=[chunk(900, rows=1, deleted=1), chunk(901)])
        assert len(after) == count
        assert after[3] == chunk(4)
        assert after[-1] == chunk(901)
        # Numbers are those of the list as it is now.
        assert after.edited({3: chunk(902)})[3] == chunk(902)


def test_a_small_change_of_a_long_list_writes_few_pages_and_reads_few(fresh: Fresh) -> None:
    store = objects(fresh)
    listed = ChunkList(chunks(20_000)).saved(store)
    total = written(store)
    assert 300 < total < 1500
    cold = again(listed, store)
    reads = []
    read = cold._home.storage.read

    def counted(path: str) -> bytes:
        reads.append(path)
        return read(path)

    cold._home.storage.read = counted  # type: ignore[method-assign]
    after = cold.edited({777: chunk(30_000)}, appended=[chunk(30_001)]).saved(store)
    assert written(store) - total <= 10
    assert len(set(reads)) <= 12
    assert len(pages_of(after) - pages_of(listed)) <= 10


def test_pages_that_are_not_wanted_are_not_read(fresh: Fresh) -> None:
    store = objects(fresh)
    listed = again(ChunkList(chunks(5000)).saved(store), store)
    asked: list[Entry] = []

    def holds(entry: Entry) -> bool:
        asked.append(entry)
        low, high, _ = entry.statistics["id"]
        return bool(low <= 12_345 <= high)

    assert list(listed.where(holds)) == [(1234, chunk(1234))]
    assert len(asked) < 600
    # What cannot be compared is unknown, and so are the bounds of a page above it.
    assert all(
        page.statistics["mixed"] == [None, None, None]
        for page in asked
        if isinstance(page, Page) and page.chunks > 1
    )


def test_loose_chunks_are_found_without_reading_the_others(fresh: Fresh) -> None:
    store = objects(fresh)
    plain = chunks(3000)
    plain[100], plain[2000] = chunk(100, rows=5), chunk(2000, deleted=90_000)
    listed = again(ChunkList(plain).saved(store), store)
    asked: list[Entry] = []

    def is_loose(entry: Entry) -> bool:
        asked.append(entry)
        return entry.is_loose

    assert [number for number, _ in listed.where(is_loose)] == [100, 2000]
    assert len(asked) < 500


@settings(deadline=None)
@given(
    st.sampled_from([10, 64, 65, 400, 3000]),
    st.lists(st.integers(0, 10_000), max_size=4),
    st.lists(st.integers(0, 10_000), max_size=4),
    st.integers(0, 200),
    st.booleans(),
)
def test_what_two_lists_do_not_share_holds_all_that_differs(
    fresh: Fresh, count: int, left: list[int], right: list[int], appended: int, saved: bool
) -> None:
    store = objects(fresh)
    base = ChunkList(chunks(count)).saved(store)
    one = base.edited(removed={number % count for number in left})
    two = base.edited(
        {number % count: chunk(50_000 + number) for number in right}, appended=chunks(appended, 60_000)
    )
    if saved:
        one, two = one.saved(store), two.saved(store)
    mine, yours = unshared(one, two)
    assert all(one[number] == found for number, found in mine)
    assert all(two[number] == found for number, found in yours)
    a, b = {c.row_hashes for c in one}, {c.row_hashes for c in two}
    found = {c.row_hashes for _, c in mine}, {c.row_hashes for _, c in yours}
    assert found[0] >= a - b
    assert found[1] >= b - a
    # What is left out is left out on both sides alike.
    assert a - found[0] <= b
    assert len(one) - len(mine) == len(two) - len(yours)
    if saved and count == 3000 and not appended:
        assert len(mine) <= 6 * 128 * (len(left) + len(right))
    pages, data, _ = missing([two.saved(store)], [one.saved(store)], LocalExecutor(2))
    assert {c.row_hashes for c in data} >= b - a
    assert pages == pages_of(two.saved(store)) - pages_of(one.saved(store))


def test_equal_chunks_many_times_make_pages_of_bounded_size(fresh: Fresh) -> None:
    store = objects(fresh)
    same = [replace(chunk(1), row_hashes=ObjectId("1" * 64))] * 1000
    listed = ChunkList(same).saved(store)
    assert len(again(listed, store)) == 1000
    assert len(pages_of(listed)) >= 2
    mine, yours = unshared(listed, listed.edited(removed=[0]).saved(store))
    assert len(mine) - len(yours) == 1
