"""Which type a column of text has, found over all its values and never from a sample.

A block of values gives `Facts`; facts of several blocks merge. A type is taken only when every value is written
as that type would be: ``007`` and ``+49 30 1234`` are text, because as numbers they would lose what they say.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["EMPTY", "Facts", "Kind", "Misfit", "arrow_type", "look", "merge", "note"]

EXACT_IN_DOUBLE = 2**53


class Kind(StrEnum):
    """What all values of a column are."""

    EMPTY = "empty"
    BLANK = "blank"  # only empty text, which any other kind takes for null
    INT = "int64"
    DOUBLE = "double"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INSTANT = "timestamp[us, UTC]"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Misfit:
    """The value that made a column text: its row (from 0), what it is, and the kind of those before it."""

    row: int
    value: str
    expected: Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of some values of a column.

    Parameters
    ----------
    kind : Kind
        The narrowest kind that all values are.
    largest : int
        The largest magnitude among whole numbers: beyond 2^53 they do not mix with decimals.
    is_number : bool
        For DOUBLE: whether any value is finite, so that a column of names like "Nan" is not numeric.
    has_nanos : bool
        For times: whether there are more than six decimals of a second.
    beyond_nanos : bool
        For dates and times: whether any is beyond what nanoseconds reach (1677 to 2262).
    first : tuple of (int, str), optional
        Row and text of the first value.
    misfit : Misfit, optional
        For STRING: where a column that had begun as something narrower stopped being it.
    """

    kind: Kind = Kind.EMPTY
    largest: int = 0
    is_number: bool = True
    has_nanos: bool = False
    beyond_nanos: bool = False
    first: tuple[int, str] | None = None
    misfit: Misfit | None = None

    def moved(self, rows: int) -> Facts:
        """Return the facts for values that begin ``rows`` further down."""
        first = self.first and (self.first[0] + rows, self.first[1])
        misfit = self.misfit and replace(self.misfit, row=self.misfit.row + rows)
        return replace(self, first=first, misfit=misfit)


EMPTY = Facts()


def look(values: pa.StringArray, hint: Facts = EMPTY) -> Facts:
    """Return the facts of a block of values.

    Parameters
    ----------
    values : pyarrow.StringArray
        Text; nulls count for nothing.
    hint : Facts
        What earlier values were: tried first. Where they were text, nothing more is looked at.

    Returns
    -------
    Facts
        The facts of these values alone, rows counted from 0.
    """
    if hint.kind is Kind.STRING:
        return Facts(Kind.STRING)
    kept = values.drop_null() if values.null_count else values
    if len(kept) == 0:
        return EMPTY
    row = pc.index(pc.is_valid(values), True).as_py()
    first = (row, kept[0].as_py())
    facts = _facts(kept, hint.kind) or _trimmed_facts(kept, hint.kind)
    if facts is not None:
        return replace(facts, first=first)
    return Facts(Kind.STRING, first=first, misfit=_misfit(values, hint.kind))


def merge(one: Facts, two: Facts) -> Facts:
    """Return the facts of the values of both, ``two`` being further down."""
    for nothing in (Kind.EMPTY, Kind.BLANK):
        if nothing in (one.kind, two.kind):
            return two if one.kind is nothing else one
    both = Facts(
        _joined(one, two),
        largest=max(one.largest, two.largest),
        is_number=one.is_number or two.is_number,
        has_nanos=one.has_nanos or two.has_nanos,
        beyond_nanos=one.beyond_nanos or two.beyond_nanos,
        first=one.first or two.first,
        misfit=one.misfit or two.misfit,
    )
    if (
        both.kind is Kind.STRING
        and both.misfit is None
        and Kind.STRING not in (one.kind, two.kind)
        and two.first
    ):
        return replace(both, misfit=Misfit(*two.first, expected=one.kind))
    return both


def arrow_type(facts: Facts) -> pa.DataType:
    """Return the type a column with these facts gets; a column without any value becomes text."""
    unit = "ns" if facts.has_nanos else "us"
    if facts.kind is Kind.DOUBLE and not facts.is_number:
        return pa.string()
    return {
        Kind.INT: pa.int64(),
        Kind.DOUBLE: pa.float64(),
        Kind.BOOL: pa.bool_(),
        Kind.DATE: pa.date32(),
        Kind.TIMESTAMP: pa.timestamp(unit),
        Kind.INSTANT: pa.timestamp(unit, "UTC"),
    }.get(facts.kind, pa.string())


def note(
    column: str, facts: Facts, *, where: Callable[[int], str] = lambda row: f"row {row + 1:,}"
) -> str | None:
    """Say in a sentence why a column is text where a user might expect something else, or None."""
    if facts.kind is Kind.EMPTY:
        return f"Column {column!r} has no values; it is read as text."
    if facts.misfit is None:
        return None
    value, expected = facts.misfit.value, facts.misfit.expected
    shown = value if len(value) <= 40 else value[:40] + "…"
    looks = next((text for pattern, text in _LOOKS if pattern.fullmatch(value.strip())), None)
    if looks is None and expected is Kind.STRING:
        return None
    reason = looks or f"is not {'an' if expected is Kind.INT else 'a'} {expected}"
    return f"Column {column!r} is read as text: {shown!r} in {where(facts.misfit.row)} {reason}."


_LOOKS = (
    (re.compile(r"[+-]?0\d+(\.\d+)?"), "has a leading zero, so it is kept as a code"),
    (re.compile(r"\+\d+"), "begins with a plus sign, so it is kept as a code"),
    (re.compile(r"-?\d{16,}"), "has more digits than numbers of the column can keep"),
    (
        re.compile(r"-?\d{1,3}([,.' ]\d{3})+([.,]\d+)?"),
        "has thousands separators; take them out to make it a number",
    ),
    (re.compile(r"-?\d+,\d+"), "has a decimal comma; write a point to make it a number"),
    (re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}( .*)?"), "is not an ISO date (year-month-day)"),
    (re.compile(r"(?i)n/?a|nan|none|null|nil|missing|unknown|[-?.]+"), "may mean null: say so with --null"),
)


def _joined(one: Facts, two: Facts) -> Kind:
    kinds = {one.kind, two.kind}
    if (one.has_nanos and two.beyond_nanos) or (two.has_nanos and one.beyond_nanos):
        return Kind.STRING
    if len(kinds) == 1:
        return one.kind
    if kinds == {Kind.INT, Kind.DOUBLE}:
        return Kind.DOUBLE if max(one.largest, two.largest) <= EXACT_IN_DOUBLE else Kind.STRING
    return Kind.TIMESTAMP if kinds == {Kind.DATE, Kind.TIMESTAMP} else Kind.STRING


def _facts(values: pa.StringArray, hint: Kind) -> Facts | None:
    """Return the facts of values without nulls, or None where they are text."""
    for test in dict.fromkeys((_TESTS.get(hint, _ints), *_TESTS.values())):
        facts = test(values)
        if facts is not None:
            return facts
    return None


def _trimmed_facts(values: pa.StringArray, hint: Kind) -> Facts | None:
    """Return the facts disregarding blanks round the values and quoted empty values, as numbers allow."""
    trimmed = pc.ascii_trim_whitespace(values)
    kept = trimmed.filter(pc.not_equal(trimmed, ""))
    if len(kept) == 0:
        return Facts(Kind.BLANK)
    return None if kept.equals(values) else _facts(kept, hint)


def _ints(values: pa.StringArray) -> Facts | None:
    whole = _cast(values, pa.int64())
    if whole is None or _has_leading_zero(values):
        return None
    ends = pc.min_max(whole).as_py()
    return Facts(Kind.INT, largest=max(-ends["min"], ends["max"]))


def _doubles(values: pa.StringArray) -> Facts | None:
    real = _cast(values, pa.float64())
    if real is None or _has_leading_zero(values):
        return None
    finite = pc.is_finite(real)
    if not pc.all(finite).as_py():
        endless = values.filter(pc.is_inf(real))
        if pc.any(pc.invert(pc.match_substring(endless, "inf", ignore_case=True))).as_py():
            return None  # beyond the range of a double
    large = pc.greater_equal(pc.abs(real), float(EXACT_IN_DOUBLE))
    if (
        pc.any(large).as_py()
        and pc.any(pc.match_substring_regex(values.filter(large), r"^[+-]?[0-9]+$")).as_py()
    ):
        return None  # digits would be lost
    if pc.any(pc.starts_with(values, "+")).as_py():
        return None
    return Facts(Kind.DOUBLE, is_number=pc.any(finite).as_py())


def _bools(values: pa.StringArray) -> Facts | None:
    return Facts(Kind.BOOL) if pc.all(pc.is_in(values, value_set=_BOOLS)).as_py() else None


def _dates(values: pa.StringArray) -> Facts | None:
    days = _cast(values, pa.date32())
    return None if days is None else Facts(Kind.DATE, beyond_nanos=_beyond_nanos(days))


def _times(kind: Kind, zone: str | None) -> Callable[[pa.StringArray], Facts | None]:
    def test(values: pa.StringArray) -> Facts | None:
        times = _cast(values, pa.timestamp("us", zone))
        if times is not None:
            return Facts(kind, beyond_nanos=_beyond_nanos(times))
        return None if _cast(values, pa.timestamp("ns", zone)) is None else Facts(kind, has_nanos=True)

    return test


def _beyond_nanos(times: pa.Array) -> bool:
    days = times.cast(pa.date32())  # compared as such: Arrow's dates go beyond Python's
    early, late = pc.less(days, _NANOS_REACH[0]), pc.greater(days, _NANOS_REACH[1])
    return bool(pc.any(pc.or_(early, late)).as_py())


_NANOS_REACH = (date(1677, 9, 22), date(2262, 4, 10))
_BOOLS = pa.array(["true", "True", "TRUE", "false", "False", "FALSE"])
_TESTS: dict[Kind, Callable[[pa.StringArray], Facts | None]] = {
    Kind.INT: _ints,
    Kind.DOUBLE: _doubles,
    Kind.BOOL: _bools,
    Kind.DATE: _dates,
    Kind.TIMESTAMP: _times(Kind.TIMESTAMP, None),
    Kind.INSTANT: _times(Kind.INSTANT, "UTC"),
}


def _cast(values: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        return None


def _has_leading_zero(values: pa.StringArray) -> bool:
    """Say whether any number has a zero before its first digit but one (or is hexadecimal, or minus zero)."""
    zero = pc.starts_with(values, "0")
    if pc.any(zero).as_py():
        second = pc.utf8_slice_codeunits(values.filter(zero), 1, 2)
        if not pc.all(pc.is_in(second, value_set=_AFTER_ZERO)).as_py():
            return True
    minus = pc.starts_with(values, "-0")
    if not pc.any(minus).as_py():
        return False
    third = pc.utf8_slice_codeunits(values.filter(minus), 2, 3)
    return not pc.all(pc.is_in(third, value_set=_AFTER_MINUS_ZERO)).as_py()


_AFTER_ZERO = pa.array(["", ".", "e", "E"])
_AFTER_MINUS_ZERO = pa.array([".", "e", "E"])


def _misfit(values: pa.StringArray, hint: Kind) -> Misfit | None:
    """Return the first value that is not what those before it were."""
    rows = pc.indices_nonzero(pc.is_valid(values))
    kept = values.take(rows)
    expected = hint
    if hint is Kind.EMPTY:
        head = _facts(kept.slice(0, 1), hint)
        expected = head.kind if head is not None else Kind.STRING
    if expected is Kind.STRING:
        return Misfit(rows[0].as_py(), kept[0].as_py(), Kind.STRING)

    def breaks(count: int) -> bool:
        part = kept.slice(0, count)
        return (_facts(part, expected) or _trimmed_facts(part, expected)) is None

    at = bisect.bisect_left(range(1, len(kept) + 1), True, key=breaks)
    before = look(kept.slice(0, at)).kind if at else expected
    return Misfit(rows[at].as_py(), kept[at].as_py(), before if before is not Kind.BLANK else expected)
