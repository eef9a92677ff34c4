"""Garbage collection removes what nothing needs, and nothing else."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.core.errors import ConcurrentUpdate, NotFound, ObjectMissing, UsageError
from headwater.store.objects import object_path
from headwater.versions.fsck import verify
from headwater.versions.gc import collect
from headwater.versions.repo import Repo
from tests.contents import rows_of
from tests.places import Fresh

NOW = timedelta()


@pytest.fixture
def repo(location: str) -> Repo:
    made = Repo.init(location)
    with made.transaction("first") as tx:
        tx.append("p", [{"id": number, "v": "a"} for number in range(100)], key="id")
    return made


def paths(repo: Repo) -> set[str]:
    return {entry.path for entry in repo.storage.list("objects")}


def test_what_branches_tags_and_their_history_hold_stays(repo: Repo) -> None:
    repo.create_tag("v1")
    with repo.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "v": "b"}])
    with repo.branch("other").transaction("third") as tx:
        tx.delete("p", keys=[5])
    collect(repo, grace=NOW, keep_reflog=NOW)
    assert rows_of(repo, "p", "v1")[1] == {"id": 1, "v": "a"}
    assert rows_of(repo, "p", "main")[1] == {"id": 1, "v": "b"}
    assert 5 not in rows_of(repo, "p", "other")
    assert verify(repo).findings == []


def test_a_deleted_branch_goes_with_all_that_only_it_held(repo: Repo) -> None:
    before = paths(repo)
    side = repo.branch("side")
    with side.transaction("more") as tx:
        tx.append("p", [{"id": 1000, "v": "x"}])
    repo.cache.put(f"notes/{side.head}/findings", b"x")
    repo.delete_branch("side")
    assert paths(repo) > before
    done = collect(repo, grace=NOW, keep_reflog=NOW)
    assert done.removed >= 4
    assert paths(repo) == before
    assert repo.cache.list("notes") == []


def test_a_deleted_branch_can_be_brought_back_within_the_time_of_the_reflog(repo: Repo) -> None:
    with repo.branch("side").transaction("more") as tx:
        tx.append("p", [{"id": 1000, "v": "x"}])
    repo.delete_branch("side")
    collect(repo, grace=NOW)
    repo.undo("side")
    assert rows_of(repo, "p", "side")[1000] == {"id": 1000, "v": "x"}
    assert verify(repo).findings == []


def test_undo_does_not_go_back_past_what_was_collected(repo: Repo) -> None:
    with repo.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "v": "b"}])
    repo.undo()
    assert collect(repo, grace=NOW, keep_reflog=NOW).moves == 2
    with pytest.raises((UsageError, NotFound)):
        repo.undo()
    assert rows_of(repo, "p", "main")[1] == {"id": 1, "v": "a"}


def test_young_garbage_stays_for_it_may_be_a_change_that_is_being_made(repo: Repo) -> None:
    name = repo.objects.put(b"on its way")
    done = collect(repo, keep_reflog=NOW)
    assert (done.removed, done.young) == (0, 1)
    assert repo.objects.get(name) == b"on its way"
    assert collect(repo, grace=NOW).removed == 1


def test_a_dry_run_says_the_same_and_removes_nothing(repo: Repo) -> None:
    repo.objects.put(b"garbage")
    before = paths(repo)
    tried = collect(repo, grace=NOW, dry_run=True)
    assert paths(repo) == before
    done = collect(repo, grace=NOW)
    assert (tried.removed, tried.removed_bytes) == (done.removed, done.removed_bytes) == (1, len(b"garbage"))


def test_nothing_is_removed_where_history_cannot_be_read(repo: Repo) -> None:
    head = repo.head
    assert head is not None
    (name,) = repo.commit(head).datasets.values()
    with repo.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "v": "b"}])
    repo.objects.put(b"garbage")
    repo.storage.delete([object_path(name)])
    repo.objects.forget()
    before = paths(repo)
    with pytest.raises(ObjectMissing, match="hw fsck"):
        collect(repo, grace=NOW, keep_reflog=NOW)
    assert paths(repo) == before


def test_states_of_chunks_go_with_their_chunk(repo: Repo) -> None:
    kept = repo["p"].chunks[0]
    part = (
        next(entry.path for entry in repo.storage.list("objects")).removeprefix("objects/").replace("/", "")
    )
    repo.cache.put(f"states/{part}/live", b"kept")
    repo.cache.put(f"states/{'0' * 64}/live", b"gone")
    collect(repo, grace=NOW)
    assert repo.cache.list("states") == [f"states/{part}/live"]
    assert kept.rows == 100


def test_half_written_files_are_removed_and_a_file_moved_aside_comes_back(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    with repo.transaction("first") as tx:
        tx.append("p", [{"id": 1}], key="id")
    folder = tmp_path / ".headwater"
    head = folder / object_path(repo.head or "")
    head.rename(head.with_name(f"{head.name}#12345"))
    (folder / "objects" / "half#1").write_bytes(b"torn")
    repo.objects.forget()
    with pytest.raises(ObjectMissing):
        collect(repo, grace=NOW)
    head.with_name(f"{head.name}#12345").rename(head)
    (chunk,) = repo["p"].manifest.chunks
    data = folder / object_path(chunk.row_hashes)
    data.rename(data.with_name(f"{data.name}#12345"))
    collect(repo, grace=NOW)
    assert data.exists()
    assert list(repo.storage.staged("")) == []
    assert verify(repo).findings == []


def test_a_change_slower_than_the_grace_says_so_and_the_branch_stays(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tx = repo.transaction("slow")
    tx.append("p", [{"id": 1000, "v": "x"}])
    collect(repo, grace=NOW)
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with pytest.raises(ConcurrentUpdate, match="grace"):
        tx.commit()
    assert 1000 not in rows_of(repo, "p", "main")
    assert verify(repo).findings == []


def test_a_slow_change_is_renewed_before_it_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo.init(tmp_path)
    tx = repo.transaction("slow")
    tx.append("p", [{"id": 1}], key="id")
    old = time.time() - 7 * 86400
    for file in (tmp_path / ".headwater" / "objects").rglob("*"):
        if file.is_file():
            os.utime(file, (old, old))
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    tx.commit()
    young = [entry for entry in repo.storage.list("objects") if entry.modified.timestamp() > old + 86400]
    assert len(young) == len(list(repo.storage.list("objects")))


def test_times_cannot_be_negative(repo: Repo) -> None:
    with pytest.raises(UsageError, match="negative"):
        collect(repo, grace=timedelta(days=-1))


def test_an_empty_repository_has_nothing_to_collect(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    done = collect(repo, grace=NOW, keep_reflog=NOW)
    assert (done.removed, done.kept) == (0, 0)
    assert json.loads(repo.storage.read("HEAD")) == {"branch": "main"}
