from __future__ import annotations

import numpy as np
import pytest

from headwater.methods.image_features import (
    FEATURES,
    SIDE,
    colours,
    image_features,
    low_frequencies,
    oriented_gradients,
)


def pictures(rows: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, SIDE, SIDE, 3)).astype(np.uint8)


def test_low_frequencies_are_those_of_scipy(rng: np.random.Generator) -> None:
    fft = pytest.importorskip("scipy.fft")
    grey = rng.random((3, SIDE, SIDE))
    wanted = fft.dctn(grey, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(3, -1)
    assert low_frequencies(grey) == pytest.approx(wanted)


def test_gradients_say_which_way_an_edge_runs() -> None:
    upright = np.zeros((1, SIDE, SIDE))
    upright[:, :, SIDE // 2 :] = 1
    level = np.swapaxes(upright, 1, 2)
    strongest = [
        int(oriented_gradients(grey).reshape(-1, 9).sum(axis=0).argmax()) for grey in (upright, level)
    ]
    # Brightness grows to the right: 0°, shared by the first and last bin; downwards: 90°, the middle one.
    assert strongest[0] in (0, 8)
    assert strongest[1] == 4


def test_a_slanted_gradient_lies_in_its_bin() -> None:
    place = np.arange(SIDE, dtype=np.float64)
    slope = np.tan(np.deg2rad(50))
    grey = (place[None, :] + slope * place[:, None])[None] / 100
    inner = oriented_gradients(grey).reshape(3, 3, 4, 9)[1, 1]
    assert (inner.argmax(axis=1) == 2).all()  # 50° is the middle of the bin from 40° to 60°


def test_gradients_do_not_depend_on_brightness_or_contrast(rng: np.random.Generator) -> None:
    grey = rng.random((2, SIDE, SIDE))
    assert oriented_gradients(grey / 2 + 0.3) == pytest.approx(oriented_gradients(grey))


def test_colours_are_shares_of_pixels() -> None:
    red = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    red[..., 0] = 255
    found = colours(red)
    assert found[0, 48] == 1
    assert found.sum() == 1
    assert (colours(pictures()) ** 2).sum(axis=1) == pytest.approx(np.ones(5))


def test_features_have_length_one_and_are_the_same_in_any_batch() -> None:
    some = pictures()
    made = image_features(some)
    assert made.shape == (5, FEATURES)
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(5))
    assert image_features(some[2:3])[0] == pytest.approx(made[2], abs=1e-6)


def test_a_picture_of_one_colour_has_features() -> None:
    black = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    made = image_features(black)
    assert np.isfinite(made).all()
    assert np.linalg.norm(made) == pytest.approx(1)


def test_no_pictures_have_no_features() -> None:
    assert image_features(pictures(0)).shape == (0, FEATURES)
