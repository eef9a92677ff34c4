"""``validity.images``: pictures too dark or too bright, of one shade, blurred, or of an odd size or shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, percent
from headwater.checks.media import columns_of_files, require_files
from headwater.core.extras import require
from headwater.core.findings import Finding
from headwater.core.ids import canonical_json, digest
from headwater.formats.media import HEAD_BYTES, MAX_PIXELS, kind_of_bytes
from headwater.methods.image_quality import SIDE, far_from_most, quality_of
from headwater.profile.codec import decode, encode
from headwater.reading.chunks import DatasetChunk

__all__ = ["Images"]

F64 = NDArray[np.float64]

_FIGURES = ("width", "height", "darkest", "brightest", "contrast", "sharpness")
_SAID = {
    "dark": "too dark",
    "bright": "too bright",
    "uniform": "of nearly one shade",
    "blurred": "far less sharp than the others",
    "odd_size": "far larger or smaller than the others",
    "odd_shape": "far longer or wider than the others",
}


@CHECKS.register("validity.images")
@dataclass(frozen=True, kw_only=True)
class Images(Check):
    """Pictures show something: not too dark or bright, not of one shade, not blurred, of a usual size and shape.

    Each picture is looked at once, and again only where rows are new or changed. How sharp, large and long a
    picture is counts beside the others: one is blurred or odd if it lies farther from the middle than ``fence``
    times the width of the middle half (on a scale of logarithms).

    Parameters
    ----------
    column : str
        The column of bytes.
    dark : float
        A picture is too dark if 98 % of it is darker than this shade, from 0 (black) to 1 (white).
    bright : float
        It is too bright if 98 % of it is brighter than this.
    contrast : float
        It is of nearly one shade if the standard deviation of shades is less.
    fence : float
        How far from the others is odd.
    max_fraction : float
        The share of pictures that may be so.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Needs the packages of ``headwater[media]``. What is no picture, or does not decode, is for ``validity.media``.

    References
    ----------
    Pech-Pacheco, Cristóbal, Chamorro-Martínez, Fernández-Valdivia (2000). Diatom autofocusing in brightfield
    microscopy. doi:10.1109/ICPR.2000.903548 (variance of the Laplacian)
    """

    id = "validity.images"
    title = "Pictures that show little"
    cost: ClassVar[Cost] = "rows"

    column: str = "bytes"
    dark: float = 0.15
    bright: float = 0.95
    contrast: float = 0.01
    fence: float = 5.0
    max_fraction: float = 0.0
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a column of bytes, and the packages."""
        return tuple(cls(column=name) for name in columns_of_files(target))

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Look at what was not looked at before, and count what is odd."""
        require_files(target, self.column)
        chunks = target.dataset.chunks
        look = partial(self._figures, target=target)
        stored = list(target.executor.map(look, chunks, label="look", progress=target.progress))
        places = [chunk.live_positions() for chunk in chunks]
        parts = [figures[:, live] for figures, live in zip(stored, places, strict=True)]
        figures = np.concatenate(parts, axis=1) if parts else np.zeros((len(_FIGURES), 0))
        odd = self._odd(dict(zip(_FIGURES, figures, strict=True)))
        any_odd = np.logical_or.reduce(list(odd.values()))
        keys = self._keys(any_odd, places, target)
        return [self._judged(odd, any_odd, int((~np.isnan(figures[0])).sum()), keys)]

    def _odd(self, of: dict[str, F64]) -> dict[str, NDArray[np.bool_]]:
        """Return which pictures are odd, by kind."""
        with np.errstate(invalid="ignore", divide="ignore"):
            uniform = of["contrast"] < self.contrast
            sharp = np.log(np.maximum(of["sharpness"], 1e-12))
            size, shape = np.log(of["width"] * of["height"]), np.log(of["width"] / of["height"])
            least_sharp, _ = far_from_most(sharp, fence=self.fence)
            found = {
                "dark": of["brightest"] < self.dark,
                "bright": of["darkest"] > self.bright,
                "uniform": uniform,
                "blurred": (sharp < least_sharp) & ~uniform,
            }
            for name, values in (("odd_size", size), ("odd_shape", shape)):
                least, most = far_from_most(values, fence=self.fence)
                # Half and double are no oddity even where nearly all pictures are of one size.
                found[name] = (values < least - np.log(2)) | (values > most + np.log(2))
        return found

    def _judged(
        self, odd: dict[str, NDArray[np.bool_]], any_odd: NDArray[np.bool_], total: int, keys: list[str]
    ) -> Finding:
        count = int(any_odd.sum())
        share = count / total if total else 0.0
        counts = {name: int(which.sum()) for name, which in odd.items() if which.any()}
        said = ", ".join(f"{number:,} {_SAID[name]}" for name, number in counts.items())
        return judged(
            self,
            share > self.max_fraction,
            f"{count:,} of {total:,} pictures ({percent(share)}) are odd: {said}."
            if count
            else f"None of {total:,} pictures is too dark, bright, blurred or of an odd size.",
            severity=graded(0.25, share),
            column=self.column,
            value=share,
            threshold=self.max_fraction,
            rows=tuple(keys),
            row_count=count,
            evidence=dict(counts),
        )

    def _figures(self, chunk: DatasetChunk, *, target: Target) -> F64:
        """Return the figures of the stored rows of a chunk, NaN for what is no picture; known ones from the cache."""
        facts = [self.id, self.version, chunk.identity([self.column]), self.column]
        path = f"{chunk.cache_prefix([self.column])}/images-{digest(canonical_json(facts))[:24]}"
        kept = None if target.cache is None else target.cache.get(path)
        if kept is not None:
            figures: F64 = decode("images", 1, kept)["figures"]
            return figures
        image = require("PIL.Image", extra="media", purpose="The check 'validity.images'")
        rows = []
        for value in chunk.read_stored([self.column], deleted=True).column(self.column):  # one picture each
            if value.is_valid:
                with chunk.open_value(value) as file:
                    rows.append(_figures_of(file, image))
            else:
                rows.append(_NONE)
        figures = np.array(rows, np.float64).reshape(len(rows), len(_FIGURES)).T.copy()
        if target.cache is not None:
            target.cache.put(path, encode("images", 1, {"figures": figures}))
        return figures

    def _keys(
        self, wanted: NDArray[np.bool_], places: Sequence[NDArray[np.int64]], target: Target
    ) -> list[str]:
        """Return the keys of the first rows that are odd."""
        keys: list[str] = []
        start = 0
        for chunk, live in zip(target.dataset.chunks, places, strict=True):
            here = live[wanted[start : start + len(live)]][: target.row_limit - len(keys)]
            start += len(live)
            if len(here):
                rows = chunk.read_rows(here, list(target.dataset.key) or None)
                keys += target.dataset.keys_of(rows)
        return keys


_NONE = (float("nan"),) * len(_FIGURES)


def _figures_of(file: BinaryIO, image: Any) -> tuple[float, ...]:
    found = kind_of_bytes(file.read(HEAD_BYTES))
    file.seek(0)
    if found is None or found[0] != "image":
        return _NONE
    try:
        with image.open(file) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                return _NONE
            picture.draft("L", (2 * SIDE, 2 * SIDE))
            grey = picture.convert("L")
            grey.thumbnail((SIDE, SIDE), image.Resampling.BOX)
            return (float(width), float(height), *quality_of(np.asarray(grey, np.uint8)))
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, image.DecompressionBombError):
        # Pillow's readers raise all of these for damaged files; `validity.media` tells them.
        return _NONE
