"""Numbers as people write them: ``1.234,56``, ``1,234.56``, ``$ 5``, ``12 %``, ``(300)``, in one form.

Which of point and comma is the decimal mark follows from the values of the whole column: ``1,5`` can only have a
decimal comma, ``1.234,5`` too; ``1,234`` can be read in both ways and is read as the others are.

References
----------
BIPM (2019). The International System of Units, 9th edition, section 5.4.4: point or comma as the decimal mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import require_choice

__all__ = [
    "DecimalMark",
    "NumberEvidence",
    "NumberForm",
    "Percent",
    "look_at_numbers",
    "plain_numbers",
    "to_number",
]

DecimalMark = Literal["auto", ".", ","]
Percent = Literal["auto", "fraction", "number"]
Mask = NDArray[np.bool_]

_SIGNS = "$€£¥₹₽₩₪₫₺₴₿"
_CODES = (
    "USD EUR GBP JPY CNY CHF CAD AUD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY RUB UAH INR BRL MXN ARS CLP COP ZAR "
    "KRW HKD SGD TWD THB IDR MYR PHP VND ILS SAR AED EGP NGN KES"
)
_CURRENCY = rf"(?:[A-Z]{{0,2}}[{_SIGNS}]|Rs\.?|kr\.?|zł|{'|'.join(_CODES.split())})"
_WRITTEN = (
    rf"^(?P<open>[-+(]?)\s?(?P<before>{_CURRENCY})?\s?(?P<sign>[-+]?)"
    r"(?P<body>[0-9.,][0-9., '_]*(?:[eE][-+]?[0-9]+)?)\s?"
    rf"(?P<after>%|(?i:percent|pct)|{_CURRENCY})?\s?(?P<close>\)?)$"
)
_POINT = (
    r"^(?:[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+|(?:'\d{3})+|(?:_\d{3})+)|[1-9]\d?(?:,\d{2})+,\d{3}|\d+)?"
    r"(?:\.\d*)?(?:[eE][-+]?\d+)?$"
)
_COMMA = (
    r"^(?:[1-9]\d{0,2}(?:(?:\.\d{3})+|(?: \d{3})+|(?:'\d{3})+|(?:_\d{3})+)|\d+)?(?:,\d*)?(?:[eE][-+]?\d+)?$"
)
_CLEAR = 0.95
"""The share of clear values that must agree on the decimal mark for the others to be read by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberForm:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : {"auto", ".", ","}
        The decimal mark. With ``auto``, values that can be read in one way only are, and others are left.
    percent : {"auto", "fraction", "number"}
        What ``5 %`` is: 0.05, or 5. With ``auto`` it is 0.05.
    currency : str
        The only currency that may stand at a number, as it is written; empty for any.
    is_strict : bool
        Whether values with the other decimal mark are none, although they can be read in one way only.
    """

    decimal: DecimalMark = "auto"
    percent: Percent = "auto"
    currency: str = ""
    is_strict: bool = False

    def __post_init__(self) -> None:
        require_choice("decimal", self.decimal, get_args(DecimalMark))
        require_choice("percent", self.percent, get_args(Percent))


@dataclass(frozen=True, slots=True)
class NumberEvidence:
    """What the values of a column say about how its numbers are written; evidence of two parts adds up.

    Attributes
    ----------
    values, numbers, whole : int
        How many texts there are, how many can be numbers, and how many of these have no fraction.
    point, comma, unclear : int
        Numbers that can only have a decimal point, only a decimal comma, or either with another value.
    coded : int
        Whole numbers with a leading zero, such as ``00501``, and the like, which are more likely codes.
    percents : int
        Numbers with a percent sign.
    currencies : mapping of str to int
        Numbers with each currency.
    sizes : tuple
        Count and sum of the logarithms of bare numbers, then of those with a percent sign.
    """

    values: int = 0
    numbers: int = 0
    whole: int = 0
    point: int = 0
    comma: int = 0
    unclear: int = 0
    coded: int = 0
    percents: int = 0
    currencies: Mapping[str, int] = field(default_factory=dict)
    sizes: tuple[int, float, int, float] = (0, 0.0, 0, 0.0)

    def __add__(self, other: Self) -> NumberEvidence:
        added: dict[str, Any] = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("values", "numbers", "whole", "point", "comma", "unclear", "coded", "percents")
        }
        money = {
            name: self.currencies.get(name, 0) + other.currencies.get(name, 0)
            for name in sorted({*self.currencies, *other.currencies})
        }
        sizes = tuple(a + b for a, b in zip(self.sizes, other.sizes, strict=True))
        return NumberEvidence(**added, currencies=money, sizes=sizes)  # type: ignore[arg-type]

    def form(self, asked: NumberForm | None = None) -> NumberForm:
        """Return the form with all that was asked as ``auto`` decided, as far as the values decide it.

        Notes
        -----
        The decimal mark is that of at least 95 % of the values that show it; a point if none does; undecided
        otherwise. A percent sign is taken as an ornament where bare numbers of the column are of the size of those
        with the sign rather than of a hundredth of them. The currency is the most frequent one.
        """
        asked = asked or NumberForm()
        decimal = asked.decimal
        clear = self.point + self.comma
        if decimal == "auto" and (not clear or self.point >= _CLEAR * clear):
            decimal = "."
        elif decimal == "auto" and self.comma >= _CLEAR * clear:
            decimal = ","
        percent = asked.percent
        bare, bare_sum, signed, signed_sum = self.sizes
        if percent == "auto":
            gap = signed_sum / signed - bare_sum / bare if bare and signed else 9.0
            percent = "number" if abs(gap) < abs(gap - np.log(100.0)) else "fraction"
        currency = asked.currency
        if not currency and self.currencies:
            currency = max(self.currencies, key=lambda name: (self.currencies[name], name))
        return replace(
            asked, decimal=decimal, percent=percent, currency=currency, is_strict=asked.decimal != "auto"
        )


def look_at_numbers(texts: pa.Array, counts: NDArray[np.int64] | None = None) -> NumberEvidence:
    """Return what texts say about how numbers are written.

    Parameters
    ----------
    texts : pyarrow.Array
        Texts; null is none.
    counts : numpy.ndarray of int64, optional
        How often each comes; once by default.
    """
    weight = np.ones(len(texts), np.int64) if counts is None else counts
    there = np.asarray(texts.is_valid())
    read = _Read(texts)
    point, comma = read.matches(_POINT), read.matches(_COMMA)
    is_number = point | comma
    marked = np.asarray(pc.fill_null(pc.match_substring_regex(read.body, "[.,]"), False)).astype(np.bool_)
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(read.body, r"^\d+$"), False)).astype(np.bool_)
    coded = plain & np.asarray(
        pc.fill_null(pc.match_substring_regex(read.body, r"^0\d|^\d{16}"), False)
    ).astype(np.bool_)
    percent = is_number & read.is_percent
    money = read.currency.filter(pa.array(is_number & read.has_currency))
    mass = weight[is_number & read.has_currency]
    values = _doubles(read.plain(point, "."))
    sizes = np.log(np.abs(values, where=values != 0, out=np.ones_like(values)))
    known = point & np.isfinite(sizes) & (values != 0)

    def total(mask: Mask) -> int:
        return int(weight[mask].sum())

    bare, signed = known & ~percent, known & percent
    return NumberEvidence(
        values=total(there),
        numbers=total(is_number),
        whole=total(plain & ~percent),
        point=total(point & ~comma),
        comma=total(comma & ~point),
        unclear=total(point & comma & marked),
        coded=total(coded & ~read.has_currency & ~percent),
        percents=total(percent),
        currencies={
            name: int(mass[np.asarray(pc.equal(money, name)).astype(np.bool_)].sum())
            for name in sorted(set(money.to_pylist()))
        },
        sizes=(
            total(bare),
            float((sizes * weight)[bare].sum()),
            total(signed),
            float((sizes * weight)[signed].sum()),
        ),
    )


def plain_numbers(texts: pa.Array, form: NumberForm) -> pa.Array:
    """Return numbers in plain writing, ``-1234.56`` or ``5e-2``; null where a text is no number of that form.

    Parameters
    ----------
    texts : pyarrow.Array
        Texts.
    form : NumberForm
        How they are written, as `NumberEvidence.form` gives it.

    Examples
    --------
    >>> texts = pa.array(["1.234,56", "1,5", "-3", "n/a"])
    >>> plain_numbers(texts, look_at_numbers(texts).form()).to_pylist()
    ['1234.56', '1.5', '-3', None]
    """
    read = _Read(texts)
    point, comma = read.matches(_POINT), read.matches(_COMMA)
    marked = np.asarray(pc.fill_null(pc.match_substring_regex(read.body, "[.,]"), False)).astype(np.bool_)
    unclear = point & comma & marked
    if form.is_strict:
        as_point = point & (form.decimal == ".")
        as_comma = comma & (form.decimal == ",")
    else:
        as_point = point & ~(unclear & (form.decimal != "."))
        as_comma = comma & ~as_point & ~(unclear & (form.decimal != ","))
    if form.currency:
        other = read.has_currency & ~np.asarray(pc.equal(read.currency, form.currency)).astype(np.bool_)
        as_point, as_comma = as_point & ~other, as_comma & ~other
    found = pc.coalesce(read.plain(as_point, "."), read.plain(as_comma, ","))
    if form.percent != "number":
        hundredth = pc.binary_join_element_wise(found, "e-2", "")
        # A number with a power of ten and a percent sign is nothing that people write.
        odd = pc.match_substring_regex(found, "[eE]")
        hundredth = pc.if_else(odd, pa.scalar(None, pa.string()), hundredth)
        found = pc.if_else(pa.array(read.is_percent), hundredth, found)
    return found


def to_number(plain: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return plain numbers as a type; null where a number does not fit it, such as a fraction in whole numbers."""
    if pa.types.is_integer(kind):
        whole = pc.replace_substring_regex(plain, r"^([-+]?\d+)\.0*$", r"\1")
        odd = pc.fill_null(pc.invert(pc.match_substring_regex(whole, r"^-?\d{1,20}$")), False)
        if pc.any(odd).as_py():
            # 1.5e3 is whole too.
            real = pc.if_else(odd, plain, pa.scalar(None, pa.string())).cast(pa.float64())
            fits = pc.and_(pc.equal(real, pc.round(real)), pc.less(pc.abs(real), 2.0**53))
            rounded = pc.if_else(fits, real, pa.scalar(None, pa.float64())).cast(pa.int64()).cast(pa.string())
            whole = pc.if_else(odd, rounded, whole)
        return _fitting(whole, kind)
    return _fitting(plain, kind)


class _Read:
    """Texts taken apart: sign, currency, digits with their marks, percent sign."""

    def __init__(self, texts: pa.Array) -> None:
        tidy = pc.utf8_trim_whitespace(texts)
        for pattern, plain in (
            ("[\u00a0\u2007\u2009\u202f]", " "),
            ("[\u2212\u2013]", "-"),
            ("[\u2019\u02bc]", "'"),
        ):
            tidy = pc.replace_substring_regex(tidy, pattern, plain)
        parts = pc.extract_regex(tidy, _WRITTEN)
        opened, closed, sign = (pc.struct_field(parts, name) for name in ("open", "close", "sign"))
        after, before = pc.struct_field(parts, "after"), pc.struct_field(parts, "before")
        bracket = pc.equal(opened, "(")
        whole = np.asarray(pc.fill_null(pc.equal(bracket, pc.equal(closed, ")")), False)).astype(np.bool_)
        whole &= ~_true(pc.and_(pc.not_equal(opened, ""), pc.not_equal(sign, "")))
        is_percent = _true(pc.match_substring_regex(after, r"^(?:%|(?i:percent|pct))$"))
        money = pc.if_else(pa.array(is_percent), "", after)
        whole &= ~_true(pc.and_(pc.not_equal(before, ""), pc.not_equal(money, "")))
        body = pc.utf8_rtrim_whitespace(pc.struct_field(parts, "body"))
        # A lone mark is no number.
        whole &= _true(pc.match_substring_regex(body, r"\d"))
        self.body = pc.if_else(pa.array(whole), body, pa.scalar(None, pa.string()))
        self.is_percent: Mask = is_percent & whole
        self.currency = pc.fill_null(pc.if_else(pc.equal(before, ""), money, before), "")
        self.has_currency: Mask = _true(pc.not_equal(self.currency, "")) & whole
        self._negative = _true(pc.or_(bracket, pc.or_(pc.equal(opened, "-"), pc.equal(sign, "-"))))

    def matches(self, pattern: str) -> Mask:
        return _true(pc.match_substring_regex(self.body, pattern))

    def plain(self, where: Mask, decimal: str) -> pa.Array:
        """Return plain numbers where the mask holds, null elsewhere."""
        chosen = pc.if_else(pa.array(where), self.body, pa.scalar(None, pa.string()))
        bare = pc.replace_substring_regex(chosen, "[,'_ ]" if decimal == "." else "[.'_ ]", "")
        bare = pc.replace_substring(bare, ",", ".")
        sign = pc.if_else(pa.array(self._negative), "-", "")
        return pc.binary_join_element_wise(sign, bare, "")


def _true(mask: Any) -> Mask:
    return np.asarray(pc.fill_null(mask, False)).astype(np.bool_)


def _doubles(plain: pa.Array) -> NDArray[np.float64]:
    return np.asarray(pc.fill_null(_fitting(plain, pa.float64()), 0.0))


def _fitting(plain: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast texts, those that do not fit to null: all at once, or one by one where some do not."""
    try:
        made = plain.cast(kind)
    except pa.ArrowInvalid:
        if len(plain) == 1:
            return pa.nulls(1, kind)
        middle = len(plain) // 2
        halves = [_fitting(plain.slice(0, middle), kind), _fitting(plain.slice(middle), kind)]
        return pa.concat_arrays(halves)
    if pa.types.is_floating(kind):
        # A number beyond the range of the type is no number of it.
        made = pc.if_else(pc.is_inf(made), pa.scalar(None, kind), made)
    return made
