"""Splits by the hash of a key: which part a row is in depends on its key alone, so new rows never move old ones.

A split is a few numbers kept with the dataset, as a tag of the column that decides. Nothing is written for a row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import NotFound, UsageError
from headwater.core.hashing import U64, hash_columns, hash_keys, mix
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.reading.narrow import narrowed
from headwater.store.chunk import Chunk, live_mask, read_chunk
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects

if TYPE_CHECKING:
    from headwater.reading.dataset import Dataset

__all__ = [
    "AUGMENTED_FROM",
    "Part",
    "Split",
    "augmented",
    "declared_split",
    "key_hashes",
    "measure_split",
    "origin_hashes",
    "part_of",
    "set_split",
    "share",
]

AUGMENTED_FROM = "_augmented_from"
"""The column of augmented rows that names the row they were made from, as JSON; null in real rows."""

_TAG = "split"
_FULL = float(1 << 64)
_SUM = 1e-9


class Keyed(Protocol):
    """What has rows with a key: a dataset, or a manifest."""

    @property
    def key(self) -> tuple[str, ...]:
        """The key columns; empty for a content key."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        ...


class Tagging(Protocol):
    """A change in which columns can be given tags: `headwater.versions.transaction.Transaction`."""

    def __getitem__(self, name: str, /) -> Dataset:
        """Return a dataset as it stands inside the change."""
        ...

    def set_tags(self, dataset: str, column: str, tags: Mapping[str, Any]) -> None:
        """Set what is told of a column."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How the rows of a dataset fall into parts.

    Parameters
    ----------
    parts : tuple of (str, float)
        Names of the parts and their shares, which sum to 1.
    by : tuple of str
        The columns whose hash decides. Rows that are equal in them are in one part.
    is_grouped : bool
        Whether that is a column of its own rather than the key.
    seed : int
        Another seed draws other rows.

    Notes
    -----
    The last part has the lowest hashes. With seed 0, it is what recipes hold out if told to hold out its share, and
    with a larger share they hold it out too.
    """

    parts: tuple[tuple[str, float], ...]
    by: tuple[str, ...]
    is_grouped: bool = False
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """Names of the parts."""
        return [name for name, _ in self.parts]

    def assign(self, hashes: U64) -> NDArray[np.int64]:
        """Return the number of the part of each row, by the hash of its key or group."""
        ends = np.cumsum([size for _, size in reversed(self.parts)])[:-1]
        from_last = np.searchsorted(ends, share(hashes, self.seed), side="right")
        return (len(self.parts) - 1 - from_last).astype(np.int64)

    def number(self, name: str) -> int:
        """Return the number of the part of that name.

        Raises
        ------
        NotFound
            If there is none.
        """
        if name not in self.names:
            raise NotFound.among("part of the split", name, self.names)
        return self.names.index(name)

    def to_dict(self) -> dict[str, Any]:
        """Return the split as JSON-able values."""
        return {
            "parts": [[name, size] for name, size in self.parts],
            "by": list(self.by),
            "is_grouped": self.is_grouped,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a split, counted.

    Parameters
    ----------
    name : str
        Its name.
    asked, share : float
        Its share of rows as declared, and as it is.
    rows, groups : int
        How many rows, and how many keys or groups, are in it.
    expected_deviation : float
        By how much the share of rows deviates by chance: one standard deviation.
    """

    name: str
    asked: float
    share: float
    rows: int
    groups: int
    expected_deviation: float

    def to_dict(self) -> dict[str, Any]:
        """Return the part as JSON-able values."""
        return {name: getattr(self, name) for name in self.__slots__}


def set_split(
    tx: Tagging, dataset: str, into: Mapping[str, float] | None, *, by: str | None = None, seed: int = 0
) -> None:
    """Declare how a dataset falls into parts, or with None that it does not.

    Parameters
    ----------
    tx : Tagging
        The transaction that it belongs to.
    dataset : str
        Name of the dataset.
    into : mapping of str to float, or None
        Names of the parts and their shares, such as ``{"train": 0.8, "test": 0.2}``.
    by : str, optional
        A column whose values stay together, such as the patient of an image; the key by default.
    seed : int
        Another seed draws other rows.

    Raises
    ------
    NotFound
        If there is no such dataset or column.
    UsageError
        If the shares do not sum to 1, a name is empty, or the dataset has neither a key nor ``by``.
    """
    manifest = tx[dataset].manifest
    for column, tags in manifest.tags.items():
        if _TAG in tags:
            tx.set_tags(dataset, column, {name: value for name, value in tags.items() if name != _TAG})
    if into is None:
        return
    parts = _checked(into)
    if by is not None:
        require_columns(manifest.schema, [by], where=f"dataset {dataset!r}")
    elif not manifest.key:
        raise UsageError(
            f"Dataset {dataset!r} has no key: its rows are named by all their values, and a change of one would move "
            "a row to another part. Split by a column that stays (--by COLUMN), or import it with a key.",
            dataset=dataset,
        )
    column = by if by is not None else manifest.key[0]
    known = tx[dataset].manifest.tags.get(column, {})
    said = {"parts": [list(part) for part in parts], "is_grouped": by is not None, "seed": seed}
    tx.set_tags(dataset, column, {**known, _TAG: said})


def declared_split(manifest: Manifest) -> Split | None:
    """Return how the dataset falls into parts; None if nobody said."""
    for column, tags in manifest.tags.items():
        if _TAG in tags and column in manifest.schema.names:
            said = tags[_TAG]
            return Split(
                parts=tuple((str(name), float(size)) for name, size in said["parts"]),
                by=(column,) if said["is_grouped"] else manifest.key,
                is_grouped=said["is_grouped"],
                seed=said["seed"],
            )
    return None


def part_of(
    manifest: Manifest, split: Split, name: str, objects: Objects, executor: Executor
) -> tuple[Manifest, Objects]:
    """Return a dataset with the rows of one part only, and the objects to read it with.

    Rows of other parts count as deleted. Augmented rows are in the first part, which is trained on, if the row that
    they were made from is, and nowhere else.

    Notes
    -----
    Linear in the number of rows. Without groups and augmented rows it reads the key hashes alone. Memory: a bit
    a row.
    """
    wanted = split.number(name)

    def keep(chunk: Chunk) -> NDArray[np.bool_]:
        hashes, made = _units(manifest, split, chunk, objects)
        mine: NDArray[np.bool_] = split.assign(hashes) == wanted
        return mine & ~made if wanted else mine

    return narrowed(manifest, manifest.chunks, keep, objects, executor)


def measure_split(manifest: Manifest, split: Split, objects: Objects, executor: Executor) -> list[Part]:
    """Count the rows and groups of each part, and say how far their shares may be off by chance.

    Notes
    -----
    Each group is in a part of share p with probability p, so of n rows in groups of sizes s the share deviates by
    ``sqrt(p * (1 - p) * sum(s ** 2)) / n``: the more and the smaller the groups, the less. Memory: a few bytes a row.
    """

    def task(chunk: Chunk) -> tuple[U64, NDArray[np.int64]]:
        hashes, _ = _units(manifest, split, chunk, objects)
        found, counts = np.unique(hashes[live_mask(chunk, objects)], return_counts=True)
        return found, counts

    parts = list(executor.map(task, manifest.chunks))
    every = np.concatenate([*(found for found, _ in parts), np.zeros(0, np.uint64)])
    groups, inverse = np.unique(every, return_inverse=True)
    sizes = np.bincount(
        inverse, np.concatenate([*(counts for _, counts in parts), np.zeros(0, np.int64)]), len(groups)
    )
    codes, rows = split.assign(groups), float(sizes.sum())
    spread = math.sqrt(float((sizes**2).sum())) / rows if rows else 0.0
    return [
        Part(
            name=name,
            asked=size,
            share=float(sizes[codes == number].sum()) / rows if rows else 0.0,
            rows=int(sizes[codes == number].sum()),
            groups=int((codes == number).sum()),
            expected_deviation=math.sqrt(size * (1 - size)) * spread,
        )
        for number, (name, size) in enumerate(split.parts)
    ]


def share(hashes: U64, salt: int) -> NDArray[np.float64]:
    """Return for each hash a number from 0 to 1 that looks random and is fixed by the salt."""
    return mix(hashes ^ mix(np.full(1, salt, np.uint64))).astype(np.float64) / _FULL


def key_hashes(dataset: Keyed, table: pa.Table, columns: Sequence[str] | None = None) -> U64:
    """Return the hash of each row's key; without a key, of the whole row or those ``columns`` of it."""
    if dataset.key:
        return hash_keys(table, dataset.key)
    return hash_columns(table, dataset.schema.names if columns is None else columns)


def origin_hashes(dataset: Keyed, table: pa.Table, columns: Sequence[str] | None = None) -> U64:
    """Return the hash of each row's key; for augmented rows that of the row they were made from.

    Rows with equal hashes must not be on two sides of a split: one tells what the other is.
    """
    hashes = key_hashes(dataset, table, columns)
    made = augmented(table)
    if made.any():
        sources = table.column(AUGMENTED_FROM).filter(pa.array(made))
        hashes[made] = _source_hashes(dataset, sources)
    return hashes


def augmented(table: pa.Table) -> NDArray[np.bool_]:
    """Return which rows were made from another row."""
    if AUGMENTED_FROM not in table.schema.names:
        return np.zeros(table.num_rows, np.bool_)
    return np.asarray(table.column(AUGMENTED_FROM).is_valid())


def _units(manifest: Manifest, split: Split, chunk: Chunk, objects: Objects) -> tuple[U64, NDArray[np.bool_]]:
    """Return what decides about each stored row of a chunk, and whether the row is augmented."""
    more = [AUGMENTED_FROM] if AUGMENTED_FROM in manifest.schema.names else []
    if not split.is_grouped and not more:
        return chunk.key_index(objects).by_position(), np.zeros(chunk.rows, np.bool_)
    rows = read_chunk(chunk, manifest.schema, objects, columns=[*split.by, *more], deleted=True)
    return (hash_keys(rows, split.by) if split.is_grouped else origin_hashes(manifest, rows)), augmented(rows)


def _checked(into: Mapping[str, float]) -> list[tuple[str, float]]:
    parts = [(str(name).strip(), float(size)) for name, size in into.items()]
    wrong = [size for _, size in parts if not 0.0 < size <= 1.0]
    if not parts or any(not name for name, _ in parts) or wrong:
        raise UsageError("A split has parts with names, each with a share above 0: train=0.8,test=0.2.")
    total = math.fsum(size for _, size in parts)
    if abs(total - 1.0) > _SUM:
        raise UsageError(f"The shares of a split sum to 1; these sum to {total:g}.", total=total)
    return parts


def _source_hashes(dataset: Keyed, sources: pa.ChunkedArray) -> U64:
    """Return the key hash of the rows that augmented rows name as their source."""
    encoded = sources.combine_chunks().dictionary_encode()
    values = [json.loads(text) for text in encoded.dictionary.to_pylist()]
    if not dataset.key:
        distinct = np.array([int(value, 16) for value in values], np.uint64)
    else:
        rows = [[value] for value in values] if len(dataset.key) == 1 else values
        columns = {
            name: _parsed([row[place] for row in rows], dataset.schema.field(name).type)
            for place, name in enumerate(dataset.key)
        }
        distinct = hash_keys(pa.table(columns), dataset.key)
    picked: U64 = distinct[np.asarray(encoded.indices)]
    return picked


def _parsed(values: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([bytes.fromhex(str(value)) for value in values], kind)
    return pa.array(values, pa.string()).cast(kind) if pa.types.is_temporal(kind) else pa.array(values, kind)
