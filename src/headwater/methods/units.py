"""Measures as people write them, ``12.0 oz``, ``5 ft 11 in``, ``-3 °C``, as numbers of one unit.

What a unit is worth in another one is asked of pint, once for each different way of writing a unit; the values
themselves are converted all at once.

References
----------
BIPM (2019). The International System of Units, 9th edition.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.methods.number_text import (
    NumberEvidence,
    NumberForm,
    look_at_numbers,
    plain_numbers,
    to_number,
)

__all__ = ["Measures", "UnitEvidence", "known_unit", "look_at_units", "read_measures"]

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_PARTS = 3
_NUMBER = (
    r"[-+\x{2212}]?\s?(?:[0-9][0-9.,]*|[.,][0-9]+)(?:[ '_\x{00a0}\x{202f}][0-9]{3}\b[.,]?[0-9]*)*"
    r"(?:[eE][-+]?[0-9]+)?"
)
_UNIT = (
    r"''|['\"\x{2032}\x{2033}]|[A-Za-z\x{00b0}\x{00b5}\x{03bc}\x{2103}\x{2109}\x{03a9}%]"
    r"[A-Za-z\x{00b0}\x{00b5}\x{03bc}\x{03a9}/\x{00b2}\x{00b3}^*0-9.]*"
)
_PAIRS = r"fl\.?\s?(?:oz|ounces?)\.?|sq\.?\s?(?:ft|m|km|mi|in|yd)\.?|cu\.?\s?(?:ft|m|in|yd)\.?"
_PART = rf"^\s*(?P<number>{_NUMBER})\s*(?P<unit>(?i:{_PAIRS})|{_UNIT})?(?P<rest>.*)$"
_SPELLINGS = {
    "'": "foot", "\u2032": "foot", '"': "inch", "\u2033": "inch", "''": "inch", "°c": "degC", "\u2103": "degC",
    "°f": "degF", "\u2109": "degF", "celsius": "degC", "fahrenheit": "degF", "kelvin": "kelvin", "k": "kelvin",
    "lbs": "pound", "hrs": "hour", "hr": "hour", "mins": "minute", "secs": "second", "yrs": "year", "yr": "year",
    "kph": "km/hour", "kmh": "km/hour", "sqm": "m**2", "sqft": "ft**2", "sqkm": "km**2", "sqmi": "mile**2",
    "sqin": "inch**2", "sqyd": "yard**2", "cuft": "ft**3", "cum": "m**3", "cuin": "inch**3", "cuyd": "yard**3",
    "cc": "cm**3", "floz": "fluid_ounce", "flounce": "fluid_ounce", "flounces": "fluid_ounce", "litre": "liter",
    "litres": "liter", "metre": "meter", "metres": "meter", "tonnes": "metric_ton", "stone": "stone", "st": "stone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitEvidence:
    """What the values of a column say about their units; evidence of two parts adds up.

    Attributes
    ----------
    values, measures, bare : int
        How many texts there are, how many are numbers with a unit that is known, and how many without any.
    units : mapping of str to int
        How often each unit comes, by its full name; of several in one value, the first.
    numbers : NumberEvidence
        How the numbers are written.
    """

    values: int = 0
    measures: int = 0
    bare: int = 0
    units: Mapping[str, int] = field(default_factory=dict)
    numbers: NumberEvidence = field(default_factory=NumberEvidence)

    def __add__(self, other: UnitEvidence) -> UnitEvidence:
        names = sorted({*self.units, *other.units})
        return UnitEvidence(
            self.values + other.values,
            self.measures + other.measures,
            self.bare + other.bare,
            {name: self.units.get(name, 0) + other.units.get(name, 0) for name in names},
            self.numbers + other.numbers,
        )

    @property
    def main(self) -> str:
        """The most frequent unit; empty if there is none."""
        return max(self.units, key=lambda name: (self.units[name], name)) if self.units else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Texts read as measures.

    Parameters
    ----------
    values : numpy.ndarray of float64
        Numbers of the unit; NaN where not known.
    known : numpy.ndarray of bool
        Which texts could be read.
    reasons : pyarrow.Array
        Why a text could not be read; null where it could, and where it is null.
    """

    values: F64
    known: Mask
    reasons: pa.Array


def known_unit(text: str) -> str:
    """Return the full name of a unit, ``ounce`` for ``OZ.``; empty if there is no such unit.

    A name is tried as it is, then in lower case: ``mW`` is another unit than ``MW``.
    """
    found: str = _known(text)
    return found


def look_at_units(texts: pa.Array, counts: NDArray[np.int64] | None = None) -> UnitEvidence:
    """Return what texts say about their units; ``counts`` says how often each comes."""
    weight = np.ones(len(texts), np.int64) if counts is None else counts
    parts = _parts(texts)
    if not parts:
        return UnitEvidence(values=int(weight[np.asarray(texts.is_valid())].sum()))
    number, unit, _ = parts[0]
    numbers = look_at_numbers(number, weight)
    names, inverse = _units(unit)
    is_number = np.asarray(pc.match_substring_regex(pc.fill_null(number, ""), r"\d")).astype(np.bool_)
    bare = is_number & np.asarray(pc.fill_null(pc.equal(unit, ""), False)).astype(np.bool_)
    known = np.array([bool(name) for name in names], np.bool_)[inverse] & is_number & ~bare
    mass = np.bincount(inverse[known], weight[known], len(names)).astype(np.int64)
    units: dict[str, int] = {}
    for name, count in zip(names, mass.tolist(), strict=True):
        if count:
            units[name] = units.get(name, 0) + count
    return UnitEvidence(
        values=int(weight[np.asarray(texts.is_valid())].sum()),
        measures=int(weight[known].sum()),
        bare=int(weight[bare].sum()),
        units=units,
        numbers=numbers,
    )


def read_measures(
    texts: pa.Array, unit: str, form: NumberForm, *, bare: str = "", rest: bool = False
) -> Measures:
    """Read texts as numbers of a unit.

    Parameters
    ----------
    texts : pyarrow.Array
        Texts such as ``12.0 oz`` or ``5 ft 11 in``, whose parts add up.
    unit : str
        The unit to convert to.
    form : NumberForm
        How the numbers are written.
    bare : str
        The unit of numbers without one; empty says that they are not known.
    rest : bool
        Whether words after the unit are let go.

    Raises
    ------
    UsageError
        If there is no such unit.
    MissingExtra
        If pint is not installed.
    """
    main = _require(unit)
    assumed = _require(bare) if bare else ""
    total, negative = np.zeros(len(texts)), np.zeros(len(texts), np.bool_)
    reasons = np.full(len(texts), None, object)
    there = np.asarray(texts.is_valid())
    open_ = there.copy()
    last = np.full(len(texts), "", object)
    for place, (number, written, left) in enumerate(_parts(texts)):
        started = open_ & np.asarray(pc.fill_null(pc.not_equal(number, ""), False)).astype(np.bool_)
        plain = to_number(plain_numbers(number, form), pa.float64())
        values = np.asarray(pc.fill_null(plain, np.nan))
        reasons[started & np.isnan(values)] = "no number"
        names, inverse = _units(written)
        scale = [
            _scale(name or (assumed if not spelt else ""), main)
            for name, spelt in zip(names, _spelt(written), strict=True)
        ]
        factor, shift = (np.array([pair[side] for pair in scale], np.float64)[inverse] for side in (0, 1))
        said = np.array([pair[2] for pair in scale], object)[inverse]
        wrong = started & np.isnan(factor) & (reasons == None)  # noqa: E711
        reasons[wrong] = said[wrong]
        if place == 0:
            negative = np.signbit(np.nan_to_num(values)) & started
            reasons[there & ~started] = "no number"
        sign = np.where(negative & (place > 0), -1.0, 1.0)
        more = np.asarray(pc.fill_null(pc.not_equal(left, ""), False)).astype(np.bool_)
        # 5 ft 11 in adds up; 20 °C 5 °F does not.
        continues = more & np.asarray(_begins_with_number(left)).astype(np.bool_)
        spelt = np.array(names, object)[inverse]
        odd = started & (((shift != 0) & ((place > 0) | continues)) | ((place > 0) & (spelt == last)))
        last = spelt
        reasons[odd & (reasons == None)] = "parts that do not add up"  # noqa: E711
        total = np.where(started, total + sign * (np.nan_to_num(values) * factor + shift), total)
        continues &= place + 1 < _MOST_PARTS
        over = started & more & ~continues
        if not rest:
            reasons[over & (reasons == None)] = "words after the unit"  # noqa: E711
        open_ = started & continues
    known = there & (reasons == None) & np.isfinite(total)  # noqa: E711
    reasons[there & ~known & (reasons == None)] = "beyond what a number can hold"  # noqa: E711
    return Measures(
        values=np.where(known, total, np.nan),
        known=np.asarray(known, np.bool_),
        reasons=pa.array(reasons, pa.string()),
    )


def _begins_with_number(texts: pa.Array) -> Any:
    return pc.fill_null(pc.match_substring_regex(texts, r"^[0-9]"), False)


def _parts(texts: pa.Array) -> list[tuple[pa.Array, pa.Array, pa.Array]]:
    """Return number, unit and what is left, part after part; empty text where a value has fewer parts."""
    parts, left = [], texts
    for _ in range(_MOST_PARTS):
        found = pc.extract_regex(left, _PART)
        number, unit, rest = (
            pc.fill_null(pc.struct_field(found, name), "") for name in ("number", "unit", "rest")
        )
        rest = pc.utf8_trim(rest, " ,;\u00a0.")
        number = pc.utf8_trim_whitespace(number)
        # A point at the end of a unit ends an abbreviation.
        unit = pc.utf8_rtrim(unit, ".")
        parts.append((number, unit, rest))
        left = rest
        if not pc.any(pc.not_equal(rest, "")).as_py():
            break
    return parts


def _spelt(units: pa.Array) -> list[str]:
    return list(units.dictionary_encode().dictionary.to_pylist())


def _units(units: pa.Array) -> tuple[list[str], NDArray[np.int64]]:
    """Return the full names of the different spellings, and for each value the number of its own."""
    encoded = units.dictionary_encode()
    return [_known(text) for text in encoded.dictionary.to_pylist()], np.asarray(encoded.indices).astype(
        np.int64
    )


def _require(unit: str) -> str:
    found = _known(unit)
    if not found:
        raise UsageError(
            f"There is no unit {unit!r}. Write it as in 'kg', 'inch', 'degC' or 'km/hour'.", unit=unit
        )
    return str(found)


@functools.cache
def _registry() -> Any:  # pint has types of its own, which are not needed here
    pint = require("pint", extra="clean", purpose="Converting units")
    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


@functools.lru_cache(maxsize=4096)
def _known(text: str) -> str:
    bare = text.strip().rstrip(".")
    if not bare or bare == "%":
        return ""
    for name in (_SPELLINGS.get(bare.lower().replace(" ", "").replace(".", "")), bare, bare.lower()):
        if name is None:
            continue
        try:
            unit = _registry().parse_units(name)
        except Exception:  # noqa: BLE001  # pint raises what its parser raises: tokens, attributes, its own
            continue
        return "" if unit.dimensionless else f"{unit}"
    return ""


@functools.lru_cache(maxsize=4096)
def _scale(unit: str, main: str) -> tuple[float, float, str]:
    """Return factor and shift from one unit to another, and why there are none."""
    if not unit:
        return np.nan, 0.0, "no unit that is known"
    pint = require("pint", extra="clean", purpose="Converting units")
    quantity = _registry().Quantity
    try:
        zero, many = (float(quantity(number, unit).to(main).magnitude) for number in (0.0, 1024.0))
    except pint.DimensionalityError:
        return np.nan, 0.0, f"a unit that is no {main}"
    # Degrees come with the noise of a sum and a difference.
    return float(f"{(many - zero) / 1024.0:.13g}"), float(f"{zero:.13g}"), ""
