from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.methods.image_features import FEATURES
from headwater.methods.neighbours import nearest
from headwater.recipes.encoder import encode, make_encoder

image = pytest.importorskip("PIL.Image")


def file(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    sink = io.BytesIO()
    image.fromarray(pixels).save(sink, form, **options)
    return sink.getvalue()


def scene(seed: int, width: int = 90, height: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rough = image.fromarray(rng.integers(0, 256, (6, 9, 3)).astype(np.uint8))
    return np.asarray(rough.resize((width, height), image.Resampling.BICUBIC))


def vectors(*files: bytes) -> np.ndarray:
    return encode(make_encoder("image"), pa.array(files, pa.binary())).vectors


def test_a_picture_at_another_size_or_quality_is_near_and_another_is_not() -> None:
    small = np.asarray(image.fromarray(scene(1)).resize((45, 30)))
    made = vectors(
        file(scene(1)),
        file(small),
        file(scene(1), "JPEG", quality=40),
        file(scene(2)),
        file(scene(1), "WEBP"),
    )
    assert (made[0] @ made[[1, 2, 4]].T > 0.95).all()
    assert made[0] @ made[3] < 0.9


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I", "I;16", "F"])
def test_every_kind_of_picture_is_read(mode: str) -> None:
    sink = io.BytesIO()
    image.fromarray(scene(3)).convert("L" if mode == "LA" else "RGB").convert(
        mode if mode != "I;16" else "L"
    ).convert(mode).save(sink, "TIFF")
    assert np.isfinite(vectors(sink.getvalue())).all()


def test_what_is_transparent_is_white() -> None:
    clear = np.zeros((40, 40, 4), np.uint8)
    white = np.full((40, 40, 3), 255, np.uint8)
    made = vectors(file(clear), file(white))
    assert made[0] == pytest.approx(made[1])


def test_photographs_are_turned_upright() -> None:
    exif = image.Exif()
    exif[274] = 6  # to be turned a quarter clockwise
    lying = np.rot90(scene(4))
    turned = file(lying, exif=exif)
    made = vectors(turned, file(scene(4)), file(lying))
    assert made[0] @ made[1] > 0.999
    assert made[0] @ made[2] < 0.99


@pytest.mark.parametrize("cut", [0, 1, 8, 40, 200])
def test_broken_files_have_no_vector(cut: int) -> None:
    whole = file(scene(5))
    said = encode(
        make_encoder("image"), pa.array([whole, whole[:cut], b"plain text", whole[:300]], pa.binary())
    )
    assert said.broken.tolist() == [False, True, True, True]
    assert said.vectors.shape == (4, FEATURES)


def test_a_bomb_has_no_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.recipes.image_encoder._MOST_PIXELS", 1000)
    said = encode(make_encoder("image"), pa.array([file(scene(6))], pa.binary()))
    assert said.broken.all()


def test_the_neighbour_of_a_written_digit_is_the_same_digit(shared: Path) -> None:
    with np.load(shared / "mnist_test" / "mnist_test.npz") as stored:
        pictures, labels = stored["images"][:2300], stored["labels"][:2300]
    made = vectors(*(file(picture) for picture in pictures))
    found = [rows[0] for rows in nearest(made[2000:], made[:2000], 1).rows]
    assert (labels[:2000][found] == labels[2000:]).mean() > 0.93
