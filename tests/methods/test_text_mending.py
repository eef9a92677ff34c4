"""Texts without wrong encodings, markup, control characters and stray blanks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.text_mending import Mending, ascii_folded, mend_texts, undo_double_encoding


def mended(text: str | None, **how: Any) -> str | None:
    found: str | None = mend_texts(pa.array([text], pa.string()), Mending(**how))[0].as_py()
    return found


@pytest.mark.parametrize(
    "text", ["café", "“quoted” – …", "Straße", "привет", "日本語", "naïve €5", "😀 ok", "ação"]
)
@pytest.mark.parametrize("times", [1, 2])
def test_text_that_was_read_in_the_wrong_encoding_is_read_again(text: str, times: int) -> None:
    wrong = text
    for _ in range(times):
        wrong = "".join(
            bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
            for byte in wrong.encode()
        )
    assert undo_double_encoding(wrong) == text


@pytest.mark.parametrize("text", ["", "São Paulo", "SÃO", "Ã", "Â", "Ñandú", "5 €", "plain", "Ægir Ø"])
def test_text_that_is_right_stays(text: str) -> None:
    assert undo_double_encoding(text) == text


def test_each_step_does_what_it_says() -> None:
    assert mended("<p>Tom &amp; <b>Jerry</b></p>", html=True) == "Tom & Jerry\n"
    assert mended("x < 3 and y > 2", html=True) == "x < 3 and y > 2"
    assert mended("e\u0301", unicode="NFC") == "é"
    assert mended("\ufb01ne", unicode="NFKC") == "fine"
    assert mended("a\u200bb\x00c\tz\n", control=True) == "abc\tz\n"
    assert mended("“it’s” – …", quotes=True) == '"it\'s" - ...'
    assert mended(" a \u00a0 b\n c ", spaces="trim") == "a \u00a0 b\n c"
    assert mended(" a \u00a0 b\n c ", spaces="collapse") == "a b\n c"
    assert mended(" a \u00a0 b\n c ", spaces="one_line") == "a b c"
    assert mended("new YORK", case="title") == "New York"
    assert mended("new YORK", case="sentence") == "New york"
    assert mended(None, spaces="trim") is None


def test_ftfy_mends_what_it_knows() -> None:
    pytest.importorskip("ftfy")
    assert mended("âœ” No problems", encoding="ftfy") == "✔ No problems"


def test_an_escape_of_an_escape_is_resolved_too() -> None:
    assert mended("&amp;lt;b&amp;gt; &amp;eacute;", html=True) == " é".replace(" ", " ")


@given(st.lists(st.text() | st.none(), max_size=8), st.sampled_from(["trim", "collapse", "one_line"]))
def test_mending_twice_is_mending_once(texts: list[str | None], spaces: Any) -> None:
    texts = [text.encode("utf-8", "ignore").decode() if text is not None else None for text in texts]
    how = Mending(
        html=True, encoding="double", unicode="NFKC", control=True, quotes=True, spaces=spaces, case="lower"
    )
    once = mend_texts(pa.array(texts, pa.string()), how)
    assert mend_texts(once, how).equals(once)


def test_accents_fall_away() -> None:
    assert ascii_folded("Crème Brûlée Łódź") == "Creme Brulee Lodz"


def test_nothing_to_do_and_unknown_ways_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing to mend"):
        Mending()
    with pytest.raises(UsageError, match="unicode is one of"):
        Mending(unicode="NFX")  # type: ignore[arg-type]
