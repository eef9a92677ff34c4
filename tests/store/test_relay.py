"""A forked process reads and writes object stores through a fresh one."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import pytest

from headwater.core.errors import ObjectMissing, StorageError
from headwater.store.storage import Storage
from headwater.versions.fsck import verify
from headwater.versions.repo import Repo

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def in_a_fork(work: Callable[[], None]) -> None:
    """Do some work in a child of this process, which has used object stores."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - told, and the code says so
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_fork_reads_writes_and_lists(home: str) -> None:
    storage = Storage(home)
    storage.write("a/one", b"1")

    def work() -> None:
        assert storage.read("a/one") == b"1"
        assert storage.exists("a/one")
        with storage.reader("a/one") as file:
            assert file.read() == b"1"
        with pytest.raises(ObjectMissing, match="Nothing is stored at"):
            storage.read("a/three")
        assert not storage.exists("a/three")
        assert not storage.compare_and_swap("a/one", b"2", None)
        storage.write("a/two", b"2")
        assert {entry.path for entry in storage.list("a")} == {"a/one", "a/two"}
        assert storage.modified("a/two") is not None
        in_a_fork(lambda: storage.delete(["a/one"]))

    in_a_fork(work)
    assert storage.read("a/two") == b"2"
    assert not storage.exists("a/one")


def test_a_fork_commits(home: str) -> None:
    repo = Repo.init(home)
    with repo.transaction("first") as tx:
        tx.append("d", [{"id": 1}], key="id")

    def work() -> None:
        with repo.transaction("second") as tx:
            tx.append("d", [{"id": 2}])
        assert repo["d"].to_arrow()["id"].to_pylist() == [1, 2]

    in_a_fork(work)
    assert [commit.message for commit in repo.log()] == ["second", "first"]
    assert verify(repo).findings == []


def test_what_is_in_memory_stays_in_its_process() -> None:
    storage = Storage("memory://")
    storage.write("a", b"1")

    def work() -> None:
        with pytest.raises(StorageError, match="stays in its process"):
            storage.read("a")

    in_a_fork(work)
    assert storage.read("a") == b"1"
