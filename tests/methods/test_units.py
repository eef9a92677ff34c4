"""Measures become numbers of one unit, against factors of the SI brochure."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.number_text import NumberForm
from headwater.methods.units import UnitEvidence, known_unit, look_at_units, read_measures

pytest.importorskip("pint")

POINT = NumberForm(decimal=".")


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("12.0 oz", "oz", 12.0),
        ("12.0 OZ.", "ounce", 12.0),
        ("12oz", "oz", 12.0),
        ("3 kg", "g", 3000.0),
        ("1 lb", "kg", 0.45359237),
        ("5 ft 11 in", "cm", 180.34),
        ("5'11\"", "cm", 180.34),
        ("5′ 11″", "in", 71.0),
        ("-2 lb 3 oz", "oz", -35.0),
        ("1 h 30 min", "minute", 90.0),
        ("1,234.5 m", "km", 1.2345),
        ("20 °C", "°F", 68.0),
        ("-40 °F", "°C", -40.0),
        ("8 fl. oz.", "ml", 236.588),
        ("9 sq ft", "m^2", 0.83612736),
        ("100 km/h", "m/s", 27.7777777778),
        ("1e3 g", "kg", 1.0),
    ],
)
def test_a_measure_is_converted(text: str, unit: str, number: float) -> None:
    found = read_measures(pa.array([text]), unit, POINT)
    assert found.reasons.to_pylist() == [None]
    assert math.isclose(found.values[0], number, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("N/A", "no number"),
        ("oz", "no number"),
        ("12", "no unit that is known"),
        ("12 cans", "no unit that is known"),
        ("12 oz can", "words after the unit"),
        ("12 m", "a unit that is no ounce"),
        ("2 oz 3 oz", "parts that do not add up"),
    ],
)
def test_what_cannot_be_read_has_a_reason(text: str, reason: str) -> None:
    found = read_measures(pa.array([text]), "oz", POINT)
    assert found.reasons.to_pylist() == [reason]
    assert np.isnan(found.values).all()
    assert not found.known.any()


def test_degrees_do_not_add_up() -> None:
    assert (
        read_measures(pa.array(["20 °C 5 °F"]), "degC", POINT).reasons[0].as_py()
        == "parts that do not add up"
    )


def test_bare_numbers_and_words_after_the_unit_are_read_on_request() -> None:
    found = read_measures(pa.array(["12", "12 oz can", None]), "oz", POINT, bare="oz", rest=True)
    assert found.values[:2].tolist() == [12.0, 12.0]
    assert found.known.tolist() == [True, True, False]


def test_the_most_frequent_unit_is_the_main_one() -> None:
    texts = pa.array(["1 kg", "2 KG", "3 lb", "4", "x"])
    found = look_at_units(texts, np.array([1, 1, 5, 2, 1]))
    assert found.units == {"kilogram": 2, "pound": 5}
    assert (found.main, found.measures, found.bare, found.values) == ("pound", 7, 2, 10)
    added, whole = look_at_units(texts.slice(0, 2)) + look_at_units(texts.slice(2)), look_at_units(texts)
    assert (added.units, added.measures, added.bare) == (whole.units, whole.measures, whole.bare)
    assert UnitEvidence().main == ""


def test_names_of_units_keep_their_case_where_it_matters() -> None:
    assert known_unit("mW") == "milliwatt"
    assert known_unit("MW") == "megawatt"
    assert known_unit("Ounces") == "ounce"
    assert known_unit("can") == known_unit("") == known_unit("%") == known_unit("12") == ""
    with pytest.raises(UsageError, match="no unit 'foo'"):
        read_measures(pa.array(["1 m"]), "foo", POINT)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.sampled_from(["kg", "lb", "oz", "g"]))
def test_there_and_back_again(numbers: list[float], unit: str) -> None:
    texts = pa.array([f"{number!r} {unit}" for number in numbers])
    there = read_measures(texts, "stone", POINT).values
    back = read_measures(pa.array([f"{number!r} stone" for number in there.tolist()]), unit, POINT).values
    np.testing.assert_allclose(back, numbers, rtol=1e-9, atol=1e-12)
