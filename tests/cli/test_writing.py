"""A file that cannot be written is named, with what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import headwater as hw
from headwater.cli.writing import write_text
from headwater.core.errors import StorageFull
from tests.cli.conftest import Cli


def test_text_is_written_in_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "report.txt", "größer\n")
    assert (tmp_path / "report.txt").read_bytes() == "größer\n".encode()


def test_a_full_disk_is_told_with_the_file_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "report.html"

    def full(self: Path, text: str, encoding: str) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageFull, match=r"no room for .*report.html .*Free some space"):
        write_text(place, "text")
    assert not place.exists()


def test_other_errors_are_told_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "report.html", "text")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "words",
    [
        ("check", "people", "--html", "/dev/full"),
        ("check", "people", "--format", "markdown", "-o", "/dev/full"),
        ("profile", "people", "--html", "/dev/full"),
        ("contract", "infer", "people", "-o", "/dev/full"),
        ("clean", "people", "clean.values", "-p", "columns=name", "-p", "case=upper", "--review", "full.csv"),
    ],
)
def test_reports_on_a_full_disk_fail_with_a_remedy(shop: hw.Repo, cli: Cli, words: tuple[str, ...]) -> None:
    if words[0] == "clean":
        Path("full.csv").symlink_to("/dev/full")
    said = cli(*words, code=3).stderr
    assert "full" in said
    assert "pace" in said
    assert "Errno" not in said
