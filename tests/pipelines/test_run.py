"""Runs: nothing is done twice, what fails harms nothing, and a killed run goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import headwater as hw
from headwater.core.contract import Rule
from headwater.core.errors import NotFound, RunFailed, UsageError
from headwater.engine.local import LocalExecutor
from headwater.pipelines.records import Runs
from headwater.pipelines.run import run
from headwater.versions.gc import collect
from headwater.versions.repo import Repo
from tests.pipelines import flows
from tests.pipelines.flows import CALLS, numbers, sums


@pytest.fixture
def repo() -> Repo:
    CALLS.clear()
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(), key="id")
    return repo


def states(result: Any) -> dict[str, str]:
    return {name: one.state for name, one in result.record.steps.items()}


def test_steps_run_and_their_dataset_is_one_commit_with_its_record(repo: Repo) -> None:
    base = repo.head
    done = run(repo, sums)
    assert done["total"] == {"sum": 999_000, "rows": 1000}
    assert done["say"] == "1000 rows"
    assert done.is_new
    commit = repo.commit(str(done.record.commit))
    assert commit.parents == (base,)
    assert commit.provenance.kind == "run"
    assert commit.provenance.inputs == (base,)
    assert commit.provenance.record["run"] == done.record.id
    assert repo["doubled"].key == ("id",)
    assert repo["doubled"].to_arrow(where="id = 7").to_pylist() == [{"id": 7, "x": 7, "note": "n7", "y": 14}]
    assert states(done) == dict.fromkeys(("double", "total", "say"), "done")
    assert CALLS == [("double", 1000, ["x"]), "total", "say"]
    assert Runs(repo.storage).log(done.record.id, "total") == "adding 1000\n"


def test_the_same_again_runs_nothing_and_makes_no_commit(repo: Repo) -> None:
    first = run(repo, sums)
    CALLS.clear()
    again = run(repo, sums)
    assert CALLS == []
    assert states(again) == dict.fromkeys(("double", "total", "say"), "reused")
    assert not again.is_new
    assert again.record.commit == first.record.commit == repo.head
    assert again["total"] == first["total"]
    assert "no new commit" in again.summary()


def test_a_change_of_some_rows_calls_steps_by_rows_for_these_alone(repo: Repo) -> None:
    run(repo, sums)
    CALLS.clear()
    with repo.transaction("1 %") as tx:
        tx.upsert("numbers", pa.table({"id": range(10), "x": range(100, 110)}))
    done = run(repo, sums)
    assert CALLS == [("double", 10, ["x"]), "total"]
    assert done.record.steps["double"].called_rows == 10
    assert done.record.steps["double"].known_rows == 990
    assert done["total"]["sum"] == 2 * pc.sum(repo["numbers"].to_arrow()["x"]).as_py()
    assert repo.diff()["doubled"].stat()["changed"] == 10
    # The number of rows is as before, so what needs only that is known.
    assert states(done)["say"] == "reused"


def test_another_parameter_runs_what_takes_it(repo: Repo) -> None:
    run(repo, sums)
    CALLS.clear()
    assert run(repo, sums, {"times": "3"})["total"]["sum"] == 3 * 999_000
    assert CALLS == ["total"]


def test_other_code_runs_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    run(repo, sums)
    CALLS.clear()
    monkeypatch.setattr(flows, "FACTOR", 3)
    fresh = hw.step(by_rows=True, reads=["x"], into="doubled", key="id")(flows.double.function)
    monkeypatch.setattr(flows, "double", fresh)
    assert run(repo, sums)["total"]["sum"] == 3 * 499_500
    assert CALLS == [("double", 1000, ["x"]), "total"]


def test_forced_steps_run_though_they_are_known(repo: Repo) -> None:
    run(repo, sums)
    CALLS.clear()
    run(repo, sums, force=["total"])
    assert CALLS == ["total"]
    run(repo, sums, force=["*"])
    assert len(CALLS) == 4
    with pytest.raises(NotFound, match="Did you mean 'total'"):
        run(repo, sums, force=["totl"])


def test_part_of_a_pipeline_commits_nothing(repo: Repo) -> None:
    head = repo.head
    done = run(repo, sums, until="double")
    assert states(done) == {"double": "done"}
    assert repo.head == head
    assert done["double"].num_rows == 1000


def test_a_branch_of_its_own_is_read_and_committed_to(repo: Repo) -> None:
    head = repo.head
    done = run(repo, sums, branch="staging")
    assert repo.head == head
    assert repo.branches()["staging"] == done.record.commit
    assert "doubled" in repo.at("staging").datasets()


def test_a_failing_step_is_tried_again_and_then_told_and_nothing_is_committed(repo: Repo) -> None:
    tries: list[int] = []

    @hw.step(retries=2, backoff_s=0.0)
    def shaky(rows: pa.Table, good_at: int) -> int:
        tries.append(len(tries))
        if len(tries) < good_at:
            raise ConnectionError("the line is down")
        return 1

    @hw.step(into="other", key="id")
    def other(rows: pa.Table) -> pa.Table:
        return rows

    @hw.step
    def after(n: int) -> int:
        return n

    @hw.pipeline
    def flow(good_at: int) -> None:
        other(hw.dataset("numbers"))
        after(shaky(hw.dataset("numbers"), good_at))

    head = repo.head
    assert run(repo, flow, {"good_at": 3}).record.steps["shaky"].attempts == 3
    with repo.transaction("undo") as tx:
        tx.drop("other")
    head = repo.head
    tries.clear()
    with pytest.raises(RunFailed, match="the line is down") as caught:
        run(repo, flow, {"good_at": 9})
    assert len(tries) == 3
    assert repo.head == head
    record = Runs(repo.storage).get("last")
    assert record.state == "failed"
    assert {name: one.state for name, one in record.steps.items()} == {
        "other": "reused",
        "shaky": "failed",
        "after": "skipped",
    }
    assert caught.value.exit_code == 1
    assert "after" in str(caught.value)
    log = Runs(repo.storage).log(record.id, "shaky")
    assert log.count("attempt") == 2
    assert log.rstrip().endswith("ConnectionError: the line is down")
    assert "pipelines/run.py" not in log


def test_a_result_of_another_type_is_refused(repo: Repo) -> None:
    @hw.step
    def number(rows: pa.Table) -> int:
        return "three"  # type: ignore[return-value]

    @hw.step
    def thing(rows: pa.Table) -> Any:
        return object()

    for one, words in ((number, "says that it gives int, and gave str"), (thing, "cannot be kept")):

        @hw.pipeline
        def flow(one: Any = one) -> None:
            one(hw.dataset("numbers"))

        with pytest.raises(RunFailed, match=words):
            run(repo, flow)


def test_bad_data_stop_at_the_first_step_they_reach(repo: Repo) -> None:
    full = Rule(check="completeness.null_fraction", column="x", parameters={"maximum": 0.0, "level": "fail"})
    seen: list[str] = []

    @hw.step(expects=[full])
    def use(rows: pa.Table) -> int:
        seen.append("use")
        return int(rows.num_rows)

    @hw.step(ensures=[full])
    def make(rows: pa.Table) -> pa.Table:
        seen.append("make")
        return rows

    @hw.pipeline
    def flow() -> None:
        use(hw.dataset("numbers"))
        make(hw.dataset("numbers"))

    run(repo, flow)
    with repo.transaction("a hole") as tx:
        tx.upsert("numbers", [{"id": 1, "x": None}])
    seen.clear()
    with pytest.raises(RunFailed, match="did not pass"):
        run(repo, flow)
    assert seen == ["make"]
    steps = Runs(repo.storage).get("last").steps
    assert steps["use"].state == steps["make"].state == "failed"
    assert steps["use"].findings[0]["check"] == "completeness.null_fraction"


def test_secrets_are_given_and_kept_nowhere(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[str] = []

    @hw.step
    def call(token: str) -> int:
        given.append(token)
        print("with", token)
        return 1

    @hw.pipeline
    def flow() -> None:
        call(hw.secret("MY_TOKEN"))

    with pytest.raises(UsageError, match="MY_TOKEN is not set"):
        run(repo, flow)
    monkeypatch.setenv("MY_TOKEN", "hush-7341")
    run(repo, flow)
    monkeypatch.setenv("MY_TOKEN", "another")
    run(repo, flow)
    assert given == ["hush-7341"]
    for entry in repo.storage.list():
        assert b"hush-7341" not in repo.storage.read(entry.path)


def test_steps_that_do_not_need_each_other_run_at_once(repo: Repo) -> None:
    meeting = threading.Barrier(2, timeout=20)

    @hw.step
    def left() -> int:
        return meeting.wait()

    @hw.step
    def right() -> int:
        return meeting.wait()

    @hw.pipeline
    def flow() -> None:
        left()
        right()

    assert {run(repo, flow, workers=2)["left"]} <= {0, 1}


def test_frames_arrays_models_and_datasets_are_given_as_asked(repo: Repo) -> None:
    @hw.step
    def frame(rows: pandas.DataFrame) -> pandas.DataFrame:
        assert isinstance(rows, pandas.DataFrame)
        return rows.head(3)

    @hw.step
    def array(rows: pa.Table) -> np.ndarray[Any, Any]:
        return np.asarray(rows["x"])

    @hw.step
    def whole(rows: hw.Dataset, values: np.ndarray[Any, Any]) -> int:
        return rows.num_rows + int(values.sum())

    @hw.pipeline
    def flow() -> None:
        whole(hw.dataset("numbers"), array(frame(hw.dataset("numbers"))))

    assert run(repo, flow)["whole"] == 1003


def test_what_makes_no_table_makes_no_dataset(repo: Repo) -> None:
    @hw.step(into="other")
    def number() -> int:
        return 3

    @hw.pipeline
    def flow() -> None:
        number()

    with pytest.raises(UsageError, match="no table"):
        run(repo, flow)
    assert Runs(repo.storage).get("last").state == "failed"


def test_another_key_than_the_dataset_has_is_refused(repo: Repo) -> None:
    run(repo, sums)

    @hw.step(into="doubled", key="x")
    def wrong(rows: pa.Table) -> pa.Table:
        return rows

    @hw.pipeline
    def flow() -> None:
        wrong(hw.dataset("numbers"))

    with pytest.raises(UsageError, match="has the key id"):
        run(repo, flow)


def test_a_dataset_or_branch_that_is_not_there_is_told_before_anything_runs(repo: Repo) -> None:
    @hw.pipeline
    def flow() -> None:
        flows.total(hw.dataset("numbres"))

    with pytest.raises(NotFound, match="Did you mean 'numbers'"):
        run(repo, flow)
    with pytest.raises(NotFound):
        run(Repo.init("memory://"), sums)


SLOW = """
    import time
    import pyarrow as pa
    import headwater as hw

    @hw.step
    def quick(rows: pa.Table) -> int:
        print("quick runs")
        return rows.num_rows

    @hw.step(by_rows=True, reads=["x"], into="made", key="id")
    def slow(rows: pa.Table, n: int) -> pa.Table:
        with open("called", "a") as file:
            file.write(f"{rows.num_rows}\\n")
        if open("mood").read() == "slow":
            time.sleep(1.5)
        return pa.table({"y": rows["x"]})

    @hw.pipeline
    def flow():
        slow(hw.dataset("numbers"), quick(hw.dataset("numbers")))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    with repo.transaction("one") as tx:
        tx.append("numbers", pa.table({"id": range(500_000), "x": range(500_000)}), key="id")
    (tmp_path / "pipelines.py").write_text(textwrap.dedent(SLOW))
    (tmp_path / "mood").write_text("slow")
    words = [sys.executable, "-c", "from headwater.cli.main import main; main()", "run", "--workers", "1"]
    first = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    called = tmp_path / "called"
    until = time.monotonic() + 60
    while not (called.exists() and called.read_text().count("\n") >= 3):
        assert time.monotonic() < until
        assert first.poll() is None
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    runs = Runs(repo.storage)
    assert runs.get("last").state == "interrupted"
    before = called.read_text().count("\n")
    (tmp_path / "mood").write_text("quick")
    head = Repo.open(tmp_path).head
    done = subprocess.run(
        [*words, "--resume", "last", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    record = json.loads(done.stdout)
    assert record["steps"]["quick"]["state"] == "reused"
    assert record["steps"]["slow"]["known_rows"] >= 131_072
    assert record["steps"]["slow"]["called_rows"] < 500_000
    assert called.read_text().count("\n") - before < 4
    fresh = Repo.open(tmp_path)
    assert fresh.head != head
    assert fresh["made"].num_rows == 500_000
    assert fresh["made"].to_arrow(["x", "y"])["x"].equals(fresh["made"].to_arrow(["x", "y"])["y"])


def test_going_on_reads_the_commits_of_the_run_that_stopped(repo: Repo) -> None:
    first = run(repo, sums, {"times": 2})
    with repo.transaction("more") as tx:
        tx.append("numbers", pa.table({"id": [5000], "x": [5000], "note": ["n"]}))
    again = run(repo, sums, resume=first.record.id)
    assert again.record.sources == first.record.sources
    assert again["total"] == first["total"]
    assert states(again)["total"] == "reused"
    with pytest.raises(UsageError, match="one of 'sums'"):
        run(repo, flows_other(), resume="last")


def flows_other() -> Any:
    @hw.pipeline
    def another() -> None:
        flows.say(1)

    return another


def test_two_runs_at_once_harm_each_other_in_nothing(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(), key="id")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            run(Repo.open(tmp_path), sums, executor=LocalExecutor(1))
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Repo.open(tmp_path)["doubled"].num_rows == 1000


def test_steps_by_rows_do_the_same_on_ray(tmp_path: Path, ray_executor: Any) -> None:
    for place, executor in (("here", LocalExecutor(2)), ("there", ray_executor)):
        repo = Repo.init(tmp_path / place)
        with repo.transaction("one") as tx:
            tx.append("numbers", numbers(300), key="id")
        assert run(repo, sums, executor=executor).record.steps["double"].called_rows == 300
        with repo.transaction("two") as tx:
            tx.upsert("numbers", [{"id": 1, "x": 5}])
        assert run(repo, sums, executor=executor).record.steps["double"].called_rows == 1
    assert Repo.open(tmp_path / "here")["doubled"].fingerprint == repo["doubled"].fingerprint


def test_results_that_were_not_made_lately_are_collected_and_made_again(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path)
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(20), key="id")
    run(repo, sums)
    CALLS.clear()
    collect(repo)
    run(repo, sums)
    assert CALLS == []
    ages_ago = time.time() - 40 * 86_400
    for file in repo_files(tmp_path, "steps"):
        os.utime(file, (ages_ago, ages_ago))
    assert collect(repo).removed > 0
    assert repo_files(tmp_path, "steps") == []
    done = run(repo, sums)
    assert done["total"] == {"sum": 380, "rows": 20}
    assert len(CALLS) == 3
    assert not done.is_new


def repo_files(place: Path, folder: str) -> list[Path]:
    return [path for path in (place / ".headwater" / folder).rglob("*") if path.is_file()]
