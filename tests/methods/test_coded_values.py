"""Columns as codes of their distinct values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.coded_values import as_text, encode, kept_where


def test_null_empty_and_blank_cells_are_one_missing_value() -> None:
    column = encode(pa.array(["b", None, "", "  ", "a", "b"]), is_text=True)
    assert column.texts.to_pylist() == ["", "a", "b"]
    assert column.codes.tolist() == [2, 0, 0, 0, 1, 2]
    assert column.counts.tolist() == [3, 1, 2]
    assert column.known == 3


@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=30))
def test_codes_give_the_texts_back(values: list[str | None]) -> None:
    array = pa.array(values, pa.string())
    column = encode(array, is_text=True)
    assert column.objects[column.codes].tolist() == as_text(array).to_pylist()
    assert column.counts.sum() == len(values)
    assert column.find(column.texts).tolist() == list(range(column.size))


def test_values_that_are_numbers_are_known_as_such() -> None:
    column = encode(pa.array(["1", " 2.5", "+3e2", "x", "", "1e", "0x1"]), is_text=True)
    known = dict(zip(column.texts.to_pylist(), column.numbers.tolist(), strict=True))
    assert (known["1"], known[" 2.5"], known["+3e2"]) == (1.0, 2.5, 300.0)
    assert all(np.isnan(known[text]) for text in ("x", "", "1e", "0x1"))


def test_kept_where_leaves_none_elsewhere() -> None:
    assert kept_where(np.array([True, False]), np.array(["a", "b"], object)).tolist() == ["a", None]
