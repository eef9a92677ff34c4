"""Texts that stand for a missing value."""

from __future__ import annotations

import pyarrow as pa

from headwater.methods.placeholders import is_placeholder, placeholder_chance


def test_placeholders_are_known_in_any_case_and_blanks_are_too() -> None:
    texts = pa.array(["N/A", " none ", "", "  ", "-", "no", "0", "nano", None])
    assert is_placeholder(texts).to_pylist() == [True, True, True, True, True, False, False, False, False]


def test_words_are_placeholders_for_certain_only_among_numbers() -> None:
    texts = pa.array(["N/A", " none ", "?", "blue"])
    assert (placeholder_chance(texts, among_numbers=False) > 0.5).tolist() == [True, False, True, False]
    assert (placeholder_chance(texts, among_numbers=True) > 0.5).tolist() == [True, True, True, False]
