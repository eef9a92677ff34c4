"""Texts that are nearly the same."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.typos import add_typos
from headwater.recipes.alike import Pairs, alike_pairs, clusters
from headwater.recipes.near_text import NearText, plain_text
from headwater.versions.repo import Repo


def pairs_of(texts: list[str | None], threshold: float = 0.8) -> Pairs:
    repo = Repo.init("memory://")
    with repo.transaction("texts") as tx:
        rows = pa.table({"id": np.arange(len(texts)), "text": pa.array(texts, pa.string())})
        tx.append("notes", rows, key="id")
    return alike_pairs(repo["notes"], NearText(column="text", threshold=threshold))


def shingles(text: str) -> set[bytes]:
    data = f" {text} ".encode()
    return {data[at : at + 5] for at in range(len(data) - 4)}


@settings(max_examples=20)
@given(st.lists(st.text("ab ", min_size=8, max_size=14), min_size=2, max_size=12))
def test_only_pairs_that_reach_the_threshold_are_found(texts: list[str]) -> None:
    plain = plain_text(pa.array(texts)).to_pylist()
    found = pairs_of(list(texts), 0.5)
    for a, b, score in zip(found.left, found.right, found.score, strict=True):
        one, two = shingles(plain[a]), shingles(plain[b])
        true = 1.0 if plain[a] == plain[b] else len(one & two) / len(one | two)
        assert score == pytest.approx(true)
        assert true >= 0.5


def test_case_accents_blanks_and_forms_of_unicode_do_not_count() -> None:
    found = pairs_of(["Café  au lait", "cafe\u0301 AU\u00a0lait", "tea with milk", None, "", "   "])
    assert (found.left.tolist(), found.right.tolist(), found.score.tolist()) == ([0], [1], [1.0])


def test_short_texts_are_alike_only_when_equal() -> None:
    found = pairs_of(["a", "A", "b", "", ""])
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == [(0, 1)]


def test_nearly_all_pairs_are_found_on_real_texts(shared: Path, rng: np.random.Generator) -> None:
    texts = (
        pytest.importorskip("pandas")
        .read_csv(shared / "banking77" / "banking77_train.csv.gz")["text"]
        .to_list()[:3000]
    )
    typed, _ = add_typos(pa.array(texts), rate=0.01, rng=rng)
    plain = plain_text(pa.array([*texts, *typed.to_pylist()])).to_pylist()
    due = set()
    for at in range(len(texts)):
        one, two = shingles(plain[at]), shingles(plain[at + len(texts)])
        if len(one & two) / len(one | two) >= 0.7:
            due.add((at, at + len(texts)))
    found = pairs_of([*texts, *typed.to_pylist()], 0.7)
    label = clusters(found, 2 * len(texts))
    assert np.mean([label[a] == label[b] for a, b in due]) > 0.99
    assert len(due) > 1500


def test_many_equal_and_many_nearly_equal_texts_take_no_quadratic_time() -> None:
    begin = time.process_time()
    equal = pairs_of(["the same words in every row"] * 20_000)
    assert len(equal.left) == 19_999
    rows = [
        f"order number {n:07} was shipped today to the customer who had asked for it" for n in range(2_000)
    ]
    near = pairs_of(list(rows), 0.5)
    assert (clusters(near, len(rows)) == 0).all()
    assert len(near.left) < 64 * len(rows)
    assert time.process_time() - begin < 60


def test_a_senseless_threshold_or_shingle_is_refused() -> None:
    with pytest.raises(UsageError, match="above 0"):
        NearText(column="text", threshold=1.2)
    with pytest.raises(UsageError, match="1 to 8"):
        NearText(column="text", shingle=9)
