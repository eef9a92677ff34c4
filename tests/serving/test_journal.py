"""The log behind the requests: nothing is lost at the end, and what a kill took is known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import StorageFull
from headwater.models.prediction_log import LOSSES, REFUSED, PredictionLog
from headwater.recipes.model_file import Signature
from headwater.serving.journal import Journal, Mask, Said

SIGNATURE = Signature(
    inputs=pa.schema([("x", pa.float64()), ("who", pa.string())]), label="y", classes=("no", "yes")
)


def said(*ids: str, **options: Any) -> Said:
    features = pa.table({"x": [1.0] * len(ids), "who": ["Ann"] * len(ids)})
    answer = np.tile([0.25, 0.75], (len(ids), 1))
    given: dict[str, Any] = {"version": 1, "time": datetime.now(UTC), "request": "r", **options}
    return Said(features=features, said=answer, signature=SIGNATURE, ids=ids, **given)


@pytest.fixture
def log() -> PredictionLog:
    return PredictionLog(hw.init("memory://"), "m")


def test_what_was_added_is_written(log: PredictionLog, tmp_path: Path) -> None:
    journal = Journal(log, tmp_path, every_s=60)
    for number in range(10):
        journal.add(said(f"{number}a", f"{number}b"))
    assert journal.waiting == 20
    journal.flush()
    assert journal.written == 20
    journal.add(said("last"))
    journal.close()
    rows = log.window()
    assert rows.num_rows == 21
    assert rows.column("_predicted").to_pylist() == ["yes"] * 21
    assert not list(tmp_path.iterdir())


def test_a_full_batch_is_written_without_waiting(log: PredictionLog, tmp_path: Path) -> None:
    journal = Journal(log, tmp_path, every_s=60, batch_rows=3)
    journal.add(said("a", "b", "c"))
    until = time.monotonic() + 10
    while not journal.written and time.monotonic() < until:
        time.sleep(0.01)
    assert journal.written == 3
    journal.close()


def test_inputs_are_masked(log: PredictionLog, tmp_path: Path) -> None:
    journal = Journal(log, tmp_path, mask=Mask(columns=frozenset({"who", "x"}), key=b"k" * 16))
    journal.add(said("a"))
    journal.close()
    (row,) = log.window().to_pylist()
    assert row["x"] is None
    assert row["who"] not in (None, "Ann")
    assert Mask(columns=frozenset({"who"})).apply(said("a").features).column("who").to_pylist() == [None]
    assert Mask(keeps_inputs=False).apply(said("a").features).num_columns == 0
    assert Mask(columns=frozenset({"who"})).plain({"who": "Ann", "x": 1}) == {"x": 1}


def test_a_repository_that_is_full_loses_nothing(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, is_full = log.append, [True]

    def sometimes(rows: pa.Table, **options: Any) -> None:
        if is_full[0]:
            raise StorageFull("no space is left")
        append(rows, **options)

    monkeypatch.setattr(log, "append", sometimes)
    journal = Journal(log, tmp_path, every_s=60)
    journal.add(said("a"))
    journal.flush()
    assert (journal.errors, journal.waiting, journal.written) == (1, 1, 0)
    journal.add(said("b"))
    is_full[0] = False
    journal.flush()
    journal.close()
    assert sorted(log.window().column("_id").to_pylist()) == ["a", "b"]


def test_what_cannot_be_written_at_the_end_is_taken_up_by_the_next(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(rows: pa.Table, **options: Any) -> None:
        raise StorageFull("no space is left")

    with monkeypatch.context() as patch:
        patch.setattr(log, "append", full)
        journal = Journal(log, tmp_path, every_s=60, most_waiting=2)
        journal.add(said("a", "b"))
        journal.add(said("too much"))
        journal.close()
    assert journal.dropped == 1
    assert not log.exists
    after = Journal(log, tmp_path)
    after.close()
    assert log.window().column("_id").to_pylist() == ["a", "b"]
    assert after.found_lost == 0
    assert not list(tmp_path.iterdir())


def test_refused_rows_are_kept_apart(log: PredictionLog, tmp_path: Path) -> None:
    journal = Journal(log, tmp_path)
    journal.add_refused([{"_id": "a", "_time": datetime.now(UTC), "row": "{}", "problems": "[]"}])
    journal.close()
    refused = log.dataset(REFUSED)
    assert refused is not None
    assert refused.column("_id").to_pylist() == ["a"]


def test_what_a_shadow_says_is_logged_beside(log: PredictionLog, tmp_path: Path) -> None:
    journal = Journal(log, tmp_path, shadow=lambda entries: said(*entries[0].ids, role="shadow", version=2))
    journal.add(said("a"))
    journal.close()
    log.add_feedback(["a"], pa.array(["yes"]))
    assert log.window().column("_id").to_pylist() == ["a"]
    (beside,) = log.window(roles=["shadow"]).to_pylist()
    assert (beside["_id"], beside["_version"], beside["_truth"]) == ("a/shadow", 2, "yes")


KILLED = """
import sys
import headwater as hw
from pathlib import Path
from headwater.models.prediction_log import PredictionLog
from headwater.serving.journal import Journal
from tests.serving.test_journal import said
journal = Journal(PredictionLog(hw.open(sys.argv[1]), "m"), Path(sys.argv[2]), every_s=600)
journal.add(said("kept"))
journal.flush()
journal.add(said("lost 1", "lost 2"))
print("ready", flush=True)
sys.stdin.read()
"""


def test_after_a_kill_the_loss_is_known_and_no_larger_than_a_batch(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "repo")
    place = tmp_path / "place"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "repo"), str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    log = PredictionLog(repo, "m")
    beside = Journal(log, place)
    assert beside.found_lost == 0  # the other one lives
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    after = Journal(log, place)
    assert after.found_lost == 2
    after.close()
    beside.close()
    assert log.window().column("_id").to_pylist() == ["kept"]
    losses = log.dataset(LOSSES)
    assert losses is not None
    assert losses.column("rows").to_pylist() == [2]
    once_more = Journal(log, place)
    assert once_more.found_lost == 0
    once_more.close()
