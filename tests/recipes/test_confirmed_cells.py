"""Confirmed rows are kept beside their dataset."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.recipes.confirmed_cells import confirm_rows, confirmed_rows
from headwater.versions.repo import Repo


@pytest.fixture
def repo() -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("three") as tx:
        tx.append("d", pa.table({"id": [1, 2, 3], "a": ["x", "y", "z"], "n": [1.5, 2.0, 3.0]}), key="id")
    return repo


def test_rows_are_kept_as_text_and_replaced_by_key(repo: Repo) -> None:
    assert confirmed_rows(repo, repo["d"]) is None
    assert confirm_rows(repo, "d", pa.table({"_key": ["1", "2"], "a": ["x", None], "n": [1.5, 2.25]})) == 2
    confirm_rows(repo, "d", pa.table({"_key": ["2"], "a": ["w"], "n": ["2.5"]}))
    kept = confirmed_rows(repo, repo["d"])
    assert kept is not None
    assert sorted(kept.to_pylist(), key=lambda row: row["_key"]) == [
        {"_key": "1", "a": "x", "n": "1.5"},
        {"_key": "2", "a": "w", "n": "2.5"},
    ]
    assert repo["d.confirmed"].key == ("_key",)


def test_rows_that_do_not_fit_are_refused(repo: Repo) -> None:
    with pytest.raises(NotFound, match="_key"):
        confirm_rows(repo, "d", pa.table({"id": [1]}))
    with pytest.raises(NotFound, match="'b'"):
        confirm_rows(repo, "d", pa.table({"_key": ["1"], "b": ["x"]}))
    with pytest.raises(NotFound):
        confirm_rows(repo, "d", pa.table({"_key": ["9"], "a": ["x"]}))
    with pytest.raises(UsageError, match="twice"):
        confirm_rows(repo, "d", pa.table({"_key": ["1", "1"], "a": ["x", "y"]}))
