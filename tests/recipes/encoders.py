"""Encoders for tests: they count what they are given, and break their promises on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SEEN: list[list[Any]] = []
"""The batches that `lengths` was given."""


def lengths(values: pa.Array) -> NDArray[np.float64]:
    """Return the length of a text and of its first word, and 1."""
    SEEN.append(values.to_pylist())
    first = pc.list_element(pc.split_pattern(values, " ", max_splits=1), 0)
    parts = [pc.utf8_length(values), pc.utf8_length(first), pa.array([1] * len(values))]
    return np.stack([np.asarray(part, np.float64) for part in parts], axis=1)


def as_lists(values: pa.Array) -> list[list[float]]:
    return [[float(len(value)), 1.0] for value in values.to_pylist()]


def of_numbers(values: pa.Array) -> NDArray[np.float64]:
    return np.asarray(values, np.float64).reshape(-1, 1) * [1.0, 2.0]


def flat(values: pa.Array) -> NDArray[np.float64]:
    return np.zeros(len(values))


def too_few(values: pa.Array) -> NDArray[np.float64]:
    return np.zeros((len(values) - 1, 4))


def with_nan(values: pa.Array) -> NDArray[np.float64]:
    out = np.ones((len(values), 2))
    out[-1, 0] = np.nan
    return out


def words(values: pa.Array) -> list[str]:
    return ["no numbers"] * len(values)


def ragged(values: pa.Array) -> list[list[float]]:
    return [[1.0] * (1 + place) for place in range(len(values))]


def empty_rows(values: pa.Array) -> NDArray[np.float64]:
    return np.zeros((len(values), 0))


def by_batch(values: pa.Array) -> NDArray[np.float64]:
    return np.ones((len(values), len(values)))


NUMBER = 3
