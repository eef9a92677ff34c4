"""Verification finds each kind of damage, and nothing in a sound repository."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.findings import Outcome
from headwater.store.chunklist import ChunkList
from headwater.store.commit import Provenance, save_commit
from headwater.store.manifest import EMPTY, Manifest, save_manifest
from headwater.store.objects import object_path
from headwater.store.rowindex import Keys, encode_rows
from headwater.versions.fsck import Verified, verify
from headwater.versions.repo import Repo
from tests.places import Fresh


@pytest.fixture
def repo(location: str) -> Repo:
    """A repository with every kind of change in its history."""
    made = Repo.init(location)
    with made.transaction("first") as tx:
        tx.append("p", pa.table({"id": pa.array(range(500), pa.int32()), "v": ["a"] * 500}), key="id")
        tx.append("plain", pa.table({"x": [1.5, None, float("nan")], "list": [[1], [], None]}))
    with made.transaction("rows") as tx:
        tx.upsert("p", [{"id": 1, "v": "b"}, {"id": 1000, "v": None}])
        tx.delete("p", keys=[7])
    with made.transaction("columns") as tx:
        tx.add_columns("p", pa.table({"id": [1, 2], "w": [1.0, 2.0]}))
        tx.rename_columns("p", {"v": "value"})
        tx.append("p", pa.table({"id": [2**40], "value": ["wide"], "w": [0.5]}))
        tx.drop_columns("plain", ["list"])
    return made


def rewrite_head(repo: Repo, change: Manifest) -> None:
    head = repo.commit(repo.head or "")
    commit = save_commit(
        repo.objects,
        datasets={**head.datasets, "p": save_manifest(change, repo.objects)},
        parents=(head.id,),
        author="",
        message="damage",
        provenance=Provenance(),
    )
    repo.reset("main", commit.id)


def checks(found: Verified) -> list[str]:
    return [finding.check for finding in found.findings]


def test_a_sound_repository_passes(repo: Repo) -> None:
    found = verify(repo)
    assert found.findings == []
    assert found.outcome is Outcome.PASS
    assert (found.commits, found.versions) == (3, 5)
    assert found.rows > 500


def test_a_missing_file_is_named_with_the_commits_that_need_it(repo: Repo) -> None:
    lost = repo["p"].manifest.chunks[0].row_hashes
    repo.storage.delete([object_path(lost)])
    (finding,) = verify(repo).findings
    assert (finding.check, finding.dataset) == ("store.missing", "p")
    assert finding.evidence["path"] == object_path(lost)
    assert str(repo.head)[:12] in finding.message


@pytest.mark.parametrize("what", ["group", "rows", "keys", "manifest", "commit"])
def test_one_changed_byte_is_found(repo: Repo, what: str) -> None:
    chunk = repo["p"].manifest.chunks[0]
    head = repo.head or ""
    name = {
        "group": chunk.groups[0].object,
        "rows": chunk.row_hashes,
        "keys": chunk.keys or "",
        "manifest": repo.commit(head).datasets["p"],
        "commit": head,
    }[what]
    data = bytearray(repo.storage.read(object_path(name)))
    data[len(data) // 2] ^= 1
    repo.storage.write(object_path(name), bytes(data))
    found = verify(repo)
    assert checks(found) == ["store.damaged"]
    assert found.findings[0].evidence["object"] == name


def test_a_damaged_ref_is_found(repo: Repo) -> None:
    repo.create_tag("v1")
    repo.storage.write("refs/tags/v1", b"{")
    (finding,) = verify(repo).findings
    assert finding.check == "store.ref"
    assert "refs/tags/v1" in finding.message


def test_wrong_row_hashes_are_found_by_reading_the_rows(repo: Repo) -> None:
    manifest = repo["p"].manifest
    chunk = manifest.chunks[0]
    wrong = chunk.hashes(repo.objects).copy()
    wrong[0], wrong[1] = wrong[1], wrong[0]
    bad = replace(chunk, row_hashes=repo.objects.put(encode_rows(wrong)))
    rewrite_head(repo, replace(manifest, chunks=ChunkList([bad, *manifest.chunks[1:]])))
    found = verify(repo)
    assert checks(found) == ["store.index"]
    assert "row hashes" in found.findings[0].message
    assert "store.index" not in checks(verify(repo, data=False))


def test_a_wrong_key_index_is_found(repo: Repo) -> None:
    manifest = repo["p"].manifest
    chunk = manifest.chunks[0]
    index = chunk.key_index(repo.objects)
    swapped = Keys(index.hashes, np.roll(index.positions, 1))
    bad = replace(chunk, keys=repo.objects.put(swapped.encode()))
    rewrite_head(repo, replace(manifest, chunks=ChunkList([bad, *manifest.chunks[1:]])))
    found = verify(repo)
    assert checks(found) == ["store.index"]
    assert "key index" in found.findings[0].message


def test_a_wrong_fingerprint_is_found(repo: Repo) -> None:
    rewrite_head(repo, replace(repo["p"].manifest, fingerprint=EMPTY))
    assert checks(verify(repo)) == ["store.fingerprint"]


def test_one_fault_does_not_hide_another(repo: Repo) -> None:
    first, *_ = repo["p"].manifest.chunks
    repo.storage.delete(
        [object_path(first.row_hashes), object_path(repo["plain"].manifest.chunks[0].row_hashes)]
    )
    assert checks(verify(repo)) == ["store.missing", "store.missing"]


def test_an_empty_repository_passes(fresh: Fresh) -> None:
    assert verify(Repo.init(fresh())).findings == []
