"""Packs of states: found by chunk, deletions and version; a few files, whatever the number of columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyroaring import BitMap

from headwater.profile.cache import ChunkPack, Version, WholePack, entry_key
from headwater.profile.columns import Counts
from headwater.profile.measure import measure
from headwater.profile.standard import standard_measures
from headwater.versions.repo import Repo


def repo_with(columns: int = 1, rows: int = 20) -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append(
            "data",
            pa.table({"id": range(rows), **{f"c{i}": np.arange(rows) for i in range(columns)}}),
            key="id",
        )
    return repo


def test_many_columns_make_few_files() -> None:
    repo = repo_with(columns=60)
    data = repo["data"]
    measure(data, standard_measures(data.schema), cache=repo.cache)
    assert len(repo.cache.list("states")) == 3


def test_a_pack_comes_back_and_finds_the_nearest_older_one() -> None:
    repo = repo_with()
    (chunk,) = repo["data"].chunks
    pack = ChunkPack.of(chunk, repo.cache)
    assert pack.entries == {}
    pack.entries = {"a": b"1", "b": b""}
    pack.save(repo.cache)
    assert ChunkPack.of(chunk, repo.cache).entries == pack.entries
    for keys in ([1], [2, 3]):
        with repo.transaction("less") as tx:
            tx.delete("data", keys=keys)
    (chunk,) = repo["data"].chunks
    later = ChunkPack.of(chunk, repo.cache)
    assert (later.entries, later.deleted) == ({}, BitMap([1, 2, 3]))
    found = later.older(chunk, repo.cache, {"a"})
    assert found is not None
    assert (found.entries, found.deleted) == (pack.entries, BitMap())
    assert later.older(chunk, repo.cache, {"c"}) is None
    assert pack.older(chunk, repo.cache, {"a"}) is None


def test_what_else_is_kept_of_a_chunk_is_no_pack(caplog: pytest.LogCaptureFixture) -> None:
    repo = repo_with()
    (chunk,) = repo["data"].chunks
    pack = ChunkPack.of(chunk, repo.cache)
    pack.entries = {"a": b"1"}
    pack.save(repo.cache)
    for number in range(20):
        repo.cache.put(f"{chunk.cache_prefix()}/faces-{number}", b"of another form")
    with repo.transaction("less") as tx:
        tx.delete("data", keys=[1])
    (chunk,) = repo["data"].chunks
    assert ChunkPack.of(chunk, repo.cache).older(chunk, repo.cache, {"a"}) is not None
    assert caplog.messages == []


def test_the_key_of_an_entry_changes_with_column_type_and_measure() -> None:
    repo = repo_with(2)
    (chunk,) = repo["data"].chunks
    keys = {
        entry_key(chunk, Counts(column=column), types)
        for column in ("c0", "c1")
        for types in ("int32", "int64")
    }
    assert len(keys) == 4


def test_columns_that_are_added_leave_the_states_of_the_others() -> None:
    repo = repo_with()
    counts = Counts(column="c0")
    measure(repo["data"], [counts], cache=repo.cache)
    with repo.transaction("more columns") as tx:
        tx.add_columns("data", pa.table({"id": range(20), "new": range(20)}))
    assert measure(repo["data"], [counts], cache=repo.cache).scanned_rows == 0
    assert measure(repo["data"], [Counts(column="new")], cache=repo.cache).scanned_rows == 20


def test_a_column_of_another_type_is_measured_again() -> None:
    repo = repo_with()
    counts = Counts(column="c0")
    measure(repo["data"], [counts], cache=repo.cache)
    with repo.transaction("wider") as tx:
        tx.append("data", pa.table({"id": [100], "c0": ["x"]}), schema_change="any")
    measured = measure(repo["data"], [counts], cache=repo.cache)
    assert "empty" in measured[counts].counts
    assert measured[counts].rows == 21


def test_a_version_continues_another_only_by_deletions_and_new_chunks_at_the_end() -> None:
    repo = repo_with()
    data = repo["data"]
    pack = WholePack(Version.of(data.chunks, data.schema), {}, {"a": b"x"})
    pack.save("states/here", data.chunks, repo.cache)
    before = WholePack.latest("states/here", repo.cache)
    assert before is not None
    assert before.entries == {"a": b"x"}
    with repo.transaction("change") as tx:
        tx.delete("data", keys=[3])
        tx.append("data", pa.table({"id": [100], "c0": [1]}))
    later = repo["data"]
    assert before.deleted_since(later.chunks, Version.of(later.chunks, later.schema)) == 1
    after = WholePack(Version.of(later.chunks, later.schema))
    after.save("states/here", later.chunks, repo.cache)
    known = WholePack.latest("states/here", repo.cache)
    assert known is not None
    assert known.deleted_since(data.chunks, Version.of(data.chunks, data.schema)) is None
    other = repo_with(rows=5)["data"]
    assert known.deleted_since(other.chunks, Version.of(other.chunks, other.schema)) is None
    assert WholePack.load("states/here", "unknown", repo.cache) is None
