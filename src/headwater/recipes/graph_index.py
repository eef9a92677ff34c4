"""An index of one chunk's vectors for approximate search: an HNSW graph, kept in the cache by content.

One graph a chunk, over its stored rows: after a commit only new chunks are indexed, and rows that were deleted are
passed over when the graph is asked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.extras import require
from headwater.core.ids import canonical_json, digest
from headwater.methods.neighbours import Metric, Nearest, comparable, scores
from headwater.reading.chunks import DatasetChunk
from headwater.recipes.known_vectors import vectors_of
from headwater.store.cache import Cache

__all__ = ["ChunkGraph"]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

logger = logging.getLogger(__name__)

_LINKS = 16
_BUILD = 128
_SEARCH = 128
_DIGEST = 64
_KIND = {"cosine": "cos", "dot": "ip", "l2": "l2sq"}


@dataclass(frozen=True)
class ChunkGraph:
    """The graph of a chunk's vectors.

    References
    ----------
    Malkov, Yashunin (2020). Efficient and robust approximate nearest neighbor search using hierarchical navigable
    small world graphs. IEEE TPAMI 42(4). doi:10.1109/TPAMI.2018.2889473
    """

    graph: Any
    metric: Metric
    kept_in: Any = None
    """What holds the graph's bytes, which are read where they lie."""

    @classmethod
    def of(cls, chunk: DatasetChunk, column: str, metric: Metric, cache: Cache | None = None) -> ChunkGraph:
        """Return the graph of a chunk's stored rows, from the cache if it is there.

        The same rows give the same graph. Building takes one thread.

        Raises
        ------
        MissingExtra
            If the library is not installed.
        """
        library = require("usearch.index", extra="embeddings", purpose="Approximate search")
        facts = [column, chunk.identity([column]), metric, _LINKS, _BUILD, metadata.version("usearch")]
        path = f"scores/graphs/{digest(canonical_json(facts))}.usearch"
        kept = _whole(cache.buffer(path) if cache else None, path)
        if kept is not None:
            return cls(library.Index.restore(kept, view=True, expansion_search=_SEARCH), metric, kept)
        stored = vectors_of(chunk.read_rows(np.arange(chunk.rows, dtype=np.int64), [column]).column(column))
        rows = np.flatnonzero(comparable(stored, metric))
        graph = library.Index(
            ndim=stored.shape[1],
            metric=_KIND[metric],
            dtype="f32",
            connectivity=_LINKS,
            expansion_add=_BUILD,
            expansion_search=_SEARCH,
        )
        if len(rows):
            graph.add(rows.astype(np.uint64), np.ascontiguousarray(stored[rows]), threads=1)
        if cache:
            made = bytes(graph.save())
            cache.put(path, made + digest(made).encode())
        return cls(graph, metric)

    def nearest(self, queries: F32, k: int, live: I64, start: int) -> Nearest:
        """Return about the k nearest live rows of each query.

        Parameters
        ----------
        queries : numpy.ndarray of float32, shape (q, d)
            What to look for.
        k : int
            How many.
        live : numpy.ndarray of int64
            Positions of the live rows of the chunk, ascending.
        start : int
            The number of the first live row.

        Returns
        -------
        Nearest
            With scores in float64 from the vectors themselves.
        """
        rows, found = [], []
        for query in queries:
            positions = self._live_positions(query, k, live)
            vectors = self.graph.get(positions.astype(np.uint64)) if len(positions) else None
            values = (
                np.zeros(0)
                if vectors is None
                else scores(query, np.asarray(vectors, np.float32), self.metric)
            )
            rows.append(start + np.searchsorted(live, positions))
            found.append(values)
        return Nearest(rows, found)

    def _live_positions(self, query: F32, k: int, live: I64) -> I64:
        """Ask for more until k live rows are among them, or there are no more."""
        size, wanted = len(self.graph), k
        while True:
            wanted = min(wanted, size)
            if not wanted:
                return np.zeros(0, np.int64)
            said = self.graph.search(query, wanted, threads=1)
            positions = np.asarray(said.keys, np.int64)
            at = np.minimum(np.searchsorted(live, positions), max(len(live) - 1, 0))
            good = live[at] == positions if len(live) else np.zeros(len(positions), np.bool_)
            if good.sum() >= min(k, len(live)) or wanted == size:
                return np.asarray(positions[good][:k], np.int64)
            wanted *= 4


def _whole(kept: pa.Buffer | None, path: str) -> pa.Buffer | None:
    """Return a kept graph without the digest at its end; None if it is damaged, for it would be read unchecked."""
    if kept is None:
        return None
    end = kept.size - _DIGEST
    if end > 0 and digest(kept.slice(0, end)).encode() == kept.slice(end).to_pybytes():
        return kept.slice(0, end)
    logger.warning("damaged cache entry ignored", extra={"path": path})
    return None
