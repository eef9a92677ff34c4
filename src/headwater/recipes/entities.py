"""Rows that stand for the same thing, found without labels: inside one dataset, or across two.

Candidates are the nearest rows by runs of three letters; how well their fields agree decides, with weights that are
learnt from the candidates themselves. What is kept per chunk are the runs of each field, so that new rows alone are
taken apart again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.core.hashing import U64, hash_array, mix
from headwater.core.ids import canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.methods.buckets import components
from headwater.methods.fellegi_sunter import fit_matches, identifying_power, one_to_one
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.recipes.near_text import plain_text
from headwater.recipes.ngrams import hash_pieces
from headwater.store.cache import Cache

__all__ = ["Linked", "entity_fields", "entity_pairs", "link_rows"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_VERSION = 1
_BITS = 20
_NEAREST = 5
_COMMON = 50
_PRODUCTS = 1 << 24
_PAIRS = 1 << 16
_BLANK = mix(np.zeros(1, np.uint64))[0]
_NEST = (Kind.LIST, Kind.VECTOR, Kind.STRUCT, Kind.BINARY, Kind.NULL)


@dataclass(frozen=True)
class Linked:
    """Pairs of rows that are the same thing.

    Parameters
    ----------
    left, right : numpy.ndarray of int64
        Row numbers in scan order; of the same dataset, or of two.
    probability : numpy.ndarray of float64
        That they are the same.
    similarity : numpy.ndarray of float64, shape (fields, pairs)
        How alike each field is; NaN where a row lacks it.
    fields : tuple of str
        The fields.
    """

    left: I64
    right: I64
    probability: F64
    similarity: F64
    fields: tuple[str, ...]


def entity_fields(
    dataset: Dataset, columns: Sequence[str] = (), *, other: Dataset | None = None
) -> tuple[str, ...]:
    """Return the columns to compare by: those named, else all but the key that hold plain values and are in both."""
    if columns:
        return tuple(columns)
    named = [f.name for f in dataset.schema if f.name not in dataset.key and not f.name.startswith("_")]
    usable = [name for name in named if kind_of(dataset.schema.field(name).type) not in _NEST]
    if other is not None:
        usable = [name for name in usable if name in other.schema.names and name not in other.key]
    return tuple(usable)


def entity_pairs(
    dataset: Dataset,
    columns: Sequence[str] = (),
    *,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Linked:
    """Return the pairs of rows of a dataset that are the same thing.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    columns : sequence of str
        The fields, two at least; see `entity_fields`.
    cache, executor, progress
        As elsewhere.

    Returns
    -------
    Linked
        Of rows that are equal in all fields, pairs with the first of them. Pairs whose cluster would hold rows that
        are plainly different are left out: a weak link does not join two clusters.

    Raises
    ------
    UsageError
        With fewer than two fields.

    Notes
    -----
    Rows are compared in lower case without accents. Candidates are the 5 nearest rows by tf-idf of runs of three
    bytes, of which those in more than 50 + 2 √n of n rows do not count. Time grows with n √n, memory holds the runs
    of all rows.

    References
    ----------
    See `headwater.methods.fellegi_sunter`.
    """
    fields = _checked(entity_fields(dataset, columns))
    records = _records(dataset, fields, cache, executor or LocalExecutor(), progress)
    return _links(records, None, fields)


def link_rows(
    left: Dataset,
    right: Dataset,
    columns: Sequence[str] = (),
    *,
    cache: Cache | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Linked:
    """Return the pairs of a row of one dataset and a row of another that are the same thing; each row once at most.

    Parameters
    ----------
    left, right : Dataset
        The two datasets, each without duplicates of its own.
    columns, cache, executor, progress
        As for `entity_pairs`; the fields are in both datasets.
    """
    fields = _checked(entity_fields(left, columns, other=right))
    engine = executor or LocalExecutor()
    return _links(
        _records(left, fields, cache, engine, progress),
        _records(right, fields, cache, engine, progress),
        fields,
    )


@dataclass(frozen=True)
class _Records:
    """Rows as runs of letters: a sparse matrix for each field, which rows lack it, and hashes of what they say."""

    runs: list[Any]
    missing: NDArray[np.bool_]
    values: U64

    @property
    def said(self) -> U64:
        """Return a hash for each row; 0 for rows that say nothing."""
        places = mix(np.arange(1, len(self.values) + 1, dtype=np.uint64))[:, None]
        total = mix(self.values ^ places).sum(axis=0, dtype=np.uint64)
        return np.where(self.missing.all(axis=0), np.uint64(0), np.maximum(total, np.uint64(1)))

    def take(self, rows: I64) -> _Records:
        return _Records([one[rows] for one in self.runs], self.missing[:, rows], self.values[:, rows])


def _links(records: _Records, others: _Records | None, fields: tuple[str, ...]) -> Linked:
    """Find candidates, compare them and decide; equal rows are looked at once."""
    one = _distinct(records, copies=1 if others is not None else 2)
    two = None if others is None else _distinct(others, copies=1)
    mine = records.take(one)
    theirs = None if others is None or two is None else others.take(two)
    pool = mine if theirs is None else _stacked(mine, theirs)
    split = len(one)
    left, right = _candidates(pool, None if theirs is None else split)
    similarity = _similarity(pool, left, right)
    power = np.array(
        [
            identifying_power(np.unique(v[~m], return_counts=True)[1])
            for v, m in zip(pool.values, pool.missing, strict=True)
        ]
    )
    fitted = fit_matches(similarity, power, left, right)
    match = fitted.probability > 0.5
    if theirs is not None:
        at = np.flatnonzero(match)
        at = at[one_to_one(left[at], right[at], fitted.weight[at])]
        assert two is not None
        return Linked(
            one[left[at]], two[right[at] - split], fitted.probability[at], similarity[:, at], fields
        )
    at = _guarded(left, right, fitted.weight, match, len(one))
    return _with_copies(
        records, one[left[at]], one[right[at]], fitted.probability[at], similarity[:, at], fields
    )


def _with_copies(
    records: _Records, left: I64, right: I64, probability: F64, similarity: F64, fields: tuple[str, ...]
) -> Linked:
    """Add the pairs of rows that are equal in all fields, each with the first of them."""
    said = records.said
    _, first, inverse = np.unique(said, return_index=True, return_inverse=True)
    head = first[inverse]
    copies = np.flatnonzero((head != np.arange(len(said))) & (said != 0))
    differ = said[left] != said[right]
    left, right = np.concatenate([left[differ], head[copies]]), np.concatenate([right[differ], copies])
    same = np.where(records.missing[:, copies], np.nan, 1.0)
    similarity = np.concatenate([similarity[:, differ], same], axis=1)
    probability = np.concatenate([probability[differ], np.ones(len(copies))])
    low, high = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((high, low))
    return Linked(low[order], high[order], probability[order], similarity[:, order], fields)


def _guarded(left: I64, right: I64, weight: F64, match: NDArray[np.bool_], rows: int) -> I64:
    """Return the matches without weak links: in a cluster where most compared pairs do not match, only mutual bests."""
    at = np.flatnonzero(match)
    cluster = components(left[at], right[at], rows)
    inside = cluster[left] == cluster[right]
    compared = np.bincount(cluster[left[inside]], minlength=rows)
    matched = np.bincount(cluster[left[at]], minlength=rows)
    loose = matched * 2 < compared
    best = np.full(rows, -np.inf)
    np.maximum.at(best, left[at], weight[at])
    np.maximum.at(best, right[at], weight[at])
    mutual = (weight[at] >= best[left[at]]) & (weight[at] >= best[right[at]])
    return np.asarray(at[~loose[cluster[left[at]]] | mutual])


def _candidates(pool: _Records, split: int | None) -> tuple[I64, I64]:
    """Return the pairs of which one row is among the nearest of the other."""
    rows = pool.missing.shape[1]
    whole = pool.runs[0]
    for runs in pool.runs[1:]:
        whole = whole + runs
    matrix = _weighted(whole)
    often = np.bincount(matrix.indices, minlength=matrix.shape[1])
    sparse = require("scipy.sparse", extra="ml", purpose="Linking records")
    rare = often <= _COMMON + 2 * int(np.sqrt(rows))
    few = (matrix @ sparse.diags(rare.astype(np.float32))).tocsr()
    few.eliminate_zeros()
    parts = [np.zeros(0, np.int64)]
    sides = (
        [(few, few, 0, 0)]
        if split is None
        else [(few[:split], few[split:], 0, split), (few[split:], few[:split], split, 0)]
    )
    for queries, searched, start, offset in sides:
        turned = searched.T.tocsr()
        lengths = np.diff(turned.indptr)
        work = np.concatenate([[0], np.cumsum(np.asarray(queries.astype(bool) @ lengths).ravel())])
        begin = 0
        while begin < queries.shape[0]:
            end = max(int(np.searchsorted(work, work[begin] + _PRODUCTS, side="right")) - 1, begin + 1)
            found = (queries[begin:end] @ turned).tocsr()
            owner, near = _best_of_rows(found, np.arange(begin, end) + start - offset, _NEAREST)
            a, b = owner + begin + start, near + offset
            parts.append(np.unique(np.minimum(a, b) * rows + np.maximum(a, b)))
            begin = end
    codes = np.unique(np.concatenate(parts))
    return codes // max(rows, 1), codes % max(rows, 1)


def _best_of_rows(scores: Any, itself: I64, count: int) -> tuple[I64, I64]:
    """Return the places of the greatest scores of each row, the first of equal ones; never that of the row itself.

    Found one after the other: a row has thousands of scores, and sorting them all takes ten times as long.
    """
    rows = np.flatnonzero(np.diff(scores.indptr))
    starts = scores.indptr[rows]
    sizes = np.diff(np.append(starts, scores.nnz))
    near = scores.indices.astype(np.int64)
    left = np.where(near == np.repeat(itself[rows], sizes), -np.inf, scores.data).astype(np.float32)
    owners, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for _ in range(count if len(rows) else 0):
        best = np.maximum.reduceat(left, starts)
        at_best = np.flatnonzero(left == np.repeat(best, sizes))
        row = np.searchsorted(starts, at_best, side="right") - 1
        order = np.lexsort((near[at_best], row))
        first = order[np.concatenate([[True], np.diff(row[order]) > 0])]
        found = at_best[first[best[row[first]] > -np.inf]]
        owners.append(rows[np.searchsorted(starts, found, side="right") - 1])
        places.append(near[found])
        left[found] = -np.inf
    return np.concatenate(owners), np.concatenate(places)


def _similarity(pool: _Records, left: I64, right: I64) -> F64:
    """Return the cosine of each field's weighted runs, for each pair; NaN where a row lacks the field."""
    out = np.empty((len(pool.runs), len(left)))
    for place, runs in enumerate(pool.runs):
        matrix = _weighted(runs)
        for begin in range(0, len(left), _PAIRS):
            a, b = left[begin : begin + _PAIRS], right[begin : begin + _PAIRS]
            product = np.asarray(matrix[a].multiply(matrix[b]).sum(axis=1), np.float64).ravel()
            lacking = pool.missing[place, a] | pool.missing[place, b]
            equal = pool.values[place, a] == pool.values[place, b]
            out[place, begin : begin + _PAIRS] = np.where(
                lacking, np.nan, np.where(equal, 1.0, np.minimum(product, 1.0))
            )
    return out


def _weighted(runs: Any) -> Any:
    """Return tf-idf rows of unit length."""
    sparse = require("scipy.sparse", extra="ml", purpose="Linking records")
    often = np.bincount(runs.indices, minlength=runs.shape[1])
    rarity = np.log((1 + runs.shape[0]) / (1 + often))
    out = runs.copy().astype(np.float32)
    out.data = (out.data * rarity[out.indices]).astype(np.float32)
    lengths = np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).ravel())
    return (sparse.diags((1 / np.maximum(lengths, 1e-12)).astype(np.float32)) @ out).tocsr()


def _distinct(records: _Records, *, copies: int) -> I64:
    """Return rows that say something, at most so many of those that are equal, ordered by what they say."""
    said = records.said
    order = np.argsort(said, kind="stable")
    ordered = said[order]
    start = np.flatnonzero(
        np.concatenate([np.ones(min(len(said), 1), np.bool_), ordered[1:] != ordered[:-1]])
    )
    rank = np.arange(len(said)) - np.repeat(start, np.diff(np.append(start, len(said))))
    return np.asarray(order[(rank < copies) & (ordered != 0)])


def _stacked(one: _Records, two: _Records) -> _Records:
    sparse = require("scipy.sparse", extra="ml", purpose="Linking records")
    return _Records(
        [sparse.vstack([a, b], format="csr") for a, b in zip(one.runs, two.runs, strict=True)],
        np.concatenate([one.missing, two.missing], axis=1),
        np.concatenate([one.values, two.values], axis=1),
    )


def _records(
    dataset: Dataset, fields: tuple[str, ...], cache: Cache | None, executor: Executor, progress: Progress
) -> _Records:
    sparse = require("scipy.sparse", extra="ml", purpose="Linking records")
    absent = [name for name in fields if name not in dataset.schema.names]
    if absent:
        raise UsageError(
            f"Dataset {dataset.name!r} has no column {absent[0]!r}. Its columns: {', '.join(dataset.schema.names)}."
        )

    def here(chunk: DatasetChunk) -> list[dict[str, Any]]:
        return [_field(chunk, name, cache) for name in fields]

    chunks = [chunk for chunk in dataset.chunks if chunk.live_rows]
    parts = list(executor.map(here, chunks, label="fields", progress=progress))
    runs, missing, values = [], [], []
    for place in range(len(fields)):
        mine = [part[place] for part in parts]
        live = [
            np.arange(len(one["values"])) if not chunk.deleted_id else chunk.live_positions()
            for one, chunk in zip(mine, chunks, strict=True)
        ]
        matrices = [
            sparse.csr_matrix(
                (np.ones(len(one["runs"]), np.float32), one["runs"], one["ends"]),
                shape=(len(one["values"]), 1 << _BITS),
            )[rows]
            for one, rows in zip(mine, live, strict=True)
        ]
        runs.append(
            sparse.vstack(matrices, format="csr")
            if matrices
            else sparse.csr_matrix((0, 1 << _BITS), dtype=np.float32)
        )
        hashed = np.concatenate(
            [np.zeros(0, np.uint64), *(one["values"][rows] for one, rows in zip(mine, live, strict=True))]
        )
        values.append(hashed)
        missing.append(hashed == 0)
    return _Records(runs, np.stack(missing), np.stack(values))


def _field(chunk: DatasetChunk, name: str, cache: Cache | None) -> dict[str, Any]:
    """Return the runs of a field of all stored rows of a chunk, from the cache where they are known."""
    facts = ["entities", _VERSION, _BITS, name, chunk.identity([name])]
    path = f"{chunk.cache_prefix([name])}/runs-{digest(canonical_json(facts))[:24]}"
    kept = None if cache is None else cache.get(path)
    if kept is not None:
        with np.load(io.BytesIO(kept), allow_pickle=False) as file:
            return dict(file)
    table = chunk.read_rows(np.arange(chunk.rows, dtype=np.int64), [name])
    texts = plain_text(table.column(name))
    values = hash_array(texts)
    values[values == hash_array(pa.array([""]))[0]] = 0
    owners, columns, start = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for owner, hashes, count in hash_pieces(texts, lengths=(3,)):
        codes = np.unique(
            (owner + start) << np.int64(_BITS) | (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
        )
        owners.append(codes >> _BITS)
        columns.append(codes & ((1 << _BITS) - 1))
        start += count
    owner = np.concatenate(owners)
    there = values[owner] != 0
    ends = np.concatenate([[0], np.cumsum(np.bincount(owner[there], minlength=len(values)))]).astype(np.int32)
    made = {"runs": np.concatenate(columns)[there].astype(np.int32), "ends": ends, "values": values}
    if cache is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **made)
        cache.put(path, buffer.getvalue())
    return made


def _checked(fields: tuple[str, ...]) -> tuple[str, ...]:
    if len(fields) < 2:
        raise UsageError(
            "Entities are told apart by several fields, and here "
            + (f"is only {fields[0]!r}" if fields else "is none")
            + ": name more columns that both have, or compare by near text."
        )
    return fields
