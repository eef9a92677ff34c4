"""Pairs of rows that are alike, by signatures kept per chunk: a new chunk is compared with the others, once.

A `Likeness` says how rows are signed and compared. Signatures and the pairs found between two chunks are kept in the
repository's cache by the chunks' content, so that after a commit only new chunks are signed and compared.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import U64
from headwater.core.ids import canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.buckets import Bands, components, cross_pairs, own_pairs
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache

__all__ = ["Likeness", "Pairs", "Side", "Signatures", "alike_pairs", "clusters"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

logger = logging.getLogger(__name__)

_VERSION = 1
_BLOCK = 8
_VERIFIED = 1 << 16


@dataclass(frozen=True)
class Signatures:
    """What is kept of the rows of a chunk.

    Parameters
    ----------
    exact : numpy.ndarray of uint64, shape (n,)
        Rows with the same number are alike without a further look; 0 leaves a row out.
    bands : numpy.ndarray of unsigned integers, shape (b, n)
        Rows that share the number of a band are compared.
    """

    exact: U64
    bands: Bands


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, by their numbers in scan order: the smaller first, ascending, with a score from 0 to 1."""

    left: I64
    right: I64
    score: F64


class Side:
    """Some chunks side by side: their signatures, and their rows when they are asked for."""

    def __init__(
        self, chunks: Sequence[DatasetChunk], signed: Sequence[Signatures], columns: Sequence[str]
    ) -> None:
        self._chunks, self._columns = chunks, list(columns)
        self.starts = np.cumsum([0, *(len(one.exact) for one in signed)])
        self.exact = np.concatenate([one.exact for one in signed])
        self.bands = np.concatenate([one.bands for one in signed], axis=1)

    @cached_property
    def first(self) -> I64:
        """The first row of each distinct ``exact``; rows that are left out have none."""
        distinct, first = np.unique(self.exact, return_index=True)
        return np.sort(first[distinct != 0])

    def rows(self, numbers: I64) -> pa.Table:
        """Return rows by their numbers, ascending."""
        parts = []
        for place, chunk in enumerate(self._chunks):
            low, high = np.searchsorted(numbers, self.starts[place : place + 2])
            if low < high:
                positions = chunk.live_positions()[numbers[low:high] - self.starts[place]]
                parts.append(chunk.read_rows(positions, self._columns))
        return pa.concat_tables(parts)


class Likeness(Protocol):
    """How rows are signed and compared; what it finds depends on the two rows alone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        ...

    @property
    def facts(self) -> list[Any]:
        """What else its results depend on, JSON-able."""
        ...

    def sign(self, rows: pa.Table) -> Signatures:
        """Return the signatures of rows."""
        ...

    def scores(self, one: Side, left: I64, two: Side, right: I64) -> F64:
        """Return how alike rows are, from 0 to 1; NaN where they are not alike."""
        ...


def alike_pairs(
    dataset: Dataset,
    likeness: Likeness,
    *,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Pairs:
    """Return pairs that link all rows that are alike.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    likeness : Likeness
        How they are compared.
    cache : Cache, optional
        Where signatures and pairs are kept; None finds them afresh.
    executor : Executor, optional
        Runs the chunks.
    progress : Progress
        Told about chunks.

    Returns
    -------
    Pairs
        Of rows that are the same, and of crowded buckets, only as many pairs as link them.

    Notes
    -----
    Memory is that of the signatures of nine chunks, and of the pairs.
    """
    engine = executor or LocalExecutor()
    chunks = [chunk for chunk in dataset.chunks if chunk.live_rows]
    starts = np.cumsum([0, *(chunk.live_rows for chunk in chunks)])
    names = _names(chunks, likeness)
    paths = [_path(chunk, likeness, name, "alike") for chunk, name in zip(chunks, names, strict=True)]
    known: dict[str, dict[str, Any]] = {
        name: _load_pairs(cache, path) for name, path in zip(names, paths, strict=True)
    }
    place_of = {name: place for place, name in enumerate(names)}

    def lacks(place: int) -> list[int]:
        here = known[names[place]]
        return [
            other
            for other in range(place + 1)
            if names[other] not in here and names[place] not in known[names[other]]
        ]

    def signed(place: int) -> Signatures:
        return _signed(chunks[place], likeness, _path(chunks[place], likeness, names[place], "signed"), cache)

    new = [place for place in range(len(chunks)) if lacks(place)]
    for begin in range(0, len(new), _BLOCK):
        block = new[begin : begin + _BLOCK]
        there = list(engine.map(signed, block, label="sign", progress=progress))
        side = Side([chunks[place] for place in block], there, likeness.columns)
        for place in block:
            known[names[place]].update({names[other]: _none() for other in block if other <= place})
        _keep_own(side, block, names, likeness, known)
        inside = set(block)
        for other in range(block[-1]):
            wanted = [
                place for place in block if place > other and other not in inside and other in lacks(place)
            ]
            if not wanted:
                continue
            old = Side([chunks[other]], [signed(other)], likeness.columns)
            left, right, score = _between(side, old, likeness)
            owner = np.searchsorted(side.starts, left, side="right") - 1
            for at, place in enumerate(block):
                if place > other:
                    those = owner == at
                    known[names[place]][names[other]] = (
                        right[those],
                        left[those] - side.starts[at],
                        score[those],
                    )
        for place in block:
            _save_pairs(cache, paths[place], known[names[place]])
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for name, found in known.items():
        for beside, (left, right, score) in found.items():
            if beside in place_of:
                parts.append((left + starts[place_of[beside]], right + starts[place_of[name]], score))
    one, two, score = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    low, high = np.minimum(one, two), np.maximum(one, two)
    order = np.lexsort((high, low))
    return Pairs(low[order], high[order], score[order])


def clusters(pairs: Pairs, rows: int) -> I64:
    """Return for each row the number of the first row of its cluster: itself, where it is like no other."""
    return components(pairs.left, pairs.right, rows)


def _keep_own(
    side: Side, block: list[int], names: list[str], likeness: Likeness, known: dict[str, Any]
) -> None:
    left, right, score = _within(side, likeness)
    one = np.searchsorted(side.starts, left, side="right") - 1
    two = np.searchsorted(side.starts, right, side="right") - 1
    for a, b in np.unique(np.stack([one, two], axis=1), axis=0).tolist():
        those = (one == a) & (two == b)
        found = (left[those] - side.starts[a], right[those] - side.starts[b], score[those])
        known[names[block[b]]][names[block[a]]] = found


def _within(side: Side, likeness: Likeness) -> tuple[I64, I64, F64]:
    """Return the pairs of one side: equal rows with the first of them, and first rows that are alike."""
    _, inverse, at = _same(side)
    twins = np.flatnonzero((side.exact != 0) & (at[inverse] != np.arange(len(inverse))))
    first = side.first
    left, right = own_pairs(side.bands[:, first], side.exact[first])
    a, b, score = _verified(side, first[left], side, first[right], likeness)
    return (
        np.concatenate([at[inverse][twins], a]),
        np.concatenate([twins, b]),
        np.concatenate([np.ones(len(twins)), score]),
    )


def _between(side: Side, old: Side, likeness: Likeness) -> tuple[I64, I64, F64]:
    one, two = side.first, old.first
    _, a, b = np.intersect1d(side.exact[one], old.exact[two], assume_unique=True, return_indices=True)
    left, right = cross_pairs(side.bands[:, one], side.exact[one], old.bands[:, two], old.exact[two])
    differ = side.exact[one][left] != old.exact[two][right]
    c, d, score = _verified(side, one[left[differ]], old, two[right[differ]], likeness)
    return np.concatenate([one[a], c]), np.concatenate([two[b], d]), np.concatenate([np.ones(len(a)), score])


def _verified(side: Side, left: I64, other: Side, right: I64, likeness: Likeness) -> tuple[I64, I64, F64]:
    scores = [np.zeros(0)]
    for begin in range(0, len(left), _VERIFIED):
        some = slice(begin, begin + _VERIFIED)
        scores.append(likeness.scores(side, left[some], other, right[some]))
    score = np.concatenate(scores)
    good = ~np.isnan(score)
    return left[good], right[good], score[good]


def _same(side: Side) -> tuple[U64, I64, I64]:
    distinct, at, inverse = np.unique(side.exact, return_index=True, return_inverse=True)
    return distinct, inverse, at


def _names(chunks: Sequence[DatasetChunk], likeness: Likeness) -> list[str]:
    """Return a name for the live rows of each chunk; where two have the same rows, they are numbered."""
    seen: Counter[str] = Counter()
    out = []
    for chunk in chunks:
        name = digest(canonical_json([chunk.identity(likeness.columns), chunk.deleted_id]))[:24]
        out.append(f"{name}-{seen[name]}")
        seen[name] += 1
    return out


def _path(chunk: DatasetChunk, likeness: Likeness, name: str, kind: str) -> str:
    facts = [_VERSION, type(likeness).__name__, list(likeness.columns), likeness.facts, name]
    return f"{chunk.cache_prefix(likeness.columns)}/{kind}-{digest(canonical_json(facts))[:24]}"


def _signed(chunk: DatasetChunk, likeness: Likeness, path: str, cache: Cache | None) -> Signatures:
    kept = _load(cache, path)
    if kept is not None:
        return Signatures(kept["exact"], kept["bands"])
    signatures = likeness.sign(chunk.read(likeness.columns))
    _save(cache, path, exact=signatures.exact, bands=signatures.bands)
    return signatures


def _none() -> tuple[I64, I64, F64]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)


def _load_pairs(cache: Cache | None, path: str) -> dict[str, Any]:
    kept = _load(cache, path)
    if kept is None:
        return {}
    ends = np.cumsum(kept["counts"])
    return {
        str(name): (
            kept["left"][end - count : end],
            kept["right"][end - count : end],
            kept["score"][end - count : end],
        )
        for name, count, end in zip(kept["names"], kept["counts"], ends, strict=True)
    }


def _save_pairs(cache: Cache | None, path: str, found: dict[str, Any]) -> None:
    left, right, score = (
        np.concatenate([part, *(one[at] for one in found.values())]) for at, part in enumerate(_none())
    )
    counts = np.array([len(one[0]) for one in found.values()], np.int64)
    _save(
        cache, path, names=np.array(list(found), np.str_), counts=counts, left=left, right=right, score=score
    )


def _load(cache: Cache | None, path: str) -> dict[str, Any] | None:
    data = None if cache is None else cache.get(path)
    if data is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        logger.warning("damaged cache entry ignored", extra={"path": path})
        return None


def _save(cache: Cache | None, path: str, **arrays: Any) -> None:
    if cache is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        cache.put(path, buffer.getvalue())
