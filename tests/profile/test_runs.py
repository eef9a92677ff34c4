"""Runs of hashes: counts are the plain ones, few files, an append reads and writes what it adds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.checks.duplicates import WholeRows
from headwater.profile import hashes as states
from headwater.profile.hashes import Repeats
from headwater.profile.measure import measure
from headwater.profile.runs import Run, count, counts_in, folded, read_run, runs_of, write_run
from headwater.versions.repo import Repo

VALUES = st.lists(st.integers(0, 12), max_size=30)


def run(values: list[int]) -> Run:
    return runs_of(np.sort(np.array(values, np.uint64)))


@given(parts=st.lists(VALUES, min_size=1, max_size=6))
def test_runs_count_as_the_values_do(parts: list[list[int]]) -> None:
    runs = [run(values) for values in parts]
    plain = Counter(value for values in parts for value in values)
    asked = np.arange(14, dtype=np.uint64)
    for given_ in (runs, folded(runs), [count(runs)]):
        assert counts_in(given_, asked).tolist() == [plain[int(value)] for value in asked]
    sizes = [len(one.hashes) for one in folded(runs) if len(one.hashes)]
    assert all(first > 2 * second for first, second in pairwise(sizes))


@given(values=VALUES)
def test_a_run_that_is_kept_comes_back(values: list[int]) -> None:
    kept: dict[str, bytes] = {}

    def write(data: bytes) -> str:
        kept["name"] = data
        return "name"

    made = write_run(run(values), write)
    back = read_run("name", pa.py_buffer(kept["name"]))
    assert back.hashes.tolist() == made.hashes.tolist()
    assert back.counts.tolist() == made.counts.tolist()
    assert (made.name, back.name) == ("name", "name")
    # What is kept already is not written again.
    assert write_run(back, lambda data: "other").name == "name"


class Folder:
    """A repository whose reads of packs are counted, and that keeps runs however short."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(states, "_KEPT_FROM", 3)
        self.repo = Repo.init(place)
        self.rows: list[dict[str, Any]] = []
        self.place = place

    def append(self, values: list[int]) -> None:
        start = self.rows[-1]["id"] + 1 if self.rows else 0
        new = [{"id": start + n, "v": value, "w": value % 2} for n, value in enumerate(values)]
        self.rows += new
        with self.repo.transaction("more") as tx:
            tx.append("d", new, key="id")

    def outcomes(self) -> list[tuple[int, int]]:
        wanted = [Repeats(of=("v",)), WholeRows(of=("v", "w"))]
        measured = measure(self.repo["d"], wanted, cache=self.repo.cache, exact=wanted)
        return [measured[one].outcome for one in wanted]

    def expected(self) -> list[tuple[int, int]]:
        found = []
        for columns in (("v",), ("v", "w")):
            counts = Counter(tuple(row[name] for name in columns) for row in self.rows)
            found.append((len(counts), sum(count for count in counts.values() if count > 1)))
        return found

    def runs(self) -> list[Path]:
        return sorted(self.place.rglob("run-*"))


def test_the_outcome_after_appends_is_that_of_a_full_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "repo", monkeypatch)
    rng = np.random.default_rng(1)
    for number in range(12):
        folder.append(rng.integers(0, 40, 1 + number % 5 * 6).tolist())
        assert folder.outcomes() == folder.expected()
        assert len(folder.runs()) <= 2 * 6
    assert folder.runs()
    with folder.repo.transaction("fewer") as tx:
        tx.delete("d", keys=[3, 4, 50])
    folder.rows = [row for row in folder.rows if row["id"] not in (3, 4, 50)]
    assert folder.outcomes() == folder.expected()
    folder.append([7, 7, 99])
    assert folder.outcomes() == folder.expected()


def test_an_append_reads_no_pack_of_an_old_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path / "repo", monkeypatch)
    folder.append(list(range(50)))
    folder.outcomes()
    read: list[str] = []
    get = folder.repo.cache.get

    def noted(path: str) -> bytes | None:
        read.append(path)
        return get(path)

    monkeypatch.setattr(folder.repo.cache, "get", noted)
    folder.append([3, 4, 100])
    packs = {path for path in read if path.endswith("/live")}
    assert folder.outcomes() == folder.expected()
    assert len({path for path in read if path.endswith("/live")} - packs) == 1


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_runs_that_are_damaged_are_made_again(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(tmp_path / "repo", monkeypatch)
    folder.append(list(range(50)))
    folder.outcomes()
    for file in folder.runs():
        if harm == "gone":
            file.unlink()
        else:
            data = file.read_bytes()
            file.unlink()
            file.write_bytes(data[:40])
    folder.append([3, 4, 100])
    assert folder.outcomes() == folder.expected()
    assert ("damaged" in caplog.text) == (harm == "cut")
    folder.append([3, 200])
    assert folder.outcomes() == folder.expected()
