"""Columns: known through steps by rows that say what they read, and unknown after others."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

import headwater as hw
from headwater.pipelines.run import run
from headwater.versions.repo import Repo
from tests.pipelines.flows import double, numbers


@hw.step(by_rows=True, reads=["y", "note"], into="named", key="id")
def name(rows: pa.Table) -> pa.Table:
    return pa.table({"label": pc.binary_join_element_wise(rows["note"], rows["y"].cast(pa.string()), "")})


@hw.step(into="first", key="id")
def first(rows: pa.Table) -> pa.Table:
    return rows.slice(0, 1)


@hw.pipeline
def both() -> None:
    doubled = double(hw.dataset("numbers"))
    name(doubled)
    first(doubled)


def test_each_column_is_followed_to_the_dataset_it_comes_from() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("numbers", numbers(5), key="id")
    made = run(repo, both).record.outputs
    assert made["named"]["columns"] == {
        "id": ["numbers.id"],
        "x": ["numbers.x"],
        "note": ["numbers.note"],
        "y": ["numbers.x"],
        "label": ["numbers.note", "numbers.x"],
    }
    assert made["first"]["columns"] is None
    assert made["first"]["from"] == ["numbers"]
