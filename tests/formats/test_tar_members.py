"""Tar archives: what is read, and what is refused of broken and hostile ones."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from headwater.core.errors import InputError
from headwater.formats import tar_members
from headwater.formats.tar_members import members


def test_files_come_in_order_with_their_bytes_and_folders_are_left_out(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "t.tar", {"b/ü.txt": b"one", "a.bin": bytes(70_000), "empty": b""}, folders=["b"]
    )
    assert [(file.name, file.size, len(file.data())) for file in members(path)] == [
        ("b/ü.txt", 3, 3),
        ("a.bin", 70_000, 70_000),
        ("empty", 0, 0),
    ]


def test_a_compressed_archive_is_read_the_same(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.tar", {f"{number:04d}.txt": b"x" * number for number in range(300)})
    packed = tmp_path / "t.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    plain = [(file.name, file.data()) for file in members(path)]
    assert [(file.name, file.data()) for file in members(packed)] == plain
    assert len(plain) == 300


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a/../../out.txt"])
def test_paths_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t.tar: the path .* leads out of the archive"):
        list(members(archive(tmp_path / "t.tar", {"a.txt": b"1", name: b"2"})))


@pytest.mark.parametrize(
    ("kind", "said"),
    [(tarfile.SYMTYPE, "a link"), (tarfile.LNKTYPE, "a link"), (tarfile.CHRTYPE, "a device")],
)
def test_links_and_devices_are_refused(kind: bytes, said: str, tmp_path: Path) -> None:
    entry = tarfile.TarInfo("a.txt")
    entry.type, entry.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "t.tar", "w") as made:
        made.addfile(entry)
    with pytest.raises(InputError, match=f"'a.txt' is {said}"):
        list(members(tmp_path / "t.tar"))


@pytest.mark.parametrize("at", [1, 100, 513, 2000, 40_000, -10_000])
def test_archives_that_are_cut_are_refused(at: int, tmp_path: Path) -> None:
    path = archive(tmp_path / "t.tar", {"a.txt": b"1" * 1000, "b.bin": bytes(range(256)) * 200})
    path.write_bytes(path.read_bytes()[:at])
    with pytest.raises(InputError, match=r"t.tar: it (is no whole|is cut|ends|goes on)"):
        [file.data() for file in members(path)]


def test_an_archive_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.tar", {"a.txt": b"1", "b.txt": b"2"})
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(InputError, match="it is cut short: its end is missing"):
        list(members(path))


def test_a_broken_header_in_the_middle_is_no_end(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.tar", {"a.txt": b"1", "b.txt": b"2"})
    data = bytearray(path.read_bytes())
    data[1024 + 148 : 1024 + 156] = b"garbage!"
    path.write_bytes(data)
    with pytest.raises(InputError, match="it is damaged"):
        list(members(path))


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"\x1f\x8b\x08broken"])
def test_what_is_no_archive_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"t.tar: it is no whole tar archive"):
        list(members(tmp_path / "t.tar"))


def test_a_file_that_claims_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("a.bin")
    entry.size = 5 << 30
    (tmp_path / "t.tar").write_bytes(entry.tobuf() + bytes(2048))
    with pytest.raises(InputError, match=r"'a.bin' has 5,368,709,120 bytes; at most"):
        list(members(tmp_path / "t.tar"))


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 900 << 20
    (tmp_path / "t.tar").write_bytes(entry.tobuf() + bytes(2048))
    with pytest.raises(InputError, match="it has a header of 943,718,400 bytes"):
        list(members(tmp_path / "t.tar"))


def test_an_archive_packed_beyond_what_data_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_members, "FREE_BYTES", 1 << 20)
    path = archive(tmp_path / "t.tar", {"a.bin": bytes(30 << 20)})
    packed = tmp_path / "bomb.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match="packed beyond what data can be"):
        [file.data() for file in members(packed)]


def archive(path: Path, files: dict[str, bytes], folders: list[str] | None = None) -> Path:
    """Write a tar archive of these files."""
    with tarfile.open(path, "w") as made:
        for name in folders or []:
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            made.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return path
