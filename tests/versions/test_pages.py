"""Repositories whose lists of chunks are in pages: every command works on them as on others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import StorageError
from headwater.core.ids import ObjectId
from headwater.store import chunklist
from headwater.store.manifest import FORMAT, load_manifest, save_manifest
from headwater.store.objects import object_path
from headwater.versions import compact
from headwater.versions.fsck import repair, verify
from headwater.versions.gc import collect
from headwater.versions.remotes import clone
from headwater.versions.repo import Repo


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunklist, "INLINE", 3)
    monkeypatch.setattr(chunklist, "_FAN", 3)
    monkeypatch.setattr(compact, "_FAN", 1000)


def rows(start: int, stop: int) -> pa.Table:
    return pa.table({"id": range(start, stop), "v": [f"v{number}" for number in range(start, stop)]})


@pytest.fixture
def repo(home: str) -> Repo:
    repo = Repo.init(home)
    for start in range(0, 300, 10):
        with repo.transaction(f"from {start}") as tx:
            tx.append("d", rows(start, start + 10), key="id")
    return repo


def pages(repo: Repo, ref: str = "HEAD") -> set[ObjectId]:
    seen: set[ObjectId] = set()
    list(repo.at(ref)["d"].manifest.chunks.unseen(seen))
    return seen


def ids(repo: Repo) -> list[int]:
    return sorted(repo["d"].to_arrow().column("id").to_pylist())


def test_reading_changing_and_comparing_go_through_pages(repo: Repo) -> None:
    repo = Repo.open(repo.storage.location.removesuffix("/.headwater"))
    assert len(pages(repo)) > 5
    assert ids(repo) == list(range(300))
    with repo.transaction("change") as tx:
        tx.upsert("d", pa.table({"id": [5, 155, 500], "v": ["a", "b", "c"]}))
        tx.delete("d", keys=[77])
    assert ids(repo) == [n for n in range(300) if n != 77] + [500]
    diff = repo.diff()["d"]
    assert (diff.stat()["added"], diff.stat()["removed"], diff.stat()["changed"]) == (1, 1, 2)
    assert sorted(diff.cells().column("_after").to_pylist()) == ["a", "b"]
    assert pages(repo) & pages(repo, "HEAD~1")
    assert repo["d"].take(["155"]).column("v").to_pylist() == ["b"]
    with repo.transaction("again") as tx:
        tx.overwrite("d", rows(0, 300))
    assert repo["d"].fingerprint == repo.at("HEAD~2")["d"].fingerprint


def test_sides_are_merged_and_copied_and_garbage_goes(repo: Repo, tmp_path: Path) -> None:
    side = repo.branch("side")
    with side.transaction("side") as tx:
        tx.upsert("d", pa.table({"id": [7], "v": ["side"]}))
    with repo.transaction("main") as tx:
        tx.upsert("d", pa.table({"id": [8], "v": ["main"]}))
        tx.append("d", rows(300, 400))
    repo.merge("side")
    copy = clone(Repo, repo.storage.location.removesuffix("/.headwater"), tmp_path / "copy")
    assert ids(copy) == list(range(400))
    with repo.transaction("one more") as tx:
        tx.append("d", rows(400, 401))
    lazy = clone(Repo, repo.storage.location.removesuffix("/.headwater"), tmp_path / "lazy", lazy=True)
    assert lazy["d"].take(["7"]).column("v").to_pylist() == ["side"]
    fetched = copy.pull().fetched
    assert fetched.copied.objects < 30
    assert ids(copy) == list(range(401))
    collect(copy, grace=timedelta(), keep_reflog=timedelta())
    repo.delete_branch("side")
    collect(repo, grace=timedelta(), keep_reflog=timedelta())
    for one in (repo, copy):
        assert verify(one).findings == []


def test_a_lost_page_is_told_with_what_needs_it_and_repaired(repo: Repo, tmp_path: Path) -> None:
    copy = clone(Repo, repo.storage.location.removesuffix("/.headwater"), tmp_path / "copy")
    lost = min(pages(copy))
    copy.storage.delete([object_path(lost)])
    found = verify(copy)
    assert found.findings[0].evidence["object"] == lost
    assert found.findings[0].dataset == "d"
    assert repair(copy, found) == [lost]
    assert verify(copy).findings == []


def test_a_version_of_a_newer_form_is_refused(repo: Repo) -> None:
    name = repo.commit("HEAD").datasets["d"]
    value = dict(repo.objects.get_document(name))
    assert value["format"] == FORMAT
    newer = repo.objects.put_document({**value, "format": FORMAT + 1})
    with pytest.raises(StorageError, match=r"has format 3; this Headwater reads up to 2\. Install a newer"):
        load_manifest(newer, repo.objects)


def test_equal_content_is_one_version_however_it_came_about(repo: Repo) -> None:
    name = repo.commit("HEAD").datasets["d"]
    manifest = load_manifest(name, repo.objects)
    assert save_manifest(manifest, repo.objects) == name
    rebuilt = chunklist.ChunkList(list(manifest.chunks))
    assert rebuilt.saved(repo.objects).to_dict() == manifest.chunks.to_dict()


def test_a_condition_reads_only_the_pages_that_may_hold_it(repo: Repo) -> None:
    with repo.transaction("floats") as tx:
        for start in range(0, 200, 10):
            ids = range(start, start + 10)
            tx.append(
                "f", pa.table({"id": ids, "x": [float(n) if n % 50 else float("nan") for n in ids]}), key="id"
            )
    dataset = Repo.open(repo.storage.location.removesuffix("/.headwater"))["f"]
    reads: list[ObjectId] = []
    get = dataset._objects.get_document

    def counted(name: ObjectId, *parse: Any) -> Any:
        reads.append(name)
        return get(name, *parse)

    dataset._objects.get_document = counted  # type: ignore[method-assign,assignment]
    every = pages(repo)

    def scanned(where: str) -> list[int]:
        return list(dataset.to_arrow(["id"], where).column("id").to_pylist())

    def asked(where: str) -> list[int]:
        return list(dataset.to_duckdb().filter(where).project("id").to_arrow_table().column("id").to_pylist())

    for read in (scanned, asked):
        reads.clear()
        assert read("x = 123.0") == [123]
        assert len(set(reads)) < len(every)
        # To SQL a NaN is greater than every number.
        assert sorted(read("x > 196.0")) == [0, 50, 100, 150, 197, 198, 199]
        assert read("x IS NULL") == []
