"""How bright, how rich in contrast and how sharp a picture is.

References
----------
Pech-Pacheco, Cristóbal, Chamorro-Martínez, Fernández-Valdivia (2000). Diatom autofocusing in brightfield
microscopy: a comparative study. ICPR. doi:10.1109/ICPR.2000.903548 (variance of the Laplacian).
ITU-R BT.601-7 (how bright red, green and blue are).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE", "Quality", "far_from_most", "quality_of"]

SIDE = 256
"""The longer side in pixels at which pictures are looked at, so that figures of all sizes compare."""
_DARKEST, _BRIGHTEST = 2.0, 98.0


class Quality(NamedTuple):
    """Figures of one picture.

    ``darkest`` and ``brightest`` are the shades, from 0 to 1, that 2 % of the pixels lie below and above;
    ``contrast`` is the standard deviation of shades; ``sharpness`` the variance of the Laplacian of shades, divided
    by their variance: how much of what is to be seen is edges.
    """

    darkest: float
    brightest: float
    contrast: float
    sharpness: float


def quality_of(grey: NDArray[np.uint8]) -> Quality:
    """Return the figures of a picture.

    Parameters
    ----------
    grey : numpy.ndarray of uint8, shape (height, width)
        Shades of grey, at `SIDE` pixels at most.

    Returns
    -------
    Quality
        A picture of less than three pixels a side, or of one shade, has no sharpness: NaN.

    Examples
    --------
    >>> import numpy as np
    >>> board = np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((8, 8))).astype(np.uint8) * 255
    >>> figures = quality_of(board)
    >>> figures.darkest, figures.brightest, figures.contrast
    (0.0, 1.0, 0.5)
    """
    shades = grey.astype(np.float64) / 255.0
    if not shades.size:
        return Quality(0.0, 0.0, 0.0, float("nan"))
    darkest, brightest = np.percentile(shades, [_DARKEST, _BRIGHTEST])
    variance = float(shades.var())
    sharpness = float("nan")
    if min(shades.shape) >= 3 and variance > 0:
        inner = shades[1:-1, 1:-1]
        around = shades[:-2, 1:-1] + shades[2:, 1:-1] + shades[1:-1, :-2] + shades[1:-1, 2:]
        sharpness = float((around - 4.0 * inner).var()) / variance
    return Quality(float(darkest), float(brightest), float(np.sqrt(variance)), sharpness)


def far_from_most(values: NDArray[np.float64], *, fence: float = 5.0) -> tuple[float, float]:
    """Return the ends of what is usual: the median, less and plus so many times the spread of the middle half.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Figures; NaN counts not at all.
    fence : float, default 5
        How many interquartile ranges. Where these are zero, anything else than the median is unusual.

    Returns
    -------
    tuple of float
        The least and the greatest usual value; infinite where nothing is known.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return -np.inf, np.inf
    low, middle, high = np.percentile(known, [25, 50, 75])
    reach = fence * (high - low)
    return float(middle - reach), float(middle + reach)
