"""Pictures to learn from: the handwritten digits of scikit-learn as files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest


def files_of(pixels: np.ndarray[Any, np.dtype[np.uint8]], form: str = "PNG") -> list[bytes]:
    """Return pictures as files."""
    Image = pytest.importorskip("PIL.Image")
    out = []
    for picture in pixels:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, form)
        out.append(buffer.getvalue())
    return out


def digits(rows: int = 1797) -> pa.Table:
    """Return the digits as 8 × 8 PNGs with key, label and size."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (data.images[:rows] * 15).astype(np.uint8)
    return pa.table(
        {
            "path": [f"{number:04d}.png" for number in range(rows)],
            "picture": pa.array(files_of(pixels), pa.binary()),
            "label": [str(value) for value in data.target[:rows]],
            "width": np.full(rows, 8, np.int32),
        }
    )
