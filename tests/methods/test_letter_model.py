"""Texts, letter by letter."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.methods.letter_model import letter_probabilities, spell


def test_texts_are_taken_apart_in_order() -> None:
    letters = spell(pa.array(["ab", "", "é"]))
    assert letters.characters.tolist() == [97, 98, 233]
    assert letters.owner.tolist() == [0, 0, 2]
    assert letters.place.tolist() == [0, 1, 0]


def test_a_letter_is_probable_where_other_texts_have_it() -> None:
    letters = spell(pa.array(["bcd" + end for end in "aeiou"] + ["bxd"]))
    said = letter_probabilities(letters)
    assert said.min() > 0
    assert said.max() <= 1
    assert said[1] > 10 * said[len(letters.characters) - 2]


def test_a_text_does_not_speak_for_itself() -> None:
    letters = spell(pa.array(["qqq"]))
    assert np.all(letter_probabilities(letters) < letter_probabilities(letters, own=False))
