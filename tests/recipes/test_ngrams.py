"""Counts of words and pieces: equal to counting by hand, on any text."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import headwater.recipes.ngrams as module
from headwater.recipes.ngrams import count_pieces, count_words

pytest.importorskip("scipy")

TEXTS = st.lists(
    st.none() | st.text(max_size=30) | st.sampled_from(["Spam spam!", "ham", "a b a b"]), max_size=8
)


def multiplicities(matrix: Any) -> list[list[int]]:
    """Return for each row how often its words occur, sorted: what does not depend on the hash."""
    return [
        sorted(int(count) for count in matrix.data[first:last])
        for first, last in zip(matrix.indptr, matrix.indptr[1:], strict=False)
    ]


def words_by_hand(text: str | None) -> list[int]:
    words = re.findall(rb"[a-z0-9\x80-\xff]+", lowered(text))
    return sorted(Counter([*words, *(b" ".join(pair) for pair in pairwise(words))]).values())


def pieces_by_hand(text: str | None) -> list[int]:
    data = b" " + lowered(text) + b" "
    pieces = [data[at : at + size] for size in (3, 4, 5) for at in range(len(data) - size + 1)]
    return sorted(Counter(pieces).values())


def lowered(text: str | None) -> bytes:
    import pyarrow.compute as pc

    lower: str = pc.utf8_lower(pa.scalar(text or "")).as_py()
    return lower.encode()


@given(TEXTS)
def test_counts_equal_counting_by_hand(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    assert multiplicities(count_words(column, bits=30)) == [words_by_hand(text) for text in texts]
    assert multiplicities(count_pieces(column, bits=30)) == [pieces_by_hand(text) for text in texts]


def test_a_text_counts_the_same_wherever_it_stands() -> None:
    both = count_words(pa.array(["something else, 12", "Free entry in 2 a weekly comp"]))
    alone = count_words(pa.array(["first", "Free entry in 2 a weekly comp"]).slice(1))
    assert (both[1] != alone[0]).nnz == 0
    assert (count_pieces(pa.array(["x", "Free"]))[1] != count_pieces(pa.array(["free"]))[0]).nnz == 0


def test_words_and_pairs_are_told_apart_and_order_in_a_pair_counts() -> None:
    one, two, three = count_words(pa.array(["new york", "york new", "newyork"]))
    assert one.nnz == two.nnz == 3
    assert three.nnz == 1
    assert one.multiply(two).nnz == 2


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    texts = pa.array([" ".join(map(str, rng.integers(0, 50, 8))) for _ in range(60)])
    whole = count_words(texts), count_pieces(texts)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 100)
    assert len(module._blocks(texts)) > 5
    for before, after in zip(whole, (count_words(texts), count_pieces(texts)), strict=True):
        assert (before != after).nnz == 0


def test_no_texts_give_no_rows() -> None:
    assert count_words(pa.array([], pa.string())).shape[0] == 0
    assert count_pieces(pa.array([None, ""], pa.string())).shape[0] == 2
