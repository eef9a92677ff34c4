"""Figures of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.image_quality import far_from_most, quality_of


def test_a_blurred_picture_is_less_sharp() -> None:
    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 256, (40, 40)).astype(np.uint8)
    blurred = np.stack([np.roll(sharp, (y, x), (0, 1)) for y in range(3) for x in range(3)]).mean(0)
    assert quality_of(blurred.astype(np.uint8)).sharpness < quality_of(sharp).sharpness / 2


def test_sharpness_does_not_depend_on_contrast() -> None:
    rng = np.random.default_rng(1)
    shades = rng.integers(0, 2, (40, 40)).astype(np.uint8)
    assert quality_of(shades * 200).sharpness == pytest.approx(quality_of(shades * 50).sharpness)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 5), (3, 3)])
def test_small_and_plain_pictures_have_no_sharpness(shape: tuple[int, int]) -> None:
    found = quality_of(np.full(shape, 128, np.uint8))
    assert np.isnan(found.sharpness)
    assert found.contrast == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_middle_half_is_never_far_from_most(values: list[float]) -> None:
    low, high = far_from_most(np.array(values))
    inner = np.percentile(values, [25, 75])
    assert low <= np.median(values) <= high
    assert low <= inner[0] + 1e-6
    assert high >= inner[1] - 1e-6


def test_of_nothing_nothing_is_far() -> None:
    assert far_from_most(np.array([np.nan])) == (-np.inf, np.inf)
