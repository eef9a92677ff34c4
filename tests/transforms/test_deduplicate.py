"""Keeping one of equal rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import HeadwaterError, NotFound
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

VALUES = st.none() | st.sampled_from(["a", "b"])


@given(st.lists(st.tuples(VALUES, st.none() | st.integers(0, 2)), max_size=40), st.randoms())
def test_of_each_group_the_smallest_key_stays(rows: list[tuple[str | None, int | None]], random: Any) -> None:
    ids = list(range(len(rows)))
    random.shuffle(ids)
    table = table_of(rows, ids)
    repo = repo_of(table)
    result = run(repo, "people", make("clean.deduplicate", {"columns": ["word", "number"]}))
    best: dict[Any, int] = {}
    for id_, row in zip(ids, rows, strict=True):
        alone = row == (None, None)
        name: Any = (row, id_) if alone else row
        best[name] = min(best.get(name, id_), id_)
    assert sorted(repo["people"].to_arrow().column("id").to_pylist()) == sorted(best.values())
    assert result.record["deleted"] == len(rows) - len(best)


def test_all_columns_but_the_key_count_by_default() -> None:
    rows: list[tuple[str | None, int | None]] = [("a", 1), ("a", 1), ("a", 2), ("a", 1)]
    repo = repo_of(table_of(rows, [4, 3, 2, 1]))
    result = run(repo, "people", make("clean.deduplicate"))
    assert sorted(repo["people"].to_arrow().column("id").to_pylist()) == [1, 2]
    assert result.record["groups"] == 1


def test_rows_without_a_key_are_counted_down_to_one() -> None:
    rows: list[tuple[str | None, int | None]] = [("a", 1)] * 3 + [("b", None)] * 2
    repo = repo_of(table_of(rows, [0] * 5), key=None)
    run(repo, "people", make("clean.deduplicate"))
    assert sorted(repo["people"].to_arrow().column("word").to_pylist()) == ["a", "b"]


def test_a_composite_key_orders_by_its_columns_in_turn() -> None:
    table = table_of([("a", 1)] * 3, [2, 1, 3]).append_column("part", pa.array(["y", "z", "x"]))
    repo = repo_of(table, key=["part", "id"])
    run(repo, "people", make("clean.deduplicate", {"columns": ["word"]}))
    assert repo["people"].to_arrow().column("part").to_pylist() == ["x"]


def test_nested_values_count_too() -> None:
    table = table_of([("a", 1)] * 3, [1, 2, 3]).append_column("tags", pa.array([[1, 2], [1, 2], [2, 1]]))
    repo = repo_of(table)
    run(repo, "people", make("clean.deduplicate"))
    assert sorted(repo["people"].to_arrow().column("id").to_pylist()) == [1, 3]


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(NotFound, match="wrd"):
        run(repo_of(table_of([], [])), "people", make("clean.deduplicate", {"columns": ["wrd"]}))


def test_messages_that_came_twice_go_once(shared: Any) -> None:
    csv = pytest.importorskip("pandas").read_csv(shared / "sms_spam" / "sms_spam.csv.gz")
    csv.insert(0, "id", np.arange(len(csv)))
    repo = Repo.init("memory://")
    with repo.transaction("messages") as tx:
        tx.append("sms", csv, key="id")
    result = run(repo, "sms", make("clean.deduplicate"))
    assert result.record["deleted"] == int(csv.drop(columns="id").duplicated().sum()) > 300
    kept = csv.drop_duplicates(["label", "text"])["id"]
    assert set(repo["sms"].to_arrow().column("id").to_pylist()) == set(kept)


def test_which_row_stays_and_what_it_takes_from_the_others_can_be_said() -> None:
    rows = pa.table(
        {
            "id": [1, 2, 3, 4],
            "text": [
                "the parcel never arrived here",
                "The parcel never  arrived here",
                "the parcel never arrived here!",
                "x",
            ],
            "phone": [None, "17", None, "4"],
            "stars": [1, 2, 3, 4],
            "at": pa.array([5, 9, 7, 1], pa.timestamp("s")),
        }
    )

    def after(**parameters: Any) -> list[dict[str, Any]]:
        repo = Repo.init("memory://")
        with repo.transaction("notes") as tx:
            tx.append("notes", rows, key="id")
        run(repo, "notes", make("clean.deduplicate", {"by": "text", "columns": ["text"], **parameters}))
        out: list[dict[str, Any]] = repo["notes"].to_arrow().sort_by("id").to_pylist()
        return out

    kept = {"key": 1, "first": 1, "last": 3, "complete": 2}
    for keep, key in kept.items():
        assert [row["id"] for row in after(keep=keep)] == [key, 4], keep
    assert after(keep="newest", order="at")[0]["id"] == 2
    assert after(keep="longest", order="text")[0]["id"] == 2
    merged = after(merge={"phone": "first", "stars": "max", "text": "longest"})[0]
    assert (merged["id"], merged["phone"], merged["stars"]) == (1, "17", 3)
    assert merged["text"] == "The parcel never  arrived here"


def test_rules_that_do_not_fit_are_refused() -> None:
    repo = repo_of(table_of([("a", 1)], [1]))
    for parameters, said in (
        ({"keep": "newest"}, "order"),
        ({"keep": "best"}, "best"),
        ({"merge": {"number": "concat"}}, "for text"),
        ({"merge": {"id": "max"}}, "key"),
        ({"by": "image"}, "none"),
    ):
        with pytest.raises(HeadwaterError, match=said):
            run(repo, "people", make("clean.deduplicate", parameters))


def test_entities_become_one_row(shared: Any) -> None:
    repo = Repo.init("memory://")
    people = pytest.importorskip("pandas").read_csv(shared / "er_febrl" / "dataset1.csv.gz", dtype=str)
    with repo.transaction("people") as tx:
        tx.append("people", people, key="rec_id")
    done = run(repo, "people", make("clean.deduplicate", {"by": "entities", "merge": {"surname": "first"}}))
    assert done.record["deleted"] == 500
    assert done.record["groups"] == 500


def table_of(rows: list[tuple[str | None, int | None]], ids: list[int]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "word": pa.array([row[0] for row in rows], pa.string()),
            "number": pa.array([row[1] for row in rows], pa.int64()),
            "sex": pa.array(["f"] * len(rows), pa.string()),
            "approved": pa.array([True] * len(rows), pa.bool_()),
        }
    )
