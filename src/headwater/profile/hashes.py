"""Which values come more than once, and which columns determine others: exact counts of hashed values.

The states hold a hash a distinct value, so they grow with the data: 8 bytes a row where all differ. What is
kept of a whole dataset is the outcome, and for `Repeats` the hashes in runs, in which those of an append are looked up
(`headwater.profile.runs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import CorruptObject
from headwater.core.hashing import U64, hash_parts
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.runs import Run, count, counts_in, folded, read_run, runs_of, write_run

__all__ = [
    "Determines",
    "DeterminesState",
    "Repeats",
    "RepeatsState",
    "pair_identities",
    "row_identities",
]

logger = logging.getLogger(__name__)

I64 = NDArray[np.int64]

_KEPT_FROM = 131_072
"""From how many hashes on they are kept; fewer are merged anew in no time."""


@dataclass(frozen=True, slots=True)
class RepeatsState:
    """How often values come, by hash.

    Parameters
    ----------
    parts : tuple of Run
        Hashes and their counts, not yet merged with each other. None: only `outcome` is known any more.
    rows, missing : int
        Rows measured; those of them with a null among the values, which are left out.
    known : tuple of int, optional
        ``(distinct, repeated)`` where that has been worked out, of all parts but the last ``fresh``.
    fresh : int
        How many parts came since.
    names : tuple of str
        Where the parts are kept, if they are and are not at hand.
    """

    parts: tuple[Run, ...] | None
    rows: int
    missing: int
    stale_rows: int = 0
    known: tuple[int, int] | None = None
    fresh: int = 0
    names: tuple[str, ...] = ()

    @property
    def outcome(self) -> tuple[int, int]:
        """The number of distinct values, and of rows whose value another row has as well."""
        if self.known is None:
            _, counts, _ = self._merged()
            return len(counts), int(counts[counts > 1].sum())
        if not self.fresh:
            return self.known
        assert self.parts is not None
        here = len(self.parts) - self.fresh
        new = count(self.parts[here:])
        before = counts_in(self.parts[:here], new.hashes)
        now = before + new.counts
        # A value that was alone so far comes to be repeated with all its rows.
        more = np.where(now > 1, now, 0) - np.where(before > 1, before, 0)
        return self.known[0] + int((before == 0).sum()), self.known[1] + int(more.sum())

    def repeated_hashes(self) -> U64:
        """Return the hashes of values that come more than once, ascending."""
        hashes, counts, _ = self._merged()
        return hashes[counts > 1]

    def counted(self) -> tuple[U64, I64]:
        """Return the hashes of all values, ascending and distinct, and how often each comes."""
        hashes, counts, _ = self._merged()
        return hashes, counts

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
            # What is known of the first few rows helps with those of an append, not the other way round.
            fresh=0 if self.known is None else self.fresh + len(other.parts),
        )

    def subtract(self, part: Self) -> Self:
        """Return the counts without ``part``."""
        if self.parts is None or part.parts is None:
            raise NotImplementedError("the hashes are kept with the chunks: subtract from their states")
        gone, less, _ = part._merged()
        hashes, counts, _ = count([*self.parts, Run(gone, -less)])
        left = counts > 0
        return replace(
            self,
            parts=(Run(hashes[left], counts[left]),),
            rows=self.rows - part.rows,
            missing=self.missing - part.missing,
            known=None,
            fresh=0,
        )

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def summarized(self) -> Self:
        """Return the state with its outcome alone, which cannot be merged any more."""
        names = tuple(part.name for part in self.parts or ())
        return replace(self, known=self.outcome, fresh=0, parts=None, names=names if all(names) else ())

    def settled(self, write: Callable[[bytes], str]) -> Self:
        """Return the same state with its outcome worked out and its parts kept, where they are long."""
        if self.parts is None:
            return replace(self, known=self.outcome)
        # What was never counted is put into one run at once.
        state = replace(self, parts=(self._merged(),)) if self.known is None else self
        outcome, parts = state.outcome, folded(state.parts or ())
        if len(parts[0].hashes) > _KEPT_FROM and not self.stale_rows:
            parts = tuple(write_run(part, write) for part in parts)
        return replace(self, known=outcome, fresh=0, parts=parts)

    def restored(self, read: Callable[[str], pa.Buffer | None]) -> Self | None:
        """Return a summarized state with its parts, so that an append can be merged; None if they are not kept."""
        parts = []
        for name in self.names:
            data = read(name)
            if data is None:
                return None
            try:
                parts.append(read_run(name, data))
            except CorruptObject as error:
                logger.warning("damaged hashes ignored", extra={"path": name, "reason": str(error)})
                return None
        return replace(self, parts=tuple(parts)) if parts and self.known else None

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        fields: dict[str, Any] = {"facts": [self.rows, self.missing, self.stale_rows], "known": self.known}
        if self.names:
            fields["names"] = list(self.names)
        if self.parts is not None:
            fields["known"] = self.outcome if self.known else None
            hashes, counts, _ = self._merged()
            fields |= {"hashes": hashes} if (counts == 1).all() else {"hashes": hashes, "counts": counts}
        return encode("repeats", 1, fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("repeats", 1, data)
        parts = None
        if "hashes" in fields:
            hashes = fields["hashes"]
            parts = (Run(hashes, fields.get("counts", np.ones(len(hashes), np.int64))),)
        rows, missing, stale = fields["facts"]
        known = tuple(fields["known"]) if fields["known"] else None
        return cls(parts, rows, missing, stale, known, names=tuple(fields.get("names", ())))

    def _merged(self) -> Run:
        assert self.parts is not None
        return count(self.parts)


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
        return RepeatsState((runs_of(np.sort(hashes)),), batch.num_rows, missing)

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
    names: ClassVar[tuple[str, ...]] = ()

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

    def settled(self, write: Callable[[bytes], str]) -> Self:
        """Return the same state with its outcome worked out."""
        return replace(self, known=self.kept_rows)

    def restored(self, read: Callable[[str], pa.Buffer | None]) -> Self | None:
        """Return None: the pairs are with the chunks alone."""
        return None

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


def _sum_pairs(parts: Sequence[tuple[U64, U64, I64]]) -> tuple[U64, U64, I64]:
    """Return distinct pairs, ascending by their hash, with their summed counts."""
    left, pair, counts = (np.concatenate([part[place] for part in parts]) for place in range(3))
    if len(pair) == 0:
        return left, pair, counts
    order = np.argsort(pair)
    left, pair, counts = left[order], pair[order], counts[order]
    starts = np.concatenate([[0], np.flatnonzero(pair[1:] != pair[:-1]) + 1])
    return left[starts], pair[starts], np.add.reduceat(counts, starts)
