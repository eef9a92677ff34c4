"""Dates and times as people write them: ``3/4/2024``, ``4. März 24``, ``2024-04-03T10:00+02:00``, as points in time.

Whether ``3/4/2024`` is in March or April follows from the other values of the column that are written with the same
mark: ``13/4/2024`` can only be a day first. Where none shows it, the text is left alone.

References
----------
ISO 8601-1:2019 (year, month, day). IEEE Std 1003.1 (POSIX), strptime: of two-digit years, 69 to 99 are in the 20th
century. Unicode CLDR: names of months.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import require_choice

__all__ = ["DateEvidence", "DateOrder", "Dates", "look_at_dates", "read_dates"]

DateOrder = Literal["auto", "day_first", "month_first"]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<half>(?i:[ap]\.?m\.?))?\s*(?P<zone>Z|UTC|GMT|[-+]\d{2}:?\d{2}|[-+]\d{2})?)?$"
)
_DAY = r"(?i:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_NAME = r"(?P<name>[^\d\s.,/-]{3,12})\.?"
_FORMS = {
    "year": r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _TIME,
    "compact": r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    + _TIME.replace("[T ,]+", "[T ,]?", 1)
    .replace(":(?P<minute>", ":?(?P<minute>", 1)
    .replace("(?::(?P<second>", "(?::?(?P<second>", 1),
    "numbers": r"^(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_number>\d{1,2})(?P<mark2>[-/.])(?P<year>\d{4}|\d{2})"
    + _TIME,
    "day name": "^"
    + _DAY
    + r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.|º)?[\s/-]*(?:de\s+|of\s+)?"
    + _NAME
    + r"(?:\s+de)?[\s,/-]*(?P<year>\d{4}|\d{2})"
    + _TIME,
    "name day": "^"
    + _DAY
    + _NAME
    + r"[\s-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:\s*,\s*|[\s-]+)(?P<year>\d{4})"
    + _TIME,
    "year name": r"^(?P<year>\d{4})[\s-]+" + _NAME + r"[\s-]+(?P<day>\d{1,2})" + _TIME,
}
# fmt: off
_MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari",
    "feb february februar février fevr fév febrero febbraio fevereiro februari",
    "mar march märz mrz mär mars marzo março maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august août aout agosto ago augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc diciembre dic dicembre dezembro",
)
# fmt: on
_CLEAR = 0.95
_FIELDS = ("year", "month", "day", "first", "second_number", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class DateEvidence:
    """What the values of a column say about how its dates are written; evidence of two parts adds up.

    Attributes
    ----------
    values, dates : int
        How many texts there are, and how many can be dates.
    timed, zoned : int
        How many of these have a time of day, and how many a time zone.
    orders : mapping of str to (int, int, int)
        By the mark between the numbers: dates that can only have the day first, only the month first, or either.
    """

    values: int = 0
    dates: int = 0
    timed: int = 0
    zoned: int = 0
    orders: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    def __add__(self, other: DateEvidence) -> DateEvidence:
        none = (0, 0, 0)
        orders = {}
        for mark in sorted({*self.orders, *other.orders}):
            mine, theirs = self.orders.get(mark, none), other.orders.get(mark, none)
            orders[mark] = (mine[0] + theirs[0], mine[1] + theirs[1], mine[2] + theirs[2])
        return DateEvidence(
            self.values + other.values,
            self.dates + other.dates,
            self.timed + other.timed,
            self.zoned + other.zoned,
            orders,
        )

    def order(self, asked: DateOrder = "auto") -> dict[str, DateOrder]:
        """Return by mark what comes first; ``auto`` where the values do not decide it.

        At least 95 % of the dates with this mark that show it must agree; where none shows it, those with the other
        marks are asked. With a point between the numbers, the day comes first unless the values say otherwise:
        nobody writes the month first so.
        """
        require_choice("order", asked, get_args(DateOrder))
        every = [sum(counts[at] for counts in self.orders.values()) for at in range(2)]
        found: dict[str, DateOrder] = {}
        for mark, counts in self.orders.items():
            if asked != "auto":
                found[mark] = asked
            elif counts[0] or counts[1]:
                found[mark] = _majority(counts[0], counts[1])
            else:
                found[mark] = "day_first" if mark == "." else _majority(*every)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Texts read as dates.

    Parameters
    ----------
    instants : numpy.ndarray of int64
        Microseconds since 1970; of a text with a time zone, in UTC.
    known : numpy.ndarray of bool
        Which texts could be read.
    unclear : numpy.ndarray of bool
        Which could not because day and month cannot be told apart.
    timed, zoned : numpy.ndarray of bool
        Which have a time of day, and which a time zone.
    """

    instants: I64
    known: Mask
    unclear: Mask
    timed: Mask
    zoned: Mask


def look_at_dates(texts: pa.Array, counts: I64 | None = None) -> DateEvidence:
    """Return what texts say about how dates are written; ``counts`` says how often each comes."""
    weight = np.ones(len(texts), np.int64) if counts is None else counts
    parts = _Parts(texts)
    can = [
        _is_day(parts.year, month, day)
        for month, day in ((parts.other, parts.first), (parts.first, parts.other))
    ]
    loose = parts.is_loose
    whole = parts.has_time_of_day & ~loose & _is_day(parts.year, parts.month, parts.day)
    dates = whole | (loose & parts.has_time_of_day & (can[0] | can[1]))
    orders = {}
    for mark in sorted(set(parts.mark.tolist()) - {""}):
        mine = dates & loose & (parts.mark == mark)
        same = parts.first == parts.other
        orders[mark] = (
            int(weight[mine & can[0] & ~can[1]].sum()),
            int(weight[mine & can[1] & ~can[0]].sum()),
            int(weight[mine & can[0] & can[1] & ~same].sum()),
        )
    return DateEvidence(
        values=int(weight[np.asarray(texts.is_valid())].sum()),
        dates=int(weight[dates].sum()),
        timed=int(weight[dates & parts.timed].sum()),
        zoned=int(weight[dates & parts.zoned].sum()),
        orders={mark: counts for mark, counts in orders.items() if any(counts)},
    )


def read_dates(texts: pa.Array, order: Mapping[str, DateOrder], *, pivot: int = 69) -> Dates:
    """Read texts as dates.

    Parameters
    ----------
    texts : pyarrow.Array
        Texts.
    order : mapping of str to {"auto", "day_first", "month_first"}
        What comes first, by the mark between the numbers, as `DateEvidence.order` gives it.
    pivot : int
        Two-digit years from this one on are in the 1900s, those before it in the 2000s.

    Examples
    --------
    >>> texts = pa.array(["13/4/2024", "3/4/2024", "4 March 24", "2024-04-03T10:00+02:00", "soon"])
    >>> read = read_dates(texts, look_at_dates(texts).order())
    >>> read.instants[read.known].astype("datetime64[us]").astype("datetime64[m]").astype(str).tolist()
    ['2024-04-13T00:00', '2024-04-03T00:00', '2024-03-04T00:00', '2024-04-03T08:00']
    """
    parts = _Parts(texts, pivot)
    month, day = parts.month.copy(), parts.day.copy()
    unclear = np.zeros(len(texts), np.bool_)
    loose = parts.is_loose & parts.has_time_of_day
    day_first = loose & _is_day(parts.year, parts.other, parts.first)
    month_first = loose & _is_day(parts.year, parts.first, parts.other)
    both = day_first & month_first & (parts.first != parts.other)
    for mark in sorted(set(parts.mark.tolist()) - {""}):
        mine, said = parts.mark == mark, order.get(mark, "auto")
        if said == "auto":
            unclear |= mine & both
        else:
            (month_first if said == "day_first" else day_first)[mine & both] = False
    for mask, numbers in ((day_first, (parts.other, parts.first)), (month_first, (parts.first, parts.other))):
        month[mask], day[mask] = numbers[0][mask], numbers[1][mask]
    known = (
        (parts.has_time_of_day & ~parts.is_loose & _is_day(parts.year, month, day)) | day_first | month_first
    )
    known &= ~unclear
    days = _days(np.where(known, parts.year, 1970), np.where(known, month, 1), np.where(known, day, 1))
    instants = days * 86_400_000_000 + parts.of_day - parts.offset
    return Dates(
        instants=np.where(known, instants, 0),
        known=known,
        unclear=unclear,
        timed=parts.timed & known,
        zoned=parts.zoned & known,
    )


class _Parts:
    """Texts taken apart: numbers of year, month and day, or two numbers whose order is open, and the time of day."""

    def __init__(self, texts: pa.Array, pivot: int = 69) -> None:
        rows = len(texts)
        tidy = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, "[\u00a0\u2007\u2009\u202f]", " "))
        numbers = {name: np.full(rows, -1, np.int64) for name in (*_FIELDS, "part", "width")}
        words = {name: np.full(rows, "", object) for name in ("name", "mark", "half", "zone")}
        left = np.asarray(tidy.is_valid())
        for pattern in _FORMS.values():
            found = pc.extract_regex(tidy, pattern)
            hit = left & np.asarray(found.is_valid())
            if not hit.any():
                continue
            left &= ~hit
            picked = found.filter(pa.array(hit))
            fields = [item.name for item in found.type]
            values = {name: pc.struct_field(picked, name) for name in fields}
            if "mark2" in fields:
                # 3/4-2024 is no date.
                alike = np.asarray(pc.equal(values["mark"], values["mark2"])).astype(np.bool_)
                numbers["width"][hit] = np.where(alike, 0, -9)
            for name, texts_of in values.items():
                if name in words:
                    words[name][hit] = np.asarray(texts_of.to_numpy(zero_copy_only=False), object)
                elif name == "part":
                    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(texts_of, 6, "0"), 0, 6)
                    numbers["part"][hit] = _whole(pc.if_else(pc.equal(texts_of, ""), "0", padded))
                elif name in numbers:
                    numbers[name][hit] = _whole(texts_of)
            if "year" in values:
                short = np.asarray(pc.equal(pc.utf8_length(values["year"]), 2)).astype(np.bool_)
                year = numbers["year"][hit]
                numbers["year"][hit] = np.where(short, year + np.where(year >= pivot, 1900, 2000), year)
        self.year, self.day = numbers["year"], numbers["day"]
        self.month = np.where(words["name"] != "", _months(words["name"]), numbers["month"])
        self.first, self.other = numbers["first"], numbers["second_number"]
        self.mark = words["mark"]
        self.is_loose: Mask = (self.mark != "") & (numbers["width"] == 0)
        self._read_time(numbers, words)
        self.has_time_of_day &= (numbers["year"] >= 0) & (numbers["width"] != -9)

    def _read_time(self, numbers: dict[str, I64], words: dict[str, Any]) -> None:
        hour, minute, second = (numbers[name] for name in ("hour", "minute", "second"))
        self.timed: Mask = hour >= 0
        half = np.array([word[:1].lower() for word in words["half"].tolist()], object)
        twelve = half != ""
        valid = ~twelve | ((hour >= 1) & (hour <= 12))
        hour = np.where(twelve, hour % 12 + 12 * (half == "p"), hour)
        valid &= (hour < 24) & (minute < 60) & (second < 60)
        offset = np.zeros(len(hour), np.int64)
        codes, inverse = np.unique(words["zone"].astype(str), return_inverse=True)
        offsets = np.array([_offset(code) for code in codes.tolist()], np.int64)
        offset = offsets[inverse] if len(codes) else offset
        self.zoned: Mask = words["zone"].astype(str) != ""
        valid &= np.abs(offset) <= 18 * 3600
        self.has_time_of_day: Mask = valid
        seconds = np.maximum(hour, 0) * 3600 + np.maximum(minute, 0) * 60 + np.maximum(second, 0)
        self.of_day: I64 = seconds * 1_000_000 + np.maximum(numbers["part"], 0)
        self.offset: I64 = offset * 1_000_000


def _majority(day_first: int, month_first: int) -> DateOrder:
    both = day_first + month_first
    if both and day_first >= _CLEAR * both:
        return "day_first"
    return "month_first" if both and month_first >= _CLEAR * both else "auto"


def _whole(texts: pa.Array) -> I64:
    return np.asarray(pc.if_else(pc.equal(texts, ""), "-1", texts).cast(pa.int64()))


def _months(names: Any) -> I64:
    known = {_folded(word): number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
    distinct, inverse = np.unique(names.astype(str), return_inverse=True)
    numbers = np.array([known.get(_folded(name), -1) for name in distinct.tolist()], np.int64)
    found: I64 = numbers[inverse]
    return found


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _offset(code: str) -> int:
    """Return the seconds east of Greenwich; of nonsense, more than there are."""
    if code in ("", "Z", "UTC", "GMT"):
        return 0
    digits = code[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    if int(digits[2:]) > 59:
        return 10**6
    return -seconds if code[0] == "-" else seconds


def _is_day(year: I64, month: I64, day: I64) -> Mask:
    """Say which numbers are a day of the calendar, between the years 1 and 9999."""
    fine = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    y, m = np.where(fine, year, 1970), np.where(fine, month, 1)
    last = _days(y + (m == 12), m % 12 + 1, np.ones_like(m)) - _days(y, m, np.ones_like(m))
    return np.asarray(fine & (day <= last), np.bool_)


def _days(year: I64, month: I64, day: I64) -> I64:
    months = (year - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days: I64 = first + day - 1
    return days
