"""Shapes say what values look like, and their patterns match exactly the values of the shape."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.text_shape import count_words, shape, shape_pattern

TEXTS = st.lists(
    st.one_of(
        st.none(), st.text(max_size=15), st.from_regex(r"[A-Z]{1,3}-\d{1,4} [a-z]{1,20}", fullmatch=True)
    )
)


@given(TEXTS, st.booleans())
def test_every_value_matches_the_pattern_of_its_shape(texts: list[str | None], collapse: bool) -> None:
    shapes = shape(pa.array(texts, pa.string()), collapse=collapse).to_pylist()
    for text, one in zip(texts, shapes, strict=True):
        assert (text is None) == (one is None)
        if text is not None:
            pattern = shape_pattern(one, collapsed=collapse)
            # RE2's $ is the end of the text, and its dot and classes take any character of it.
            assert pc.match_substring_regex(pa.array([text]), pattern)[0].as_py()
            assert collapse or len(one) == len(text)


@given(TEXTS)
def test_values_of_different_shapes_do_not_match_each_others_patterns(texts: list[str | None]) -> None:
    column = pa.array([text for text in texts if text is not None], pa.string())
    shapes = shape(column)
    for one in shapes.unique().to_pylist():
        matches = pc.match_substring_regex(column, shape_pattern(one))
        assert matches.to_pylist() == [other == one for other in shapes.to_pylist()]


def test_shapes_of_typical_values() -> None:
    values = ["2026-11-23", "AB 123 c", "ann@mail.example", "Ünïcode Ж", "漢字", "a\tb", "x_1", None]
    assert shape(pa.array(values)).to_pylist() == ["9-9-9", "A 9 a", "a@a.a", "Aa A", "a", "a a", "a_9", None]
    assert shape(pa.array(values), collapse=False).to_pylist()[:2] == ["9999-99-99", "AA 999 a"]
    assert shape(pa.array(["-" * 50])).to_pylist() == ["-" * 40 + "…"]


def test_rare_shapes_are_where_real_values_break_their_format(shared: Path) -> None:
    dirty = pa.csv.read_csv(shared / "raha_hospital" / "dirty.csv.gz")
    counts = {
        item["values"]: item["counts"]
        for item in shape(dirty["phone"].cast(pa.string())).value_counts().to_pylist()
    }
    assert counts["9"] > 900
    assert all("a" in rare and count < 20 for rare, count in counts.items() if rare != "9")


def test_chunked_dictionary_and_empty_columns_are_taken() -> None:
    assert shape(pa.chunked_array([["a1"], [None, "B"]])).to_pylist() == ["a9", None, "A"]
    assert shape(pa.chunked_array([], pa.string())).to_pylist() == []
    assert shape(pa.array(["a1"]).dictionary_encode()).to_pylist() == ["a9"]
    assert shape(pa.nulls(2)).to_pylist() == [None, None]


def test_words_are_counted() -> None:
    assert count_words(pa.array(["one two  three", "", " x ", None])).to_pylist() == [3, 0, 1, None]


def test_a_length_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        shape(pa.array(["a"]), longest=0)
