"""Rare values that are frequent ones misspelt."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.methods.misspellings import learn_slips, misspellings, systematic_letter, uses_of_letter

TOWNS = ["birmingham", "montgomery", "huntsville", "tuscaloosa", "gadsden", "decatur", "florence", "selma"]


def meant(values: dict[str, int], **options: object) -> dict[str, str]:
    texts = pa.array(list(values), pa.string())
    found = misspellings(texts, np.array(list(values.values())), **options)  # type: ignore[arg-type]
    names = list(values)
    return {name: names[found.meant[at]] for at, name in enumerate(names) if found.chance[at] > 0.5}


@pytest.mark.parametrize(
    "wrong", ["birmingxam", "birmngham", "birminghaam", "brimingham", "birmyngham"], ids=str
)
def test_one_edit_is_found_and_mended(wrong: str) -> None:
    assert meant({**dict.fromkeys(TOWNS, 50), wrong: 1}) == {wrong: "birmingham"}


def test_several_changed_letters_of_a_long_value_are_found() -> None:
    assert meant({**dict.fromkeys(TOWNS, 50), "mxntgxmery": 1}) == {"mxntgxmery": "montgomery"}


def test_another_digit_is_another_value() -> None:
    assert meant({"35233": 90, "35234": 90, "35235": 1}) == {}


def test_values_that_are_all_rare_or_all_frequent_are_no_misspellings() -> None:
    assert meant(dict.fromkeys(["jon", "john", "joan", "jan"], 1)) == {}
    assert meant(dict.fromkeys(["red ale", "red ales", "rye ale"], 40)) == {}


def test_what_comes_often_is_a_value_of_its_own() -> None:
    assert meant({**dict.fromkeys(TOWNS, 50), "selmo": 20}) == {}


def test_a_letter_that_slips_in_again_and_again_is_learnt() -> None:
    slips = learn_slips(["axa", "cxd", "xea"] * 5, ["aba", "cbd", "bea"] * 5)
    assert systematic_letter(slips) == "x"
    assert learn_slips(["axa"], ["aba"]) == {}
    assert learn_slips(["aaa", "bbb", "ccc"] * 5, ["aab", "bba", "ccd"] * 5) == {}
    assert meant({"al": 950, "ak": 20, "xl": 15}, slips=slips, rate=0.03) == {"xl": "al"}


def test_uses_of_that_letter_are_doubted_where_it_is_unusual() -> None:
    texts = [f"{n} patients" for n in range(100, 160)] + ["1x3 patients"]
    chance = uses_of_letter(pa.array(texts), np.ones(len(texts), np.int64), "x", rate=0.03)
    assert chance[-1] > 0.5
    assert chance[:-1].max() == 0


def test_long_texts_are_left_out_and_the_others_judged_all_the_same() -> None:
    long = {"river " * 100 + str(n): 1 for n in range(20)}
    assert meant({**dict.fromkeys(TOWNS, 50), **long, "birmingxam": 1}) == {"birmingxam": "birmingham"}


def test_nothing_is_no_trouble() -> None:
    assert meant({}) == {}
    assert meant({"": 5, "a": 1}) == {}


def shares(values: dict[str, int], **options: object) -> dict[str, float]:
    texts = pa.array(list(values), pa.string())
    found = misspellings(texts, np.array(list(values.values())), **options)  # type: ignore[arg-type]
    return dict(zip(values, found.share.tolist(), strict=True))


def test_a_letter_beside_digits_may_stand_for_any_digit() -> None:
    values = {"3 patients": 40, "12 patients": 40, "3x patients": 1, "12 patiennts": 1}
    found = shares(values)
    assert found["3x patients"] < 0.1
    assert found["12 patiennts"] == pytest.approx(1.0)


def test_several_values_that_may_have_been_meant_share_the_confidence() -> None:
    found = shares({"97%": 40, "98%": 40, "9x%": 1, "100%": 10, "10o%": 1})
    assert found["9x%"] == pytest.approx(0.5)
    assert found["10o%"] == pytest.approx(1.0)
