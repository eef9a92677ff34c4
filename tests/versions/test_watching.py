"""A watch imports what arrives, each file once, whatever happens to it in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.core.contract import Contract, Rule
from headwater.core.errors import UsageError
from headwater.store.storage import Storage
from headwater.versions.repo import FOLDER
from headwater.versions.watching import Watch
from tests.conftest import ROOT

RULE = Rule(check="validity.range", column="age", parameters={"minimum": 0, "maximum": 120})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(home: str) -> hw.Repo:
    return hw.init(home)


def drop(folder: Path, name: str, text: str) -> Path:
    """Put a file into a folder as one does it well: written elsewhere, and old enough."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - 60
    os.utime(path, (then, then))
    return path


def looked(repo: hw.Repo, place: Any, **options: Any) -> list[tuple[str, str]]:
    """Let a fresh watch look once; return what it did to which file."""
    watch = Watch(repo, place, "people", **{"key": "id", **options})
    return [(one.event, one.path.rpartition("/")[2]) for one in watch.look()]


def ids(repo: hw.Repo) -> list[int]:
    return sorted(repo["people"].to_arrow()["id"].to_pylist())


def gated(repo: hw.Repo, place: Path, **gate: Any) -> None:
    """Import a first file, then give main a gate."""
    drop(place, "first.csv", "id,age\n1,30\n")
    looked(repo, place)
    with repo.transaction("contract") as tx:
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    repo.set_gate("main", suite="contract", **gate)


def test_each_file_is_imported_once_across_restarts(shop: hw.Repo, place: Path) -> None:
    drop(place, "a.csv", "id,age\n1,30\n2,31\n")
    drop(place, "below/b.csv", "id,age\n3,33\n")
    assert sorted(looked(shop, place)) == [("imported", "a.csv"), ("imported", "b.csv")]
    head = shop.head
    assert looked(shop, place) == []
    drop(place, "c.csv", "id,age\n4,40\n")
    assert looked(shop, place) == [("imported", "c.csv")]
    assert looked(hw.open(shop.storage.location.removesuffix(f"/{FOLDER}")), place) == []
    assert ids(shop) == [1, 2, 3, 4]
    assert shop.commit(str(shop.head)).parents == (head,)
    assert shop.commit(str(shop.head)).provenance.id.endswith("incoming/c.csv")


def test_a_changed_file_is_imported_again_and_a_touched_one_is_not(shop: hw.Repo, place: Path) -> None:
    path = drop(place, "a.csv", "id,age\n1,30\n")
    looked(shop, place)
    os.utime(path, (1, 1))
    assert looked(shop, place) == []
    drop(place, "a.csv", "id,age\n1,31\n2,30\n")
    assert looked(shop, place) == [("imported", "a.csv")]
    assert shop["people"].to_arrow(where="id = 1")["age"].to_pylist() == [31]


def test_rows_without_a_key_are_appended(shop: hw.Repo, place: Path) -> None:
    drop(place, "a.csv", "age\n30\n30\n")
    drop(place, "b.csv", "age\n30\n")
    looked(shop, place, key=None)
    assert looked(shop, place, key=None) == []
    assert shop["people"].num_rows == 3


def test_files_that_are_being_written_are_left_alone(shop: hw.Repo, place: Path) -> None:
    for name in (".hidden.csv", "_marker.csv", "a.csv.part", "b.tmp", "c.csv~", ".git/d.csv"):
        drop(place, name, "id,age\n1,30\n")
    (place / "young.csv").write_text("id,age\n1,30\n")
    assert looked(shop, place, settle_s=30) == []
    now = [time.time()]
    watch = Watch(shop, place, "people", key="id", settle_s=5, clock=lambda: now[0])
    assert list(watch.look()) == []
    (place / "young.csv").write_text("id,age\n1,30\n2,30\n")
    now[0] += 4
    assert list(watch.look()) == []
    now[0] += 6
    assert [one.event for one in watch.look()] == ["imported"]


def test_a_file_whose_clock_is_ahead_is_complete_once_it_rests(shop: hw.Repo, place: Path) -> None:
    path = drop(place, "a.csv", "id,age\n1,30\n")
    os.utime(path, (time.time() + 9999, time.time() + 9999))
    now = [time.time()]
    watch = Watch(shop, place, "people", key="id", clock=lambda: now[0])
    assert list(watch.look()) == []
    now[0] += 3
    assert [one.event for one in watch.look()] == ["imported"]


def test_a_bad_file_is_set_aside_and_the_watch_goes_on(shop: hw.Repo, place: Path) -> None:
    drop(place, "a.csv", "id,age\n1,30,7\n2\n")
    drop(place, "b.csv", "id,age\n1,30\n")
    drop(place, "empty.csv", "")
    drop(place, "twice.csv", "id,age\n5,30\n5,31\n")
    assert sorted(looked(shop, place)) == [
        ("imported", "b.csv"),
        *(("refused", name) for name in ("a.csv", "empty.csv", "twice.csv")),
    ]
    assert looked(shop, place) == []
    waiting = shop.quarantine.waiting()
    assert {one.state for one in waiting} == {"refused"}
    (one,) = [one for one in waiting if one.facts["path"].endswith("/a.csv")]
    assert "a.csv" in one.facts["error"]
    shop.quarantine.release(one.id)
    assert looked(shop, place) == [("refused", "a.csv")]
    for one in shop.quarantine.waiting():
        shop.quarantine.drop(one.id)
    assert looked(shop, place) == []
    drop(place, "a.csv", "id,age\n7,30\n")
    assert looked(shop, place) == [("imported", "a.csv")]


def test_a_running_watch_tries_a_released_file_again(shop: hw.Repo, place: Path) -> None:
    drop(place, "a.csv", "id,age\n1,30,7\n2\n")
    watch = Watch(shop, place, "people", key="id")
    assert [one.event for one in watch.look()] == ["refused"]
    assert list(watch.look()) == []
    shop.quarantine.release(shop.quarantine.waiting()[0].id)
    assert [one.event for one in watch.look()] == ["refused"]


def test_done_files_are_moved_and_refused_ones_have_their_reason_beside_them(
    shop: hw.Repo, place: Path, tmp_path: Path
) -> None:
    done = place / "done"
    drop(place, "a.csv", "id,age\n1,30\n")
    drop(place, "bad.csv", "id,age\n1,30,7\n2\n")
    looked(shop, place, done_folder=done)
    assert (done / "a.csv").exists()
    assert (done / "refused" / "bad.csv").exists()
    assert "bad.csv" in (done / "refused" / "bad.csv.reason.txt").read_text()
    assert [path.name for path in place.iterdir()] == ["done"]
    drop(place, "a.csv", "id,age\n2,30\n")
    assert looked(shop, place, done_folder=done) == [("imported", "a.csv")]
    assert (done / "a.csv.1").exists()


def test_a_crash_before_the_file_was_moved_only_moves_it(shop: hw.Repo, place: Path, tmp_path: Path) -> None:
    drop(place, "a.csv", "id,age\n1,30\n")
    looked(shop, place)
    head = shop.head
    assert looked(shop, place, done_folder=tmp_path / "done") == []
    assert (tmp_path / "done" / "a.csv").exists()
    assert shop.head == head


def test_files_go_through_the_gate_and_quarantined_ones_come_once(shop: hw.Repo, place: Path) -> None:
    gated(shop, place)
    drop(place, "bad.csv", "id,age\n2,-30\n")
    assert looked(shop, place) == [("quarantined", "bad.csv")]
    assert looked(shop, place) == []
    (one,) = shop.quarantine.waiting()
    shop.quarantine.release(one.id, reason="known")
    assert ids(shop) == [1, 2]
    assert looked(shop, place) == []
    drop(place, "worse.csv", "id,age\n3,-30\n")
    looked(shop, place)
    shop.quarantine.drop(shop.quarantine.waiting()[0].id)
    assert looked(shop, place) == []
    assert ids(shop) == [1, 2]


def test_rows_are_diverted_file_by_file(shop: hw.Repo, place: Path) -> None:
    gated(shop, place, divert=("validity.range",))
    drop(place, "b.csv", "id,age\n2,-30\n3,33\n")
    (event,) = Watch(shop, place, "people").look()
    assert (event.event, event.added, event.quarantined) == ("imported", 1, 1)
    assert ids(shop) == [1, 3]


def test_a_watch_ends_when_it_is_told_to(shop: hw.Repo, place: Path) -> None:
    stop = threading.Event()
    drop(place, "a.csv", "id,age\n1,30\n")
    events = []
    for event in Watch(shop, place, "people", key="id").run(every_s=0.01, stop=stop):
        events.append(event.event)
        stop.set()
    assert events == ["imported", "stopped"]


def test_once_waits_for_a_file_that_is_being_written(shop: hw.Repo, place: Path) -> None:
    (place / "young.csv").write_text("id,age\n1,30\n")
    events = [one.event for one in Watch(shop, place, "people", key="id", settle_s=0.2).run(once=True)]
    assert events == ["imported", "stopped"]


def test_a_bucket_is_watched_too(bucket: str, home: str) -> None:
    if not home.startswith("s3://"):
        home = "memory://"
    repo, prefix = hw.init(home), f"{bucket}/incoming{time.time_ns()}"
    there = Storage(prefix)
    there.write("a.csv", b"id,age\n1,30\n")
    there.write("below/b.csv", b"id,age\n2,30\n")
    there.write("bad.csv", b"id,age\n1,30,7\n2\n")
    assert sorted(looked(repo, prefix)) == [
        ("imported", "a.csv"),
        ("imported", "b.csv"),
        ("refused", "bad.csv"),
    ]
    assert looked(repo, prefix) == []
    assert {c.provenance.id for c in repo.log()} == {f"{prefix}/a.csv", f"{prefix}/below/b.csv"}
    there.write("a.csv", b"id,age\n1,31\n")
    assert looked(repo, prefix) == [("imported", "a.csv")]
    with pytest.raises(UsageError, match="done folder"):
        looked(repo, prefix, done_folder="done")


def test_a_place_that_is_not_there_is_an_error(shop: hw.Repo, place: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        Watch(shop, place / "nope", "people")


@pytest.mark.parametrize("moment", ["audit", "published"])
def test_a_watch_killed_in_the_middle_imports_each_file_once(moment: str, shop: hw.Repo, place: Path) -> None:
    gated(shop, place)
    for number in (2, 3):
        drop(place, f"{number}.csv", f"id,age\n{number},30\n")
    where = shop.storage.location.removesuffix(f"/{FOLDER}")
    code = f"""
import os, signal
import headwater as hw
from headwater.versions.watching import Watch
class Dying(hw.Repo):
    def _audit(self, *args, **options):
        found = super()._audit(*args, **options)
        if {moment!r} == "audit":
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    def run_hooks(self, branch, commit):
        pass
watch = Watch(Dying.open({where!r}), {str(place)!r}, "people")
for event in watch.look():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = looked(shop, place)
    kinds = sorted(kind for kind, _ in again)
    assert kinds == (["imported", "resumed"] if moment == "audit" else ["imported"])
    assert looked(shop, place) == []
    assert ids(shop) == [1, 2, 3]
    arrivals = [
        c.provenance.record["arrival"]["name"] for c in shop.log() if "arrival" in c.provenance.record
    ]
    assert set(arrivals) == {"first.csv", "2.csv", "3.csv"}
    assert shop.quarantine.waiting() == []
