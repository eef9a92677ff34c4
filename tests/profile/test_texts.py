"""Flaws and pieces of texts, as states that merge."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.text_flaws import flawed
from headwater.profile.measure import measure_table
from headwater.profile.texts import Flaws, Pieces

TEXTS = st.lists(
    st.one_of(st.none(), st.sampled_from(["ok", "Ã¤h", "?", "", "a\x00"]), st.text(max_size=8)), max_size=30
)


@given(TEXTS, TEXTS)
def test_flaws_are_counted_as_they_are_found(first: list[str | None], second: list[str | None]) -> None:
    one = Flaws(column="t")
    whole = measure_table(pa.table({"t": pa.array([*first, *second], pa.string())}), [one])[one]
    parts = [
        measure_table(pa.table({"t": pa.array(part, pa.string())}), [one])[one] for part in (first, second)
    ]
    assert parts[0].merge(parts[1]) == whole
    assert whole.subtract(parts[1]) == parts[0]
    found = flawed(pa.array([*first, *second], pa.string()))
    assert {name: whole[name] for name in found} == {name: int(mask.sum()) for name, mask in found.items()}


def test_a_piece_counts_once_a_text_and_as_often_as_its_text() -> None:
    texts = [
        "One long sentence for all. One long sentence for all. x",
        "One long sentence for all.\ny",
        None,
        "z",
    ]
    one = Pieces(column="t", shortest=10)
    state = measure_table(pa.table({"t": [*texts, texts[1]]}), [one])[one]
    assert state.top() == [("One long sentence for all", 3, 3)]
