"""Trees of files: the same bytes under the same paths, and never outside the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.core.ids import digest
from headwater.core.references import Reference
from headwater.formats.base import WriteOptions
from headwater.formats.tree import write_tree
from headwater.formats.write import write


def put(table: pa.Table, target: Path, **how: Any) -> dict[str, bytes]:
    write_tree(table.to_batches(), table.schema, target, options=WriteOptions(**how))
    return tree(target)


def tree(root: Path) -> dict[str, bytes]:
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}


def test_paths_stay_but_for_labels_that_changed(tmp_path: Path) -> None:
    rows = {
        "path": ["train/cat/a", "train/dog/b", "README"],
        "label": ["cat", "cat", None],
        "bytes": [b"1", b"2", b"3"],
    }
    found = put(pa.table(rows), tmp_path / "out")
    assert found == {"train/cat/a": b"1", "cat/b": b"2", "README": b"3"}


def test_bytes_come_before_text_and_text_fills_in(tmp_path: Path) -> None:
    rows = {"path": ["a", "b"], "bytes": [b"\xef\xbb\xbfx", None], "text": ["x", "ü"]}
    assert put(pa.table(rows), tmp_path / "out") == {"a": b"\xef\xbb\xbfx", "b": "ü".encode()}


def test_large_values_are_written_piece_by_piece(tmp_path: Path) -> None:
    pieces = [b"one", b"two"]
    stands = Reference(digest(b"onetwo"), 1, 6).encode()
    asked = []

    def opened(name: str) -> list[bytes]:
        asked.append(name)
        return pieces

    rows = pa.table({"path": ["a", "b"], "bytes": [stands, b"x"]})
    assert put(rows, tmp_path / "out", open_value=opened) == {"a": b"onetwo", "b": b"x"}
    assert asked == [digest(b"onetwo")]
    assert put(rows, tmp_path / "raw")["a"] == stands


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/x",
        "..",
        "",
        "C:/x",
        "c:x",
        "\\\\server\\x",
        "a\\..\\..\\x",
        "a/C:x",
        "x\0y",
    ],
)
def test_no_path_leaves_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="not inside the folder"):
        put(pa.table({"path": [path], "bytes": [b"x"]}), tmp_path / "out")
    assert tree(tmp_path) == {}


def test_a_file_cannot_be_a_folder_too(tmp_path: Path) -> None:
    for paths in (["a", "a/b"], ["a/b", "a"], ["x//y", "x/y"]):
        with pytest.raises(UsageError, match="Row 2 and one before it"):
            put(
                pa.table({"path": paths, "bytes": [b"1", b"2"]}),
                tmp_path / f"out{paths[0][0]}{len(paths[0])}",
            )


def test_what_is_there_is_only_written_over_if_asked(tmp_path: Path) -> None:
    rows = pa.table({"path": ["a/x", "b"], "bytes": [b"1", b"2"]})
    target = tmp_path / "out"
    (target / "a").mkdir(parents=True)
    (target / "a" / "x").write_bytes(b"old")
    (target / "mine").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"is there already; .* --overwrite"):
        write(rows, rows.schema, target, format="folder")
    assert tree(target) == {"a/x": b"old", "mine": b"mine"}
    write(rows, rows.schema, target, format="folder", overwrite=True)
    assert tree(target) == {"a/x": b"1", "b": b"2", "mine": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_nothing_is_written_through_links_or_in_place_of_folders(tmp_path: Path) -> None:
    rows = pa.table({"path": ["b", "a/x"], "bytes": [b"1", b"2"]})
    away, target = tmp_path / "away", tmp_path / "out"
    away.mkdir()
    target.mkdir()
    (target / "a").symlink_to(away)
    with pytest.raises(UsageError, match="is a link; nothing is written through links"):
        write(rows, rows.schema, target, format="folder", overwrite=True)
    (target / "a").unlink()
    (target / "b").mkdir()
    with pytest.raises(UsageError, match="is a folder where a file must be"):
        write(rows, rows.schema, target, format="folder", overwrite=True)
    (target / "b").rmdir()
    (target / "a").write_bytes(b"")
    with pytest.raises(UsageError, match="is a file where a folder must be"):
        write(rows, rows.schema, target, format="folder", overwrite=True)
    (target / "a").unlink()
    (target / "b").symlink_to(away / "secret")
    write(rows, rows.schema, target, format="folder", overwrite=True)
    assert tree(target) == {"b": b"1", "a/x": b"2"}
    assert list(away.iterdir()) == []
