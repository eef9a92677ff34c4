"""The rows of findings are found in one read, in scan order, up to a limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from headwater.checks.base import RowFilter, Target
from headwater.checks.rows import Wanted, find_rows
from headwater.core.contract import Contract
from headwater.versions.repo import Repo
from tests.checks.targets import target_of

TABLE = pa.table({"id": range(100), "x": [i % 10 for i in range(100)]})


def test_conditions_and_filters_are_answered_together() -> None:
    even = RowFilter(("x",), lambda table: np.asarray(table["x"]) % 2 == 0)
    found = find_rows({0: Wanted("x = 9", 10), 1: Wanted(even, 50)}, target_of(TABLE, key="id"))
    assert found[0] == tuple(str(i) for i in range(9, 100, 10))
    assert found[1] == tuple(str(i) for i in range(0, 100, 2))


def test_no_more_than_the_limit_are_listed() -> None:
    target = replace(target_of(TABLE, key="id"), row_limit=3)
    assert find_rows({7: Wanted("x >= 0", 100)}, target) == {7: ("0", "1", "2")}


def test_deleted_rows_are_not_found_and_null_is_not_true() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", pa.table({"id": [1, 2, 3, 4], "x": [5, 5, None, 5]}), key="id")
    with repo.transaction("less") as tx:
        tx.delete("data", keys=[1])
    target = Target(dataset=repo["data"], contract=Contract(dataset="data"))
    assert find_rows({0: Wanted("x > 1", 2)}, target) == {0: ("2", "4")}


def test_without_a_key_rows_are_named_by_their_content() -> None:
    target = target_of(TABLE)
    (key,) = find_rows({0: Wanted("id = 42", 1)}, target)[0]
    assert target.dataset.take([key])["id"].to_pylist() == [42]
