"""Ref expressions: every way to name a commit, and what is said when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.errors import CorruptObject, NotFound, UsageError
from headwater.core.ids import CommitId
from headwater.store.commit import Commit, Provenance, save_commit
from headwater.store.objects import Objects, object_path
from headwater.store.refs import Refs
from headwater.store.revisions import resolve
from headwater.store.storage import Storage


class History:
    """Commits ``c0`` to ``c3`` on ``main``, a day apart, the last a merge of ``side``."""

    def __init__(self, storage: Storage) -> None:
        self.objects = Objects(storage)
        self.refs = Refs(self.objects)
        self.commits: list[Commit] = []
        for number in range(3):
            self.commits.append(self.save(f"c{number}", number, *self.commits[-1:]))
        self.side = self.save("side", 2, self.commits[0])
        self.commits.append(self.save("c3", 3, self.commits[-1], self.side))
        self.refs.move("heads", "main", self.commits[-1].id, expected=None, reason="x")
        self.refs.move("heads", "fix/labels-2", self.side.id, expected=None, reason="x")
        self.refs.move("tags", "v1.0", self.commits[1].id, expected=None, reason="x")
        self.refs.move("tags", "main", self.commits[0].id, expected=None, reason="x")

    def save(self, message: str, day: int, *parents: Commit) -> Commit:
        return save_commit(
            self.objects,
            datasets={},
            parents=tuple(parent.id for parent in parents),
            author="Ada",
            message=message,
            provenance=Provenance(),
            time=datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=day),
        )

    def __call__(self, expression: str, *, head: CommitId | None = None) -> str:
        found = resolve(
            expression,
            refs=self.refs,
            objects=Objects(self.objects.storage),
            head=head or self.commits[-1].id,
        )
        return next(c.message for c in [*self.commits, self.side] if c.id == found)


@pytest.fixture
def history(storage: Storage) -> History:
    return History(storage)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("main", "c3"),
        ("HEAD", "c3"),
        (" main ", "c3"),
        ("fix/labels-2", "side"),
        ("v1.0", "c1"),
        ("main~", "c2"),
        ("main~0", "c3"),
        ("main~3", "c0"),
        ("main~1~1", "c1"),
        ("main^", "c2"),
        ("main^1", "c2"),
        ("main^2", "side"),
        ("main^0", "c3"),
        ("main^2~1", "c0"),
        ("~2", "c1"),
        ("main@{2026-11-02}", "c1"),
        ("main@{2026-11-03T11:59}", "c1"),
        ("main@{2026-11-03T12:00}", "c2"),
        ("main@{2026-11-03T13:00+02:00}", "c1"),
        ("main@{2026-11-03T12:00Z}", "c2"),
        ("main@{20261102}", "c1"),
        ("main@{2099-01-01}~1", "c2"),
        ("@{2026-11-01}", "c0"),
    ],
)
def test_expressions_name_commits(history: History, expression: str, message: str) -> None:
    assert history(expression) == message


@pytest.mark.parametrize("digits", [6, 7, 12, 63, 64])
def test_the_first_digits_of_an_id_are_enough(history: History, digits: int) -> None:
    for commit in history.commits:
        assert history(commit.id[:digits]) == commit.message
        if commit.parents:
            assert history(f"{commit.id[:digits]}~1") == history(commit.parents[0])


def test_a_branch_named_like_an_id_comes_first(history: History) -> None:
    prefix = history.commits[0].id[:6]
    history.refs.move("heads", prefix, history.side.id, expected=None, reason="x")
    assert history(prefix) == "side"


@pytest.mark.parametrize(
    ("expression", "match"),
    [
        ("mian", "Ref 'mian' not found. Did you mean 'main'"),
        ("abcdef", "Ref 'abcdef' not found"),
        ("0" * 64, "not found"),
        ("abc", "not found"),
        ("main~9", "reaches past commit .* 0 parent"),
        ("main^3", "has 2 parent"),
        ("main~99999999999999999999", "reaches past"),
        ("main@{2020-01-01}", "The first commit of .* is from 2026-11-01"),
        ("main@{u}~", "not a date"),
        ("nothing here", "not found"),
    ],
)
def test_what_is_not_there_is_told(history: History, expression: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        history(expression)


def test_a_date_that_is_none_is_told(history: History) -> None:
    for text in ("yesterday", "", "2026-13-01"):
        with pytest.raises(UsageError, match="is not a date: write 2026-11-01"):
            history(f"main@{{{text}}}")


def test_without_commits_the_first_step_is_named(storage: Storage) -> None:
    objects = Objects(storage)
    with pytest.raises(NotFound, match=r"There is no commit yet\. `hw import FILE` makes the first"):
        resolve("HEAD", refs=Refs(objects), objects=objects, head=None)


def test_digits_that_several_commits_share_are_ambiguous(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = history.commits[0].id, history.commits[1].id
    twin = CommitId(a[:8] + b[8:])
    history.objects.storage.write(object_path(twin), history.objects.get(b))  # type: ignore[arg-type]
    monkeypatch.setattr("headwater.store.objects.digest", lambda data: twin)
    objects = Objects(history.objects.storage)
    objects._documents = {a: objects_document(history, a), twin: objects_document(history, b)}  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="is ambiguous"):
        resolve(a[:8], refs=history.refs, objects=objects, head=None)


def objects_document(history: History, name: CommitId) -> object:
    return history.objects._documents[name]  # type: ignore[index]


def test_other_objects_with_those_digits_do_not_count(history: History) -> None:
    document = history.objects.put_document({"a": "document"})
    parquet = history.objects.put(b"PAR1")
    for name in (document, parquet):
        with pytest.raises(NotFound):
            history(name[:10])


def test_a_damaged_commit_is_told_when_named_in_full(history: History) -> None:
    name = history.commits[0].id
    history.objects.storage.write(object_path(name), b"{}")
    with pytest.raises(CorruptObject):
        history(name)
    with pytest.raises(NotFound):
        history(name[:12])
