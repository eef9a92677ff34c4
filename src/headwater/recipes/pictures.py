"""Columns of pictures: which column it is, and pictures made small, so that many fit into memory."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.formats.media import FACTS, HEAD_BYTES, kind_of_bytes
from headwater.methods.image_features import SIDE
from headwater.reading.dataset import Dataset
from headwater.recipes.image_encoder import small_picture

__all__ = ["only_pictures", "picture_columns", "require_picture", "shrunk", "small_pictures"]

U8 = NDArray[np.uint8]

_LOOKED_AT = 16
_ABOUT_FILES = {*FACTS["image"], "path", "size_bytes", "text"}


def picture_columns(dataset: Dataset, exclude: Sequence[str] = ()) -> list[str]:
    """Return the columns of bytes that hold pictures, judged by how their first values begin.

    Parameters
    ----------
    dataset : Dataset
        The dataset; its first rows are read.
    exclude : sequence of str
        Columns that do not count, beside the key.
    """
    names = [
        field.name
        for field in dataset.schema
        if (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type))
        and field.name not in (*dataset.key, *exclude)
        and not field.name.startswith("_")
    ]
    found = []
    for name in names:
        for batch in dataset.scan([name], f'"{name.replace(chr(34), chr(34) * 2)}" IS NOT NULL', _LOOKED_AT):
            heads = [value.as_buffer()[:HEAD_BYTES].to_pybytes() for value in batch.column(0)]
            kinds = [kind_of_bytes(head) for head in heads]
            if sum(kind is not None and kind[0] == "image" for kind in kinds) > len(kinds) / 2:
                found.append(name)
            break
    return found


def only_pictures(schema: pa.Schema, others: Sequence[str]) -> bool:
    """Return whether the columns beside a picture say nothing of their own: facts about files, and vectors."""
    return all(
        name in _ABOUT_FILES or pa.types.is_fixed_size_list(schema.field(name).type) for name in others
    )


def require_picture(schema: pa.Schema, recipe: str) -> str:
    """Return the one column of bytes among the features.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    names = [one.name for one in schema if pa.types.is_binary(one.type) or pa.types.is_large_binary(one.type)]
    if len(names) != 1:
        listed = f" ({', '.join(names)})" if names else ""
        raise UsageError(
            f"The recipe {recipe!r} needs one column of pictures; there are {len(names)}{listed}. Import pictures as "
            "bytes, and exclude other columns of bytes."
        )
    only: str = names[0]
    return only


def small_pictures(values: pa.ChunkedArray | pa.Array) -> tuple[U8, NDArray[np.bool_]]:
    """Return pictures at 32 × 32 pixels.

    Parameters
    ----------
    values : pyarrow.Array
        Files, n of them; null is no picture.

    Returns
    -------
    pictures : numpy.ndarray of uint8, shape (n, 32, 32, 3)
        Red, green and blue; 0 where there is none.
    there : numpy.ndarray of bool, shape (n,)
        Which could be read.
    """
    image = require("PIL.Image", extra="images", purpose="Learning from pictures")
    turned = require("PIL.ImageOps", extra="images", purpose="Learning from pictures")
    out = np.zeros((len(values), SIDE, SIDE, 3), np.uint8)
    there = np.zeros(len(values), np.bool_)
    for place, value in enumerate(values):  # one file each
        found = small_picture(value.as_buffer(), image, turned) if value.is_valid else None
        if found is not None:
            out[place], there[place] = found, True
    return out, there


def shrunk(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return pictures as PNG files of 32 × 32 pixels, which are read as the same pixels; null for what is none."""
    image = require("PIL.Image", extra="images", purpose="Learning from pictures")
    pictures, there = small_pictures(values)
    files = []
    for picture in pictures:  # one file each
        buffer = io.BytesIO()
        image.fromarray(picture).save(buffer, "PNG", compress_level=1)
        files.append(buffer.getvalue())
    kept = pc.if_else(pa.array(there), pa.array(files, pa.binary()), pa.scalar(None, pa.binary()))
    return kept.cast(values.type)
