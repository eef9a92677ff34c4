"""Writing: whole or not at all, and what cannot be written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, StorageDenied, StorageError, StorageFull, UsageError
from headwater.formats import write as writing
from headwater.formats.write import write

TABLE = pa.table({"a": [1, 2], "b": ["x", None]})
NAMES = ["t.csv", "t.tsv.gz", "t.jsonl.zst", "t.parquet", "t.arrow"]


def failing() -> Iterator[pa.RecordBatch]:
    yield from TABLE.to_batches()
    raise ValueError("the source broke")


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_export_changes_nothing_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(ValueError, match="the source broke"):
        write(failing(), TABLE.schema, path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="the source broke"):
        write(failing(), TABLE.schema, path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    assert write(TABLE, TABLE.schema, path) == 2
    assert path.read_bytes() != b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    table = pa.table({"text": ["x", None]})
    with pytest.raises(UsageError, match="Row 2 has no content"):
        write(table, table.schema, tmp_path / "out", format="folder")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_written_where_there_is_nothing(tmp_path: Path) -> None:
    table = pa.table({"text": ["x"], "label": ["c"]})
    target = tmp_path / "out"
    target.mkdir()
    write(table, table.schema, target, format="folder")
    assert [path.relative_to(target).as_posix() for path in target.rglob("*.txt")] == ["c/00000001.txt"]
    with pytest.raises(UsageError, match="is there already"):
        write(table, table.schema, target, format="folder")
    write(table, table.schema, tmp_path / "named", format="folder", content="label", label="text")
    assert (tmp_path / "named/x/00000001.txt").read_text() == "c"


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_a_file_without_rows(tmp_path: Path, name: str) -> None:
    assert write(TABLE.slice(0, 0), TABLE.schema, tmp_path / name) == 0
    assert (tmp_path / name).exists()


def test_permissions_stay_and_links_are_followed(tmp_path: Path) -> None:
    path, link = tmp_path / "t.csv", tmp_path / "link.csv"
    path.write_text("before")
    path.chmod(0o640)
    link.symlink_to(path)
    write(TABLE, TABLE.schema, link)
    assert link.is_symlink()
    assert path.read_text() == "a,b\n1,x\n2,\n"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("name", "format", "said"),
    [
        ("t", None, "does not say a format. End it in one of .arrow"),
        ("t.xlsx", None, "does not say a format"),
        ("t.csv.bz2", None, "does not say a format"),
        ("t.parquet.gz", None, "leave .gz off"),
        ("none/t.csv", None, "There is no folder"),
        (".", "csv", "is a folder; name a file in it"),
    ],
)
def test_wrong_targets_are_refused(tmp_path: Path, name: str, format: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write(TABLE, TABLE.schema, tmp_path / name, format=format)
    with pytest.raises(NotFound, match="Format 'xml' not found"):
        write(TABLE, TABLE.schema, tmp_path / "t.xml", format="xml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EROFS, StorageDenied), (errno.EIO, StorageError)],
)
def test_what_the_disk_says_is_told_in_our_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[StorageError]
) -> None:
    def broken(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing, "_flush", broken)
    with pytest.raises(error, match=r"Nothing of .* was changed") as caught:
        write(TABLE, TABLE.schema, tmp_path / "t.csv")
    assert type(caught.value) is error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or shutil.which("sh") is None, reason="needs POSIX")
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl", "t.arrow"])
def test_a_disk_that_fills_up_is_told_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    code = f"""
import resource, signal, pyarrow as pa
from headwater.core.errors import StorageError
from headwater.formats.write import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
import random
table = pa.table({{"a": [random.random() for _ in range(100_000)]}})
try:
    write(table, table.schema, {str(tmp_path / name)!r})
except StorageError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["StorageFull"], done.stderr
    assert list(tmp_path.iterdir()) == []
