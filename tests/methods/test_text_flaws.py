"""Flaws of texts: what they are, and what they are not."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.text_flaws import FLAWS, flawed

LETTERS = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x7FF), min_size=1, max_size=20)


@given(LETTERS.filter(lambda text: not text.isascii()))
def test_letters_read_as_latin_1_are_garbled(text: str) -> None:
    wrong = text.encode().decode("latin-1")
    leads = {byte for byte in text.encode() if byte >= 0xC0}
    if leads <= {0xC3, 0xC4, 0xC5, 0xCE, 0xCF, 0xD0, 0xD1, 0xD7, 0xD8}:
        assert flawed(pa.array([wrong]))["garbled"][0]


@given(st.text(st.characters(max_codepoint=0x7F), max_size=50))
def test_ascii_is_never_garbled(text: str) -> None:
    found = flawed(pa.array([text]))
    assert not found["garbled"][0]
    assert found["unreadable"][0] == found["control"][0]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_nothing_has_no_flaw(kind: pa.DataType) -> None:
    for texts in (pa.array([], kind), pa.array([None], kind)):
        assert {name: mask.tolist() for name, mask in flawed(texts).items()} == {
            name: [False] * len(texts) for name in FLAWS
        }


def test_marks_that_turn_the_direction_of_writing_are_control_characters() -> None:
    assert flawed(pa.array(["a\u202eb", "a\u200db", "a\nb"]))["control"].tolist() == [True, False, False]
