"""Values that Parquet cannot hold are named with their column and row, and nothing of them is kept."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import SchemaError
from headwater.store.unwritable import unwritable

FAR = 10**17
SECONDS = pa.timestamp("s")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2, FAR, 3, FAR], SECONDS),
        pa.array([1, None, -FAR, 3, 4], pa.timestamp("s", "UTC")),
        pa.array([[1], [], [2, FAR], None, [3]], pa.list_(SECONDS)),
        pa.array([{"t": value} for value in (1, 2, FAR, 3, 4)], pa.struct([("t", SECONDS)])),
    ],
    ids=["plain", "zone", "list", "struct"],
)
def test_a_time_that_no_file_can_hold_is_named_at_import_and_at_commit(
    tmp_path: Path, values: pa.Array
) -> None:
    repo = hw.init(tmp_path)
    table = pa.table({"id": ["a", "b", "c", "d", "e"], "seen": values})
    with pytest.raises(
        SchemaError, match=r"Column 'seen' .* where id 'c': .*timestamp\[ms\].*Correct"
    ) as caught:
        repo.import_("visits", table, key="id")
    assert caught.value.facts["column"] == "seen"
    with pytest.raises(SchemaError, match="in row 3 of its chunk"), repo.transaction("add") as tx:
        tx.append("visits", table)
    assert repo.datasets() == []


def test_the_first_bad_row_of_many_is_found() -> None:
    times = [0] * 100_000
    times[77_777] = times[99_000] = FAR
    error = unwritable(pa.table({"n": range(100_000), "at": pa.array(times, SECONDS)}))
    assert error is not None
    assert error.facts["row"] == 77_777


def test_rows_that_can_be_written_give_no_error() -> None:
    assert unwritable(pa.table({"at": pa.array([0, None], SECONDS), "x": [1.0, 2.0]})) is None
    assert unwritable(pa.table({"at": pa.array([], SECONDS)})) is None
