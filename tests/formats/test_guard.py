"""Paths that files name stay inside the folder that the user named."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.core.errors import InputError
from headwater.formats.guard import inside, local_path, require_no_links_out


@pytest.mark.parametrize("path", ["a", "a/b.parquet", "a/../b", "./ü x"])
def test_paths_inside_are_given_whole(path: str, tmp_path: Path) -> None:
    assert inside(path, tmp_path, "t") == (tmp_path / path).resolve()


@pytest.mark.parametrize("path", ["..", "../a", "a/../../b", "/etc/passwd", "a\0b", "out/passwd"])
def test_paths_elsewhere_are_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(InputError, match=r"t: it refers to .* which is not inside its folder"):
        inside(path, tmp_path, "t")


def test_a_folder_that_is_itself_a_link_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside("a", tmp_path / "link", "t") == (tmp_path / "real" / "a").resolve()


def test_addresses_become_paths() -> None:
    assert local_path("file:///a%20b/c") == "/a b/c"
    assert local_path("part-%C3%BC.parquet") == "part-ü.parquet"


def test_links_that_stay_inside_are_fine_and_others_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("")
    (tmp_path / "a" / "link").symlink_to("file")
    (tmp_path / "folder").symlink_to("a")
    require_no_links_out(tmp_path)
    (tmp_path / "a" / "etc").symlink_to("/etc")
    with pytest.raises(InputError, match="not inside its folder"):
        require_no_links_out(tmp_path)
