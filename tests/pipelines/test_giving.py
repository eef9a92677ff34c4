"""What a step is given and gives: as declared, or refused with both types."""

from __future__ import annotations

from typing import Any

import pandas
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import UsageError
from headwater.pipelines.giving import as_asked, in_pieces, require_type, rows_of
from headwater.pipelines.values import Kept, Pieces
from headwater.versions.repo import Repo

TABLE = pa.table({"x": [1, 2]})


def kept(value: Any) -> Kept:
    return Kept("name", "any", lambda: None, memory=[value])


@hw.step
def plain(rows: Any) -> Any:
    return rows


def test_a_dataset_a_frame_or_a_table_is_given_as_asked() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("d", TABLE)
    dataset = Pieces.of_dataset(repo["d"])
    assert as_asked(dataset, hw.Dataset) is dataset.dataset
    assert isinstance(as_asked(dataset, pandas.DataFrame), pandas.DataFrame)
    assert as_asked(kept(TABLE), pa.Table) is TABLE
    assert as_asked(kept(3), None) == 3


def test_rows_are_gone_through_and_written_and_other_things_are_not() -> None:
    assert in_pieces(kept(TABLE), plain).rows == 2
    assert rows_of(Pieces.of_table(TABLE), plain).read_all().equals(TABLE)
    for ask in (in_pieces, rows_of):
        with pytest.raises(UsageError, match="int"):
            ask(kept(3), plain)


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (int, 3, True),
        (int, "3", False),
        (float, 3, True),
        (None, None, True),
        (None, 3, False),
        (dict[str, int], {"a": 1}, True),
        (list[int], {"a": 1}, False),
        (pa.Table, pandas.DataFrame({"x": [1]}), True),
        (Any, object(), True),
    ],
)
def test_a_result_is_held_to_the_declared_type(kind: Any, value: Any, fits: bool) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = type(None) if kind is None else kind
    step = hw.step(function)
    if fits:
        require_type(step, value)
    else:
        with pytest.raises(UsageError, match="says that it gives"):
            require_type(step, value)
