"""Rows of mixed columns as points, among which nearness means likeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.recipes.encoding import TableEncoder, conform
from headwater.recipes.tfidf import TfIdf
from headwater.recipes.threads import one_thread

__all__ = ["NeighbourSpace"]

F64 = NDArray[np.float64]

_TEXT_AXES = 64
_FARTHEST = 5.0
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class NeighbourSpace:
    """How rows become points; build it with `NeighbourSpace.learn`.

    Every column counts the same: a number is scaled to unit variance and cut off at five standard deviations, a
    category becomes one axis a value with a total variance of 1, a missing value lies in the middle. Texts (columns
    of strings with many values) and vectors are many axes each, and together count as much as all other columns.

    Parameters
    ----------
    encoder : TableEncoder
        Of all columns but texts.
    numbers : tuple of numpy.ndarray
        Mean and standard deviation of each column of its matrix that is no category and no vector.
    categories : tuple of float
        The root of the total variance of each category's axes.
    vectors : mapping of str to tuple
        The mean of the vectors of each column, and the root of their total variance.
    texts : _Texts, optional
        The texts.
    """

    encoder: TableEncoder
    numbers: tuple[F64, F64]
    categories: tuple[float, ...]
    vectors: dict[str, tuple[F64, float]]
    texts: _Texts | None

    @classmethod
    def learn(cls, features: pa.Table, *, seed: int = 0) -> NeighbourSpace:
        """Learn from training rows.

        Raises
        ------
        UsageError
            If no column can be read.
        """
        long = TableEncoder.learn(features).counts
        words = features.select([name for name in features.schema.names if name in long])
        others = features.select([name for name in features.schema.names if name not in long])
        encoder = TableEncoder.learn(others)
        if not encoder.sources and not words.num_columns:
            raise UsageError(
                f"None of the columns {', '.join(features.schema.names)} can be compared: they hold bytes, structs or "
                "lists. Add a column of vectors with `hw embed`."
            )
        matrix, sources = encoder.matrix(others), np.array(encoder.sources)
        vectors = {}
        for name in _vector_columns(encoder):
            middle, each = _moments(matrix[:, sources == name])
            vectors[name] = middle, float(np.sqrt((each**2).sum()))
        categories = tuple(
            _category_size(matrix[:, place], len(encoder.categories[sources[place]]) + 1)
            for place in np.flatnonzero(encoder.categorical)
        )
        numbers = _moments(matrix[:, _number_places(encoder)])
        return cls(
            encoder, numbers, categories, vectors, _Texts.learn(words, seed) if words.num_columns else None
        )

    def points(self, features: pa.Table) -> F64:
        """Return rows as points, shape (n, d), finite."""
        matrix, sources = self.encoder.matrix(features), np.array(self.encoder.sources)
        mean, spread = self.numbers
        places = _number_places(self.encoder)
        known = np.nan_to_num((matrix[:, places] - mean) / spread, nan=0.0)
        # An instant is four numbers, which count as one.
        _, source, width = np.unique(sources[places], return_inverse=True, return_counts=True)
        parts = [np.clip(known, -_FARTHEST, _FARTHEST) / np.sqrt(width[source])]
        for place, size in zip(np.flatnonzero(self.encoder.categorical), self.categories, strict=True):
            axes = np.arange(len(self.encoder.categories[sources[place]]) + 1)
            parts.append((matrix[:, place][:, None] == axes) / size)
        plain = len(width) + len(self.categories)
        weight = np.sqrt(max(plain, 1) / max(len(self.vectors) + (self.texts is not None), 1))
        for name, (middle, size) in self.vectors.items():
            parts.append(weight / size * np.nan_to_num(matrix[:, sources == name] - middle, nan=0.0))
        if self.texts is not None:
            parts.append(weight * self.texts.points(features))
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class _Texts:
    """Texts along the few axes that tell most of them apart (latent semantic analysis; Deerwester et al. 1990)."""

    schema: pa.Schema
    weigher: TfIdf
    axes: F64
    middle: F64
    size: float

    @classmethod
    def learn(cls, words: pa.Table, seed: int) -> _Texts:
        weigher, matrix = TfIdf.learn(words)
        count = min(_TEXT_AXES, min(matrix.shape) - 1)
        axes = np.zeros((matrix.shape[1], 0))
        if count > 0:
            decomposition = require("sklearn.decomposition", extra="ml", purpose="Comparing texts")
            with one_thread():
                found = decomposition.TruncatedSVD(n_components=count, random_state=seed).fit(matrix)
            axes = np.asarray(found.components_, np.float64).T
        placed = matrix @ axes
        middle = placed.mean(axis=0)
        size = float(np.sqrt(((placed - middle) ** 2).sum(axis=1).mean()))
        return cls(words.schema, weigher, axes, middle, max(size, _LEAST))

    def points(self, features: pa.Table) -> F64:
        placed = self.weigher.matrix(conform(features, self.schema)) @ self.axes
        return np.asarray((placed - self.middle) / self.size, np.float64)


def _vector_columns(encoder: TableEncoder) -> list[str]:
    return [field.name for field in encoder.schema if pa.types.is_fixed_size_list(field.type)]


def _number_places(encoder: TableEncoder) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = ~np.asarray(encoder.categorical, np.bool_) & ~np.isin(
        encoder.sources, _vector_columns(encoder)
    )
    return out


def _moments(values: F64) -> tuple[F64, F64]:
    """Return mean and standard deviation of each column; 0 and 1 where there is nothing or no spread."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > _LEAST * np.maximum(np.abs(mean), 1.0), spread, 1.0)


def _category_size(codes: F64, values: int) -> float:
    """Return the root of the total variance of one axis a value."""
    shares = np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=values) / max(len(codes), 1)
    return float(np.sqrt(max((shares * (1.0 - shares)).sum(), _LEAST)))
