"""Refs: each move is one swap and one entry in the reflog; nothing is lost when many move at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.errors import ConcurrentUpdate, CorruptObject, NotFound, UsageError
from headwater.core.ids import CommitId
from headwater.store.objects import Objects, object_path
from headwater.store.refs import Refs, valid_name, whoami
from headwater.store.storage import Storage

A, B, C = (CommitId(digit * 64) for digit in "abc")


@pytest.fixture
def refs(storage: Storage) -> Refs:
    return Refs(Objects(storage))


def test_a_ref_moves_from_where_it_is_and_from_nowhere_else(refs: Refs) -> None:
    assert refs.get("heads", "main") is None
    assert not refs.move("heads", "main", A, expected=B, reason="x")
    assert refs.move("heads", "main", A, expected=None, reason="created")
    assert not refs.move("heads", "main", B, expected=None, reason="x")
    assert refs.move("heads", "main", B, expected=A, reason="commit")
    assert refs.get("heads", "main") == B
    assert refs.get("tags", "main") is None


def test_every_move_is_in_the_reflog(refs: Refs) -> None:
    refs.move("heads", "main", A, expected=None, reason="created", author="Ada")
    refs.move("heads", "main", B, expected=A, reason="commit: two")
    refs.move("heads", "main", None, expected=B, reason="deleted")
    refs.move("heads", "main", C, expected=None, reason="back")
    moves = list(refs.reflog("heads", "main"))
    assert [(move.commit, move.reason) for move in moves] == [
        (C, "back"),
        (None, "deleted"),
        (B, "commit: two"),
        (A, "created"),
    ]
    assert moves[-1].author == "Ada"
    assert moves[0].author == whoami()
    assert all(abs(move.time - datetime.now(UTC)) < timedelta(minutes=1) for move in moves)


def test_a_reflog_ends_where_garbage_collection_cut_it(refs: Refs, storage: Storage) -> None:
    for commit, expected in ((A, None), (B, A), (C, B)):
        refs.move("heads", "main", commit, expected=expected, reason="commit")
    oldest = list(refs.reflog("heads", "main"))[1].previous
    assert oldest is not None
    storage.delete([object_path(oldest)])
    assert [move.commit for move in refs.reflog("heads", "main")] == [C, B]


def test_there_is_no_reflog_of_what_never_was(refs: Refs) -> None:
    refs.move("heads", "main", A, expected=None, reason="created")
    with pytest.raises(NotFound, match=r"Branch 'mian' not found.*main"):
        list(refs.reflog("heads", "mian"))


def test_deleted_refs_are_not_listed_but_known(refs: Refs) -> None:
    refs.move("heads", "old", A, expected=None, reason="created")
    refs.move("heads", "old", None, expected=A, reason="deleted")
    refs.move("heads", "new", B, expected=None, reason="created")
    assert refs.names("heads") == {"new": B}
    assert refs.all_names("heads") == ["new", "old"]
    move = refs.last_move("heads", "old")
    assert move is not None
    assert move.commit is None


def test_names_may_share_a_beginning(refs: Refs) -> None:
    names = ["fix", "fix/labels", "fix/labels/more", "fix.labels", "fix-", "naïve/☺".replace("☺", "x")]
    for name in names:
        assert refs.move("heads", name, A, expected=None, reason="created")
    assert list(refs.names("heads")) == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".a",
            "-a",
            "a/.b",
            "a..b",
            "a.lock",
            "a.",
            "a b",
            "a~1",
            "a^",
            "a@{1}",
        ),
        *("main\n", "a\nb", "a:b", "a!b", "HEAD", "x" * 201, "../a", "a\\b", "a*", "☃"),
    ],
)
def test_names_that_would_be_misread_are_refused(refs: Refs, name: str) -> None:
    assert not valid_name(name)
    with pytest.raises(UsageError, match="is not a valid tag name"):
        refs.move("tags", name, A, expected=None, reason="created")


def test_a_computed_move_starts_anew_when_somebody_was_faster(refs: Refs) -> None:
    seen: list[CommitId | None] = []

    def step(now: CommitId | None) -> CommitId:
        if not seen:
            refs.move("heads", "main", A, expected=None, reason="faster")
        seen.append(now)
        return B

    assert refs.update("heads", "main", step, reason="step") == B
    assert seen == [None, A]
    assert refs.update("heads", "main", lambda now: now, reason="stay") == B
    assert len(list(refs.reflog("heads", "main"))) == 2


def test_a_move_that_always_comes_late_gives_up(refs: Refs) -> None:
    turn = iter([A, B, C])

    def step(now: CommitId | None) -> CommitId:
        refs.move("heads", "main", next(turn), expected=now, reason="faster")
        return CommitId("d" * 64)

    with pytest.raises(ConcurrentUpdate, match="moved under us 3 times"):
        refs.update("heads", "main", step, reason="step", attempts=3)


def test_of_moves_at_the_same_time_one_wins(refs: Refs) -> None:
    targets = [CommitId(f"{number:064x}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda to: refs.move("heads", "main", to, expected=None, reason="race"), targets))
    assert won.count(True) == 1
    assert refs.get("heads", "main") == targets[won.index(True)]


def test_a_ref_that_moved_away_and_back_is_as_expected(refs: Refs, storage: Storage) -> None:
    refs.move("heads", "main", A, expected=None, reason="created")
    original, others = storage.compare_and_swap, iter([(B, A), (A, B)])

    def swap_late(*arguments: object, **options: object) -> bool:
        for to, expected in others:
            meanwhile = Refs(Objects(Storage(storage.location)))
            meanwhile.move("heads", "main", to, expected=expected, reason="meanwhile")
        return original(*arguments, **options)  # type: ignore[arg-type]

    patched = Refs(Objects(storage))
    storage.compare_and_swap = swap_late  # type: ignore[method-assign]
    assert patched.move("heads", "main", C, expected=A, reason="mine")
    assert [move.commit for move in refs.reflog("heads", "main")] == [C, A, B, A]


def test_tombstones_can_be_forgotten_when_they_are_old(refs: Refs, storage: Storage) -> None:
    refs.move("heads", "old", A, expected=None, reason="created")
    later = datetime.now(UTC) + timedelta(days=1)
    assert not refs.forget("heads", "old", before=later)
    refs.move("heads", "old", None, expected=A, reason="deleted")
    assert not refs.forget("heads", "old", before=datetime.now(UTC) - timedelta(days=1))
    assert not refs.forget("heads", "never", before=later)
    if storage.root is not None:
        assert refs.forget("heads", "old", before=later)
        assert refs.all_names("heads") == []
    assert refs.move("heads", "old", B, expected=None, reason="again")
    assert not refs.forget("heads", "old", before=later)


def test_a_damaged_ref_is_told(refs: Refs, storage: Storage) -> None:
    for data in (b"", b"{}", b'{"commit":', b"[1]"):
        storage.write("refs/heads/main", data)
        with pytest.raises(CorruptObject, match="no entry of a reflog"):
            refs.get("heads", "main")


def test_the_user_may_have_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert whoami() == "unknown"
