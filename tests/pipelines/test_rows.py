"""Steps by rows: called for new rows alone, whatever happened to the others."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.core.errors import UsageError
from headwater.engine.local import LocalExecutor
from headwater.pipelines.rows import RowsDone, map_rows
from headwater.pipelines.step import Step, step
from headwater.pipelines.values import Pieces
from headwater.versions.repo import Repo

CALLED: list[int] = []


@step(by_rows=True, reads=["x"])
def twice(rows: pa.Table) -> pa.Table:
    CALLED.append(rows.num_rows)
    return pa.table({"y": pc.multiply(rows["x"], 2), "x": pc.add(rows["x"], 1)})


@step(by_rows=True)
def only_x(rows: pa.Table) -> pa.Table:
    CALLED.append(rows.num_rows)
    return rows.select(["x"])


@pytest.fixture
def repo() -> Repo:
    CALLED.clear()
    repo = Repo.init("memory://")
    with repo.transaction("one") as tx:
        tx.append("d", pa.table({"id": range(100), "x": range(100), "note": ["a"] * 100}), key="id")
    return repo


def done(repo: Repo, what: Step, source: Pieces | None = None, **others: Any) -> RowsDone:
    return map_rows(
        what,
        f"key {what.name}",
        source or Pieces.of_dataset(repo["d"]),
        others,
        cache=repo.cache,
        executor=LocalExecutor(2),
    )


def test_what_it_gives_joins_the_other_columns(repo: Repo) -> None:
    rows = done(repo, twice).value.load()
    assert rows.schema.names == ["id", "x", "note", "y"]
    assert rows.slice(3, 1).to_pylist() == [{"id": 3, "x": 4, "note": "a", "y": 6}]
    assert done(repo, only_x).value.load().schema.names == ["x"]


def test_only_new_and_changed_rows_are_called(repo: Repo) -> None:
    assert done(repo, twice).called_rows == 100
    assert done(repo, twice).called_rows == 0
    with repo.transaction("change") as tx:
        tx.upsert("d", pa.table({"id": [1, 2, 3], "x": [10, 20, 30]}))
        tx.delete("d", keys=[50])
        tx.append("d", pa.table({"id": [200], "x": [7], "note": ["b"]}))
    found = done(repo, twice)
    assert found.called_rows == 4
    assert found.known_rows == 96
    assert sum(CALLED) == 104
    rows = {row["id"]: row["y"] for row in found.value.load().to_pylist()}
    assert rows == {row["id"]: 2 * row["x"] for row in repo["d"].to_arrow().to_pylist()}


def test_a_change_of_columns_it_does_not_read_calls_nothing(repo: Repo) -> None:
    done(repo, twice)
    with repo.transaction("a column") as tx:
        tx.add_columns("d", pa.table({"id": range(100), "more": range(100)}))
    found = done(repo, twice)
    assert found.called_rows == 0
    assert "more" in found.value.load().schema.names


@step(by_rows=True, reads=["note", "y"])
def tell(rows: pa.Table) -> pa.Table:
    CALLED.append(rows.num_rows)
    return pa.table({"told": pc.binary_join_element_wise(rows["note"], rows["y"].cast(pa.string()), "")})


def test_a_later_step_sees_a_column_change_that_an_earlier_one_does_not_read(repo: Repo) -> None:
    first = done(repo, twice).value
    assert done(repo, tell, first).value.load()["told"][3].as_py() == "a6"
    with repo.transaction("other notes, in place") as tx:
        field = pa.field("note", pa.string())
        tx.compute_columns("d", [field], lambda chunk: pa.table({"note": ["b"] * chunk.rows}))
    again = done(repo, twice)
    assert again.called_rows == 0
    last = done(repo, tell, again.value)
    assert last.called_rows == 100
    assert last.value.load()["told"][3].as_py() == "b6"
    assert done(repo, tell, done(repo, twice).value).called_rows == 0


def test_rows_that_come_back_are_called_again(repo: Repo) -> None:
    head = repo.head
    with repo.transaction("less") as tx:
        tx.delete("d", keys=list(range(50)))
    assert done(repo, twice).called_rows == 50
    assert done(repo, twice, Pieces.of_dataset(repo.at(str(head))["d"])).called_rows == 100
    assert done(repo, twice, Pieces.of_dataset(repo.at(str(head))["d"])).value.rows == 100


def test_steps_by_rows_follow_each_other(repo: Repo) -> None:
    first = done(repo, twice).value
    second = done(repo, twice, first)
    assert second.value.load().slice(3, 1).to_pylist() == [{"id": 3, "x": 5, "note": "a", "y": 8}]
    with repo.transaction("change") as tx:
        tx.upsert("d", pa.table({"id": [1], "x": [10]}))
    assert done(repo, twice, done(repo, twice).value).called_rows == 1


def test_no_rows_are_no_trouble(repo: Repo) -> None:
    with repo.transaction("nothing left") as tx:
        tx.delete("d", where="true")
    found = done(repo, twice)
    assert found.value.load().schema.names == ["id", "x", "note", "y"]
    assert found.called_rows == found.value.rows == 0


def test_what_a_function_gives_wrongly_is_told(repo: Repo) -> None:
    fewer = step(by_rows=True)(_fewer)
    with pytest.raises(UsageError, match="99 rows for 100"):
        done(repo, fewer)
    with pytest.raises(UsageError, match="must give a table; it gave a int"):
        done(repo, step(by_rows=True)(_number))
    with pytest.raises(UsageError, match="reads column 'z'"):
        done(repo, step(by_rows=True, reads=["z"])(_fewer))


def test_other_types_for_some_rows_are_put_together_or_told(repo: Repo) -> None:
    source = Pieces.of_table(pa.table({"x": range(200_000)}))
    wide = done(repo, step(by_rows=True)(_mixed_numbers), source).value
    assert wide.load()["y"].type == pa.float64()
    with pytest.raises(UsageError, match="other types for some rows"):
        done(repo, step(by_rows=True)(_mixed), source)


def test_other_columns_for_some_rows_are_told(repo: Repo) -> None:
    source = Pieces.of_table(pa.table({"x": range(200_000)}))
    with pytest.raises(UsageError, match="gives the columns y for some rows, and z for others"):
        done(repo, step(by_rows=True)(_other_columns), source)


def _other_columns(rows: pa.Table) -> pa.Table:
    return pa.table({"y" if rows["x"][0].as_py() == 0 else "z": rows["x"]})


def _fewer(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def _number(rows: pa.Table) -> int:
    return int(rows.num_rows)


def _mixed_numbers(rows: pa.Table) -> pa.Table:
    return pa.table({"y": rows["x"] if rows["x"][0].as_py() == 0 else rows["x"].cast(pa.float64())})


def _mixed(rows: pa.Table) -> pa.Table:
    return pa.table({"y": rows["x"] if rows["x"][0].as_py() == 0 else pa.array([b"a"] * rows.num_rows)})
