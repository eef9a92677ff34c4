"""Pictures that show little are found, by what most pictures are like."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from headwater.checks.images import Images
from headwater.core.findings import Outcome
from headwater.reading.chunks import DatasetChunk
from tests.checks.targets import one_finding, target_of

Image = pytest.importorskip("PIL.Image")
Filter = pytest.importorskip("PIL.ImageFilter")
pytest.importorskip("av")


def scene(seed: int, width: int = 64, height: int = 48) -> Any:
    """Return a picture of some rectangles, as sharp as can be."""
    rng = np.random.default_rng(seed)
    shades = np.full((height, width, 3), 90, np.uint8)
    for _ in range(12):
        x, y = rng.integers(0, width), rng.integers(0, height)
        shades[y : y + 14, x : x + 14] = rng.integers(0, 256, 3)
    return Image.fromarray(shades)


def saved(picture: Any, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


USUAL = [saved(scene(n)) for n in range(30)]


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("dark", saved(scene(40).point(lambda shade: shade // 9))),
        ("bright", saved(scene(40).point(lambda shade: 250 + shade // 60))),
        ("uniform", saved(Image.new("RGB", (64, 48), (120, 130, 140)))),
        ("blurred", saved(scene(40).filter(Filter.GaussianBlur(9)))),
        ("odd_size", saved(scene(40, 640, 480))),
        ("odd_shape", saved(scene(40, 256, 12))),
    ],
)
def test_an_odd_picture_is_found_for_what_it_is(kind: str, odd: bytes) -> None:
    target = target_of({"id": range(31), "bytes": [*USUAL, odd]}, key="id")
    finding = one_finding(Images(), target)
    assert finding.outcome is Outcome.WARN
    assert finding.rows == ("30",)
    assert kind in finding.evidence


def test_usual_pictures_pass_in_every_format() -> None:
    pictures = [saved(scene(n), "JPEG" if n % 2 else "PNG") for n in range(30)]
    finding = one_finding(Images(), target_of({"bytes": pictures}))
    assert finding.outcome is Outcome.PASS, finding.message
    assert "30 pictures" in finding.message


def test_what_is_no_picture_is_left_alone() -> None:
    target = target_of({"bytes": [*USUAL, None, b"", b"text", b"\x89PNG broken", USUAL[0][:40]]})
    finding = one_finding(Images(), target)
    assert finding.outcome is Outcome.PASS
    assert "30 pictures" in finding.message


def test_a_dataset_of_dark_drawings_is_judged_by_its_brightest_shades() -> None:
    digits = np.zeros((20, 28, 28), np.uint8)
    for n, digit in enumerate(digits):
        digit[4 + n % 3 : 24, 10 : 14 + n % 4] = 255
    finding = one_finding(Images(), target_of({"bytes": [saved(Image.fromarray(digit)) for digit in digits]}))
    assert finding.outcome is Outcome.PASS, finding.message


def test_pictures_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of({"bytes": USUAL})
    one_finding(Images(), target)
    monkeypatch.setattr(DatasetChunk, "read_stored", lambda *a, **k: pytest.fail("read again"))
    assert one_finding(Images(fence=6), target).outcome is Outcome.PASS


def test_numbers_are_no_pictures() -> None:
    assert one_finding(Images(column="n"), target_of({"n": [1]})).outcome is Outcome.ERROR
