"""Keys for rows made from other rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import SchemaError
from headwater.transforms.new_keys import new_keys
from headwater.versions.repo import Repo
from tests.transforms.cases import people, repo_of, source_of


def keys_for(repo: Repo, rows: list[int]) -> pa.Table:
    source = source_of(repo)
    table = repo["people"].to_arrow(list(source.key))
    return new_keys(source, table.take(pa.array(rows)))


def test_whole_numbers_go_on_after_the_greatest() -> None:
    assert keys_for(repo_of(people(10)), [3, 3, 0]).column("id").to_pylist() == [33, 34, 35]


def test_text_gets_a_suffix_that_is_free() -> None:
    repo = repo_of(people(4), key="email")
    assert keys_for(repo, [1, 1, 2]).column("email").to_pylist() == [
        "p1@mail.example~1",
        "p1@mail.example~2",
        "p2@mail.example~1",
    ]
    with repo.transaction("earlier copies") as tx:
        copy = people(4).slice(1, 1)
        tx.append("people", copy.set_column(6, "email", pa.array(["p1@mail.example~1"])))
    assert keys_for(repo, [1, 1, 4]).column("email").to_pylist() == [
        "p1@mail.example~2",
        "p1@mail.example~3",
        "p1@mail.example~1~1",
    ]


def test_of_a_composite_key_the_last_text_column_is_extended() -> None:
    made = keys_for(repo_of(people(10), key=["email", "id"]), [1, 1])
    assert made.to_pylist() == [
        {"email": "p1@mail.example~1", "id": 8},
        {"email": "p1@mail.example~2", "id": 8},
    ]
    dated = people(10).append_column("day", pa.array([0] * 10, pa.date32()))
    assert keys_for(repo_of(dated, key=["id", "day"]), [1]).column("id").to_pylist() == [33]


def test_a_dataset_without_a_key_needs_none() -> None:
    assert new_keys(source_of(repo_of(people(3), key=None)), pa.table({})).num_columns == 0


def test_a_key_that_cannot_be_extended_is_an_error_that_says_so() -> None:
    dated = people(3).append_column("day", pa.array([0, 1, 2], pa.date32()))
    with pytest.raises(SchemaError, match=r"none of its key columns \(day: date32"):
        keys_for(repo_of(dated, key="day"), [0])


def test_whole_numbers_that_run_out_are_an_error() -> None:
    small = people(100).set_column(0, "id", pa.array(np.arange(100) + 27, pa.int8()))
    repo = repo_of(small)
    assert keys_for(repo, [0]).column("id").to_pylist() == [127]
    with pytest.raises(SchemaError, match="not 2 numbers left after 126"):
        keys_for(repo, [0, 1])
