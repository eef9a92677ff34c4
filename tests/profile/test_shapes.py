"""What texts look like, and which formats they follow."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.profile.measure import measure_table
from headwater.profile.shapes import FORMATS, Shapes, ShapesState, shapes_of

ONE = Shapes(column="c")


def state(values: list[str | None]) -> ShapesState:
    return measure_table(pa.table({"c": pa.array(values, pa.string())}), [ONE])[ONE]


def plain_shape(text: str) -> str:
    out = "".join(
        "9" if "0" <= c <= "9" else "a" if "a" <= c <= "z" or ord(c) > 127 else "A" if "A" <= c <= "Z" else c
        for c in re.sub(r"[\t\n\x0b\x0c\r]", " ", text)
    )
    return re.sub(r"(a+|A+)", lambda match: match[0][0], out)


@given(st.lists(st.text("aZ09é-@ \t.ß", max_size=9), min_size=1, max_size=6))
def test_shapes_are_those_of_a_plain_loop(texts: list[str]) -> None:
    array = pa.array(["skipped", *texts]).slice(1)
    assert shapes_of(array).to_pylist() == [plain_shape(text) for text in texts]


def test_shapes_are_counted_with_an_example() -> None:
    found = state(["AB-12", "X-34", None, "x", "AB-12"])
    assert [(s.shape, s.count, s.example) for s in found.top()] == [("A-99", 3, "AB-12"), ("a", 1, "x")]
    assert found.seen == 4


def test_prose_has_no_shape() -> None:
    found = state(["x" * 100, "y" * 200])
    assert [(s.shape, s.count) for s in found.top()] == [("(long text)", 2)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-12", "integer"),
        ("1.5e3", "number"),
        ("2026-01-02", "date"),
        ("1/2/2026", "date"),
        ("2026-01-02T03:04:05Z", "time"),
        ("12:30", "time"),
        ("a.b+c@example.org", "email"),
        ("https://example.org/a?b", "URL"),
        ("123e4567-e89b-12d3-a456-426614174000", "UUID"),
        ("10.0.0.1", "IP address"),
        ("12.5 %", "percentage"),
        ("$1,200.50", "amount of money"),
        ("+49 (30) 123-4567", "phone number"),
    ],
)
def test_formats_are_recognised(text: str, name: str) -> None:
    assert state([text]).formats() == {name: 1.0}
    assert name in FORMATS


def test_words_follow_no_format() -> None:
    assert state(["hello", "world", "1"]).formats() == {"integer": pytest.approx(1 / 3)}


def test_of_many_texts_the_same_sample_is_looked_at_whatever_their_order() -> None:
    texts: list[str | None] = [f"{'ab' * (i % 3)}{i}" for i in range(20_000)]
    first, second = state(texts), state(texts[::-1])
    assert first.to_bytes() == second.to_bytes()
    assert first.seen == 8192
    assert len(first.merge(second).shapes) <= 256
