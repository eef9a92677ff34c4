"""Rows by number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.reading.numbered import keys_at, rows_at
from headwater.versions.repo import Repo
from tests.places import Fresh


@pytest.mark.parametrize("key", ["id", None], ids=str)
def test_rows_and_keys_come_in_the_order_asked_for(fresh: Fresh, key: str | None) -> None:
    repo = Repo.init(fresh())
    for start in (0, 50):
        with repo.transaction("rows") as tx:
            tx.append("data", pa.table({"id": range(start, start + 50), "x": np.arange(50.0)}), key=key)
    with repo.transaction("some go") as tx:
        tx.delete("data", where="id % 3 = 0")
    dataset = repo["data"]
    whole = dataset.to_arrow()
    numbers = np.array([60, 2, 33, 2])
    assert rows_at(dataset, numbers).equals(whole.take(pa.array(numbers)))
    assert keys_at(dataset, numbers) == tuple(dataset.keys_of(whole.take(pa.array(numbers))))
    assert rows_at(dataset, numbers[:0], ["x"]).num_rows == 0
