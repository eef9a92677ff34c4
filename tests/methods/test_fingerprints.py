"""Variants of one value are found, and values that only look alike are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.fingerprints import (
    ClusterMethod,
    canonical_values,
    fingerprint,
    ngram_fingerprint,
    typing_errors,
)

CITIES = {
    "New York": 120,
    "new york": 3,
    "New  York ": 2,
    "York, New": 1,
    "Nwe York": 1,
    "Boston": 50,
    "Bostn": 2,
}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Müller, Anna", "anna  MULLER"),
        ("Cruise, Tom", "Tom Cruise"),
        ("A.C.M.E. Corp.", "acme corp"),
        ("O'Hara", "ohara"),
        ("New-York", "new york"),
    ],
)
def test_variants_have_one_fingerprint(one: str, two: str) -> None:
    assert fingerprint(one) == fingerprint(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("C", "C++"),
        ("A+", "A-"),
        ("1 2", "2 1"),
        ("5", "-5"),
        ("Room 1 2", "Room 2 1"),
        ("a", "b"),
        ("111 patients", "11 patients"),
    ],
)
def test_other_values_have_others(one: str, two: str) -> None:
    assert fingerprint(one) != fingerprint(two)
    assert ngram_fingerprint(one) != ngram_fingerprint(two)


def test_pairs_of_letters_join_what_blanks_part() -> None:
    assert ngram_fingerprint("New York") == ngram_fingerprint("newyork")
    assert ngram_fingerprint("Krzysztof", 1) == ngram_fingerprint("Kryzsztof", 1)


def test_the_most_frequent_spelling_stands_for_all() -> None:
    found = canonical_values(CITIES, ("case", "fingerprint", "typo"))
    assert {old: new for old, (new, _) in found.items()} == {
        "new york": "New York",
        "New  York ": "New York",
        "York, New": "New York",
        "Nwe York": "New York",
        "Bostn": "Boston",
    }
    assert "126 times as frequent" in found["Nwe York"][1]
    joined = canonical_values({"newyork": 1, "New York": 2, "York": 1}, ("case", "ngram"))
    assert joined == {"newyork": ("New York", "same 2-grams of letters")}
    assert set(canonical_values(CITIES, ("case",))) == {"new york", "New  York "}


@pytest.mark.parametrize("wrong", ["Bostn", "Bostonn", "Bosten", "Botson", "Bston"])
def test_one_error_of_each_kind_is_found(wrong: str) -> None:
    assert typing_errors({"Boston": 50, wrong: 1}) == {wrong: "Boston"}


@pytest.mark.parametrize(
    ("counts"),
    [
        {"Room 11": 100, "Room 12": 1},
        {"10 patients": 100, "1x patients": 1},
        {"al_ami-1": 100, "ak_ami-1": 1},
        {"Austin": 60, "Boston": 1},
        {"cat": 100, "bat": 1},
        {"Boston": 9, "Bostn": 1},
        {"Boston": 50, "Bxxton": 1},
        {},
    ],
)
def test_what_is_no_error_is_left(counts: dict[str, int]) -> None:
    assert typing_errors(counts) == {}


def test_long_values_may_have_two_errors() -> None:
    assert typing_errors({"Massachusetts": 100, "Masachusets": 1}) == {"Masachusets": "Massachusetts"}


@given(
    st.dictionaries(st.text("abAB é,1", max_size=8), st.integers(1, 200), max_size=25),
    st.sets(st.sampled_from(["case", "fingerprint", "ngram", "typo"])),
)
def test_every_variant_goes_to_a_value_that_stays(
    counts: dict[str, int], methods: set[ClusterMethod]
) -> None:
    found = canonical_values(counts, sorted(methods))
    for old, (new, why) in found.items():
        assert old in counts
        assert new in counts
        assert new not in found
        assert why
    merged: dict[str, int] = {}
    for text, count in counts.items():
        new = found.get(text, (text, ""))[0]
        merged[new] = merged.get(new, 0) + count
    assert canonical_values(merged, sorted(methods)) == {}
