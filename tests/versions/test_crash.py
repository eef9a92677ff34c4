"""Whatever goes wrong at whatever write: the old state or the new one is there, whole, and work can go on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.core.errors import StorageDenied, StorageError, StorageFull, UsageError
from headwater.store.faults import Fault, FaultyStorage
from headwater.versions.fsck import verify
from headwater.versions.gc import collect
from headwater.versions.repo import FOLDER, Repo
from tests.conftest import ROOT
from tests.contents import state_of
from tests.versions.crashing import WORKS, at_work, make_base

ERRORS: dict[Fault, type[StorageError]] = {
    "full": StorageFull,
    "denied": StorageDenied,
    "broken": StorageError,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder)
    return folder


def after(work: str, base: Path, folder: Path) -> tuple[Path, int]:
    """Do the work without any fault; return where, and how many writes it has."""
    shutil.copytree(base, folder)
    storage = FaultyStorage(folder / FOLDER)
    WORKS[work](at_work(storage))
    return folder, storage.points


def assert_old_or_new(folder: Path, base: Path, done: Path) -> None:
    repo = Repo.open(folder)
    state = state_of(repo)
    assert state in (state_of(Repo.open(base)), state_of(Repo.open(done)))
    assert verify(repo).findings == []


def assert_work_goes_on(folder: Path) -> None:
    """Collect the garbage, then commit and merge."""
    repo = Repo.open(folder)
    before = state_of(repo)
    collect(repo, grace=timedelta(), keep_reflog=timedelta())
    assert state_of(repo) == before
    assert list(repo.storage.staged("")) == []
    assert collect(repo, grace=timedelta(), keep_reflog=timedelta()).removed == 0
    with repo.transaction("afterwards") as tx:
        tx.append("p", [{"id": 9999, "v": "later"}])
    assert repo["p"].to_arrow(where="id = 9999").num_rows == 1
    assert verify(repo).findings == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("fault", ["kill", "torn"])
@pytest.mark.parametrize("work", WORKS)
def test_a_writer_killed_at_any_write_leaves_the_old_state_or_the_new(
    work: str, fault: str, base: Path, tmp_path: Path
) -> None:
    done, writes = after(work, base, tmp_path / "done")
    assert writes > 0
    command = [sys.executable, "-m", "tests.versions.crashing", work, str(base), str(tmp_path), fault]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    points = json.loads(ran.stdout)
    assert len(points) == writes + 1
    assert [point["killed"] for point in points] == [True] * writes + [False]
    for point in points:
        assert_old_or_new(Path(point["folder"]), base, done)
        assert_work_goes_on(Path(point["folder"]))


@pytest.mark.parametrize("fault", ERRORS)
@pytest.mark.parametrize("work", WORKS)
def test_a_write_that_fails_is_a_clear_error_and_leaves_the_repository_whole(
    work: str, fault: Fault, base: Path, tmp_path: Path
) -> None:
    done, writes = after(work, base, tmp_path / "done")
    for point in range(1, writes + 1):
        folder = tmp_path / str(point)
        shutil.copytree(base, folder)
        storage = FaultyStorage(folder / FOLDER, at=point, fault=fault)
        with pytest.raises(ERRORS[fault]) as caught:
            WORKS[work](at_work(storage))
        assert str(folder) in str(caught.value)
        assert caught.value.exit_code == 3
        assert_old_or_new(folder, base, done)
        assert_work_goes_on(folder)


@pytest.mark.parametrize("point", [1, 2])
def test_an_init_that_failed_can_be_done_again(
    point: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(
            "headwater.versions.repo.Storage", lambda place: FaultyStorage(place, at=point, fault="full")
        )
        with pytest.raises(StorageFull):
            Repo.init(tmp_path)
    assert Repo.init(tmp_path).datasets() == []
    with pytest.raises(UsageError, match="already"):
        Repo.init(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_a_read_only_repository_can_be_read_and_says_why_it_cannot_be_written(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(base, folder)
    storage = FaultyStorage(folder / FOLDER, fault="denied")
    repo = at_work(storage)
    assert repo["p"].num_rows == 50
    assert len(list(repo.log())) == 2
    assert repo.diff()["p"].stat()
    with pytest.raises(StorageDenied, match="permissions"), repo.transaction("no") as tx:
        tx.append("p", [{"id": 1000}])
    for number in range(2):
        repo.cache.put(f"states/{number}", b"summary")
    assert repo.cache.get("states/0") is None
    assert len(caplog.records) == 1
    assert "not kept" in caplog.text
