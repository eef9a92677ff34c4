"""Transactions: changes to several datasets become one commit or none, on top of whatever came meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from headwater.core.contract import Contract, promises
from headwater.core.errors import GateClosed, InvalidKeys, MergeConflict, NotFound, SchemaError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.reading.chunks import DatasetChunk
from headwater.store.commit import Commit, Provenance
from headwater.versions.fsck import verify
from headwater.versions.repo import Repo
from headwater.versions.transaction import Transaction
from tests.places import Fresh

ROWS = [{"id": 1, "a": "x", "b": 1.5}, {"id": 2, "a": "y", "b": None}, {"id": 3, "a": "z", "b": 2.0}]
PAIRS = [{"k": 1, "j": "u", "v": 1}, {"k": 1, "j": "w", "v": 2}]
LOOSE = [{"v": 1}, {"v": 1}, {"v": None}]

Change = Callable[[Transaction], Any]


@pytest.fixture
def repo(place: str) -> Repo:
    """A repository with a dataset with a key, one with a composite key, and one without."""
    made = Repo.init(place)
    made.executor = LocalExecutor(1)
    with made.transaction("first") as tx:
        tx.append("p", ROWS, key="id")
        tx.append("c", PAIRS, key=["k", "j"])
        tx.append("n", LOOSE)
    return made


def rows(repo: Repo, name: str = "p") -> list[dict[str, Any]]:
    """Return the rows, ordered by their text."""
    found: list[dict[str, Any]] = sorted(repo[name].to_arrow().to_pylist(), key=repr)
    return found


def changed(repo: Repo, change: Change) -> list[dict[str, Any]]:
    """Return the rows of ``p`` after a change."""
    with repo.transaction("change") as tx:
        change(tx)
    return rows(repo)


# One commit


def test_changes_to_several_datasets_are_one_commit(repo: Repo) -> None:
    before = repo.head
    with repo.transaction("several") as tx:
        tx.upsert("p", [{"id": 1, "a": "X"}])
        tx.delete("c", keys=[(1, "u")])
        tx.append("new", [{"x": 1}])
        tx.drop("n")
    assert repo.commit(str(repo.head)).parents == (before,)
    assert repo.datasets() == ["c", "new", "p"]
    assert (repo["p"].num_rows, repo["c"].num_rows, repo["new"].num_rows) == (3, 1, 1)
    assert repo.at("main~1").datasets() == ["c", "n", "p"]


def test_a_commit_says_who_when_why_and_where_from(repo: Repo) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    source = Provenance(kind="transform", id="clean.trim", parameters={"columns": ["a"]}, seed=7)
    with repo.transaction("naïve change\n\nmore", author="Ada ☕", time=when, provenance=source) as tx:
        tx.drop("n")
    commit = repo.commit(str(tx.commit_id))
    assert (commit.message, commit.author, commit.time) == ("naïve change\n\nmore", "Ada ☕", when)
    assert commit.provenance == source


def test_inside_a_transaction_its_changes_are_seen_and_outside_they_are_not(repo: Repo) -> None:
    with repo.transaction("look") as tx:
        tx.append("p", [{"id": 9}])
        tx.append("new", [{"x": 1}])
        assert (tx["p"].num_rows, tx["p"].commit, repo["p"].num_rows) == (4, None, 3)
        assert tx["p"].at("main").num_rows == 3
        assert ("new" in tx, "new" in repo, "none" in tx) == (True, False, False)
        with pytest.raises(
            NotFound, match=r"Dataset 'none' not found in branch 'main'. Datasets: c, n, new, p"
        ):
            tx["none"]
    assert repo["p"].num_rows == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: None,
        lambda tx: tx.upsert("p", ROWS),
        lambda tx: tx.upsert("p", {"id": [1, 2]}),
        lambda tx: tx.upsert("p", pa.table({"id": pa.array([], pa.int64())})),
        lambda tx: tx.overwrite("p", ROWS[::-1]),
        lambda tx: tx.overwrite("n", LOOSE[::-1]),
        lambda tx: tx.append("p", pa.table({"id": pa.array([], pa.int64())})),
        lambda tx: tx.delete("p", keys=[]),
        lambda tx: tx.delete("p", where="id > 99"),
        lambda tx: tx.drop_columns("p", []),
        lambda tx: tx.rename_columns("p", {}),
        lambda tx: tx.rename_columns("p", {"a": "a"}),
        lambda tx: (tx.append("t", [{"x": 1}]), tx.drop("t")),
    ],
)
def test_what_changes_nothing_makes_no_commit(repo: Repo, change: Change) -> None:
    head = repo.head
    with repo.transaction("nothing") as tx:
        change(tx)
        assert tx.is_empty
    assert (repo.head, tx.commit_id) == (head, head)


def test_an_error_leaves_the_branch_and_its_datasets(repo: Repo) -> None:
    head, half = repo.head, repo.transaction("half")

    def fails() -> None:
        with half as tx:
            tx.append("p", [{"id": 9}])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fails()
    assert (repo.head, half.commit_id, rows(repo)) == (head, None, ROWS)


def test_a_failed_change_leaves_the_earlier_ones_of_its_transaction(repo: Repo) -> None:
    with repo.transaction("half") as tx:
        tx.append("p", [{"id": 9, "a": "kept"}])
        with pytest.raises(InvalidKeys):
            tx.append("p", [{"id": 10}, {"id": 9}])
    assert [row["id"] for row in rows(repo)] == [1, 2, 3, 9]


def test_a_hook_can_stop_a_commit(repo: Repo) -> None:
    def gate(repo: Repo, branch: str, commit: Commit) -> None:
        raise GateClosed(f"not to {branch}: {commit.summary}")

    repo.hooks.append(gate)
    head = repo.head
    with pytest.raises(GateClosed, match="not to main: why"), repo.transaction("why") as tx:
        tx.drop("n")
    assert repo.head == head


def test_committed_twice_it_makes_one_commit(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("once") as tx:
        tx.append("n", [{"v": 1}, {"v": 1}])
        first = tx.commit()
    assert tx.commit_id == first == repo.head
    assert repo["n"].num_rows == 2


def test_it_can_go_on_after_a_commit(repo: Repo) -> None:
    with repo.transaction("in two") as tx:
        tx.append("n", [{"v": 7}])
        first = tx.commit()
        tx.append("n", [{"v": 8}])
    assert tx.commit_id == repo.head != first
    assert [row["v"] for row in repo["n"].to_arrow().to_pylist()] == [1, 1, None, 7, 8]


def test_it_needs_a_message_and_a_branch(repo: Repo) -> None:
    with pytest.raises(UsageError, match="needs a message"):
        repo.transaction(" \n")
    with pytest.raises(UsageError, match="cannot change"):
        repo.at("main").transaction("why")


def test_the_first_commit_makes_a_branch(repo: Repo) -> None:
    side = repo.branch("ünï/side")
    assert "ünï/side" not in repo.branches()
    with side.transaction("start") as tx:
        tx.drop("n")
    assert repo.branches()["ünï/side"] == tx.commit_id
    assert (repo.datasets(), side.datasets()) == (["c", "n", "p"], ["c", "p"])


# Changes


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ([1], [2, 3]),
        ([1, 1], [2, 3]),
        ([(1,), (2,)], [3]),
        (range(1, 4), []),
        ([1.0], [2, 3]),
        ([{"id": 2, "a": "whatever"}], [1, 3]),
        ({"id": [3]}, [1, 2]),
        (pa.table({"id": pa.array([3], pa.int8())}), [1, 2]),
        ({1, 2}, [3]),
        (np.array([1, 3]), [2]),
        (np.array([2.0]), [1, 3]),
        (np.array([], np.int64), [1, 2, 3]),
        (pa.array([1]), [2, 3]),
        (pa.chunked_array([[1], [2]]), [3]),
        (pd.Series([2, 3]), [1]),
        (pl.Series([2, 3]), [1]),
        (pd.DataFrame({"id": [2]}), [1, 3]),
        (pl.DataFrame({"id": [2]}), [1, 3]),
        ([pa.record_batch({"id": [1]}), pa.record_batch({"id": [3]})], [2]),
    ],
)
def test_rows_are_deleted_by_key(repo: Repo, keys: Any, left: list[int]) -> None:
    with repo.transaction("delete") as tx:
        assert tx.delete("p", keys=keys) == 3 - len(left)
    assert [row["id"] for row in rows(repo)] == left


def test_each_row_of_a_list_updates_the_cells_that_it_names(repo: Repo) -> None:
    before = {row["id"]: row for row in rows(repo)}
    with repo.transaction("some cells") as tx:
        tx.upsert("p", [{"id": 1, "a": "new"}, {"id": 2, "b": 77}, {"id": 9, "b": 5}])
    after = {row["id"]: row for row in rows(repo)}
    assert after[1] == {**before[1], "a": "new"}
    assert after[2] == {**before[2], "b": 77}
    assert after[9] == {"id": 9, "a": None, "b": 5}
    head = repo.head
    with pytest.raises(NotFound), repo.transaction("bad") as tx:
        tx.upsert("p", [{"id": 1, "a": "newer"}, {"a": "without key"}])
    assert repo.head == head


def test_rows_are_deleted_by_a_stream_of_keys(repo: Repo) -> None:
    with repo.transaction("delete") as tx:
        assert tx.delete("p", keys=(number for number in (1, 2))) == 2
        batches = pa.table({"id": [3]}).to_reader()
        assert tx.delete("p", keys=batches) == 1
    assert rows(repo) == []


@pytest.mark.parametrize("keys", [[(1, "u")], [[1, "u"]], [{"k": 1, "j": "u"}], {"k": [1], "j": ["u"]}])
def test_rows_are_deleted_by_composite_key(repo: Repo, keys: Any) -> None:
    with repo.transaction("delete") as tx:
        assert tx.delete("c", keys=keys) == 1
    assert rows(repo, "c") == PAIRS[1:]


@pytest.mark.parametrize(
    ("where", "left"),
    [("true", []), ("b > 1", [2]), ("b IS NULL", [1, 3]), ("a IN ('x', 'y') -- both", [3])],
)
def test_rows_are_deleted_by_condition(repo: Repo, where: str, left: list[int]) -> None:
    with repo.transaction("delete") as tx:
        assert tx.delete("p", where=where) == 3 - len(left)
    assert [row["id"] for row in rows(repo)] == left


def test_equal_rows_are_deleted_together(repo: Repo) -> None:
    with repo.transaction("delete") as tx:
        assert tx.delete("n", where="v = 1") == 2
    assert rows(repo, "n") == [{"v": None}]


def test_deleted_rows_can_come_back(repo: Repo) -> None:
    changed(repo, lambda tx: tx.delete("p", where="true"))
    assert repo["p"].num_rows == 0
    assert changed(repo, lambda tx: tx.append("p", ROWS)) == ROWS
    assert repo["p"].fingerprint == repo.at("main~2")["p"].fingerprint


def test_an_upsert_changes_the_cells_it_has(repo: Repo) -> None:
    assert changed(repo, lambda tx: tx.upsert("p", [{"id": 1, "b": None}, {"id": 4, "b": 0.5}])) == [
        {"id": 1, "a": "x", "b": None},
        *ROWS[1:],
        {"id": 4, "a": None, "b": 0.5},
    ]


def test_columns_come_go_and_are_renamed_without_changing_rows(repo: Repo) -> None:
    with repo.transaction("columns") as tx:
        tx.add_columns("p", [{"id": 1, "c": [1, 2]}, {"id": 3, "c": None}])
        tx.rename_columns("p", {"a": "alpha"})
        tx.drop_columns("p", ["b"])
    assert repo["p"].schema.names == ["id", "alpha", "c"]
    assert rows(repo)[0] == {"id": 1, "alpha": "x", "c": [1, 2]}
    stat = repo.diff()["p"].stat()
    assert (stat["changed"], stat["unchanged"]) == (0, 3)


def test_columns_swap_names_and_the_key_is_renamed(repo: Repo) -> None:
    swapped = changed(repo, lambda tx: tx.rename_columns("p", {"a": "b", "b": "a", "id": "ключ"}))
    assert swapped[0] == {"ключ": 1, "b": "x", "a": 1.5}
    assert repo["p"].key == ("ключ",)
    with repo.transaction("by the new name") as tx:
        assert tx.delete("p", keys=[1]) == 1


def test_columns_are_added_by_order_without_a_key(repo: Repo) -> None:
    with repo.transaction("add") as tx:
        tx.add_columns("n", {"c": ["u", "v", "w"]})
    assert repo["n"].to_arrow().to_pylist()[2] == {"v": None, "c": "w"}


def test_a_dataset_without_a_key_is_a_multiset(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("twice one") as tx:
        tx.append("n", [{"v": 1}, {"v": 1}, {"v": 2}])
    with repo.transaction("twice two") as tx:
        tx.overwrite("n", [{"v": 1}, {"v": 2}, {"v": 2}])
    stat = repo.diff()["n"].stat()
    assert (stat["added"], stat["removed"], stat["unchanged"]) == (1, 1, 2)
    assert sorted(repo["n"].to_arrow().column("v").to_pylist()) == [1, 2, 2]


def test_nan_and_null_are_different_values_and_each_equal_to_itself(repo: Repo) -> None:
    nan = float("nan")
    with repo.transaction("odd") as tx:
        tx.append("odd", [{"v": nan}, {"v": nan}, {"v": None}, {"v": 0.0}])
    head = repo.head
    with repo.transaction("again") as tx:
        tx.overwrite("odd", [{"v": None}, {"v": nan}, {"v": -0.0}, {"v": nan}])
    assert repo.head == head
    with repo.transaction("one less") as tx:
        assert tx.delete("odd", where="isnan(v)") == 2


def test_a_dropped_dataset_can_be_made_anew_with_another_key(repo: Repo) -> None:
    with repo.transaction("anew") as tx:
        tx.drop("p")
        tx.append("p", [{"a": "only"}], key="a")
    assert (repo["p"].key, rows(repo)) == (("a",), [{"a": "only"}])


@pytest.mark.parametrize(
    ("data", "options", "kind"),
    [
        ({"v": pa.array([2**40], pa.int64())}, {}, pa.int64()),
        ({"v": pa.array([1.0], pa.float64())}, {}, pa.float64()),
        ({"v": pa.array([None], pa.null())}, {"schema_change": "none"}, pa.int32()),
        ({"v": ["text"]}, {"schema_change": "any"}, pa.string()),
        ({"v": [date(2026, 1, 1)]}, {"schema_change": "any"}, pa.string()),
    ],
)
def test_a_column_widens_as_far_as_allowed(
    repo: Repo, data: Any, options: dict[str, Any], kind: pa.DataType
) -> None:
    with repo.transaction("narrow") as tx:
        tx.append("t", {"v": pa.array([1], pa.int32())})
        tx.append("t", data, **options)
    assert repo["t"].schema.field("v").type == kind
    assert repo["t"].num_rows == 2


def test_bad_rows_are_kept_in_quarantine_across_commits_and_schemas(repo: Repo) -> None:
    for data in ([{"id": 1, "a": "dup"}, {"id": None}, {"id": 7}], [{"id": 7, "extra": 1}], [{"id": 8}]):
        with repo.transaction("bad") as tx:
            tx.append("p", data, on_bad_rows="quarantine")
    waiting = repo["p.quarantine"].to_arrow()
    assert waiting.schema.names == ["id", "a", "b", "_reason", "extra"]
    assert sorted(waiting.column("_reason").to_pylist()) == ["duplicate key", "duplicate key", "null in key"]
    assert [row["id"] for row in rows(repo)] == [1, 2, 3, 7, 8]


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda tx: tx.append("p", [{"id": 1, "a": "again"}]), InvalidKeys, "there already: 1"),
        (lambda tx: tx.append("c", [PAIRS[0]]), InvalidKeys, r"\(1, 'u'\)"),
        (lambda tx: tx.append("c", [{"k": 1, "j": None}]), InvalidKeys, "no value in the key 'k', 'j'"),
        (lambda tx: tx.append("c", [{"k": 1}]), NotFound, "Column 'j' not found"),
        (lambda tx: tx.upsert("p", [{"id": None}]), InvalidKeys, "row 0"),
        (lambda tx: tx.upsert("p", [{"id": 5}, {"id": 5}]), InvalidKeys, "repeat a key"),
        (lambda tx: tx.overwrite("p", [*ROWS, ROWS[0]]), InvalidKeys, "repeat a key"),
        (lambda tx: tx.upsert("p", [{"id": "text"}]), SchemaError, "schema_change='any'"),
        (lambda tx: tx.upsert("p", [{"id": 1.5}]), SchemaError, "does not fit"),
        (lambda tx: tx.upsert("n", [{"v": 1}]), UsageError, "has no key"),
        (lambda tx: tx.append("q", [{"k": 1.5}], key="k"), SchemaError, "cannot be a key"),
        (lambda tx: tx.append("q", [{"k": float("nan")}], key="k"), SchemaError, "cannot be a key"),
        (lambda tx: tx.append("q", [{"k": 1}], key="nope"), NotFound, "Column 'nope' not found"),
        (lambda tx: tx.append("p", [{"id": 9}], key="a"), UsageError, r"has the key \['id'\]"),
        (lambda tx: tx.append("p", [{"id": 9, "z": 1}], schema_change="none"), SchemaError, "no column 'z'"),
        (lambda tx: tx.append("n", [{"v": "x"}]), SchemaError, "is int64, the incoming rows have string"),
        (lambda tx: tx.append("bad name", [{"id": 1}]), UsageError, "not a valid dataset name"),
        (lambda tx: tx.append("a@b", [{"id": 1}]), UsageError, "not a valid dataset name"),
        (lambda tx: tx.append("..", [{"id": 1}]), UsageError, "not a valid dataset name"),
        (lambda tx: tx.append("", [{"id": 1}]), UsageError, "not a valid dataset name"),
        (lambda tx: tx.upsert("absent", [{"id": 1}]), NotFound, "Dataset 'absent' not found"),
        (lambda tx: tx.drop("absent"), NotFound, "Dataset 'absent' not found"),
        (lambda tx: (tx.drop("p"), tx.drop("p")), NotFound, "Dataset 'p' not found"),
        (lambda tx: tx.delete("p"), UsageError, "exactly one of keys= and where="),
        (lambda tx: tx.delete("p", keys=[1], where="true"), UsageError, "exactly one"),
        (lambda tx: tx.delete("p", where="nowhere > 3"), UsageError, "does not fit"),
        (lambda tx: tx.delete("p", where="true; DROP TABLE p"), UsageError, "does not fit"),
        (lambda tx: tx.delete("p", keys=[1, 77]), NotFound, r"key {'id': 77} \(1 of 2 keys"),
        (lambda tx: tx.delete("p", keys=[None]), NotFound, "Nothing was deleted"),
        (lambda tx: tx.delete("p", keys=[1.5]), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("p", keys=["1"]), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("p", keys={"id": ["1"]}), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("p", keys=np.array(["1"])), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("p", keys=np.array([1.5])), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("c", keys=[(1,)]), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("c", keys=[1]), SchemaError, "do not fit the key"),
        (lambda tx: tx.delete("p", keys={"x": [1]}), NotFound, "Column 'id' not found"),
        (lambda tx: tx.delete("n", keys=[1]), UsageError, "Delete by a condition"),
        (lambda tx: tx.drop_columns("p", ["id"]), SchemaError, "part of the key"),
        (lambda tx: tx.drop_columns("p", ["nope"]), NotFound, "Column 'nope' not found"),
        (lambda tx: tx.rename_columns("p", {"a": "b"}), SchemaError, "two columns"),
        (lambda tx: tx.rename_columns("p", {"a": ""}), SchemaError, "needs a name"),
        (lambda tx: tx.rename_columns("p", {"nope": "b"}), NotFound, "Column 'nope' not found"),
        (lambda tx: tx.add_columns("p", {"id": [1]}), SchemaError, "no column to add"),
        (lambda tx: tx.add_columns("p", {"id": [1], "a": ["x"]}), SchemaError, "already has the column 'a'"),
        (lambda tx: tx.add_columns("p", {"id": [77], "c": [1]}), InvalidKeys, "{'id': 77}"),
        (lambda tx: tx.add_columns("p", {"id": [1, 1], "c": [1, 2]}), InvalidKeys, "repeat a key"),
        (lambda tx: tx.add_columns("n", {"c": [1, 2]}), SchemaError, "need as many rows"),
        (lambda tx: tx.set_contract("absent", None), NotFound, "Dataset 'absent' not found"),
        (lambda tx: tx.set_tags("p", "nope", {}), NotFound, "Column 'nope' not found"),
        (lambda tx: tx.set_tags("p", "a", {"x": {1}}), UsageError, "cannot be written as JSON"),
        (lambda tx: tx.set_tags("p", "a", {"x": float("nan")}), UsageError, "cannot be written as JSON"),
        (lambda tx: tx.append("new", {"a": [1]}, key=["a", "a"]), UsageError, "names a column twice"),
        (
            lambda tx: tx.append("p", {"id": [9]}, schema_change="sometimes"),
            UsageError,
            "schema_change is one",
        ),
        (
            lambda tx: tx.upsert("p", {"id": [9]}, schema_change="sometimes"),
            UsageError,
            "schema_change is one",
        ),
        (lambda tx: tx.overwrite("p", {"id": [9]}, on_bad_rows="skip"), UsageError, "on_bad_rows is one of"),
        (lambda tx: tx.overwrite("n", {}), UsageError, "have no columns"),
        (lambda tx: tx.append("n", pa.table({})), UsageError, "have no columns"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_the_branch(
    repo: Repo, change: Change, error: type[Exception], match: str
) -> None:
    head = repo.head
    with pytest.raises(error, match=match), repo.transaction("bad") as tx:
        change(tx)
    assert repo.head == head


# Contracts and tags


def promise(tx: Transaction, label: str, **more: Any) -> None:
    """Set a contract for ``p``."""
    columns = promises(tx["p"].schema, ["id"])
    tx.set_contract("p", Contract(dataset="p", columns=columns, key=("id",), label=label, **more))


def test_a_contract_is_set_kept_by_changes_of_rows_and_taken_away(repo: Repo) -> None:
    with repo.transaction("promise") as tx:
        promise(tx, "a", sensitive=("b",))
        tx.set_tags("p", "a", {"unit": "€"})
    changed(repo, lambda tx: tx.upsert("p", [{"id": 1, "a": "X"}]))
    contract = repo["p"].contract
    assert contract is not None
    assert (contract.label, contract.sensitive) == ("a", ("b",))
    assert repo["p"].manifest.tags == {"a": {"unit": "€"}}
    changed(repo, lambda tx: tx.set_contract("p", None))
    assert repo["p"].contract is None


@pytest.mark.parametrize("roles", [{"label": "nope"}, {"label": "a", "sensitive": ("nope",)}])
def test_a_contract_names_columns_that_are_there(repo: Repo, roles: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="Column 'nope' not found"), repo.transaction("promise") as tx:
        promise(tx, **roles)


# The branch moves meanwhile


def raced(repo: Repo, first: Change, second: Change) -> Transaction:
    """Begin two transactions at the same commit, commit the first, and return the second."""
    ahead, behind = repo.transaction("ahead"), repo.transaction("behind")
    first(ahead)
    second(behind)
    ahead.commit()
    return behind


def up(**cells: Any) -> Change:
    """Return the change of one row of ``p``."""
    return lambda tx: tx.upsert("p", [cells])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (up(id=1, a="1"), up(id=2, a="2"), [(1, "1"), (2, "2"), (3, "z")]),
        (up(id=7, a="7"), up(id=8, a="8"), [(1, "x"), (2, "y"), (3, "z"), (7, "7"), (8, "8")]),
        (up(id=1, a="1"), up(id=1, a="1"), [(1, "1"), (2, "y"), (3, "z")]),
        (lambda tx: tx.delete("p", keys=[1]), up(id=2, a="2"), [(2, "2"), (3, "z")]),
        (lambda tx: tx.delete("p", keys=[1]), lambda tx: tx.delete("p", keys=[1]), [(2, "y"), (3, "z")]),
        (lambda tx: tx.drop_columns("p", ["b"]), up(id=1, a="1"), [(1, "1"), (2, "y"), (3, "z")]),
        (lambda tx: tx.drop("n"), up(id=1, a="1"), [(1, "1"), (2, "y"), (3, "z")]),
        (
            lambda tx: tx.overwrite("p", [*ROWS[1:], {"id": 4, "a": "w"}]),
            up(id=5, a="v"),
            [(2, "y"), (3, "z"), (4, "w"), (5, "v")],
        ),
    ],
)
def test_changes_of_other_rows_are_rebased(
    repo: Repo, first: Change, second: Change, expected: list[tuple[int, str]]
) -> None:
    behind = raced(repo, first, second)
    moved = repo.head
    assert behind.commit() == repo.head
    assert [(row["id"], row["a"]) for row in rows(repo)] == expected
    assert moved in (repo.head, *repo.commit(str(repo.head)).parents)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        (up(id=1, a="1"), up(id=1, a="2"), "1"),
        (up(id=1, a="1"), up(id=1, b=9.0), "1"),
        (up(id=7, a="1"), up(id=7, a="2"), "7"),
        (lambda tx: tx.delete("p", keys=[2]), up(id=2, a="2"), "2"),
        (up(id=2, a="2"), lambda tx: tx.delete("p", where="id = 2"), "2"),
        (lambda tx: tx.overwrite("p", ROWS[:2]), up(id=3, a="3"), "3"),
        (lambda tx: tx.drop("p"), up(id=1, a="1"), None),
        (up(id=1, a="1"), lambda tx: tx.drop("p"), None),
    ],
)
def test_a_conflict_commits_nothing_and_loses_nothing(
    repo: Repo, first: Change, second: Change, key: str | None
) -> None:
    behind = raced(repo, first, second)
    moved, held = repo.head, sorted(map(repr, rows(repo))) if "p" in repo else None
    with pytest.raises(
        MergeConflict, match="Nothing was committed; make the change on the new head"
    ) as caught:
        behind.commit()
    assert set(caught.value.conflicts.column("key").to_pylist()) == {key}
    assert set(caught.value.conflicts.column("dataset").to_pylist()) == {"p"}
    assert repo.head == moved
    assert (sorted(map(repr, rows(repo))) if "p" in repo else None) == held
    if "p" in repo:
        with repo.transaction("again, on the new head") as tx:
            tx.set_tags("p", "a", {"seen": True})


def test_in_a_conflict_the_other_datasets_are_not_committed_either(repo: Repo) -> None:
    def both(tx: Transaction) -> None:
        tx.append("n", [{"v": 9}])
        tx.upsert("p", [{"id": 1, "a": "2"}])

    behind = raced(repo, up(id=1, a="1"), both)
    with pytest.raises(MergeConflict):
        behind.commit()
    assert repo["n"].num_rows == 3


def test_rows_without_a_key_from_both_sides_are_all_there(repo: Repo) -> None:
    raced(repo, lambda tx: tx.append("n", [{"v": 5}]), lambda tx: tx.append("n", [{"v": 5}])).commit()
    assert [row["v"] for row in rows(repo, "n")] == [1, 1, 5, 5, None]


def test_two_may_make_the_same_dataset_with_other_rows(repo: Repo) -> None:
    behind = raced(
        repo,
        lambda tx: tx.append("new", [{"x": 1}], key="x"),
        lambda tx: tx.append("new", [{"x": 2}], key="x"),
    )
    behind.commit()
    assert rows(repo, "new") == [{"x": 1}, {"x": 2}]


def test_two_may_not_make_the_same_dataset_with_other_keys(repo: Repo) -> None:
    behind = raced(
        repo,
        lambda tx: tx.append("new", [{"x": 1, "y": 1}], key="x"),
        lambda tx: tx.append("new", [{"x": 2, "y": 2}], key="y"),
    )
    with pytest.raises(MergeConflict, match="Give both the same key first"):
        behind.commit()


def test_two_may_make_the_first_commit(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    raced(repo, lambda tx: tx.append("a", [{"x": 1}]), lambda tx: tx.append("b", [{"x": 2}])).commit()
    assert repo.datasets() == ["a", "b"]
    assert len(list(repo.log())) == 2


def test_of_many_threads_none_loses_a_commit(repo: Repo) -> None:
    def work(number: int) -> None:
        for step in range(3):
            with repo.transaction(f"{number}.{step}") as tx:
                tx.append("p", [{"id": 100 + 10 * number + step}])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(rows(repo)) == 3 + 12
    assert len(list(repo.log())) == 1 + 12


def test_text_is_one_key_and_one_column_not_its_letters(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    rows = [{"id": name, "a": 1, "b": 2, "ab": 3} for name in ("a", "b", "ab")]
    with repo.transaction("first") as tx:
        tx.append("p", rows, key="id")
    with repo.transaction("second") as tx:
        assert tx.delete("p", keys="ab") == 1
        tx.drop_columns("p", "ab")
    assert sorted(repo["p"].to_arrow()["id"].to_pylist()) == ["a", "b"]
    assert repo["p"].schema.names == ["id", "a", "b"]


# Computed columns


def test_columns_are_computed_chunk_by_chunk_deleted_rows_included(repo: Repo) -> None:
    with repo.transaction("one goes, one comes") as tx:
        tx.delete("p", keys=[2])
        tx.append("p", [{"id": 4, "a": "w"}])

    def twice(chunk: DatasetChunk) -> pa.Table | None:
        if chunk.rows == 1:
            return None
        ids = chunk.read_rows(np.arange(chunk.rows), ["id"]).column("id")
        return pa.table({"twice": pa.array([2 * value for value in ids.to_pylist()])})

    found = changed(repo, lambda tx: tx.compute_columns("p", [pa.field("twice", pa.int64())], twice))
    assert sorted((row["id"], row["twice"]) for row in found if row["id"] < 4) == [(1, 2), (3, 6)]
    assert next(row["twice"] for row in found if row["id"] == 4) is None
    again = changed(repo, lambda tx: tx.compute_columns("p", [pa.field("twice", pa.int64())], lambda _: None))
    assert again == found
    assert verify(repo).findings == []


def test_a_key_or_a_column_of_another_type_is_not_computed(repo: Repo) -> None:
    tx = repo.transaction("computed")
    with pytest.raises(SchemaError, match="part of the key"):
        tx.compute_columns("p", [pa.field("id", pa.int64())], lambda _: None)
    with pytest.raises(SchemaError, match="'a' of dataset 'p' is string, not double"):
        tx.compute_columns("p", [pa.field("a", pa.float64())], lambda _: None)
