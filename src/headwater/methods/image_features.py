"""Features of small pictures: where edges run, coarse shape, and colours; nothing is learnt.

Each family is scaled to unit length, so that none drowns the others. All pictures of a batch are worked on at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from headwater.methods.projection import unit_rows

__all__ = ["FEATURES", "SIDE", "colours", "image_features", "low_frequencies", "oriented_gradients"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SIDE = 32
"""Width and height of the pictures in pixels."""

_CELL = 8
_CELLS = SIDE // _CELL
_ANGLES = 9
_WAVES = 8
_SHADES = 4
_CLIP = 0.2

FEATURES = (_CELLS - 1) ** 2 * 4 * _ANGLES + _WAVES**2 + _SHADES**3
"""Length of a picture's features."""


def image_features(pictures: NDArray[np.uint8]) -> F32:
    """Return the features of pictures: gradients, low frequencies and colours.

    Parameters
    ----------
    pictures : numpy.ndarray of uint8, shape (n, 32, 32, 3)
        Red, green and blue.

    Returns
    -------
    numpy.ndarray of float32, shape (n, 452)
        Rows of unit length.

    Notes
    -----
    Time and memory are linear in n; some 100 kB a picture while it is worked on.
    """
    scaled = pictures.astype(np.float64) / 255
    grey = scaled @ np.array([0.299, 0.587, 0.114])
    parts = [oriented_gradients(grey), low_frequencies(grey), colours(pictures)]
    return np.asarray(unit_rows(np.hstack([unit_rows(part) for part in parts]))).astype(np.float32)


def oriented_gradients(grey: F64) -> F64:
    """Return histograms of gradient directions.

    Parameters
    ----------
    grey : numpy.ndarray of float, shape (n, 32, 32)
        Brightness from 0 to 1.

    Returns
    -------
    numpy.ndarray of float, shape (n, 324)
        For each of 3 × 3 overlapping blocks the 9 directions of its 4 cells of 8 × 8 pixels.

    Notes
    -----
    Directions from 0° to 180°, each gradient shared by the two nearest bins in proportion; each block is scaled to
    unit length, clipped at 0.2 and scaled again.

    References
    ----------
    Dalal, Triggs (2005). Histograms of oriented gradients for human detection. CVPR. doi:10.1109/CVPR.2005.177
    """
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = np.hypot(down, right)
    # A direction is a bin and how far it is on its way to the next one; bin 9 is bin 0 again.
    angle = np.mod(np.arctan2(down, right), np.pi) * (_ANGLES / np.pi) - 0.5
    lower = np.floor(angle)
    share = angle - lower
    low = lower.astype(np.int64) % _ANGLES
    cell_row = np.arange(SIDE) // _CELL
    cell = cell_row[:, None] * _CELLS + cell_row[None, :]
    bins = _CELLS**2 * _ANGLES
    base = np.arange(len(grey))[:, None, None] * bins + cell * _ANGLES
    size = len(grey) * bins
    counted = np.zeros(size)
    for place, part in ((low, 1 - share), ((low + 1) % _ANGLES, share)):
        counted += np.bincount((base + place).ravel(), weights=(strength * part).ravel(), minlength=size)
    cells = counted.reshape(len(grey), _CELLS, _CELLS, _ANGLES)
    last = _CELLS - 1
    corners = [cells[:, a : last + a, b : last + b] for a in (0, 1) for b in (0, 1)]
    blocks: F64 = np.concatenate(corners, axis=3).reshape(-1, 4 * _ANGLES)
    clipped = np.minimum(unit_rows(blocks), _CLIP)
    return np.asarray(unit_rows(clipped), np.float64).reshape(len(grey), last * last * 4 * _ANGLES)


def low_frequencies(grey: F64) -> F64:
    """Return the 8 × 8 lowest coefficients of the cosine transform, the mean brightness first.

    Parameters
    ----------
    grey : numpy.ndarray of float, shape (n, 32, 32)
        Brightness.

    Returns
    -------
    numpy.ndarray of float, shape (n, 64)

    Notes
    -----
    The orthonormal DCT-II, C x Cᵀ with C[k, i] = √(2/N) cos(π (2 i + 1) k / 2 N), the first row by 1/√2.

    References
    ----------
    Ahmed, Natarajan, Rao (1974). Discrete cosine transform. IEEE Transactions on Computers C-23(1).
    doi:10.1109/T-C.1974.223784
    """
    basis = _cosines()
    return np.asarray(np.einsum("ki,nij,lj->nkl", basis, grey, basis, optimize=True)).reshape(
        len(grey), _WAVES**2
    )


def colours(pictures: NDArray[np.uint8]) -> F64:
    """Return the square roots of the shares of 64 colours, 4 shades of red, green and blue each.

    The inner product of two such vectors is the Bhattacharyya coefficient of the two histograms: 1 for equal ones.

    References
    ----------
    Swain, Ballard (1991). Color indexing. International Journal of Computer Vision 7(1). doi:10.1007/BF00130487
    """
    shades = pictures.astype(np.int64) * _SHADES // 256
    code = (shades[..., 0] * _SHADES + shades[..., 1]) * _SHADES + shades[..., 2]
    bins = _SHADES**3
    base = np.arange(len(pictures))[:, None, None] * bins
    counted = np.bincount((base + code).ravel(), minlength=len(pictures) * bins).reshape(-1, bins)
    return np.asarray(np.sqrt(counted / SIDE**2))


@lru_cache(maxsize=1)
def _cosines() -> F64:
    wave, place = np.arange(_WAVES)[:, None], np.arange(SIDE)[None, :]
    basis = np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * place + 1) * wave / (2 * SIDE))
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)
