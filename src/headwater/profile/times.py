"""When rows happened: how many in each hour, and the gaps in which none did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError
from headwater.core.schema import require_columns
from headwater.methods.far_times import few, main_span
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import kind_of

__all__ = ["TimeCounts", "TimeCountsState", "TimeGaps", "TimeGapsState", "require_instants", "seconds_of"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

HOUR = 3600
_BUCKETS = 50_000
_GAPS = 1024
_GROUP_GAPS = 128
_UNSEEN = 100
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def require_instants(schema: pa.Schema, column: str) -> None:
    """Raise unless a column holds points in time: dates or timestamps.

    Raises
    ------
    NotFound
        If the column is not there.
    SchemaError
        If it holds something else.
    """
    require_columns(schema, [column], where="the dataset")
    type_ = schema.field(column).type
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return
    how = (
        f"If its texts are dates, import them as such (--schema {column}:timestamp)."
        if pa.types.is_string(type_) or pa.types.is_large_string(type_)
        else "Choose another column, or convert this one."
    )
    raise SchemaError(
        f"Column {column!r} is {type_}: points in time are needed, dates or timestamps. {how}",
        column=column,
        found=str(type_),
    )


def seconds_of(array: pa.Array) -> F64:
    """Return points in time as seconds since 1970, those with a zone as clocks there show them; NaN for null."""
    type_ = array.type
    if pa.types.is_timestamp(type_) and type_.tz is not None:
        array = pc.local_timestamp(array)
    per_second = 1.0
    if pa.types.is_date32(type_):
        per_second = 1 / 86400
    elif pa.types.is_date64(type_):
        per_second = 1000.0
    else:
        per_second = float(_UNITS[type_.unit])
    counts = array.view(pa.int32() if type_.bit_width == 32 else pa.int64())
    numbers = np.asarray(pc.fill_null(counts, 0)).astype(np.float64) / per_second
    if array.null_count:
        numbers[np.asarray(array.is_null())] = np.nan
    return numbers


@dataclass(frozen=True, slots=True)
class TimeCountsState:
    """How many rows each bucket of time has; buckets start at whole multiples of ``width_s`` since 1970.

    Parameters
    ----------
    buckets, counts : numpy.ndarray of int64
        Numbers of the buckets that have rows, ascending, and their rows.
    width_s : int
        Width of a bucket: an hour, or more where there would be too many.
    missing : int
        Rows without a time.
    """

    buckets: I64
    counts: I64
    width_s: int
    missing: int
    stale_rows: int = 0

    def by(self, width_s: int) -> tuple[int, I64]:
        """Return the number of the first bucket of this width, and the rows of it and all that follow."""
        if not len(self.buckets):
            return 0, np.zeros(0, np.int64)
        wider = self.buckets // (width_s // self.width_s)
        counts = np.zeros(int(wider[-1] - wider[0]) + 1, np.int64)
        np.add.at(counts, wider - wider[0], self.counts)
        return int(wider[0]), counts

    def without_far(self) -> tuple[Self, F64]:
        """Return the counts without a few rows that lie far from all others, and when these were, in seconds."""
        main = main_span(self.buckets, self.buckets + 1, self.counts, few(float(self.counts.sum())))
        away = np.concatenate([self.buckets[: main.start], self.buckets[main.stop :]])
        kept = self._with(self.buckets[main], self.counts[main], self.width_s)
        return kept, away * float(self.width_s)

    def merge(self, other: Self) -> Self:
        """Return the counts of both sets of rows."""
        width = max(self.width_s, other.width_s)
        parts = [(side.buckets // (width // side.width_s), side.counts) for side in (self, other)]
        buckets = np.concatenate([part[0] for part in parts])
        counts = np.concatenate([part[1] for part in parts])
        return self._with(
            *_narrowed(*_summed(buckets, counts), width),
            missing=self.missing + other.missing,
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Return the counts without ``part``, which has no wider buckets; aged where it has."""
        if part.width_s > self.width_s:
            return self.aged(int(part.counts.sum()) + part.missing)
        wider = part.buckets // (self.width_s // part.width_s)
        buckets, counts = _summed(
            np.concatenate([self.buckets, wider]), np.concatenate([self.counts, -part.counts])
        )
        there = counts > 0
        return self._with(buckets[there], counts[there], self.width_s, missing=self.missing - part.missing)

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        return encode(
            "time-counts",
            1,
            {
                "buckets": self.buckets,
                "counts": self.counts,
                "facts": [self.width_s, self.missing, self.stale_rows],
            },
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("time-counts", 1, data)
        width, missing, stale = fields["facts"]
        return cls(fields["buckets"], fields["counts"], width, missing, stale)

    def _with(self, buckets: I64, counts: I64, width_s: int, **more: Any) -> Self:
        return replace(self, buckets=buckets, counts=counts, width_s=width_s, **more)


@dataclass(frozen=True, kw_only=True)
class TimeCounts(Measure[TimeCountsState]):
    """How many rows happened in each hour; in wider buckets where that were more than 50,000."""

    id: ClassVar[str] = "column.time_counts"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require points in time."""
        require_instants(schema, self.column)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> TimeCountsState:
        """Count."""
        seconds = seconds_of(batch.array(self.column))
        there = seconds[~np.isnan(seconds)]
        missing = batch.num_rows - len(there)
        if not len(there):
            none = np.zeros(0, np.int64)
            return TimeCountsState(none, none, HOUR, missing)
        hours, counts = np.unique(np.floor(there / HOUR).astype(np.int64), return_counts=True)
        buckets, counts, width = _narrowed(hours, counts.astype(np.int64), HOUR)
        return TimeCountsState(buckets, counts, width, missing)

    def load(self, data: bytes) -> TimeCountsState:
        """Read a state."""
        return TimeCountsState.from_bytes(data)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of time that have rows, with the longest gaps between them.

    Parameters
    ----------
    starts, ends : numpy.ndarray of float64
        In seconds, ascending.
    resolution_s : float
        Gaps up to this length may lie within a stretch; all longer ones lie between two.
    """

    starts: F64
    ends: F64
    resolution_s: float = 0.0

    @property
    def gaps(self) -> F64:
        """The gaps, in order of time."""
        return self.starts[1:] - self.ends[:-1]

    def main(self) -> slice:
        """Return which stretches are left without a few times that lie far from all others."""
        within = np.ceil((self.ends - self.starts) / (self.resolution_s or 1.0))
        times = 1.0 + within  # at least so many: gaps within a stretch are no longer than the resolution
        return main_span(self.starts, self.ends, times, few(float(times.sum())))

    def only(self, part: slice) -> Stretches:
        """Return some of the stretches."""
        return replace(self, starts=self.starts[part], ends=self.ends[part])

    def known_gaps(self) -> F64:
        """Return the gaps and, for those that lie within stretches, a hundred of the greatest length they can have."""
        return np.append(self.gaps, np.full(_UNSEEN if self.resolution_s else 0, self.resolution_s))

    def united(self, other: Stretches, most: int) -> Stretches:
        """Return the stretches of both sets of rows.

        A gap of both is one of each, at least as long there: so those longer than either resolution are known.
        """
        if not len(self.starts) or not len(other.starts):
            return self if len(self.starts) else other
        starts = np.concatenate([self.starts, other.starts])
        ends = np.concatenate([self.ends, other.ends])
        order = np.argsort(starts, kind="stable")
        starts, reached = starts[order], np.maximum.accumulate(ends[order])
        fresh = np.concatenate([[True], starts[1:] > reached[:-1]])
        last = np.append(np.flatnonzero(fresh)[1:] - 1, len(starts) - 1)
        resolution = max(self.resolution_s, other.resolution_s)
        return Stretches(starts[fresh], reached[last], resolution).thinned(most)

    def thinned(self, most: int) -> Stretches:
        """Return the same with at most so many gaps, the longest."""
        gaps = self.gaps
        if len(gaps) <= most:
            return self
        least = float(np.partition(gaps, len(gaps) - most - 1)[len(gaps) - most - 1])
        kept = np.flatnonzero(gaps > least)
        starts = self.starts[np.concatenate([[0], kept + 1])]
        ends = self.ends[np.append(kept, len(self.ends) - 1)]
        return Stretches(starts, ends, max(self.resolution_s, least))


@dataclass(frozen=True, slots=True)
class TimeGapsState:
    """The longest gaps between times, of all rows or of each group.

    Parameters
    ----------
    groups : dict
        Stretches by group; the only one is None where there are no groups.
    complete : bool
        False where there were more groups than are worth keeping; there are then none.
    capacity : int
        The most groups.
    """

    groups: dict[Any, Stretches]
    complete: bool = True
    capacity: int = 1000
    stale_rows: int = 0

    def merge(self, other: Self) -> Self:
        """Return the gaps of both sets of rows."""
        most = _GAPS if set(self.groups) | set(other.groups) <= {None} else _GROUP_GAPS
        groups = dict(self.groups)
        for name, stretches in other.groups.items():
            groups[name] = groups[name].united(stretches, most) if name in groups else stretches
        groups = {name: groups[name] for name in sorted(groups, key=str)}
        complete = self.complete and other.complete and len(groups) <= self.capacity
        stale = self.stale_rows + other.stale_rows
        return replace(self, groups=groups if complete else {}, complete=complete, stale_rows=stale)

    def subtract(self, part: Self) -> Self:
        """Not offered: whether another row has the same time is not known."""
        raise NotImplementedError("gaps are measured again, not subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same gaps with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        fields: dict[str, Any] = {
            "facts": [self.complete, self.capacity, self.stale_rows],
            "resolutions": [one.resolution_s for one in self.groups.values()],
            "names": pa.array([None if name is None else str(name) for name in self.groups], pa.string()),
        }
        for number, one in enumerate(self.groups.values()):
            fields |= {f"starts{number}": one.starts, f"ends{number}": one.ends}
        return encode("time-gaps", 1, fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("time-gaps", 1, data)
        complete, capacity, stale = fields["facts"]
        names = to_python(fields["names"])
        groups = {
            name: Stretches(fields[f"starts{number}"], fields[f"ends{number}"], resolution)
            for number, (name, resolution) in enumerate(zip(names, fields["resolutions"], strict=True))
        }
        return cls(groups, complete, capacity, stale)


@dataclass(frozen=True, kw_only=True)
class TimeGaps(Measure[TimeGapsState]):
    """The longest gaps between the times of a column, the 1,024 longest; or of each group, the 128 longest.

    Parameters
    ----------
    column : str
        Points in time.
    by : str, optional
        The column whose values are the groups; rows without one are left out.
    """

    id: ClassVar[str] = "column.time_gaps"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    column: str
    by: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column, and that of groups."""
        return (self.column,) if self.by is None else (self.column, self.by)

    def validate(self, schema: pa.Schema) -> None:
        """Require points in time, and groups that can be counted."""
        require_instants(schema, self.column)
        if self.by is not None:
            require_columns(schema, [self.by], where="the dataset")
            if not kind_of(schema.field(self.by).type).is_countable:
                raise SchemaError(
                    f"Column {self.by!r} is {schema.field(self.by).type}: rows cannot be grouped by it. "
                    "Choose another column.",
                    column=self.by,
                )

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> TimeGapsState:
        """Sort."""
        seconds = seconds_of(batch.array(self.column))
        if self.by is None:
            there = np.unique(seconds[~np.isnan(seconds)])
            return TimeGapsState({None: Stretches(there, there).thinned(_GAPS)} if len(there) else {})
        encoded = batch.array(self.by).cast(pa.string()).dictionary_encode()
        codes = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)
        kept = ~np.isnan(seconds) & (codes >= 0)
        codes, seconds = codes[kept], seconds[kept]
        order = np.lexsort((seconds, codes))
        codes, seconds = codes[order], seconds[order]
        bounds = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])) if len(codes) else codes
        if len(bounds) > TimeGapsState({}).capacity:
            return TimeGapsState({}, complete=False)
        names = to_python(encoded.dictionary)
        groups = {}
        for low, high in pairwise([*bounds.tolist(), len(codes)]):
            times = np.unique(seconds[low:high])
            groups[names[codes[low]]] = Stretches(times, times).thinned(_GROUP_GAPS)
        return TimeGapsState({name: groups[name] for name in sorted(groups, key=str)})

    def load(self, data: bytes) -> TimeGapsState:
        """Read a state."""
        return TimeGapsState.from_bytes(data)


def _summed(buckets: I64, counts: I64) -> tuple[I64, I64]:
    distinct, place = np.unique(buckets, return_inverse=True)
    summed = np.zeros(len(distinct), np.int64)
    np.add.at(summed, place, counts)
    return distinct, summed


def _narrowed(buckets: I64, counts: I64, width_s: int) -> tuple[I64, I64, int]:
    """Return the counts in buckets as wide as it takes for there not to be too many: a day, a week, and more."""
    while len(buckets) > _BUCKETS:
        factor = 24 if width_s == HOUR else 7
        width_s *= factor
        buckets, counts = _summed(buckets // factor, counts)
    return buckets, counts, width_s
