"""Broken media are findings, each file is decoded once, and no bomb goes off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headwater.api import Repo
from headwater.checks import media as checked
from headwater.core.findings import Finding
from headwater.formats.media import fault_of
from headwater.store.values import LARGE_BYTES

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("av")


def picture(seed: int, size: int = 12, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    Image.fromarray(noise).save(out, format)
    return out.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for number in range(8):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(picture(number))
    return root


def imported(photos: Path) -> Repo:
    repo = Repo.init("memory://")
    repo.import_("photos", photos)
    return repo


def look(repo: Repo, **how: Any) -> Finding:
    (finding,) = repo.check("photos", only=["validity.media"], **how).findings
    return finding


def test_files_that_decode_pass(photos: Path) -> None:
    finding = look(imported(photos))
    assert (finding.outcome, finding.value, finding.message) == ("pass", 0.0, "All 8 files can be decoded.")


def test_each_kind_of_fault_is_found_with_its_row(photos: Path) -> None:
    (photos / "a" / "0.png").write_bytes(picture(0)[:100])
    (photos / "b" / "1.png").write_bytes(picture(1, format="JPEG"))
    large = picture(3, size=900)
    assert len(large) > LARGE_BYTES
    (photos / "b" / "3.png").write_bytes(large[: len(large) // 2 + LARGE_BYTES // 3])
    (photos / "b" / "5.png").write_bytes(b"")
    (photos / "b" / "7.bin").write_bytes(b"anything")
    finding = look(imported(photos))
    assert (finding.outcome, finding.row_count) == ("fail", 4)
    assert finding.rows == ('"a/0.png"', '"b/1.png"', '"b/3.png"', '"b/5.png"')
    kinds = {item["name"]: item["kind"] for item in finding.evidence["files"]}
    assert kinds == {"a/0.png": "broken", "b/1.png": "mistyped", "b/3.png": "broken", "b/5.png": "broken"}
    assert finding.message.startswith(
        "4 of 9 files (44.4 %) are faulty: 3 cannot be decoded, 1 of another type than the name says. "
        "The first is 'a/0.png': "
    )


def test_only_new_and_changed_files_are_decoded_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = imported(photos)
    look(repo)
    seen: list[str] = []

    def noted(file: Any, name: str, **limits: int) -> Any:
        seen.append(name)
        return fault_of(file, name, **limits)

    monkeypatch.setattr(checked, "fault_of", noted)
    (photos / "a" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (photos / "b" / "9.png").write_bytes(picture(9))
    (photos / "b" / "1.png").unlink()
    repo.import_("photos", photos)
    finding = look(repo)
    assert sorted(seen) == ["a/0.png", "b/9.png"]
    assert finding.rows == ('"a/0.png"',)
    with repo.transaction("out with it") as tx:
        tx.delete("photos", keys=["a/0.png"])
    assert look(repo).outcome == "pass"


def test_bytes_without_names_are_taken_for_what_they_are() -> None:
    repo = Repo.init("memory://")
    rows = [{"image": picture(1)}, {"image": picture(2)[:200]}, {"image": None}, {"image": b"other"}]
    repo.import_("photos", rows)
    finding = look(repo)
    assert (finding.column, finding.outcome, finding.row_count) == ("image", "fail", 1)
    assert repo["photos"].take(list(finding.rows)).to_pylist() == [rows[1]]


def test_metadata_of_a_folder_come_as_columns(photos: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    out = io.BytesIO()
    Image.new("L", (7, 5)).save(out, "JPEG", exif=exif)
    (photos / "a" / "turned.jpg").write_bytes(out.getvalue())
    (photos / "a" / "zero.png").write_bytes(b"")
    repo = imported(photos)
    rows = {row["path"]: row for row in repo["photos"].to_arrow().to_pylist()}
    facts = ("format", "width", "height", "mode", "orientation")
    assert [rows["a/turned.jpg"][name] for name in facts] == ["jpeg", 7, 5, "L", 8]
    assert [rows["a/0.png"][name] for name in facts] == ["png", 12, 12, "RGB", None]
    assert [rows["a/zero.png"][name] for name in facts] == [None] * 5
    plain = Repo.init("memory://")
    plain.import_("photos", photos, metadata=False)
    assert "width" not in plain["photos"].schema.names
    plain.import_("photos", photos)
    assert len(list(plain.log())) == 1
    plain.import_("photos", photos, metadata=True)
    assert plain["photos"].fingerprint == repo["photos"].fingerprint
    repo.import_("photos", photos)
    assert len(list(repo.log())) == 1


def test_checks_and_profiles_do_not_load_large_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    big = [np.random.default_rng(n).bytes(LARGE_BYTES + n) for n in (1, 2)]
    rows = [{"id": n, "blob": value} for n, value in enumerate([big[0], big[1], big[0], b"small"])]
    repo = Repo.init("memory://")
    repo.import_("photos", rows, key="id")

    def refused(*_: object) -> bytes:
        raise AssertionError("a large value was loaded")

    get = type(repo.objects).get
    large = {entry for chunk in repo["photos"].manifest.chunks for entry in chunk.large(repo.objects)}
    monkeypatch.setattr(
        type(repo.objects), "get", lambda self, name: refused() if name in large else get(self, name)
    )
    report = repo.check("photos")
    assert [finding for finding in report.findings if finding.outcome == "error"] == []
    column = next(one for one in repo.profile("photos").columns if one.name == "blob")
    assert column.distinct == 3
