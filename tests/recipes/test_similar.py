from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import NotFound, UsageError
from headwater.recipes.similar import similar_rows

TEXTS = [
    "my card has not arrived",
    "the card did not arrive",
    "what is the exchange rate",
    "which exchange rates do you use",
    None,
    "",
]


@pytest.fixture
def repo() -> hw.Repo:
    repo = hw.init("memory://")
    repo.import_(
        "asked", [{"id": n, "text": text, "topic": n // 2} for n, text in enumerate(TEXTS)], key="id"
    )
    repo.embed("asked", "text", encoder="hash", options={"dimensions": 256})
    return repo


def test_rows_like_a_row_come_without_it_the_most_similar_first(repo: hw.Repo) -> None:
    found = repo.similar("asked", key=0, k=3)
    assert found.schema.names == ["_score", "id", "text", "topic"]
    assert found.column("id").to_pylist()[0] == 1
    assert 0 not in found.column("id").to_pylist()
    scores = found.column("_score").to_pylist()
    assert scores == sorted(scores, reverse=True)


def test_rows_like_a_text_are_found_by_the_encoder_of_the_column(repo: hw.Repo) -> None:
    found = repo.similar("asked", text="what is the exchange rate", k=2)
    assert found.column("id").to_pylist() == [2, 3]
    assert found.column("_score").to_pylist()[0] == pytest.approx(1)
    distances = repo.similar("asked", text="what is the exchange rate", k=2, metric="l2").column("_score")
    assert distances.to_pylist()[0] == 0


def test_rows_like_a_vector_and_at_an_older_commit(repo: hw.Repo) -> None:
    vector = repo["asked"].to_arrow(["text_embedding"]).column(0)[3].as_py()
    assert repo.similar("asked", vector=vector, k=1).column("id").to_pylist() == [3]
    with repo.transaction("rates go") as tx:
        tx.delete("asked", keys=[3])
    assert repo.similar("asked", vector=vector, k=1).column("id").to_pylist() == [2]
    assert repo.similar("asked@HEAD~1", vector=vector, k=1).column("id").to_pylist() == [3]


def test_fewer_rows_come_where_there_are_fewer(repo: hw.Repo) -> None:
    # The empty text has the vector zero, and null has none.
    assert repo.similar("asked", key=0, k=100).num_rows == 3


@pytest.mark.parametrize(
    ("wanted", "error", "complaint"),
    [
        ({}, UsageError, "exactly one"),
        ({"key": 1, "text": "a"}, UsageError, "exactly one"),
        ({"key": 4}, UsageError, "Row 4 of dataset 'asked' has no vector"),
        ({"key": 5}, UsageError, "all zeros"),
        ({"text": ""}, UsageError, "all zeros"),
        ({"key": 99}, NotFound, "no row with key 99"),
        ({"key": "x"}, UsageError, "int64"),
        ({"vector": [1.0, 2.0]}, UsageError, "2 dimensions"),
        ({"text": "a", "column": "topic"}, UsageError, "not known how column 'topic'"),
        ({"key": 1, "column": "topic"}, UsageError, "not vectors of one length"),
        ({"value": b"\xff", "text": None}, UsageError, "'text' is string, and this is bytes"),
        ({"key": 1, "k": 0}, UsageError, "1 row or more"),
    ],
)
def test_what_cannot_be_compared_is_said(
    repo: hw.Repo, wanted: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        repo.similar("asked", **wanted)


def test_columns_of_vectors_are_named_where_there_are_several_or_none(repo: hw.Repo) -> None:
    repo.embed("asked", "text", encoder="hash", into="again")
    with pytest.raises(UsageError, match="several columns of vectors: text_embedding, again"):
        repo.similar("asked", key=1)
    assert repo.similar("asked", key=1, k=1, column="again").num_rows == 1
    repo.import_("plain", [{"id": 1}], key="id")
    with pytest.raises(NotFound, match="no column of vectors"):
        repo.similar("plain", key=1)


def test_vectors_of_another_version_of_an_encoder_are_not_compared(
    repo: hw.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.recipes.hash_encoder.HashEncoder.version", "99")
    with pytest.raises(UsageError, match="hw embed asked text"):
        repo.similar("asked", text="a card")
    repo.embed("asked", "text")
    assert repo.similar("asked", text="a card", k=1).num_rows == 1


def test_a_dataset_without_a_key_names_rows_by_content() -> None:
    repo = hw.init("memory://")
    rows = pa.table({"text": ["one red fox", "one red dog", "two blue birds"]})
    repo.import_("animals", rows)
    repo.embed("animals", "text", encoder="hash")
    (key,) = repo["animals"].keys_of(repo["animals"].head(1))
    found = similar_rows(repo["animals"], key=key, k=1)
    assert found.column("text").to_pylist() == ["one red dog"]


def test_vectors_that_came_with_the_data_are_searched_too(rng: np.random.Generator) -> None:
    repo = hw.init("memory://")
    vectors = rng.normal(size=(20, 5)).astype(np.float32)
    column = pa.array(vectors.tolist(), pa.list_(pa.float32(), 5))
    repo.import_("v", pa.table({"id": range(20), "e": column}), key="id")
    found = repo.similar("v", vector=vectors[7], k=1)
    assert found.column("id").to_pylist() == [7]
