"""``timeliness``: gaps between times, rows that come out of order, times that lie in the future."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, RowFilter, States, Target
from headwater.checks.freshness import duration
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.core.ids import canonical_json, digest
from headwater.core.schema import require_columns
from headwater.methods.time_gaps import longest_usual_gap
from headwater.profile.base import Measure, NeedExact
from headwater.profile.extremes import Extremes
from headwater.profile.kinds import as_python, from_python, kind_of
from headwater.profile.times import TimeGaps, require_instants, seconds_of
from headwater.reading.chunks import DatasetChunk
from headwater.reading.numbered import keys_at

__all__ = ["Future", "Gaps", "Order", "far_text", "is_timed", "moment_text", "span_text", "time_column"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_LISTED = 20
_FAR_NAMED = 3


def time_column(column: str | None, target: Target) -> str:
    """Return the column that a check of times is about: the one named, else that of the contract.

    Raises
    ------
    UsageError
        If there is neither.
    SchemaError
        If it does not hold points in time.
    """
    name = column or target.time
    if name is None:
        raise UsageError(
            "It is not known which column says when a row's event happened. Name it: `column` of this check, or the "
            "time of the contract (--time)."
        )
    require_instants(target.schema, name)
    return name


def is_timed(target: Target) -> bool:
    """Say whether the contract names a column of points in time."""
    if target.time is None or target.time not in target.schema.names:
        return False
    type_ = target.schema.field(target.time).type
    return bool(pa.types.is_timestamp(type_) or pa.types.is_date(type_))


@CHECKS.register("timeliness.gaps")
@dataclass(frozen=True, kw_only=True)
class Gaps(Check):
    """There is no time without rows that is longer than the pace of the data explains.

    Parameters
    ----------
    column : str, optional
        Points in time; by default the column that the contract calls the time.
    maximum : str, optional
        The longest gap that passes, such as ``"36h"`` or ``"3 days"``. By default it follows from the gaps
        themselves: what comes again and again (nights, weekends) passes, whatever its length.
    by : str, optional
        A column of groups, such as devices: each has times of its own.
    level : {"warn", "fail"}
        The outcome if there is a longer one.

    Notes
    -----
    The gap is that between two times that follow each other, among all rows or those of a group; for the default
    maximum see `headwater.methods.time_gaps`. A gap before, or after, a few times that lie far from all others, as of a
    wrong year, is told last: see `headwater.methods.far_times`. The 1,024 longest gaps are kept (128 of a group).
    """

    id = "timeliness.gaps"
    title = "Gaps in time"

    column: str | None = None
    maximum: str | None = None
    by: str | None = None
    level: Level = "warn"

    def __post_init__(self) -> None:
        if self.maximum is not None:
            duration(self.maximum)

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for the time of the contract."""
        return (cls(),) if is_timed(target) else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Find the longest gaps."""
        return [self._gaps(target)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the gaps of each group against its limit."""
        gaps = self._gaps(target)
        state = states[gaps]
        if state.stale_rows:
            raise NeedExact([gaps])
        if not state.complete:
            message = (
                f"Column {self.by!r} has more than {state.capacity:,} groups: too many to look at one by one."
            )
            return [judged(self, False, message, column=gaps.column)]
        fixed = None if self.maximum is None else duration(self.maximum).total_seconds()
        found: list[_Gap] = []
        judged_groups, coarse = 0, 0.0
        away: list[float] = []
        for name, one in state.groups.items():
            main = one.main()
            limit = fixed if fixed is not None else longest_usual_gap(one.only(main).known_gaps())
            if limit is None:
                continue
            judged_groups += 1
            if limit < one.resolution_s:
                limit, coarse = one.resolution_s, max(coarse, one.resolution_s)
            away += [*one.starts[: main.start].tolist(), *one.starts[main.stop :].tolist()]
            for place in np.flatnonzero(one.gaps > limit).tolist():
                start, end = float(one.ends[place]), float(one.starts[place + 1])
                found.append(_Gap(name, start, end, limit, main.start <= place < main.stop - 1))
        found.sort(key=lambda gap: (not gap.within, -gap.seconds / gap.limit, str(gap.group), gap.start))
        return [self._finding(gaps.column, found, judged_groups, coarse, away)]

    def _finding(
        self, column: str, found: list[_Gap], judged_groups: int, coarse: float, away: list[float]
    ) -> Finding:
        blind = f" Gaps of up to {span_text(coarse)} could not be told apart." if coarse else ""
        if not judged_groups:
            message = f"Column {column!r} has too few times to know its pace; give a maximum."
            return judged(self, False, message, column=column)
        if not found:
            message = f"The times in {column!r} follow each other without a gap that stands out.{blind}"
            return judged(self, False, message, column=column)
        worst = found[0]
        who = f" of {self.by} {worst.group!r}" if self.by is not None else ""
        number = "1 gap is" if len(found) == 1 else f"{len(found):,} gaps are"
        message = (
            f"{number} longer than expected in {column!r}. Worst: nothing{who} between {moment_text(worst.start)} and "
            f"{moment_text(worst.end)}, {span_text(worst.seconds)}; {span_text(worst.limit)} is the most "
            f"{'allowed' if self.maximum else 'that is usual'}.{far_text(away)}{blind}"
        )
        listed = [gap.to_dict(self.by) for gap in found[:_LISTED]]
        return judged(
            self,
            True,
            message,
            severity=graded(0.4, min(worst.seconds / worst.limit / 50, 1.0)),
            column=column,
            value=worst.seconds / 3600,
            threshold=worst.limit / 3600,
            evidence={
                "unit": "hours",
                "gaps": len(found),
                "longest": listed,
                "far_off": [moment_text(second) for second in away[:_LISTED]],
            },
        )

    def _gaps(self, target: Target) -> TimeGaps:
        return TimeGaps(column=time_column(self.column, target), by=self.by)


@dataclass(frozen=True, slots=True)
class _Gap:
    group: Any
    start: float
    end: float
    limit: float
    within: bool

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def to_dict(self, by: str | None) -> dict[str, Any]:
        facts: dict[str, Any] = {} if by is None else {by: self.group}
        return {
            **facts,
            "after": moment_text(self.start),
            "before": moment_text(self.end),
            "hours": round(self.seconds / 3600, 4),
        }


@CHECKS.register("timeliness.future")
@dataclass(frozen=True, kw_only=True)
class Future(Check):
    """No row has a time that is still to come.

    Parameters
    ----------
    column : str, optional
        Points in time; by default the column that the contract calls the time. Times without a zone are UTC.
    tolerance : str
        How far ahead clocks may be, such as ``"5min"``; a day by default, for zones that were forgotten.
    level : {"warn", "fail"}
        The outcome if one has.
    """

    id = "timeliness.future"
    title = "Times in the future"

    column: str | None = None
    tolerance: str = "1d"
    level: Level = "fail"

    def __post_init__(self) -> None:
        duration(self.tolerance)

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for the time of the contract."""
        return (cls(),) if is_timed(target) else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Find the latest times."""
        return [Extremes(column=time_column(self.column, target))]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count the rows after now."""
        name = time_column(self.column, target)
        latest = Extremes(column=name)
        state = states[latest]
        bound = self._bound(target, name)
        ahead = state.values > bound
        if ahead.any() and state.stale_rows:
            raise NeedExact([latest])
        # The latest values are counted exactly as long as one of those that are kept is not ahead.
        known = state.is_complete or not ahead[len(ahead) // 2 :].all()
        rows = int(state.counts[ahead].sum()) if known else _rows_after(target, name, bound)
        if not rows:
            return [judged(self, False, f"No time in {name!r} lies in the future.", column=name, value=0.0)]
        last = as_python(state.values[-1].item(), target.schema.field(name).type)
        verb = "has a time" if rows == 1 else "have times"
        message = (
            f"{rows_text(rows)} {verb} in the future (column {name!r}), up to {last}; it is "
            f"{target.now.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        )
        share = rows / max(states.rows, 1)
        facts: dict[str, Any] = {"column": name, "value": share, "threshold": 0.0, "row_count": rows}
        evidence = {"now": target.now.isoformat(), "tolerance": self.tolerance, "latest": str(last)}
        return [judged(self, True, message, severity=graded(0.6, share), evidence=evidence, **facts)]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the filter for rows after now."""
        name = time_column(self.column, target)
        bound = self._bound(target, name)
        return RowFilter((name,), lambda rows: _after(rows.column(name), bound))

    def _bound(self, target: Target, name: str) -> float:
        """Return the last moment that is not ahead, as the column counts."""
        last = (target.now.astimezone(UTC) + duration(self.tolerance)).replace(microsecond=0)
        return from_python(last, target.schema.field(name).type)


def _after(values: pa.ChunkedArray, bound: float) -> NDArray[np.bool_]:
    physical = pc.cast(values, pa.int32() if values.type.bit_width == 32 else pa.int64())
    return np.asarray(pc.fill_null(pc.greater(physical, int(bound)), False))


def _rows_after(target: Target, name: str, bound: float) -> int:
    batches = target.dataset.scan([name])
    return sum(int(_after(pa.chunked_array([batch.column(0)]), bound).sum()) for batch in batches)


@CHECKS.register("timeliness.order")
@dataclass(frozen=True, kw_only=True)
class Order(Check):
    """Rows come in the order of their times: none is earlier than one before it.

    Parameters
    ----------
    column : str, optional
        Points in time; by default the column that the contract calls the time.
    by : str, optional
        A column of groups, such as devices: the order is that within each.
    tolerance : str
        How much earlier a row may be, such as ``"5min"``.
    maximum : float
        The share of late rows that passes, from 0 to 1.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    The order is that in which the dataset is read: as rows were appended. Rows that were changed since stand at the
    end. What is known of each chunk is kept, so that rows appended later are the only ones read.
    """

    id = "timeliness.order"
    title = "Rows out of order"
    cost: ClassVar[Cost] = "rows"

    column: str | None = None
    by: str | None = None
    tolerance: str = "0s"
    maximum: float = 0.0
    level: Level = "warn"

    def __post_init__(self) -> None:
        duration(self.tolerance)

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Go through the chunks, each knowing the latest times before it."""
        name = time_column(self.column, target)
        if self.by is not None:
            require_columns(target.schema, [self.by], where=f"dataset {target.dataset.name!r}")
            if not kind_of(target.schema.field(self.by).type).is_countable:
                raise SchemaError(
                    f"Rows cannot be grouped by column {self.by!r}: choose another.", column=self.by
                )
        before: dict[str, float] = {}
        start, late, worst = 0, 0, 0.0
        numbers: list[int] = []
        for chunk in target.dataset.chunks:
            found = self._of_chunk(chunk, name, before, target)
            late, worst = late + found.late, max(worst, found.worst_s)
            numbers += [start + position for position in found.positions]
            before |= {group: max(high, before.get(group, -np.inf)) for group, high in found.latest.items()}
            start += chunk.live_rows
        share = late / start if start else 0.0
        numbers = numbers[: target.row_limit]
        within = f" within each {self.by}" if self.by else ""
        if not late:
            return [
                judged(self, False, f"Rows come in the order of {name!r}{within}.", column=name, value=0.0)
            ]
        verb = "is" if late == 1 else "are"
        message = (
            f"{rows_text(late)} ({percent(share)}) {verb} earlier than a row before{within} (column {name!r}), by up "
            f"to {span_text(worst)}."
        )
        return [
            judged(
                self,
                share > self.maximum,
                message,
                severity=graded(0.3, share),
                column=name,
                value=share,
                threshold=self.maximum,
                rows=keys_at(target.dataset, np.array(numbers, np.int64)),
                row_count=late,
                evidence={"latest_by_hours": round(worst / 3600, 4)},
            )
        ]

    def _of_chunk(self, chunk: DatasetChunk, name: str, before: dict[str, float], target: Target) -> _Late:
        columns = [name] if self.by is None else [name, self.by]
        facts = [
            self.id,
            self.version,
            chunk.identity(columns),
            chunk.deleted_id,
            str(target.schema.field(name).type),
            columns,
            self.tolerance,
            sorted(before.items()),
        ]
        path = f"kept/order/{digest(canonical_json(facts))}"
        data = None if target.cache is None else target.cache.get(path)
        if data is not None:
            return _Late(**json.loads(data))
        found = self._looked_at(chunk.read(columns), before)
        if target.cache is not None:
            target.cache.put(path, json.dumps(asdict(found)).encode())
        return found

    def _looked_at(self, rows: pa.Table, before: dict[str, float]) -> _Late:
        seconds = seconds_of(rows.column(0).combine_chunks())
        if self.by is None:
            codes, names = np.zeros(len(seconds), np.int64), [""]
        else:
            encoded = rows.column(1).combine_chunks().cast(pa.string()).dictionary_encode()
            codes = np.asarray(pc.fill_null(encoded.indices, -1)).astype(np.int64)
            names = [str(value) for value in encoded.dictionary.to_pylist()]
        kept = np.flatnonzero(~np.isnan(seconds) & (codes >= 0))
        if not len(kept):
            return _Late()
        order = kept[np.argsort(codes[kept], kind="stable")]
        codes, seconds = codes[order], seconds[order]
        reached = _running_max(codes, seconds)
        reached = np.maximum(reached, np.array([before.get(name, -np.inf) for name in names])[codes])
        behind = reached - seconds
        late = order[behind > duration(self.tolerance).total_seconds()]
        last = np.append(np.flatnonzero(codes[1:] != codes[:-1]), len(codes) - 1)
        latest = {names[code]: float(high) for code, high in zip(codes[last], reached[last], strict=True)}
        positions = np.sort(late)[:_MOST_LISTED].tolist()
        return _Late(len(late), positions, float(behind.max()) if len(late) else 0.0, latest)


_MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class _Late:
    """What is known of one chunk: late rows, the first of them, by how much, and the latest time of each group."""

    late: int = 0
    positions: list[int] = field(default_factory=list)
    worst_s: float = 0.0
    latest: dict[str, float] = field(default_factory=dict)


def _running_max(codes: I64, seconds: F64) -> F64:
    """Return the greatest value so far within each group, groups ascending."""
    distinct, ranks = np.unique(seconds, return_inverse=True)
    # A later group has greater numbers than all before it, whatever its times.
    reached = np.maximum.accumulate(codes * len(distinct) + ranks)
    return np.asarray(distinct[reached - codes * len(distinct)])


def moment_text(seconds: float) -> str:
    """Return seconds since 1970 as a date, with the time of day where it is not midnight."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"second {seconds:.0f}"
    if moment.time() == moment.min.time():
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}" if moment.second == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


def far_text(seconds: Sequence[float] | F64) -> str:
    """Return a sentence on times that lie far from all others, to follow another; nothing where there are none."""
    if not len(seconds):
        return ""
    named = ", ".join(moment_text(float(second)) for second in seconds[:_FAR_NAMED])
    more = ", …" if len(seconds) > _FAR_NAMED else ""
    are = "1 time lies" if len(seconds) == 1 else f"{len(seconds):,} times lie"
    return f" {are} far from all others ({named}{more})."


def span_text(seconds: float) -> str:
    """Return a length of time in words: ``"3 days"``, ``"1.5 hours"``."""
    for unit, size in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return _count_of(seconds / size, unit)
    return _count_of(seconds, "second")


def _count_of(number: float, unit: str) -> str:
    text = f"{number:,.1f}".removesuffix(".0")
    return f"{text} {unit}" if text == "1" else f"{text} {unit}s"
