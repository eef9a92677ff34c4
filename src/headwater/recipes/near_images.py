"""Pictures that are nearly the same: perceptual hashes, found by their pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.core.hashing import U64, mix
from headwater.methods.perceptual_hash import difference_hash, hamming, piece_bands, wave_hash
from headwater.recipes.alike import Likeness, Side, Signatures
from headwater.recipes.image_encoder import small_picture

__all__ = ["NearImages"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_MOST = 7
_BATCH = 1024
_FLAT = 2.0 / 255


@dataclass(frozen=True, kw_only=True)
class NearImages(Likeness):
    """Pictures are alike when both their perceptual hashes, of waves and of differences, hardly differ.

    Parameters
    ----------
    column : str
        The column of bytes.
    bits : int
        In how many of its 64 bits each hash may differ, from 0 to 7.

    Notes
    -----
    Copies at another size or quality are found, crops and turned pictures are not. Pictures that cannot be read are
    not compared, nor those of one colour, which have nothing to compare.
    """

    column: str
    bits: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= _MOST:
            raise UsageError(
                f"Hashes that differ in {self.bits} bits cannot be searched for: give 0 to {_MOST}."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def facts(self) -> list[Any]:
        """The bits that may differ."""
        return [self.bits]

    def sign(self, rows: pa.Table) -> Signatures:
        """Return hashes, and their pieces."""
        image = require("PIL.Image", extra="images", purpose="Comparing pictures")
        turned = require("PIL.ImageOps", extra="images", purpose="Comparing pictures")
        column = rows.column(self.column)
        waves, edges = np.zeros(len(column), np.uint64), np.zeros(len(column), np.uint64)
        good = np.zeros(len(column), np.bool_)
        for begin in range(0, len(column), _BATCH):
            opened = [
                small_picture(value.as_buffer(), image, turned) if value.is_valid else None
                for value in column.slice(begin, _BATCH)
            ]  # one file each
            there = np.flatnonzero([picture is not None for picture in opened])
            if not len(there):
                continue
            pictures = np.stack([picture for picture in opened if picture is not None])
            grey = pictures @ np.array([0.299, 0.587, 0.114]) / 255
            waves[begin + there], edges[begin + there] = wave_hash(grey), difference_hash(grey)
            good[begin + there] = grey.std(axis=(1, 2)) > _FLAT
        # The hash of waves never has its lowest bit set, so that 0 is free for what is left out.
        exact = np.where(good, waves | np.uint64(1), np.uint64(0))
        return Signatures(
            _unlike(exact, edges), np.concatenate([piece_bands(waves), edges[None], exact[None]])
        )

    def scores(self, one: Side, left: I64, two: Side, right: I64) -> F64:
        """Return the share of bits that agree, of the hash that agrees less."""
        apart = np.maximum(
            hamming(one.bands[-1, left].astype(np.uint64), two.bands[-1, right].astype(np.uint64)),
            hamming(one.bands[-2, left].astype(np.uint64), two.bands[-2, right].astype(np.uint64)),
        )
        return np.where(apart <= self.bits, 1 - apart / 64, np.nan)


def _unlike(exact: U64, edges: U64) -> U64:
    """Return a number a picture that is equal only where both hashes are; 0 stays 0."""
    return np.where(exact == 0, np.uint64(0), np.maximum(mix(exact ^ mix(edges)), np.uint64(1)))
