"""Text cut short for readers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headwater.core.text import clipped


@given(st.text(max_size=12), st.integers(1, 12))
def test_what_is_cut_begins_as_the_text_and_is_as_long_as_allowed(text: str, limit: int) -> None:
    short = clipped(text, limit)
    assert len(short) <= limit
    assert short == text or (text.startswith(short[:-1]) and short.endswith("…") and len(short) == limit)
    assert (short == text) or len(text) > limit
