"""Forms of values, and values of a rare form."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.methods.value_forms import Level, forms, rare_form_chance


@pytest.mark.parametrize(
    ("level", "form"), [("words", "Ab 9:9 é"), ("classes", "Aa 9:9 a"), ("exact", "Aa 99:9 a")]
)
def test_a_form_keeps_less_the_coarser_its_level(level: Level, form: str) -> None:
    assert forms(pa.array(["Ab 12:3 é"]), level).to_pylist() == [form]


def chances(values: list[str]) -> dict[str, float]:
    distinct, counts = np.unique(np.array(values, object), return_counts=True)
    found = rare_form_chance(pa.array(distinct.tolist(), pa.string()), counts)
    return dict(zip(distinct.tolist(), found.tolist(), strict=True))


def test_a_rare_form_among_codes_is_wrong() -> None:
    found = chances([f"{n:05}" for n in range(10_000, 10_300)] + ["1o234", "1234"])
    assert found["1o234"] > 0.5
    assert found["1234"] > 0.5
    assert max(value for text, value in found.items() if len(text) == 5 and text.isdigit()) == 0


def test_amounts_may_be_short_long_whole_or_broken() -> None:
    assert max(chances([str(n) for n in range(10, 500)] + ["7", "10000", "8.25"]).values()) == 0


def test_names_have_no_form() -> None:
    names = ["Ann", "Bo Li", "D'Arcy", "Mary Jane O'Neil", "X Æ"] * 40
    assert max(chances([f"{name}{'abcdefgh'[n % 8]}" for n, name in enumerate(names)]).values()) == 0


def test_long_texts_have_no_form() -> None:
    texts = [" ".join(f"word{n * m % 997}" for m in range(40)) for n in range(1, 200)]
    assert max(chances([*texts, "12 words"]).values()) == 0


def test_one_form_and_no_values_give_no_flags() -> None:
    assert max(chances([f"AB-{n:04}" for n in range(200)]).values()) == 0
    assert rare_form_chance(pa.array([], pa.string()), np.zeros(0, np.int64)).tolist() == []
