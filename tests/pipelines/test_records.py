"""Records of runs: kept, found by the beginning of an id, and honest about runs that died."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.errors import NotFound
from headwater.pipelines.records import RunRecord, Runs, StepRecord
from headwater.store.storage import Storage

NOW = datetime.now(UTC)


@pytest.fixture
def runs() -> Runs:
    return Runs(Storage("memory://"))


def record(name: str = "20260102T030405006-abcd", **facts: object) -> RunRecord:
    # Of this moment: a run that says nothing for a minute counts as interrupted.
    now = datetime.now(UTC).isoformat()
    given = {
        "pipeline": "p",
        "branch": "main",
        "began": now,
        "beat": now,
        "steps": {"a": StepRecord(name="a", inputs=("d",), findings=({"check": "c"},))},
        "host": socket.gethostname(),
        "process": os.getpid(),
        **facts,
    }
    return RunRecord(id=name, **given)  # type: ignore[arg-type]


def test_a_record_comes_back_as_it_was(runs: Runs) -> None:
    one = record(
        began=NOW.isoformat(),
        ended=(NOW + timedelta(seconds=3)).isoformat(),
        state="succeeded",
        parameters={"a": [1]},
    )
    runs.save(one)
    assert runs.get(one.id) == runs.get("2026") == runs.get("last") == one
    assert one.seconds == 3.0
    runs.save_log(one.id, "a", "said\n")
    assert runs.log(one.id, "a") == "said\n"
    assert runs.log(one.id, "b") == ""


def test_runs_are_listed_newest_first_and_unclear_names_refused(runs: Runs) -> None:
    for day in (1, 3, 2):
        runs.save(record(f"2026010{day}T000000000-abcd"))
    assert [one.id[7] for one in runs] == ["3", "2", "1"]
    with pytest.raises(NotFound, match="Run '2026' not found"):
        runs.get("2026")
    with pytest.raises(NotFound):
        runs.get("nope")
    assert Runs.new_id(NOW) < Runs.new_id(NOW + timedelta(milliseconds=2))


def test_a_run_whose_process_is_gone_or_silent_was_interrupted(runs: Runs) -> None:
    runs.save(record())
    assert runs.get("last").state == "running"
    runs.save(record(process=2**22 - 1))
    assert runs.get("last").state == "interrupted"
    elsewhere = record(host="another", process=1)
    runs.save(elsewhere)
    assert runs.get("last").state == "running"
    runs.save(replace(elsewhere, beat=(datetime.now(UTC) - timedelta(minutes=2)).isoformat()))
    assert runs.get("last").state == "interrupted"


def test_files_of_code_are_kept_once_by_their_content(runs: Runs) -> None:
    name = runs.save_file(b"x = 1\n")
    assert runs.save_file(b"x = 1\n") == name
    assert runs.file(name) == b"x = 1\n"
    assert runs.ids() == []
