"""What lies in a folder: names, sizes, links, and what cannot be named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headwater.core.errors import InputError
from headwater.formats.walk import names_in, walk


def filled(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_files_come_in_the_order_of_their_paths_with_sizes_and_times(tmp_path: Path) -> None:
    names = ["a/b/c.png", "a.png", "ü/日本 1.png", "a/z", "a-b/x"]
    files = walk(filled(tmp_path, *names)).files
    assert files["path"].to_pylist() == sorted(names)
    state = (tmp_path / "a.png").stat()
    row = files.to_pylist()[sorted(names).index("a.png")]
    facts = {"size": 5, "mtime": state.st_mtime_ns, "ctime": state.st_ctime_ns, "inode": state.st_ino}
    assert row == {"path": "a.png", **facts}
    assert sorted(names_in(tmp_path)) == sorted(Path(name).name for name in names)


def test_what_is_hidden_is_not_there(tmp_path: Path) -> None:
    filled(tmp_path, ".x", "a/.git/config", "__MACOSX/a", "b")
    assert walk(tmp_path).files["path"].to_pylist() == ["b"]
    assert names_in(tmp_path) == ["b"]
    assert walk(filled(tmp_path / "empty", ".x")).files.num_rows == 0


def test_links_are_followed_inside_only(tmp_path: Path) -> None:
    root = filled(tmp_path / "in", "a/x", "b")
    filled(tmp_path, "secret", "inside-not/y")
    (root / "link").symlink_to("a/x")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "twin").symlink_to(tmp_path / "inside-not" / "y")
    (root / "loop").symlink_to(root)
    (root / "gone").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe")
    walked = walk(root)
    assert walked.files["path"].to_pylist() == ["a/x", "b", "link"]
    assert walked.left_out == {"links out of the folder or to folders": 4, "neither files nor folders": 1}


def test_names_that_are_not_utf8_are_refused_or_left_out(tmp_path: Path) -> None:
    filled(tmp_path, "a")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.png")).write_bytes(b"x")
    with pytest.raises(InputError, match=r"b\\xff.png: its name is not UTF-8; rename it, or .* skip"):
        walk(tmp_path)
    walked = walk(tmp_path, skip_bad=True)
    assert walked.files["path"].to_pylist() == ["a"]
    assert walked.left_out == {"names that are not UTF-8": 1}


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: it cannot be listed \(No such file"):
        walk(tmp_path / "nowhere")
