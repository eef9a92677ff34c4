from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.reading.dataset import Dataset
from headwater.recipes.embedding import Embedder, embedding_of, vector_array
from headwater.recipes.encoder import make_encoder
from headwater.recipes.known_vectors import vectors_of
from headwater.versions.repo import Repo
from tests.recipes import encoders

LENGTHS = "tests.recipes.encoders:lengths"


class StopsAfter:
    """Progress that stops the work at its n-th advance."""

    def __init__(self, advances: int) -> None:
        self.left = advances

    def start(self, label: str, total: int | None) -> None: ...

    def advance(self, label: str, units: int = 1) -> None:
        self.left -= 1
        if not self.left:
            raise InterruptedError

    def finish(self, label: str) -> None: ...


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    encoders.SEEN.clear()


def notes(texts: list[str | None]) -> tuple[Repo, Dataset]:
    repo = Repo.init("memory://")
    with repo.transaction("notes") as tx:
        tx.append(
            "notes", pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())}), key="id"
        )
    return repo, repo["notes"]


def test_equal_texts_are_encoded_once_and_nulls_never() -> None:
    _, dataset = notes(["a bc", None, "d", "a bc", "d", "a bc"])
    work = Embedder(dataset=dataset, column="text", into="v", encoder=make_encoder(LENGTHS))
    encoders.SEEN.clear()  # one value is encoded first, for the length of the vectors
    (chunk,) = dataset.chunks
    made = work.vectors(chunk)
    assert sorted(text for batch in encoders.SEEN for text in batch) == ["a bc", "d"]
    assert made.to_pylist() == [[4, 1, 1], None, [1, 1, 1], [4, 1, 1], [1, 1, 1], [4, 1, 1]]
    assert (work.rows, work.encoded, work.reused) == (5, 2, 0)


def test_a_run_that_was_cut_off_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.recipes.function_encoder.FunctionEncoder.batch_rows", 10)
    repo, dataset = notes([f"text {n}" for n in range(95)])
    (chunk,) = dataset.chunks
    given: dict[str, Any] = {"dataset": dataset, "column": "text", "into": "v", "cache": repo.cache}
    given["keep_every_s"] = 0.0
    work = Embedder(encoder=make_encoder(LENGTHS), progress=StopsAfter(5), **given)
    with pytest.raises(InterruptedError):
        work.vectors(chunk)
    encoders.SEEN.clear()
    again = Embedder(encoder=make_encoder(LENGTHS), **given)
    made = again.vectors(chunk)
    assert (again.encoded, again.reused) == (55, 40)
    seen = [text for batch in encoders.SEEN for text in batch]
    assert len(set(seen) & {f"text {n}" for n in range(95)}) <= 56
    assert vectors_of(made)[:, 0].tolist() == [len(f"text {n}") for n in range(95)]
    again.forget()
    assert repo.cache.list("scores/embeddings") == []


def test_without_values_there_are_no_dimensions() -> None:
    _, dataset = notes([None, None])
    assert Embedder(dataset=dataset, column="text", into="v", encoder=make_encoder(LENGTHS)).dimensions == 0


def test_a_function_that_breaks_its_promise_is_told_before_anything_is_written() -> None:
    _, dataset = notes(["a", "b"])
    with pytest.raises(UsageError, match="flat"):
        Embedder(
            dataset=dataset, column="text", into="v", encoder=make_encoder("tests.recipes.encoders:flat")
        )


def test_vectors_become_lists_of_one_length() -> None:
    made = vector_array(np.array([[1, 2], [np.nan, np.nan]], np.float32), np.array([False, True]))
    assert made.to_pylist() == [[1, 2], None]
    assert made.type == pa.list_(pa.float32(), 2)
    assert made.values.null_count == 0
    made.validate(full=True)


def test_what_a_column_is_made_of_is_known_by_its_tag() -> None:
    repo, dataset = notes(["a"])
    assert embedding_of(dataset, "text") is None
    assert embedding_of(dataset, "no such column") is None
    with repo.transaction("tag") as tx:
        tx.set_tags("notes", "text", {"embedding": {"id": "x"}})
    assert embedding_of(repo["notes"], "text") == {"id": "x"}
