"""Whatever writes to a gated branch is audited first; what may not pass waits, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.core.contract import Contract, Rule
from headwater.core.errors import GateClosed, NotFound, UsageError
from headwater.store.faults import FaultyStorage
from headwater.store.storage import is_url
from headwater.versions import repo as versions
from headwater.versions.fsck import verify
from headwater.versions.repo import FOLDER
from tests.conftest import ROOT

RULE = Rule(check="validity.range", column="age", parameters={"minimum": 0, "maximum": 120})


def filled(home: str) -> hw.Repo:
    """Make a repository with a gated branch main."""
    repo = hw.init(home)
    with repo.transaction("people") as tx:
        tx.append("people", [{"id": number, "age": 20 + number} for number in range(10)], key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    repo.set_gate("main", suite="contract")
    return repo


@pytest.fixture
def shop(home: str) -> hw.Repo:
    return filled(home)


def upsert(repo: hw.Repo, *rows: dict[str, Any], divert: bool = True) -> None:
    with repo.transaction("more", divert=divert) as tx:
        tx.upsert("people", list(rows))


def held(repo: hw.Repo, *rows: dict[str, Any]) -> str:
    """Write rows that the gate keeps out; return the name of what waits."""
    with pytest.raises(GateClosed) as caught:
        upsert(repo, *rows)
    return str(caught.value.commit)


BAD = {"id": 99, "age": -5}


def by_import(repo: hw.Repo, folder: Path) -> None:
    (folder / "more.csv").write_text("id,age\n99,-5\n")
    repo.import_("people", folder / "more.csv", mode="append")


def by_merge(repo: hw.Repo, folder: Path) -> None:
    side = repo.branch("side", "main")
    upsert(side, BAD)
    upsert(repo, {"id": 50, "age": 50})
    repo.merge("side")


def by_fast_forward(repo: hw.Repo, folder: Path) -> None:
    upsert(repo.branch("side", "main"), BAD)
    repo.merge("side")


def by_revert(repo: hw.Repo, folder: Path) -> None:
    gate = repo.gates.remove("main")
    upsert(repo, BAD)
    bad = repo.head
    upsert(repo, {"id": 99, "age": 5})
    good = repo.head
    repo.set_gate("main", suite=gate.suite)
    assert bad
    assert good
    repo.revert(good)


def by_pick(repo: hw.Repo, folder: Path) -> None:
    upsert(repo.branch("side", "main"), BAD)
    repo.cherry_pick("side")


def by_reset(repo: hw.Repo, folder: Path) -> None:
    upsert(repo.branch("side", "main"), BAD)
    repo.reset("main", "side")


def by_transform(repo: hw.Repo, folder: Path) -> None:
    repo.transform("people", "clean.values", {"columns": ["age"], "mapping": {"20": -20}})


def by_proposal(repo: hw.Repo, folder: Path) -> None:
    upsert(repo.branch("side", "main"), BAD)
    made = repo.propose("side", into="main", approvals=0, only=["uniqueness"])
    repo.proposals.merge(made.number)


def by_push(repo: hw.Repo, folder: Path) -> None:
    ours = hw.clone(repo.storage.location.removesuffix(f"/{FOLDER}"), folder / "clone")
    ours.gates.remove("main")
    upsert(ours, BAD)
    ours.push()


def by_new_branch(repo: hw.Repo, folder: Path) -> None:
    repo.set_gate("release", suite="contract", against=None, force=True)
    upsert(repo.branch("side", "main"), BAD)
    repo.create_branch("release", "side")


WAYS: list[Callable[[hw.Repo, Path], None]] = [
    *(by_import, by_merge, by_fast_forward, by_revert, by_pick, by_reset, by_transform, by_proposal),
    *(by_push, by_new_branch),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_write_goes_through_the_gate(
    way: Callable[[hw.Repo, Path], None], shop: hw.Repo, tmp_path: Path
) -> None:
    with pytest.raises(GateClosed) as caught:
        way(shop, tmp_path)
    assert caught.value.findings
    assert shop["people"].to_arrow(where="age < 0").num_rows == 0
    (one,) = shop.quarantine.waiting()
    assert one.commit == caught.value.commit
    assert verify(shop).findings == []


def test_a_clone_has_the_gate_and_pull_goes_through_it(shop: hw.Repo, tmp_path: Path) -> None:
    place = shop.storage.location.removesuffix(f"/{FOLDER}")
    ours = hw.clone(place, tmp_path / "clone")
    assert dict(ours.gates) == dict(shop.gates)
    shop.set_gate("main", blocks="warn")
    ours.fetch()
    assert ours.gates["main"].blocks == "warn"
    shop.gates.remove("main")
    upsert(shop, BAD)
    with pytest.raises(GateClosed):
        ours.pull()
    ours.gates.remove("main")
    ours.fetch()
    assert "main" not in ours.gates


def test_a_gate_that_was_set_on_both_sides_stays_as_it_is_here(shop: hw.Repo, tmp_path: Path) -> None:
    ours = hw.clone(shop.storage.location.removesuffix(f"/{FOLDER}"), tmp_path / "clone")
    ours.set_gate("main", floor=0.5)
    shop.set_gate("main", floor=0.9)
    ours.fetch()
    assert ours.gates["main"].floor == 0.5


def test_a_repository_without_checks_publishes_nothing_to_a_gated_branch(shop: hw.Repo) -> None:
    plain = versions.Repo.open(shop.storage.location.removesuffix(f"/{FOLDER}"))
    with pytest.raises(GateClosed, match="nothing here runs its checks"), plain.transaction("no") as tx:
        tx.upsert("people", [{"id": 1, "age": 1}])


def test_what_waits_is_released_once_the_gate_takes_it(shop: hw.Repo) -> None:
    name = held(shop, BAD)
    upsert(shop, {"id": 50, "age": 50})
    with pytest.raises(GateClosed, match=name[:12]):
        shop.quarantine.release(name)
    assert [one.id for one in shop.quarantine.waiting()] == [name]
    shop.allow("people", "validity.range", column="age", until="2999-12-31", reason="known")
    done = shop.quarantine.release(name[:8])
    assert done == shop.head
    assert shop["people"].to_arrow(where="id in (50, 99)")["age"].to_pylist() in ([50, -5], [-5, 50])
    assert shop.quarantine.waiting() == []


def test_with_a_reason_it_is_released_as_it_is_and_the_reason_is_kept(shop: hw.Repo) -> None:
    before, name = shop.head, held(shop, BAD)
    shop.quarantine.release(name, reason="a baby to be")
    commit = shop.commit(str(shop.head))
    assert commit.provenance.record["released"] == {"from": name, "by": shop.author, "reason": "a baby to be"}
    assert commit.message == "more"
    assert commit.parents == (before, name)
    assert shop["people"].to_arrow(where="id = 99")["age"].to_pylist() == [-5]
    assert shop.quarantine.waiting() == []
    with pytest.raises(NotFound):
        shop.quarantine.release(name)


def test_a_released_merge_keeps_both_parents(shop: hw.Repo, tmp_path: Path) -> None:
    with pytest.raises(GateClosed) as caught:
        by_fast_forward(shop, tmp_path)
    upsert(shop, {"id": 50, "age": 50})
    shop.quarantine.release(str(caught.value.commit), reason="seen")
    assert shop.resolve("side") in {commit.id for commit in shop.log()}
    assert shop["people"].num_rows == 12


def test_what_is_dropped_is_gone_but_known(shop: hw.Repo) -> None:
    name = held(shop, BAD)
    shop.quarantine.drop(name, reason="a typing error")
    assert shop.quarantine.waiting() == []
    (one,) = shop.quarantine.entries()
    assert (one.state, one.facts["reason"]) == ("dropped", "a typing error")
    with pytest.raises(UsageError, match="dropped"):
        shop.quarantine.release(name)
    assert verify(shop).findings == []


def test_writers_at_the_same_time_are_audited_against_what_they_land_on(shop: hw.Repo) -> None:
    place = shop.storage.location.removesuffix(f"/{FOLDER}")
    audited: list[tuple[str | None, str]] = []

    class Slow(hw.Repo):
        """A repository that notes what is audited, and lets others be faster."""

        def _audit(self, gate: Any, commit: Any, before: Any, **options: Any) -> Any:
            audited.append((before, commit.id))
            barrier[0].wait(20) if len(audited) <= 2 else None
            return super()._audit(gate, commit, before, **options)

    barrier = [threading.Barrier(2)]
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            upsert(Slow.open(place), {"id": number, "age": 30})
        except hw.HeadwaterError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (60, 61)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(audited) == 3
    head = shop.commit(str(shop.head))
    assert (head.parents[0], head.id) in audited
    assert shop["people"].to_arrow(where="id in (60, 61)").num_rows == 2
    assert shop.quarantine.waiting() == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_writer_killed_at_any_write_leaves_its_commit_published_or_waiting_or_the_branch_as_it_was(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    repo = filled(str(base))
    before = repo.head
    counting = tmp_path / "counting"
    shutil.copytree(base, counting)
    storage = FaultyStorage(counting / FOLDER)
    _write(storage)
    # Between two moves of a ref nothing changes that anybody sees.
    moves = [point for point, path in enumerate(storage.paths, 1) if path.startswith("refs/")]
    seen = set()
    for point in [1, *moves, len(storage.paths) + 1]:
        here = tmp_path / str(point)
        shutil.copytree(base, here)
        child = os.fork()
        if child == 0:
            _die_at(here, point)
        _, status = os.waitpid(child, 0)
        there = hw.open(here)
        assert verify(there).findings == []
        waiting = there.quarantine.waiting()
        published = there.head != before
        assert not (published and waiting)
        assert all(one.state == "auditing" for one in waiting)
        seen.add((published, len(waiting)))
        if waiting:
            there.quarantine.release(waiting[0].id)
        if published or waiting:
            assert there["people"].to_arrow(where="id = 70").num_rows == 1
        upsert(there, {"id": 71, "age": 31})
    assert seen == {(False, 0), (False, 1), (True, 0)}
    assert not os.WIFSIGNALED(status)


def _die_at(folder: Path, point: int) -> None:
    """Write to a gated branch, and die at that write."""
    _write(FaultyStorage(folder / FOLDER, at=point, fault="kill"))
    os._exit(0)


def _write(storage: FaultyStorage) -> None:
    repo = hw.Repo(storage)
    repo.branch_name = repo.current_branch()
    upsert(repo, {"id": 70, "age": 30})


def test_a_process_killed_in_the_middle_of_its_audit_leaves_the_commit_waiting(shop: hw.Repo) -> None:
    place = shop.storage.location.removesuffix(f"/{FOLDER}")
    code = f"""
import os, time
import headwater as hw
class Slow(hw.Repo):
    def _audit(self, *args, **options):
        print("auditing", flush=True)
        time.sleep(60)
repo = Slow.open({place!r})
with repo.transaction("more") as tx:
    tx.upsert("people", [{{"id": 70, "age": 30}}])
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "auditing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (one,) = shop.quarantine.waiting()
    assert one.state == "auditing"
    shop.quarantine.release(one.id)
    assert shop["people"].to_arrow(where="id = 70").num_rows == 1
    assert is_url(place) or verify(shop).findings == []


def test_undo_goes_back_to_what_passed_the_gate_and_not_behind_it(home: str) -> None:
    repo = hw.init(home)
    with repo.transaction("bad from the start") as tx:
        tx.append("people", [{"id": 1, "age": 20}, {"id": 2, "age": -5}], key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(RULE,)))
    with repo.transaction("mended") as tx:
        tx.upsert("people", [{"id": 2, "age": 5}])
    good = repo.head
    repo.set_gate("main", suite="contract")
    upsert(repo, {"id": 3, "age": 30})
    passed = repo.head
    upsert(repo, {"id": 4, "age": 40})
    assert repo.undo() == passed
    assert repo.undo() == good
    with pytest.raises(GateClosed):
        repo.undo()
    assert repo.head == good


def test_a_branch_with_a_gate_is_not_deleted_by_mistake(shop: hw.Repo) -> None:
    shop.create_branch("release")
    shop.set_gate("release", suite="contract")
    with pytest.raises(UsageError, match="hw gate remove release"):
        shop.delete_branch("release")
    shop.delete_branch("release", force=True)
    assert "release" not in shop.branches()
