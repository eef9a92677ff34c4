"""The encoder ``image``: edges, coarse shape and colours of pictures. Needs Pillow and no model."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.extras import require
from headwater.methods.image_features import FEATURES, SIDE, image_features
from headwater.recipes.encoder import ENCODERS, F32, Encoder

__all__ = ["ImageEncoder", "small_picture"]

_MOST_PIXELS = 64_000_000


@ENCODERS.register("image")
@dataclass(frozen=True, kw_only=True)
class ImageEncoder(Encoder):
    """Histograms of gradients, low frequencies and colours of a picture at 32 × 32 pixels: 452 numbers.

    Pictures are near when they look alike as a whole: copies at another size or quality, one scene in two shots,
    drawn characters. What is on them it does not know. A picture that cannot be read, or has more than 64 million
    pixels, gets no vector. Pictures are turned upright as their EXIF data says.
    """

    id = "image"
    title = "Gradients, low frequencies and colours"
    reads = "image"
    passes_over: ClassVar[bool] = True
    batch_rows: ClassVar[int] = 256

    @staticmethod
    def is_installed() -> bool:
        """Say whether Pillow is there."""
        return importlib.util.find_spec("PIL") is not None

    def encode(self, values: pa.Array) -> F32:
        """Return vectors of unit length; NaN for what is no picture."""
        image = require("PIL.Image", extra="images", purpose="The encoder 'image'")
        turned = require("PIL.ImageOps", extra="images", purpose="The encoder 'image'")
        opened = [small_picture(value.as_buffer(), image, turned) for value in values]  # one file each
        good = np.array([picture is not None for picture in opened], np.bool_)
        out = np.full((len(values), FEATURES), np.nan, np.float32)
        if good.any():
            out[good] = image_features(np.stack([picture for picture in opened if picture is not None]))
        return out


def small_picture(data: Any, image: Any, turned: Any) -> NDArray[np.uint8] | None:
    """Return a picture as 32 × 32 pixels of red, green and blue; None for what is none."""
    try:
        with image.open(io.BytesIO(data)) as file:
            if file.width * file.height > _MOST_PIXELS:
                return None
            # Photographs are read at a fraction of their size at once, which is several times as fast.
            file.draft("RGB", (4 * SIDE, 4 * SIDE))
            upright = turned.exif_transpose(file)
            small = _on_white(upright, image).resize((SIDE, SIDE), image.Resampling.BILINEAR)
            return np.asarray(small, np.uint8)
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, image.DecompressionBombError):
        # Pillow's readers raise all of these for damaged files.
        return None


def _on_white(picture: Any, image: Any) -> Any:
    """Return the picture in red, green and blue; what is transparent is white."""
    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return picture.convert("RGB")
    layers = picture.convert("RGBA")
    return image.alpha_composite(image.new("RGBA", layers.size, (255, 255, 255, 255)), layers).convert("RGB")
