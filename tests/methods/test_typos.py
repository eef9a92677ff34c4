"""Typing errors come at the rate asked for, are of the kinds asked for, and leave the rest alone."""

from __future__ import annotations

import time
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.typos import Typo, add_typos

TEXTS = st.lists(
    st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["hello world", "a", "", "äöü 42", "é̂x"])),
    max_size=20,
)


@given(TEXTS, st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_any_text_stays_valid_and_empty_and_null_ones_stay(
    texts: list[str | None], rate: float, seed: int
) -> None:
    out, errors = add_typos(pa.array(texts, pa.string()), rate=rate, rng=np.random.default_rng(seed))
    out.validate(full=True)
    for text, noisy, count in zip(texts, out.to_pylist(), errors, strict=True):
        assert (noisy is None) == (text is None)
        if not text:
            assert noisy == text
            assert count == 0
        else:
            assert noisy
            assert (noisy == text) or count > 0
            assert abs(len(noisy) - len(text)) <= count
            marks = [character for character in text if not character.isalnum()]
            assert [character for character in noisy if not character.isalnum()] == marks


@given(TEXTS)
def test_a_rate_of_zero_changes_nothing(texts: list[str | None]) -> None:
    out, errors = add_typos(pa.array(texts, pa.string()), rate=0.0, rng=np.random.default_rng(0))
    assert out.to_pylist() == texts
    assert errors.sum() == 0


@pytest.mark.parametrize("kind", get_args(Typo))
def test_each_kind_does_what_it_says(kind: Typo, rng: np.random.Generator) -> None:
    text = "Typing"
    out, errors = add_typos(pa.array([text] * 3000), rate=0.05, rng=rng, kinds=[kind])
    once = {noisy for noisy, count in zip(out.to_pylist(), errors, strict=True) if count == 1}
    places = range(len(text))
    expected = {
        "swap": {text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in places[:-1]},
        "drop": {text[:i] + text[i + 1 :] for i in places},
        "duplicate": {text[: i + 1] + text[i:] for i in places},
    }
    if kind == "substitute":
        assert {noisy[0] for noisy in once} == set("TRYFG56")
        assert all(
            len(noisy) == 6 and sum(a != b for a, b in zip(noisy, text, strict=True)) == 1 for noisy in once
        )
    else:
        assert once == expected[kind]


def test_errors_come_at_the_rate_asked_for(rng: np.random.Generator) -> None:
    texts = pa.array(["the quick brown fox, 42 times"] * 2000)
    for rate in (0.01, 0.1, 0.3):
        _, errors = add_typos(texts, rate=rate, rng=rng, kinds=["substitute", "drop", "duplicate"])
        assert errors.sum() / (2000 * 22) == pytest.approx(rate, rel=0.1)


def test_letters_that_are_on_no_key_are_doubled_and_single_letters_are_not_dropped(
    rng: np.random.Generator,
) -> None:
    out, _ = add_typos(pa.array(["ж"]), rate=1.0, rng=rng, kinds=["substitute"])
    assert out.to_pylist() == ["жж"]
    out, errors = add_typos(pa.array(["x", "xy", "漢字"]), rate=1.0, rng=rng, kinds=["drop"])
    assert out.to_pylist() == ["x", "xy", "漢字"]
    assert errors.sum() == 0


def test_letters_with_combining_marks_are_left_alone(rng: np.random.Generator) -> None:
    texts = ["e\u0301", "👩\u200d💻"]
    out, _ = add_typos(pa.array(texts), rate=1.0, rng=rng)
    assert out.to_pylist() == texts


def test_the_same_seed_gives_the_same_texts_whatever_the_chunks() -> None:
    texts = ["some text to change", None, "more of it"]
    results = [
        add_typos(array, rate=0.3, rng=np.random.default_rng(3))[0].to_pylist()
        for array in (
            pa.array(texts),
            pa.chunked_array([texts[:1], texts[1:]]),
            pa.array(texts, pa.large_string()),
        )
    ]
    assert results[0] == results[1] == results[2] != texts
    assert len(add_typos(pa.chunked_array([], pa.string()), rate=0.5, rng=np.random.default_rng(3))[0]) == 0


def test_a_million_characters_take_less_than_a_second(rng: np.random.Generator) -> None:
    texts = pa.array(["a sentence of fifty characters, more or less, yes."] * 20_000)
    start = time.process_time()
    add_typos(texts, rate=0.05, rng=rng)
    assert time.process_time() - start < 1.0


def test_wrong_arguments_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        add_typos(pa.array(["a"]), rate=5, rng=rng)
    with pytest.raises(UsageError, match="kinds be among"):
        add_typos(pa.array(["a"]), rate=0.1, rng=rng, kinds=["insert"])  # type: ignore[list-item]
