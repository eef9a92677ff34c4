"""Large values: objects of their own, shared, streamed, and known to everything that moves rows about."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.api import clone
from headwater.core.errors import CorruptObject, NotFound, SchemaError, UsageError
from headwater.core.hashing import hash_array
from headwater.core.ids import digest
from headwater.core.references import MARK, Reference
from headwater.store import storage, values
from headwater.store.objects import object_path
from headwater.store.values import LARGE_BYTES
from headwater.versions.fsck import repair, verify
from headwater.versions.gc import collect
from headwater.versions.repo import Repo
from headwater.versions.sql import query
from tests.places import Fresh

BIG = random.Random(1).randbytes(LARGE_BYTES + 12_345)
OTHER = random.Random(2).randbytes(2 * LARGE_BYTES)
TEXT = "grüße " * 200_000
ROWS: list[dict[str, Any]] = [
    {"id": 1, "blob": BIG, "text": "short"},
    {"id": 2, "blob": b"small", "text": TEXT},
    {"id": 3, "blob": None, "text": None},
    {"id": 4, "blob": BIG, "text": "again"},
]


@pytest.fixture
def repo(home: str) -> Repo:
    repo = Repo.init(home)
    with repo.transaction("rows") as tx:
        tx.append("d", ROWS, key="id")
    return repo


def large_objects(repo: Repo) -> list[str]:
    return sorted(e.path for e in repo.storage.list("objects") if e.size > LARGE_BYTES)


def rows(repo: Repo, ref: str | None = None) -> list[dict[str, Any]]:
    data = (repo.at(ref) if ref else repo)["d"]
    return sorted(data.to_arrow().to_pylist(), key=lambda row: row["id"])


def test_large_values_are_objects_named_by_their_content_and_shared(repo: Repo) -> None:
    assert large_objects(repo) == sorted(map(object_path, (digest(BIG), digest(TEXT.encode()))))
    assert rows(repo) == ROWS
    assert repo.storage.read(object_path(digest(BIG))) == BIG


def test_every_way_of_reading_gives_the_values(repo: Repo) -> None:
    data = repo["d"]
    assert data.head(2).to_pylist() == ROWS[:2]
    assert data.take(["4", "2"]).to_pylist() == [ROWS[3], ROWS[1]]
    assert data.chunks[0].read(["blob"])["blob"].to_pylist() == [BIG, b"small", None, BIG]
    assert data.chunks[0].read_rows(np.array([1]), ["text"])["text"].to_pylist() == [TEXT]
    assert next(data.scan(where="id = 2")).to_pylist() == [ROWS[1]]
    assert data.to_arrow(["id"], where="octet_length(blob) > 5")["id"].to_pylist() == [1, 4]
    found = query(repo, "SELECT sum(octet_length(blob)) AS n FROM d").to_pylist()
    assert found == [{"n": 2 * len(BIG) + 5}]


def test_a_batch_holds_a_bounded_part_of_large_values(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "BATCH_BYTES", LARGE_BYTES)
    assert [batch.num_rows for batch in repo["d"].scan()] == [1, 1, 1, 1]
    assert repo["d"].to_arrow(["id"], where="octet_length(blob) > 5")["id"].to_pylist() == [1, 4]


def test_a_condition_on_other_columns_reads_no_large_value(repo: Repo) -> None:
    with repo.transaction("plain") as tx:
        tx.append("plain", [{"id": row["id"], "blob": row["blob"]} for row in ROWS], key="id")
    repo.storage.delete([object_path(digest(BIG))])
    assert next(repo["plain"].scan(["id"], "id = 4")).to_pylist() == [{"id": 4}]
    assert next(repo["plain"].scan(where="id = 2")).to_pylist() == [{"id": 2, "blob": b"small"}]


def test_references_come_instead_if_asked_for(repo: Repo) -> None:
    table = pa.Table.from_batches(repo["d"].scan(["id", "blob"], references=True))
    first, second, third, _ = table["blob"].to_pylist()
    assert first == {"value": None, "object": digest(BIG), "size": len(BIG)}
    assert second == {"value": b"small", "object": None, "size": 5}
    assert third is None
    assert table["id"].to_pylist() == [1, 2, 3, 4]


def test_one_value_opens_as_a_stream(repo: Repo) -> None:
    with repo["d"].open("1", "blob") as file:
        file.seek(-5, 2)
        assert file.read() == BIG[-5:]
        file.seek(0)
        assert file.read() == BIG
    assert repo["d"].open("2", "blob").read() == b"small"
    with repo["d"].open("2", "text") as file:
        assert file.read().decode() == TEXT
    with pytest.raises(UsageError, match=r"Column 'blob' of row 3 .* is null"):
        repo["d"].open("3", "blob")
    with pytest.raises(UsageError, match="is int64; only text"):
        repo["d"].open("1", "id")
    with pytest.raises(NotFound, match="no row with key 9"):
        repo["d"].open("9", "blob")
    with pytest.raises(NotFound, match="blub"):
        repo["d"].open("1", "blub")


def test_rows_are_equal_however_they_are_stored(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Older versions kept all values in the chunk.
    monkeypatch.setattr(values, "LARGE_BYTES", 1 << 40)
    old = Repo.init(tmp_path / "old")
    with old.transaction("rows") as tx:
        tx.append("d", ROWS, key="id")
    assert large_objects(old) == [] or not old["d"].manifest.chunks[0].has_large
    assert old["d"].fingerprint == repo["d"].fingerprint
    assert rows(old) == ROWS
    monkeypatch.undo()
    before = old.head
    with old.transaction("the same again") as tx:
        tx.overwrite("d", ROWS)
        tx.upsert("d", ROWS[:2])
        assert tx.is_empty
    assert old.head == before
    with old.transaction("one changes") as tx:
        tx.upsert("d", [{"id": 1, "blob": OTHER}])
    assert old["d"].take(["1"]).to_pylist() == [{**ROWS[0], "blob": OTHER}]
    assert verify(old).findings == []


def test_changes_move_references_about_and_copy_no_value(repo: Repo) -> None:
    before = large_objects(repo)
    with repo.transaction("other cells") as tx:
        tx.upsert("d", [{"id": 1, "text": "new"}])
        tx.rename_columns("d", {"blob": "image"})
        tx.add_columns("d", {"id": [1, 2, 3, 4], "n": [1, 2, 3, 4]})
    assert large_objects(repo) == before
    assert rows(repo) == [
        {
            "id": row["id"],
            "image": row["blob"],
            "text": "new" if row["id"] == 1 else row["text"],
            "n": row["id"],
        }
        for row in ROWS
    ]
    for number in range(12):  # small chunks are packed together on the way
        with repo.transaction("more") as tx:
            tx.append("d", [{"id": 10 + number, "image": BIG, "text": str(number), "n": 0}])
    assert large_objects(repo) == before
    assert {row["image"] == BIG for row in rows(repo)[4:]} == {True}
    with repo.transaction("drop") as tx:
        tx.drop_columns("d", ["image"])
        tx.delete("d", where="length(text) > 1000")
    assert [row["id"] for row in rows(repo)][:3] == [1, 3, 4]
    assert verify(repo).findings == []


def test_diff_tells_large_values_by_size_and_object(repo: Repo) -> None:
    with repo.transaction("one changes") as tx:
        tx.upsert("d", [{"id": 1, "blob": OTHER}, {"id": 2, "text": TEXT + "!"}])
        tx.append("d", [{"id": 5, "blob": OTHER, "text": "x"}])
    diff = repo.diff()["d"]
    assert (diff.stat()["changed"], diff.stat()["added"]) == (2, 1)
    cells = diff.cells().to_pylist()
    assert cells[0]["_column"] == "blob"
    assert cells[0]["_after"] == f"<{len(OTHER)} bytes, object {digest(OTHER)[:16]}>"
    assert cells[1]["_before"].startswith(f"<{len(TEXT.encode())} bytes, object")
    assert diff.rows().to_pylist()[0]["blob"] == cells[0]["_after"].encode()


def test_merges_carry_large_values_and_meet_in_them(repo: Repo) -> None:
    repo.create_branch("side")
    side = repo.branch("side")
    with side.transaction("theirs") as tx:
        tx.upsert("d", [{"id": 3, "blob": OTHER}])
        tx.append("d", [{"id": 7, "blob": BIG, "text": TEXT}])
    with repo.transaction("ours") as tx:
        tx.upsert("d", [{"id": 2, "blob": OTHER}])
    repo.merge("side")
    found = {row["id"]: row["blob"] for row in rows(repo)}
    assert found == {1: BIG, 2: OTHER, 3: OTHER, 4: BIG, 7: BIG}
    assert verify(repo).findings == []


def test_merges_of_rows_without_a_key_carry_large_values(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("rows") as tx:
        tx.append("d", [{"blob": BIG}, {"blob": b"x"}])
    repo.create_branch("side")
    with repo.branch("side").transaction("theirs") as tx:
        tx.append("d", [{"blob": OTHER}])
        tx.delete("d", where="octet_length(blob) = 1")
    with repo.transaction("ours") as tx:
        tx.append("d", [{"blob": b"y"}])
    repo.merge("side")
    assert sorted(map(len, repo["d"].to_arrow()["blob"].to_pylist())) == [1, len(BIG), len(OTHER)]
    key = repo["d"].keys_of(repo["d"].to_arrow())[0]
    assert repo["d"].take([key]).num_rows == 1


def test_garbage_collection_keeps_what_is_referred_to(repo: Repo) -> None:
    first = repo.head
    with repo.transaction("gone") as tx:
        tx.upsert("d", [{"id": 1, "blob": b""}, {"id": 4, "blob": b""}])
    collect(repo, grace=timedelta())
    assert rows(repo, first) == ROWS
    forgotten = Repo.init(f"{repo.storage.location.removesuffix('/.headwater')}-2")
    for number, row in enumerate(ROWS[:2]):
        with forgotten.transaction(str(number)) as tx:
            tx.overwrite("d", [row], key="id")
    forgotten.reset("main", "main~1")
    collect(forgotten, grace=timedelta(), keep_reflog=timedelta())
    assert large_objects(forgotten) == [object_path(digest(BIG))]


def test_fsck_finds_and_repairs_large_values(repo: Repo, tmp_path: Path) -> None:
    clone(repo.storage.location.removesuffix("/.headwater"), tmp_path / "copy")
    copy = Repo.open(tmp_path / "copy")
    assert rows(copy) == ROWS
    path = object_path(digest(BIG))
    copy.storage.write(path, BIG[:-1] + b"?")
    found = verify(copy)
    assert [finding.check for finding in found.findings] == ["store.damaged"]
    with pytest.raises(CorruptObject):
        copy["d"].to_arrow()
    copy.storage.delete([object_path(digest(TEXT.encode()))])
    found = verify(copy)
    assert sorted(finding.check for finding in found.findings) == ["store.damaged", "store.missing"]
    assert len(repair(copy, found)) == 2
    assert verify(copy).findings == []
    assert rows(copy) == ROWS


def test_only_missing_values_are_pushed_and_lazy_clones_fetch_them_when_read(
    repo: Repo, tmp_path: Path
) -> None:
    place = repo.storage.location.removesuffix("/.headwater")
    clone(place, tmp_path / "copy")
    copy = Repo.open(tmp_path / "copy")
    with copy.transaction("more") as tx:
        tx.append("d", [{"id": 8, "blob": OTHER, "text": TEXT}])
    before = len(large_objects(repo))
    copy.push()
    assert len(large_objects(repo)) == before + 1
    assert repo["d"].take(["8"]).to_pylist() == [{"id": 8, "blob": OTHER, "text": TEXT}]
    clone(place, tmp_path / "lazy", lazy=True)
    lazy = Repo.open(tmp_path / "lazy")
    with lazy["d"].open("1", "blob") as file:
        assert file.read() == BIG
    with lazy["d"].open("1", "blob") as file:
        assert file.read(4) == BIG[:4]
    assert len(rows(lazy)) == 5


def test_what_looks_like_a_reference_comes_back_as_it_was(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    crafted = Reference(digest(BIG), 1, 2).encode()
    odd = [{"id": 1, "b": crafted, "t": crafted.decode()}, {"id": 2, "b": MARK, "t": MARK.decode()}]
    with repo.transaction("odd") as tx:
        tx.append("d", odd, key="id")
        tx.append("named", [{"t": crafted.decode(), "n": 1}], key="t")
    assert rows(repo) == odd
    assert repo["named"].to_arrow().to_pylist() == [{"t": crafted.decode(), "n": 1}]
    assert repo["named"].take(['"' + crafted.decode().replace("\x1a", "\\u001a") + '"']).num_rows == 1
    assert repo["d"].to_arrow(["id"], where="octet_length(b) < 50")["id"].to_pylist() == [2]
    assert verify(repo).findings == []


def test_bytes_that_are_no_text_cannot_become_text(repo: Repo) -> None:
    tx = repo.transaction("retype")
    with pytest.raises(SchemaError, match="UTF8"):
        tx.upsert("d", pa.table({"id": [2], "blob": ["a"]}), schema_change="any")


def test_values_are_streamed_on_s3_and_in_memory(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    pieces = [BIG[at : at + 100_000] for at in range(0, len(BIG), 100_000)]
    reference = repo.objects.put_stream(pieces)
    assert reference == Reference(digest(BIG), int(hash_array(pa.array([BIG]))[0]), len(BIG))
    assert b"".join(repo.objects.stream(reference.object)) == BIG
    with repo.objects.reader(reference.object) as file:
        file.seek(7)
        assert file.read(9) == BIG[7:16]
        assert file.tell() == 16


def test_a_stream_that_breaks_or_is_another_leaves_nothing(repo: Repo) -> None:
    def broken() -> Iterator[bytes]:
        yield OTHER
        raise ConnectionResetError("cut")

    before = sorted(entry.path for entry in repo.storage.list("objects"))
    with pytest.raises(ConnectionResetError):
        repo.objects.put_stream(broken())
    with pytest.raises(CorruptObject):
        repo.objects.put_stream([OTHER], name=digest(BIG))
    assert sorted(entry.path for entry in repo.storage.list("objects")) == before
    assert list(repo.storage.staged("")) == []


def test_large_values_go_to_s3_in_parts_and_come_back_in_ranges(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_LARGEST_PUT", 1 << 20)
    monkeypatch.setattr(storage, "_BLOCK_BYTES", 5 << 20)
    value = random.Random(5).randbytes(12 << 20)
    repo = Repo.init(f"{bucket}/parts")
    with repo.transaction("rows") as tx:
        tx.append("d", [{"id": 1, "blob": value}], key="id")
    assert repo["d"].head(1).to_pylist() == [{"id": 1, "blob": value}]
    with repo["d"].open("1", "blob") as file:
        file.seek(7 << 20)
        assert file.read(10) == value[7 << 20 :][:10]
    before = repo.storage.modified(object_path(digest(value)))
    repo.storage.renew([object_path(digest(value))])
    after = repo.storage.modified(object_path(digest(value)))
    assert before is not None
    assert after is not None
    assert after >= before
    assert verify(repo).findings == []
