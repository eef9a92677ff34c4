"""Folders of files: one row a file, class folders as labels, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.formats import folder as folders
from headwater.formats.base import ReadOptions, Source, WriteOptions
from headwater.formats.folder import Folder

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPG = b"\xff\xd8\xff" + bytes(10)


def filled(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def read(root: Path, **how: Any) -> Source:
    return Folder().read(str(root), options=ReadOptions(**how))


def write(table: pa.Table, target: Path, **how: Any) -> None:
    Folder().write(table.to_batches(), table.schema, target, options=WriteOptions(**how))


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_class_folders_are_labels(tmp_path: Path) -> None:
    source = read(filled(tmp_path, {"dog/b.PNG": PNG, "cat/a.jpg": JPG, "dog/ä.png": PNG}))
    assert source.table().to_pylist() == [
        {"path": "cat/a.jpg", "label": "cat", "bytes": JPG, "size_bytes": len(JPG)},
        {"path": "dog/b.PNG", "label": "dog", "bytes": PNG, "size_bytes": len(PNG)},
        {"path": "dog/ä.png", "label": "dog", "bytes": PNG, "size_bytes": len(PNG)},
    ]
    assert (source.num_rows, source.notes) == (3, ())


@pytest.mark.parametrize(
    "names", [("a.png", "b.png"), ("x/a.png", "b.png"), ("train/x/a.png", "train/y/b.png")]
)
def test_other_depths_have_no_label(tmp_path: Path, names: tuple[str, ...]) -> None:
    source = read(filled(tmp_path, dict.fromkeys(names, PNG)))
    assert source.schema.names == ["path", "bytes", "size_bytes"]


def test_texts_are_read_as_text_in_their_encoding(tmp_path: Path) -> None:
    filled(tmp_path, {"pos/a.txt": "é\n", "neg/b.txt": ""})
    assert read(tmp_path).table().select(["path", "label", "text"]).to_pylist() == [
        {"path": "neg/b.txt", "label": "neg", "text": ""},
        {"path": "pos/a.txt", "label": "pos", "text": "é\n"},
    ]
    filled(tmp_path, {"pos/a.txt": b"one\n\xe9"})
    assert read(tmp_path, encoding="latin-1").table()["text"].to_pylist() == ["", "one\né"]
    with pytest.raises(InputError, match=r"pos/a.txt, line 2: byte 0xe9 is not UTF-8") as caught:
        read(tmp_path).table()
    assert caught.value.file == "pos/a.txt"


def test_pictures_and_their_captions_have_a_column_each(tmp_path: Path) -> None:
    rows = read(filled(tmp_path, {"a.png": PNG, "a.txt": "a cat"})).table().to_pylist()
    assert [(row["bytes"], row["text"]) for row in rows] == [(PNG, None), (None, "a cat")]


def test_hidden_files_are_not_there_and_other_files_are_noted(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "a.png": PNG,
        ".DS_Store": "x",
        "__MACOSX/a.png": PNG,
        "b.json": "{}",
        "LICENSE": "x",
    }
    source = read(filled(tmp_path, files))
    assert source.table()["path"].to_pylist() == ["LICENSE", "a.png", "b.json"]
    assert source.notes == ("2 files are neither media nor text and come as bytes (1 LICENSE, 1 .json).",)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no files in it"):
        read(tmp_path / "empty")


def test_batches_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "BATCH_BYTES", 100)
    source = read(filled(tmp_path, {f"{number}.png": PNG for number in range(20)}))
    assert [batch.num_rows for batch in source.batches()] == [4] * 5


def test_what_is_read_is_written_back_equal(tmp_path: Path) -> None:
    source = read(filled(tmp_path / "in", {"dog/b.png": PNG, "cat/a.jpg": JPG}))
    write(source.table(), tmp_path / "out")
    assert tree(tmp_path / "out") == tree(tmp_path / "in")


def test_rows_without_names_are_numbered_and_end_in_their_kind(tmp_path: Path) -> None:
    riff = b"RIFF\0\0\0\0"
    pictures = {".png": PNG, ".jpg": JPG, ".gif": b"GIF89a", ".bmp": b"BM1", ".webp": riff + b"WEBP"}
    others = {
        ".wav": riff + b"WAVE",
        ".flac": b"fLaC",
        ".ogg": b"OggS",
        ".txt": b"hello",
        ".bin": b"\xff\xfe\x00",
    }
    kinds = {**pictures, **others}
    write(pa.table({"data": list(kinds.values())}), tmp_path / "out")
    assert sorted(tree(tmp_path / "out")) == [
        f"{row:08d}{suffix}" for row, suffix in enumerate(kinds, start=1)
    ]


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    table = pa.table({"body": ["hello", "bye"], "class": [1, 2], "file": ["a.txt", "b.txt"]})
    write(table, tmp_path / "out", content="body", label="class", name="file")
    assert tree(tmp_path / "out") == {"1/a.txt": b"hello", "2/b.txt": b"bye"}
    with pytest.raises(NotFound, match="Column 'boddy'"):
        write(table, tmp_path / "other", content="boddy")
    with pytest.raises(UsageError, match="Say which column"):
        write(table, tmp_path / "other")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"bytes": [b"x"], "path": ["../x"]}, "not inside the folder"),
        ({"bytes": [b"x"], "path": ["/etc/x"]}, "not inside the folder"),
        ({"bytes": [b"x"], "path": [""]}, "not inside the folder"),
        ({"bytes": [b"x"], "label": [".."]}, "not inside the folder"),
        ({"bytes": [b"x"], "label": ["a/b"]}, "cannot name a folder"),
        ({"bytes": [b"x"], "label": pa.array([None], pa.string())}, "cannot name a folder"),
        ({"bytes": [b"x", b"y"], "path": ["a", "a"]}, "would both become a"),
        ({"bytes": pa.array([None], pa.binary())}, "Row 1 has no content"),
        ({"text": [1]}, "has a int"),
    ],
)
def test_rows_that_cannot_be_files_are_refused(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write(pa.table(columns), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
