"""Check digits accept published examples and reject every single-digit change of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.methods.checksums import iban_is_valid, luhn_is_valid, nhs_is_valid

# Card networks' test numbers; the IBAN registry's examples; the NHS's published example and test numbers.
CARDS = [
    "4111111111111111",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "5555555555554444",
    "630427373398",
]
IBANS = [
    *("GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"),
    *("MT84MALT011000012345MTLCAST001S", "NL91ABNA0417164300", "BE68539007547034", "CH9300762011623852957"),
]
HEALTH = ["9434765919", "4010232137", "9876543210"]


@pytest.mark.parametrize(
    ("check", "valid"), [(luhn_is_valid, CARDS), (iban_is_valid, IBANS), (nhs_is_valid, HEALTH)]
)
def test_published_examples_pass_and_single_digit_changes_fail(
    check: Callable[[Sequence[str]], NDArray[np.bool_]], valid: list[str]
) -> None:
    assert check(valid).all()
    changed = [
        text[:i] + str((int(text[i]) + 1) % 10) + text[i + 1 :]
        for text in valid
        for i in range(len(text))
        if text[i].isdigit()
    ]
    assert not check(changed).any()
    assert check([]).size == 0


@given(st.lists(st.text(max_size=40), min_size=1, max_size=10))
def test_any_text_is_judged_without_failing(texts: list[str]) -> None:
    for check in (luhn_is_valid, iban_is_valid, nhs_is_valid):
        assert check(texts).shape == (len(texts),)


def test_random_numbers_pass_luhn_one_time_in_ten(rng: np.random.Generator) -> None:
    numbers = [str(number) for number in rng.integers(10**15, 10**16, 20_000)]
    assert luhn_is_valid(numbers).mean() == pytest.approx(0.1, abs=0.01)


def test_zeros_foreign_countries_and_wrong_lengths_fail() -> None:
    assert not luhn_is_valid(["0000000000000000", "4", "", "41111111x1111111"]).any()
    assert not iban_is_valid(["GB82WEST1234569876543", "XX82WEST12345698765432", "", "GB82"]).any()
    assert not nhs_is_valid(["0000000000", "943476591", "94347659191"]).any()
