"""The one search for duplicates."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.recipes.duplicate_rows import duplicate_pairs, searched_columns
from headwater.versions.repo import Repo


def repo_of() -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("rows") as tx:
        rows = {
            "id": [1, 2, 3],
            "name": ["Ann Miller", "ann  miller", "Bob Smith"],
            "note": ["a", "b", "c"],
            "tags": [["x"], ["y"], ["z"]],
        }
        tx.append("data", pa.table(rows), key="id")
    return repo


def test_the_columns_are_those_that_fit() -> None:
    dataset = repo_of()["data"]
    assert searched_columns(dataset, "entities", ()) == ("name", "note")
    assert searched_columns(dataset, "text", ("name",)) == ("name",)
    with pytest.raises(UsageError, match="name one of name, note"):
        searched_columns(dataset, "text", ())
    with pytest.raises(UsageError, match="has none"):
        searched_columns(dataset, "image", ())
    with pytest.raises(UsageError, match="plain columns"):
        searched_columns(dataset, "rows", ("tags",))
    with pytest.raises(UsageError, match="column of text"):
        searched_columns(dataset, "text", ("tags",))
    with pytest.raises(NotFound, match="nam"):
        searched_columns(dataset, "text", ("nam",))


def test_each_way_gives_pairs_of_row_numbers() -> None:
    dataset = repo_of()["data"]
    for by in ("text", "rows"):
        found = duplicate_pairs(dataset, by, ("name",))
        assert (found.left.tolist(), found.right.tolist(), found.score.tolist()) == ([0], [1], [1.0])
