"""Which values come more than once, and which columns determine others: exact counts of hashed values.

The states hold a hash a distinct value, so they grow with the data: 8 bytes a row where all differ. What is
kept of a whole dataset is only the outcome; the hashes stay with the chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import U64, hash_parts
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode

__all__ = [
    "Determines",
    "DeterminesState",
    "Repeats",
    "RepeatsState",
    "pair_identities",
    "row_identities",
]

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RepeatsState:
    """How often values come, by hash.

    Parameters
    ----------
    parts : tuple of (hashes, counts)
        Ascending distinct hashes and their counts, not yet merged with each other. None: only `outcome` is
        known any more.
    rows, missing : int
        Rows measured; those of them with a null among the values, which are left out.
    known : tuple of int, optional
        ``(distinct, repeated)`` where that has been worked out.
    """

    parts: tuple[tuple[U64, I64], ...] | None
    rows: int
    missing: int
    stale_rows: int = 0
    known: tuple[int, int] | None = None

    @property
    def outcome(self) -> tuple[int, int]:
        """The number of distinct values, and of rows whose value another row has as well."""
        if self.known is not None:
            return self.known
        _, counts = self._merged()
        return len(counts), int(counts[counts > 1].sum())

    def repeated_hashes(self) -> U64:
        """Return the hashes of values that come more than once, ascending."""
        hashes, counts = self._merged()
        return hashes[counts > 1]

    def counted(self) -> tuple[U64, I64]:
        """Return the hashes of all values, ascending and distinct, and how often each comes."""
        return self._merged()

    def merge(self, other: Self) -> Self:
        """Return the counts of both sets of rows."""
        if self.parts is None or other.parts is None:
            raise NotImplementedError("the hashes are kept with the chunks: merge their states")
        return replace(
            self,
            parts=self.parts + other.parts,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            stale_rows=self.stale_rows + other.stale_rows,
            known=None,
        )

    def subtract(self, part: Self) -> Self:
        """Return the counts without ``part``."""
        if self.parts is None or part.parts is None:
            raise NotImplementedError("the hashes are kept with the chunks: subtract from their states")
        gone, less = part._merged()
        hashes, counts = _sum([*self.parts, (gone, -less)])
        left = counts > 0
        return replace(
            self,
            parts=((hashes[left], counts[left]),),
            rows=self.rows - part.rows,
            missing=self.missing - part.missing,
            known=None,
        )

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def summarized(self) -> Self:
        """Return the state with its outcome alone, which cannot be merged any more."""
        return replace(self, known=self.outcome, parts=None)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        fields: dict[str, Any] = {"facts": [self.rows, self.missing, self.stale_rows], "known": self.known}
        if self.parts is not None:
            hashes, counts = self._merged()
            fields |= {"hashes": hashes} if (counts == 1).all() else {"hashes": hashes, "counts": counts}
        return encode("repeats", 1, fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("repeats", 1, data)
        parts = None
        if "hashes" in fields:
            hashes = fields["hashes"]
            parts = ((hashes, fields.get("counts", np.ones(len(hashes), np.int64))),)
        rows, missing, stale = fields["facts"]
        known = tuple(fields["known"]) if fields["known"] else None
        return cls(parts, rows, missing, stale, known)

    def _merged(self) -> tuple[U64, I64]:
        assert self.parts is not None
        return self.parts[0] if len(self.parts) == 1 else _sum(self.parts)


@dataclass(frozen=True, kw_only=True)
class Repeats(Measure[RepeatsState]):
    """How often each combination of values of some columns comes; rows with a null among them are left out."""

    id: ClassVar[str] = "rows.repeats"
    version: ClassVar[int] = 2
    invertible: ClassVar[bool] = True
    bulky: ClassVar[bool] = True

    of: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns."""
        return self.of

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> RepeatsState:
        """Hash and sort."""
        hashes, there = row_identities(batch, self.of)
        missing = 0 if there is None else int((~there).sum())
        hashes = hashes if there is None else hashes[there]
        return RepeatsState((_runs(np.sort(hashes)),), batch.num_rows, missing)

    def load(self, data: bytes) -> RepeatsState:
        """Read a state."""
        return RepeatsState.from_bytes(data)


@dataclass(frozen=True, slots=True)
class DeterminesState:
    """Which values of the determined columns come with each value of the determining ones, by hash.

    Parameters
    ----------
    pairs : tuple of (left, pair, counts)
        For each distinct pair the hash of its left side, of the pair, and its count; not yet merged. None:
        only `kept_rows` is known any more.
    rows, missing : int
        Rows measured; those with a null on the left, which are left out.
    known : int, optional
        ``kept_rows`` where that has been worked out.
    """

    pairs: tuple[tuple[U64, U64, I64], ...] | None
    rows: int
    missing: int
    stale_rows: int = 0
    known: int | None = None

    @property
    def kept_rows(self) -> int:
        """The most rows that can stay for the dependency to hold: for each left side its commonest right side."""
        if self.known is not None:
            return self.known
        left, _, counts = self._merged()
        last, order = _last_of_each(left, counts)
        return int(counts[order][last].sum())

    def commonest_pairs(self) -> tuple[U64, U64]:
        """Return the hash of each left side, ascending, and of the pair that most of its rows have."""
        left, pair, counts = self._merged()
        last, order = _last_of_each(left, counts)
        return left[order][last], pair[order][last]

    @property
    def error(self) -> float:
        """The share of rows to remove for the dependency to hold (g3 of Kivinen and Mannila 1995)."""
        there = self.rows - self.missing
        return 1.0 - self.kept_rows / there if there else 0.0

    def merge(self, other: Self) -> Self:
        """Return the pairs of both sets of rows."""
        if self.pairs is None or other.pairs is None:
            raise NotImplementedError("the hashes are kept with the chunks: merge their states")
        return replace(
            self,
            pairs=self.pairs + other.pairs,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            stale_rows=self.stale_rows + other.stale_rows,
            known=None,
        )

    def subtract(self, part: Self) -> Self:
        """Return the pairs without ``part``."""
        if self.pairs is None or part.pairs is None:
            raise NotImplementedError("the hashes are kept with the chunks: subtract from their states")
        left, pair, less = part._merged()
        left, pair, counts = _sum_pairs([*self.pairs, (left, pair, -less)])
        there = counts > 0
        return replace(
            self,
            pairs=((left[there], pair[there], counts[there]),),
            rows=self.rows - part.rows,
            missing=self.missing - part.missing,
            known=None,
        )

    def aged(self, rows: int) -> Self:
        """Return the same pairs with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def summarized(self) -> Self:
        """Return the state with its outcome alone, which cannot be merged any more."""
        return replace(self, known=self.kept_rows, pairs=None)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        fields: dict[str, Any] = {"facts": [self.rows, self.missing, self.stale_rows], "known": self.known}
        if self.pairs is not None:
            left, pair, counts = self._merged()
            fields |= {"left": left, "pair": pair, "counts": counts}
        return encode("determines", 1, fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("determines", 1, data)
        pairs = ((fields["left"], fields["pair"], fields["counts"]),) if "left" in fields else None
        rows, missing, stale = fields["facts"]
        return cls(pairs, rows, missing, stale, fields["known"])

    def _merged(self) -> tuple[U64, U64, I64]:
        assert self.pairs is not None
        return self.pairs[0] if len(self.pairs) == 1 else _sum_pairs(self.pairs)


@dataclass(frozen=True, kw_only=True)
class Determines(Measure[DeterminesState]):
    """How nearly some columns determine another one; rows with a null among the determining ones are left out.

    References
    ----------
    Kivinen, Mannila (1995). Approximate inference of functional dependencies from relations.
    doi:10.1016/0304-3975(95)00028-U (the measure g3).
    """

    id: ClassVar[str] = "rows.determines"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True
    bulky: ClassVar[bool] = True

    by: tuple[str, ...]
    determined: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The determining columns, then the determined one."""
        return (*self.by, self.determined)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> DeterminesState:
        """Hash left sides and pairs, and sort."""
        left, pair, there = pair_identities(batch, self.by, self.determined)
        missing = 0
        if there is not None:
            left, pair, missing = left[there], pair[there], int((~there).sum())
        ones = np.ones(len(left), np.int64)
        return DeterminesState((_sum_pairs([(left, pair, ones)]),), batch.num_rows, missing)

    def load(self, data: bytes) -> DeterminesState:
        """Read a state."""
        return DeterminesState.from_bytes(data)


def row_identities(batch: Batch, columns: tuple[str, ...]) -> tuple[U64, NDArray[np.bool_] | None]:
    """Return a hash a row over some columns, and which rows have no null among them; None if all.

    It depends on the order of the columns, not on their names: so values of one dataset can be looked up in another.
    """
    if len(columns) == 1:
        return batch.hashes(columns[0]), _complete(batch, columns)
    parts = ((str(place), batch.hashes(name)) for place, name in enumerate(columns))
    return hash_parts(parts, batch.num_rows), _complete(batch, columns)


def pair_identities(
    batch: Batch, by: tuple[str, ...], determined: str
) -> tuple[U64, U64, NDArray[np.bool_] | None]:
    """Return hashes of the determining values and of the pairs, and which rows have all determining values."""
    return batch.row_hashes(by), batch.row_hashes((*by, determined)), _complete(batch, by)


def _last_of_each(left: U64, counts: I64) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return an order by left side and count, and which entries are the last of their left side in it."""
    # Pairs come in order of their hashes and the sort is stable, so equals are told apart by it.
    order = np.lexsort((counts, left))
    ordered = left[order]
    last = np.append(ordered[1:] != ordered[:-1], True) if len(left) else np.zeros(0, np.bool_)
    return last, order


def _complete(batch: Batch, columns: tuple[str, ...]) -> NDArray[np.bool_] | None:
    """Return which rows have no null in the columns; None if all."""
    masks = [np.asarray(pc.is_valid(batch.array(name))) for name in columns if batch.array(name).null_count]
    return np.logical_and.reduce(masks) if masks else None


def _runs(hashes: U64) -> tuple[U64, I64]:
    if len(hashes) == 0:
        return hashes, np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(hashes[1:] != hashes[:-1]) + 1])
    return hashes[starts], np.diff(np.append(starts, len(hashes))).astype(np.int64)


def _sum(parts: Sequence[tuple[U64, I64]]) -> tuple[U64, I64]:
    """Return distinct hashes, ascending, with their summed counts."""
    hashes = np.concatenate([part[0] for part in parts])
    if all((part[1] == 1).all() for part in parts):
        return _runs(np.sort(hashes))
    counts = np.concatenate([part[1] for part in parts])
    order = np.argsort(hashes)
    hashes, counts = hashes[order], counts[order]
    if len(hashes) == 0:
        return hashes, counts
    starts = np.concatenate([[0], np.flatnonzero(hashes[1:] != hashes[:-1]) + 1])
    return hashes[starts], np.add.reduceat(counts, starts)


def _sum_pairs(parts: Sequence[tuple[U64, U64, I64]]) -> tuple[U64, U64, I64]:
    """Return distinct pairs, ascending by their hash, with their summed counts."""
    left, pair, counts = (np.concatenate([part[place] for part in parts]) for place in range(3))
    if len(pair) == 0:
        return left, pair, counts
    order = np.argsort(pair)
    left, pair, counts = left[order], pair[order], counts[order]
    starts = np.concatenate([[0], np.flatnonzero(pair[1:] != pair[:-1]) + 1])
    return left[starts], pair[starts], np.add.reduceat(counts, starts)
