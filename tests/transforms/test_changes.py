"""Carrying edits out: with and without a key, composite keys, several chunks, mistakes in a transform."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import SchemaError, UsageError
from headwater.store import chunk as chunks
from headwater.transforms.base import Edit
from headwater.transforms.run import run
from tests.transforms.cases import Given, people, repo_of


@pytest.mark.parametrize("key", ["id", ["sex", "id"], None], ids=str)
def test_updates_deletions_new_columns_and_new_rows_go_into_one_commit(key: str | list[str] | None) -> None:
    table = people(20)
    repo = repo_of(table, key=key)
    fresh = table.slice(0, 2).set_column(0, "id", pa.array([1000, 1001]))
    cells = pa.table({"age": pa.array([1, 2, 3], pa.int32()), "seen": [True, False, True]})
    edits = (
        Edit(rows=np.array([4, 7, 11]), values=cells),
        Edit(delete=np.array([0, 9])),
        Edit(append=fresh.append_column("seen", pa.array([True, True]))),
    )
    result = run(repo, "people", Given(edits=edits, columns=("age", "seen")))
    rows = {row["id"]: row for row in repo["people"].to_arrow().to_pylist()}
    ids = table.column("id").to_pylist()
    assert len(rows) == 20 - 2 + 2
    assert not {ids[0], ids[9]} & rows.keys()
    assert [(rows[ids[n]]["age"], rows[ids[n]]["seen"]) for n in (4, 7, 11)] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert rows[ids[5]]["seen"] is None
    assert rows[1000]["seen"]
    assert len(list(repo.log())) == 2
    assert {name: result.record[name] for name in ("rows", "updated", "added", "deleted")} == {
        "rows": 20,
        "updated": 3,
        "added": 2,
        "deleted": 2,
    }
    assert result.record["columns_added"] == ["seen"]
    assert "3 row(s) updated, 2 row(s) added, 2 row(s) deleted, column(s) seen added" in result.summary()


@given(st.data())
def test_any_edit_does_the_same_with_and_without_a_key(data: st.DataObject) -> None:
    numbers = st.sets(st.integers(0, 29), max_size=10)
    gone = sorted(data.draw(numbers))
    changed = sorted(data.draw(numbers) - set(gone))
    edits = (
        Edit(
            rows=np.array(changed, np.int64),
            values=pa.table({"age": pa.array(range(len(changed)), pa.int32())}),
            delete=np.array(gone, np.int64),
        ),
    )
    prints = set()
    for key in ("id", None):
        repo = repo_of(people(30), key=key)
        run(repo, "people", Given(edits=edits))
        prints.add(repo["people"].fingerprint)
    assert len(prints) == 1


def test_rows_of_several_chunks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 16)
    repo = repo_of(people(0))
    for start in range(0, 60, 20):
        with repo.transaction("more") as tx:
            tx.append("people", people(60).slice(start, 20))
    assert len(repo["people"].chunks) > 1
    ids = people(60).column("id")
    rows = np.array([59, 3, 31])
    run(
        repo,
        "people",
        Given(edits=(Edit(rows=rows, values=pa.table({"age": pa.array([1, 2, 3], pa.int32())})),)),
    )
    after = {row["id"]: row["age"] for row in repo["people"].to_arrow().to_pylist()}
    assert [after[ids[int(row)].as_py()] for row in rows] == [1, 2, 3]


def test_a_column_that_turns_to_text_is_rewritten_as_text() -> None:
    for key in ("id", None):
        repo = repo_of(people(5), key=key)
        edit = Edit(rows=np.arange(5), values=pa.table({"age": list("abcde")}))
        run(repo, "people", Given(edits=(edit,)))
        assert repo["people"].schema.field("age").type == pa.string()
        assert sorted(repo["people"].to_arrow().column("age").to_pylist()) == list("abcde")


def test_a_transform_that_leaves_its_columns_is_stopped() -> None:
    repo = repo_of(people(5))
    edit = Edit(rows=np.array([0]), values=pa.table({"city": ["x"]}))
    with pytest.raises(SchemaError, match="planned to change column 'city'"):
        run(repo, "people", Given(edits=(edit,)))
    with pytest.raises(SchemaError, match="'id' is part of the key"):
        run(repo, "people", Given(columns=("id",)))


def test_a_transform_that_names_rows_that_are_not_there_is_stopped() -> None:
    repo = repo_of(people(5))
    edit = Edit(rows=np.array([5]), values=pa.table({"age": pa.array([1], pa.int32())}))
    with pytest.raises(UsageError, match="row 5 of a dataset of 5 rows"):
        run(repo, "people", Given(edits=(edit,)))


def test_a_transform_with_edits_of_different_columns_is_stopped() -> None:
    repo = repo_of(people(5))
    edits = (
        Edit(rows=np.array([0]), values=pa.table({"age": pa.array([1], pa.int32())})),
        Edit(rows=np.array([1]), values=pa.table({"city": ["x"]})),
    )
    with pytest.raises(SchemaError, match="different columns"):
        run(repo, "people", Given(edits=edits, columns=("age", "city")))


@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
def test_a_column_may_get_another_type_while_rows_go_to_quarantine(key: str | None) -> None:
    table = people(20)
    repo = repo_of(table, key=key)
    with repo.transaction("one goes") as tx:
        tx.delete("people", where="id = 8")
    edits = (
        Edit(rows=np.arange(5, 18), values=pa.table({"age": np.arange(13) / 2})),
        Edit(delete=np.array([0, 6]), divert=pa.array([None, "odd"])),
    )
    done = run(repo, "people", Given(edits=edits))
    rows = repo["people"].to_arrow().sort_by("id").to_pylist()
    ids = [n for n in table.column("id").to_pylist() if n != 8]
    assert [row["id"] for row in rows] == [ids[n] for n in range(19) if n not in (0, 6)]
    ages = {row["id"]: row["age"] for row in rows}
    assert ages[ids[5]] == 0.0
    assert ages[ids[8]] == 1.5
    old = dict(zip(table.column("id").to_pylist(), table.column("age").to_pylist(), strict=True))
    assert [ages[ids[n]] for n in (1, 18)] == [old[ids[1]], old[ids[18]]]
    assert repo["people"].schema.field("age").type == pa.float64()
    assert repo["people"].schema.names == table.schema.names
    waiting = repo["people.quarantine"].to_arrow().to_pylist()
    assert [(row["id"], row["_reason"]) for row in waiting] == [(ids[6], "odd")]
    assert (done.record["updated"], done.record["deleted"], done.record["quarantined"]) == (12, 2, 1)


@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
def test_a_column_may_go(key: str | None) -> None:
    repo = repo_of(people(20), key=key)
    done = run(repo, "people", Given(edits=(Edit(drop=("age",)),)))
    assert "age" not in repo["people"].schema.names
    assert done.record["columns_dropped"] == ["age"]
