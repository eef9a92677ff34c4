"""Complete rows made from other rows."""

from __future__ import annotations

import pyarrow as pa

from headwater.transforms.augmented import augmented_rows
from tests.transforms.cases import people, repo_of, source_of


def test_only_the_key_the_fresh_columns_and_the_marks_differ() -> None:
    table = people(4).append_column("_weight", pa.array([1.0, 2.0, 3.0, 4.0]))
    origins = table.take(pa.array([2, 2]))
    rows = augmented_rows(source_of(repo_of(table)), origins, pa.table({"age": pa.array([1, 2], pa.int64())}))
    assert rows.column("id").to_pylist() == [15, 16]
    assert rows.column("age").to_pylist() == [1, 2]
    assert rows.schema.field("age").type == pa.int32()
    assert rows.column("_augmented_from").to_pylist() == ["11", "11"]
    assert rows.column("_weight").to_pylist() == [None, None]
    rest = ["name", "city", "income", "sex", "email", "note", "approved"]
    assert rows.select(rest).equals(origins.select(rest))
