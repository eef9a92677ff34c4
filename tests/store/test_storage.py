"""The contract of storage, held by every backend; and what only directories can get wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from headwater.core.errors import ObjectMissing, StorageDenied, StorageError, StorageFull
from headwater.store.faults import FaultyStorage
from headwater.store.storage import Storage, is_url

LATER = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


# Every backend


def test_what_is_written_is_read(storage: Storage) -> None:
    for data in (b"", b"one", bytes(range(256)) * 1000):
        storage.write("a/b", data)
        assert storage.read("a/b") == data
        assert storage.buffer("a/b").to_pybytes() == data
        assert storage.read_version("a/b").data == data  # type: ignore[union-attr]
    storage.write("a/b", memoryview(b"view"))
    assert storage.read("a/b") == b"view"


def test_what_is_not_there_says_where(storage: Storage) -> None:
    for read in (storage.read, storage.buffer):
        with pytest.raises(ObjectMissing, match="a/b") as caught:
            read("a/b")
        assert caught.value.path == "a/b"
    assert storage.read_version("a/b") is None
    assert storage.modified("a/b") is None
    assert not storage.exists("a/b")
    with pytest.raises(ObjectMissing):
        storage.renew(["a/b"])


def test_entries_are_listed_below_a_folder_and_everywhere(storage: Storage) -> None:
    paths = {"a/b": 1, "a/c/d": 2, "ab/x": 3, "top": 4}
    for path, size in paths.items():
        storage.write(path, b"x" * size)
    assert {entry.path: entry.size for entry in storage.list("")} == paths
    assert {entry.path for entry in storage.list("a")} == {"a/b", "a/c/d"}
    assert list(storage.list("nothing")) == []
    for entry in storage.list(""):
        assert abs(entry.modified - now()) < timedelta(minutes=1)
        exact = storage.modified(entry.path)
        assert exact is not None
        assert abs(exact - entry.modified) < timedelta(milliseconds=1)


def test_deleting_what_is_not_there_is_no_error(storage: Storage) -> None:
    storage.write("a", b"1")
    storage.delete(["a", "a", "b/c"])
    assert not storage.exists("a")


def test_a_swap_happens_only_if_nobody_was_faster(storage: Storage) -> None:
    assert storage.compare_and_swap("ref", b"1", None)
    assert not storage.compare_and_swap("ref", b"2", None)
    first = storage.read_version("ref")
    assert storage.compare_and_swap("ref", b"2", first)
    assert not storage.compare_and_swap("ref", b"3", first)
    assert storage.read("ref") == b"2"
    storage.delete(["ref"])
    assert not storage.compare_and_swap("ref", b"3", first)
    assert storage.compare_and_swap("ref", b"3", None)


def test_of_many_swaps_at_once_each_builds_on_the_one_before(storage: Storage) -> None:
    storage.write("count", b"0")

    def add(_: int) -> None:
        while True:
            version = storage.read_version("count")
            assert version is not None
            if storage.compare_and_swap("count", str(int(version.data) + 1).encode(), version):
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert storage.read("count") == b"40"


def test_a_path_is_deleted_unless_it_was_renewed(storage: Storage) -> None:
    storage.write("old", b"1")
    assert not storage.delete_unless_renewed("old", now() - LATER)
    assert storage.read("old") == b"1"
    assert storage.delete_unless_renewed("old", now() + LATER)
    assert not storage.exists("old")
    assert not storage.delete_unless_renewed("old", now() + LATER)
    assert [entry.path for entry in storage.list("")] == []


def test_renewing_a_path_moves_its_time_to_now(storage: Storage) -> None:
    storage.write("a", b"1")
    before = storage.modified("a")
    assert before is not None
    # Object stores tell the time of a write in whole seconds.
    time.sleep(0.02 if storage.root is not None else 1.1)
    storage.renew(["a"])
    after = storage.modified("a")
    assert after is not None
    assert after > before
    assert storage.read("a") == b"1"


@pytest.mark.parametrize(
    "path", ["with space", "naïve/☃", "per%20cent/100%", "a~b", "q?x&y=z", "+plus", "a:b"]
)
def test_paths_are_taken_as_they_are(storage: Storage, path: str) -> None:
    storage.write(path, b"1")
    assert storage.read(path) == b"1"
    assert [entry.path for entry in storage.list("")] == [path]
    storage.delete([path])
    assert not storage.exists(path)


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a//b"])
def test_paths_cannot_leave_the_repository(storage: Storage, path: str) -> None:
    with pytest.raises(StorageError):
        storage.write(path, b"1")


@pytest.mark.parametrize(
    ("fault", "error"), [("full", StorageFull), ("denied", StorageDenied), ("broken", StorageError)]
)
def test_failing_writes_are_told_apart_and_change_nothing(
    location: str, fault: str, error: type[StorageError]
) -> None:
    Storage(location).write("a", b"old")
    faulty = FaultyStorage(location, fault=fault)  # type: ignore[arg-type]
    version = faulty.read_version("a")
    for attempt in (
        lambda: faulty.write("a", b"new"),
        lambda: faulty.compare_and_swap("a", b"new", version),
        lambda: faulty.delete(["a"]),
        lambda: faulty.renew(["a"]),
    ):
        with pytest.raises(error, match="a"):
            attempt()
        assert faulty.read("a") == b"old"
    assert faulty.paths == ["a"] * 4
    with pytest.raises(error, match="a"):
        faulty.delete_unless_renewed("a", now() + LATER)


# Memory


def test_memory_of_the_same_name_is_shared_and_without_a_name_is_fresh() -> None:
    Storage("memory://shared-by-name").write("a", b"1")
    assert Storage("memory://shared-by-name").read("a") == b"1"
    Storage("memory://").write("a", b"1")
    assert not Storage("memory://").exists("a")


# Directories


@pytest.mark.parametrize(
    "name",
    ["with space", "naïve ☃", "a#1", "#", "per%20cent", "100%", "~", "~root", "a+b", "dot.", "quo'te\""],
)
def test_a_repository_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    storage = Storage(tmp_path / name)
    storage.write("objects/ab/cd", b"1")
    assert (tmp_path / name / "objects" / "ab" / "cd").read_bytes() == b"1"
    assert [entry.path for entry in storage.list("objects")] == ["objects/ab/cd"]
    assert [entry.path for entry in storage.list("")] == ["objects/ab/cd"]
    assert storage.compare_and_swap("refs/heads/main", b"1", None)
    assert storage.delete_unless_renewed("objects/ab/cd", now() + LATER)
    assert not (tmp_path / name / "objects" / "ab" / "cd").exists()


def test_a_folder_may_be_named_relatively_and_through_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "here")
    for name in ("../there", ".", "../link", "../real/../link/x"):
        storage = Storage(name)
        storage.write("a/b", b"1")
        assert storage.read("a/b") == b"1"
        assert [entry.path for entry in storage.list("a")] == ["a/b"]
    assert (tmp_path / "there" / "a" / "b").exists()
    assert (tmp_path / "real" / "x" / "a" / "b").exists()


def test_a_storage_stays_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage = Storage("repo")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.write("a", b"1")
    assert (tmp_path / "repo" / "a").exists()


def test_a_file_url_is_a_directory(tmp_path: Path) -> None:
    Storage(f"file://{tmp_path}/with%20space%23").write("a", b"1")
    assert (tmp_path / "with space#" / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("text", "url"),
    [("s3://b/x", True), ("memory://", True), ("file:///x", True), ("C:\\data", False), ("a/b://c", False)],
)
def test_urls_are_told_from_paths(text: str, url: bool) -> None:
    assert is_url(text) is url


def test_half_written_files_are_not_listed_but_found(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    storage.write("objects/ab/cd", b"1")
    (tmp_path / "objects" / "ab" / "ce#1").write_bytes(b"half")
    (tmp_path / "objects" / "ab" / "cf#12").write_bytes(b"half")
    assert [entry.path for entry in storage.list("")] == ["objects/ab/cd"]
    assert {entry.path: entry.size for entry in storage.staged("")} == {
        "objects/ab/ce#1": 4,
        "objects/ab/cf#12": 4,
    }
    assert list(storage.staged("refs")) == []
    storage.write("objects/ab/ce", b"whole")
    assert storage.read("objects/ab/ce") == b"whole"
    storage.delete(entry.path for entry in storage.staged(""))
    assert list(storage.staged("")) == []


def test_a_path_written_while_it_is_deleted_stays(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    storage.write("a", b"old")
    rename, writes = Path.rename, iter([b"new"])

    def write_first(self: Path, target: Path) -> Path:
        for data in writes:
            storage.write("a", data)
        return rename(self, target)

    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    os.utime(tmp_path / "a", (long_ago.timestamp(),) * 2)
    with patch.object(Path, "rename", write_first):
        assert not storage.delete_unless_renewed("a", long_ago + LATER)
    assert storage.read("a") == b"new"
    assert list(storage.staged("")) == []


def test_deleting_while_others_write_loses_no_write(tmp_path: Path) -> None:
    storage, stop = Storage(tmp_path), threading.Event()
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    def sweep() -> None:
        while not stop.wait(0.0002):
            storage.delete_unless_renewed("a", long_ago + LATER)

    with ThreadPoolExecutor(2) as pool:
        sweeps = [pool.submit(sweep) for _ in range(2)]
        try:
            for _ in range(150):
                storage.write("a", b"1")
                with suppress(FileNotFoundError):
                    os.utime(tmp_path / "a", (long_ago.timestamp(),) * 2)
                storage.write("a", b"1")
                # It may be aside for a moment, and comes back.
                deadline = time.monotonic() + 5
                while not storage.exists("a"):
                    assert time.monotonic() < deadline
        finally:
            stop.set()
        assert [sweeper.result() for sweeper in sweeps] == [None, None]
    assert list(storage.staged("")) == []


def test_a_deletion_on_a_condition_loses_no_swap(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    storage.compare_and_swap("ref", b"1", None)
    first = storage.read_version("ref")
    assert first is not None
    storage.compare_and_swap("ref", b"2", first)
    assert not storage.compare_and_delete("ref", first)
    second = storage.read_version("ref")
    assert second is not None
    assert storage.compare_and_delete("ref", second)
    assert not storage.exists("ref")
    assert not Storage("memory://").compare_and_delete("ref", second)


def test_a_file_in_the_place_of_the_folder_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="Not a directory"):
        Storage(tmp_path / "file").write("a", b"1")
    with pytest.raises(StorageError, match="Not a directory"):
        Storage(tmp_path / "file").read("a")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 256 KiB; skip where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_what_was_there(small_disk: Path) -> None:
    storage = Storage(small_disk)
    storage.write("a", b"old")
    with pytest.raises(StorageFull, match=r"No space left to write .*a\. Free some space"):
        storage.write("a", os.urandom(1 << 20))
    assert storage.read("a") == b"old"
    assert list(storage.staged("")) == []


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    storage = Storage(small_disk)
    storage.write("a", b"old")
    version = storage.read_version("a")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for attempt in (
        lambda: storage.write("a", b"new"),
        lambda: storage.compare_and_swap("a", b"new", version),
        lambda: storage.delete(["a"]),
    ):
        with pytest.raises(StorageDenied, match="Not allowed to"):
            attempt()
    assert storage.read("a") == b"old"
