"""Datasets with some of their rows only: read as any other, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.reading.dataset import filtered
from headwater.reading.narrow import narrowed
from headwater.versions.repo import Repo
from tests.places import Fresh


@pytest.fixture
def repo(fresh: Fresh) -> Repo:
    """Thirty rows in three chunks, two of them deleted."""
    made = Repo.init(fresh())
    for part in range(3):
        with made.transaction("more") as tx:
            tx.append("d", [{"n": 10 * part + k, "t": "abc"[part]} for k in range(10)], key="n")
    with made.transaction("fewer") as tx:
        tx.delete("d", keys=[3, 25])
    return made


@pytest.mark.parametrize("where", ["n >= 20", "n % 2 = 0", "t = 'b' OR n = 4", "n < 0", "true"])
def test_rows_of_a_condition_are_a_dataset(repo: Repo, where: str) -> None:
    data = repo["d"]
    found, expected = data.where(where), filtered(data.to_arrow(), where, ["n", "t"], "d")
    assert (len(found), found.to_arrow()) == (expected.num_rows, expected)
    assert found.where("n < 15").to_arrow() == filtered(expected, "n < 15", ["n", "t"], "d")
    assert found.at("main").fingerprint == found.fingerprint
    with pytest.raises(UsageError, match="does not fit"):
        data.where("m > 1")


def test_nothing_is_written_and_the_rest_is_as_before(repo: Repo) -> None:
    before = {entry.path for entry in repo.storage.list("objects")}
    data = repo["d"]
    manifest, objects = narrowed(
        data.manifest,
        data.manifest.chunks,
        lambda chunk: np.arange(chunk.rows) < 2,
        repo.objects,
        repo.executor,
    )
    assert manifest.rows == sum(chunk.live_rows for chunk in manifest.chunks)
    assert manifest.schema == data.schema
    assert {entry.path for entry in repo.storage.list("objects")} == before
    assert objects.storage is repo.storage


def test_large_values_are_seen_by_conditions_and_come_whole(fresh: Fresh) -> None:
    made = Repo.init(fresh())
    large = {1: b"a" * (2 << 20), 2: b"b" * (2 << 20), 3: b"small"}
    with made.transaction("files") as tx:
        tx.append("f", [{"n": n, "data": data} for n, data in large.items()], key="n")
    found = made["f"].where("octet_length(data) < 10 OR data > 'aaaaaab'::BLOB")
    assert {row["n"]: row["data"] for row in found.to_arrow().to_pylist()} == {2: large[2], 3: large[3]}
    with found.open("2", "data") as stream:
        assert stream.read(3) == b"bbb"
