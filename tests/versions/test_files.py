"""Folders that are imported again: only what changed is read, and what is read is what is stored."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import InputError
from headwater.core.ids import digest
from headwater.core.references import MARK
from headwater.formats import folder
from headwater.store.objects import object_path
from headwater.store.values import LARGE_BYTES
from headwater.versions.fsck import verify
from headwater.versions.importing import ImportResult, import_data
from headwater.versions.repo import Repo
from headwater.versions.transaction import Transaction

LARGE = random.Random(3).randbytes(LARGE_BYTES + 1)


@pytest.fixture
def repo(home: str) -> Repo:
    return Repo.init(home)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name, data in {
        "cat/a.png": b"\x89PNG one",
        "cat/b.jpg": b"\xff\xd8\xff two",
        "dog/c.png": LARGE,
        "dog/d.txt": "grüße".encode(),
        "dog/empty.png": b"",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    rest(root)
    return root


def rest(root: Path) -> None:
    """Let files look as if they had not been written to just now."""
    old = time.time_ns() - 3_600_000_000_000
    for file in root.rglob("*"):
        if file.is_file():
            os.utime(file, ns=(old + 1, old + 1))
    time.sleep(0.08)


def load(repo: Repo, photos: Path, **how: Any) -> ImportResult:
    return import_data(repo, "photos", photos, metadata=False, **how)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the files that are read from here on."""
    seen: list[str] = []
    read = folder._Reader._read

    def noted(self: Any, path: str) -> Any:
        seen.append(path)
        return read(self, path)

    monkeypatch.setattr(folder._Reader, "_read", noted)
    return seen


def content(repo: Repo, ref: str | None = None) -> dict[str, bytes]:
    rows = (repo.at(ref) if ref else repo)["photos"].to_arrow().to_pylist()
    return {row["path"]: row["bytes"] if row["bytes"] is not None else row["text"].encode() for row in rows}


def tree(photos: Path) -> dict[str, bytes]:
    return {f.relative_to(photos).as_posix(): f.read_bytes() for f in photos.rglob("*") if f.is_file()}


def test_a_folder_is_keyed_by_path_and_read_as_it_is(repo: Repo, photos: Path) -> None:
    done = load(repo, photos)
    assert (done.added, repo["photos"].key) == (5, ("path",))
    assert content(repo) == tree(photos)
    labels = repo["photos"].to_arrow(["label"])["label"].to_pylist()
    assert labels == ["cat", "cat", "dog", "dog", "dog"]
    assert repo.storage.read(object_path(digest(LARGE))) == LARGE
    assert verify(repo).findings == []


def test_only_what_changed_is_read_again(repo: Repo, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(repo, photos)
    seen = reads(monkeypatch)
    again = load(repo, photos)
    assert (seen, again.is_new) == ([], False)
    (photos / "cat/a.png").write_bytes(b"\x89PNG new")
    (photos / "cat/b.jpg").touch()
    (photos / "dog/c.png").rename(photos / "cat/moved.png")
    (photos / "dog/d.txt").unlink()
    (photos / "dog/f.bin").write_bytes(b"fresh")
    done = load(repo, photos)
    assert sorted(seen) == ["cat/a.png", "cat/b.jpg", "cat/moved.png", "dog/f.bin"]
    assert (done.added, done.removed, done.changed) == (2, 2, 1)
    assert content(repo) == tree(photos)
    large = [entry for entry in repo.storage.list("objects") if entry.size > LARGE_BYTES]
    assert len(large) == 1
    rest(photos)
    load(repo, photos)
    seen.clear()
    load(repo, photos)
    assert seen == []
    assert verify(repo).findings == []


def test_a_file_written_to_just_before_it_was_read_is_read_again(
    repo: Repo, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "cat/a.png").write_bytes(b"\x89PNG new")
    load(repo, photos)
    seen = reads(monkeypatch)
    load(repo, photos)
    assert "cat/a.png" in seen


def test_a_folder_that_was_written_just_now_is_remembered_when_it_has_rested(
    repo: Repo, tmp_path: Path
) -> None:
    root = tmp_path / "new"
    root.mkdir()
    (root / "a.png").write_bytes(b"x")
    assert load(repo, root).added == 1
    assert load(repo, root).is_new is False


def test_unchanged_files_are_read_where_the_rows_are_not_there(repo: Repo, photos: Path) -> None:
    load(repo, photos)
    import_data(repo, "twin", photos, metadata=False)
    assert repo["twin"].fingerprint == repo["photos"].fingerprint
    assert repo["twin"].to_arrow().equals(repo["photos"].to_arrow())
    with repo.transaction("some go") as tx:
        tx.delete("photos", keys=["cat/a.png", "dog/c.png", "dog/d.txt"])
    repo.storage.delete([object_path(digest(LARGE))])
    assert load(repo, photos).added == 3
    assert content(repo) == tree(photos)
    load(repo, photos, mode="upsert")
    import_data(repo, "appended", photos, mode="append", metadata=False)
    assert repo["appended"].fingerprint == repo["photos"].fingerprint
    assert verify(repo).findings == []


def test_a_change_behind_the_back_of_the_clock_is_noticed_before_it_is_stored(
    repo: Repo, photos: Path
) -> None:
    load(repo, photos)
    with repo.transaction("one goes") as tx:
        tx.delete("photos", keys=["cat/a.png"])
    file = photos / "cat/a.png"
    before = repo.head
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda self: b"other" if self == file else b"")
        with pytest.raises(InputError, match=r"cat/a.png: it changed while the folder was imported"):
            load(repo, photos)
    assert repo.head == before


def test_values_that_look_like_references_come_back(repo: Repo, photos: Path) -> None:
    (photos / "odd.bin").write_bytes(MARK + b"x")
    (photos / "odd.txt").write_bytes(MARK)
    load(repo, photos)
    assert content(repo) == tree(photos)
    rest(photos)
    load(repo, photos)
    assert load(repo, photos).is_new is False


def test_texts_whose_bytes_differ_keep_both(repo: Repo, tmp_path: Path) -> None:
    root = tmp_path / "texts"
    root.mkdir()
    files = {"bom.txt": b"\xef\xbb\xbfone\r\n", "wide.txt": "zwei".encode("utf-16"), "plain.txt": b"three"}
    for name, data in files.items():
        (root / name).write_bytes(data)
    (root / "long.txt").write_bytes(b"\xef\xbb\xbf" + b"x" * LARGE_BYTES)
    import_data(repo, "texts", root)
    rows = {row["path"]: row for row in repo["texts"].to_arrow().to_pylist()}
    assert [rows[name]["text"] for name in files] == ["one\r\n", "zwei", "three"]
    assert [rows[name]["bytes"] for name in files] == [files["bom.txt"], files["wide.txt"], None]
    assert len(rows["long.txt"]["text"]) == LARGE_BYTES
    assert len(rows["long.txt"]["bytes"]) == LARGE_BYTES + 3


def test_a_dataset_with_another_key_or_type_is_imported_as_before(repo: Repo, photos: Path) -> None:
    import_data(repo, "by_label", photos, key=["label", "path"], metadata=False)
    assert repo["by_label"].key == ("label", "path")
    assert repo["by_label"].num_rows == 5
    import_data(repo, "by_label", photos, metadata=False)
    assert len(list(repo.log())) == 1


def test_a_folder_read_by_several_hands_is_whole(repo: Repo, photos: Path) -> None:
    load(repo, photos)
    assert load(repo, photos).is_new is False
    assert content(repo) == tree(photos)
    with repo["photos"].open('"dog/c.png"', "bytes") as file:
        file.seek(-10, 2)
        assert file.read() == LARGE[-10:]


@pytest.mark.parametrize("seed", range(6))
def test_an_import_after_any_changes_is_what_a_first_import_would_be(
    repo: Repo, photos: Path, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    load(repo, photos)
    for step in range(6):
        files = sorted(file for file in photos.rglob("*") if file.is_file())
        match rng.choice(["change", "add", "remove", "rename", "nothing", "row", "nested", "column"]):
            case "change":
                rng.choice(files).write_bytes(rng.randbytes(9).hex().encode())
            case "add":
                (photos / f"cat/new{step}.png").write_bytes(rng.randbytes(5))
            case "nested":
                # Files no longer lie one folder down, so there are no labels.
                (photos / "deep/er").mkdir(parents=True, exist_ok=True)
                (photos / f"deep/er/{step}.png").write_bytes(b"deep")
            case "remove" if len(files) > 1:
                rng.choice(files).unlink()
            case "rename":
                rng.choice(files).rename(photos / f"dog/moved{step}.png")
            case "row":
                # Somebody else changed the dataset, which is no longer what was imported.
                with repo.transaction("by hand") as tx:
                    tx.delete("photos", keys=repo["photos"].head(1).select(["path"]))
            case "column":
                paths = repo["photos"].to_arrow(["path"])
                with repo.transaction("a column of my own") as tx:
                    tx.add_columns("photos", paths.append_column("mine", paths["path"]))
            case _:
                pass
        if rng.random() < 0.5:
            rest(photos)
        load(repo, photos)
        fresh = Repo.init(tmp_path / f"fresh{step}")
        load(fresh, photos)
        assert repo["photos"].fingerprint == fresh["photos"].fingerprint
        assert repo["photos"].schema.names == fresh["photos"].schema.names
    assert verify(repo).findings == []


def test_rows_that_are_there_already_are_not_looked_at_again(
    repo: Repo, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(repo, photos)
    (photos / "cat/a.png").write_bytes(b"\x89PNG other")
    (photos / "cat/b.jpg").unlink()
    monkeypatch.setattr(Transaction, "overwrite", None)
    done = load(repo, photos)
    assert (done.added, done.removed, done.changed) == (0, 1, 1)
    assert not load(repo, photos).is_new
