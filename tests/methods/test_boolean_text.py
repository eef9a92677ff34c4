"""Yes and no in several languages."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.methods.boolean_text import NO_WORDS, YES_WORDS, to_boolean


def test_words_are_read_in_any_case_and_others_are_null() -> None:
    texts = pa.array(["Yes", " NO ", "ja", "Nein", "Нет", "sí", "1", "0", "perhaps", "", None])
    assert to_boolean(texts).to_pylist() == [
        True,
        False,
        True,
        False,
        False,
        True,
        True,
        False,
        None,
        None,
        None,
    ]


def test_own_words_replace_the_known_ones() -> None:
    found = to_boolean(pa.array(["Present", "absent", "yes"]), true=["present"], false=["Absent"])
    assert found.to_pylist() == [True, False, None]


def test_no_word_says_both() -> None:
    assert not set(YES_WORDS) & set(NO_WORDS)
    with pytest.raises(UsageError, match="'ok' stands for true and for false"):
        to_boolean(pa.array(["x"]), true=["ok"], false=["OK"])
