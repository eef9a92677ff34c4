from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.recipes.value_keys import chunk_keys, value_keys
from headwater.versions.repo import Repo


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", None, "b", "a", ""]),
        pa.array([b"\x00", None, b"", b"\x00\x00", b"\x00"]),
        pa.array([b"ab", None, b"cd", b"ab", b"ba"], pa.binary(2)),
        pa.array([1, None, 2, 1, 0]),
        pa.array([[1.0], None, [], [1.0, 2.0], [1.0]]),
        pa.chunked_array([["a", None], ["b", "a", ""]]),
    ],
    ids=lambda values: str(values.type),
)
def test_equal_values_have_equal_keys_and_null_has_none(values: Any) -> None:
    keys = value_keys(values)
    plain = values.to_pylist()
    for a, key in zip(plain, keys, strict=True):
        assert (key["first"] == 0) == (a is None)
        for b, other in zip(plain, keys, strict=True):
            assert (key == other) == (a == b)


@given(st.lists(st.text(max_size=20), unique=True, max_size=30))
def test_both_halves_tell_texts_apart(texts: list[str]) -> None:
    keys = value_keys(pa.array(texts, pa.string()))
    for half in ("first", "second"):
        assert len(np.unique(keys[half])) == len(texts)
    assert not (keys["first"] == keys["second"]).any()


def test_keys_of_a_chunk_are_those_of_its_live_rows_and_are_kept() -> None:
    repo = Repo.init("memory://")
    rows = [{"id": n, "text": None if n == 3 else f"text {n % 4}"} for n in range(10)]
    with repo.transaction("rows") as tx:
        tx.append("notes", rows, key="id")
    with repo.transaction("one goes") as tx:
        tx.delete("notes", keys=[0])
    (chunk,) = repo["notes"].chunks
    wanted = value_keys(repo["notes"].to_arrow(["text"]).column("text"))
    assert chunk_keys(chunk, "text").tolist() == wanted.tolist()
    for _ in range(2):
        assert chunk_keys(chunk, "text", repo.cache).tolist() == wanted.tolist()
    (path,) = repo.cache.list("scores/value-keys")
    repo.cache.put(path, b"damaged")
    assert chunk_keys(chunk, "text", repo.cache).tolist() == wanted.tolist()
