"""Datasets of other libraries hold the rows of a scan."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from headwater.core.errors import MissingExtra
from headwater.reading.dataset import Dataset
from headwater.versions.repo import Repo


@pytest.fixture
def data(home: str) -> Dataset:
    """Thirty rows in three chunks."""
    repo = Repo.init(home)
    for part in range(3):
        with repo.transaction("more") as tx:
            rows = [{"n": 10 * part + k, "t": f"é{k}", "v": [1.0, None]} for k in range(10)]
            tx.append("d", rows, key="n")
    return repo["d"]


def test_without_a_library_its_extra_is_named(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("datasets", "ray.data"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"headwater\[huggingface\]"):
        data.to_huggingface()
    with pytest.raises(MissingExtra, match=r"headwater\[ray\]"):
        data.to_ray()


def test_hugging_face_holds_the_rows(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets")
    whole = data.to_huggingface(["n", "v"], "n >= 25")
    assert (whole.num_rows, whole.column_names) == (5, ["n", "v"])
    assert whole[0] == {"n": 25, "v": [1.0, None]}
    streamed = data.to_huggingface(["n", "t"], streaming=True)
    assert streamed.num_shards == len(data.chunks)
    assert [row["n"] for row in streamed] == list(range(30))
    assert next(iter(streamed.skip(12))) == {"n": 12, "t": "é2"}
    assert data.to_huggingface(where="n < 0").num_rows == 0


@pytest.mark.filterwarnings("ignore")  # Ray warns of its own settings
def test_ray_reads_the_chunks_in_its_tasks(data: Dataset) -> None:
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        found = data.to_ray(["n", "t"], "n < 25")
        assert sorted(row["n"] for row in found.take_all()) == list(range(25))
        assert found.schema().names == ["n", "t"]
    finally:
        ray.shutdown()
