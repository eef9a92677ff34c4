"""Pairs of rows that are alike: kept by chunk, and the same as found afresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.recipes.alike import Pairs, alike_pairs, clusters
from headwater.recipes.near_text import NearText
from headwater.versions.repo import Repo

TEXTS = st.lists(
    st.sampled_from(
        ["", "the quick brown fox jumps", "the quick brown fox jumped", "a lazy dog sleeps here", "x"]
    )
    | st.none(),
    max_size=12,
)
LIKENESS = NearText(column="text", threshold=0.6)


def repo_of(*parts: list[str | None]) -> Repo:
    repo, start = Repo.init("memory://"), 0
    for part in parts:
        with repo.transaction("part") as tx:
            ids = np.arange(start, start + len(part))
            tx.append("notes", pa.table({"id": ids, "text": pa.array(part, pa.string())}), key="id")
        start += len(part)
    return repo


def groups(repo: Repo, pairs: Pairs) -> set[frozenset[int]]:
    dataset = repo["notes"]
    label = clusters(pairs, dataset.num_rows)
    ids = np.asarray(dataset.to_arrow(["id"]).column(0))
    return {frozenset(ids[label == one].tolist()) for one in set(label.tolist())}


@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(0, 5))
def test_what_was_kept_gives_what_is_found_afresh_and_the_layout_does_not_matter(
    parts: list[list[str | None]], gone: int
) -> None:
    repo = repo_of(parts[0])
    start = len(parts[0])
    for part in parts[1:]:
        alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
        with repo.transaction("more") as tx:
            ids = np.arange(start, start + len(part))
            tx.append("notes", pa.table({"id": ids, "text": pa.array(part, pa.string())}), key="id")
        start += len(part)
    if gone < start:
        with repo.transaction("less") as tx:
            tx.delete("notes", keys=[gone])
    kept = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    afresh = alike_pairs(repo["notes"], LIKENESS)
    assert groups(repo, kept) == groups(repo, afresh)
    again = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    assert (again.left == kept.left).all()
    assert (again.right == kept.right).all()
    whole = repo_of([text for part in parts for text in part])
    if gone < start:
        with whole.transaction("less") as tx:
            tx.delete("notes", keys=[gone])
    assert groups(whole, alike_pairs(whole["notes"], LIKENESS)) == groups(repo, kept)


def test_a_new_chunk_alone_is_signed_and_compared(monkeypatch: Any) -> None:
    repo = repo_of(["one text that is here"] * 3, ["another text altogether"] * 2)
    alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    with repo.transaction("more") as tx:
        tx.append("notes", pa.table({"id": [50], "text": ["one text that is there"]}))
    signed: list[int] = []
    original = NearText.sign

    def counting(self: NearText, rows: pa.Table) -> Any:
        signed.append(rows.num_rows)
        return original(self, rows)

    monkeypatch.setattr(NearText, "sign", counting)
    pairs = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    assert signed == [1]
    assert len(groups(repo, pairs)) == 2


def test_equal_chunks_of_a_dataset_without_a_key_are_two() -> None:
    repo = Repo.init("memory://")
    for _ in range(2):
        with repo.transaction("same") as tx:
            tx.append("notes", pa.table({"text": ["the same text again", "and another one here"]}))
    pairs = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    assert sorted(np.bincount(clusters(pairs, 4))[[0, 1]].tolist()) == [2, 2]


def test_a_damaged_entry_of_the_cache_is_made_again() -> None:
    repo = repo_of(["the same text again"] * 2)
    before = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    for path in repo.cache.list("states"):
        if "alike-" in path or "signed-" in path:
            repo.cache.put(path, b"broken")
    after = alike_pairs(repo["notes"], LIKENESS, cache=repo.cache)
    assert (before.left == after.left).all()
