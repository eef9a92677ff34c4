"""Importing: one commit that stores only what differs and says how much that is; bad input changes nothing."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.core.errors import InputError, InvalidKeys, NotFound, SchemaError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.versions.importing import ImportResult, import_data
from headwater.versions.repo import Repo

PEOPLE = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Alan"}, {"id": 3, "name": None}]


@pytest.fixture
def repo(place: str) -> Repo:
    """An empty repository, which works in one thread."""
    made = Repo.init(place)
    made.executor = LocalExecutor(1)
    return made


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    """Return how many rows there are, and how many were added, removed and changed."""
    return result.rows, result.added, result.removed, result.changed


def rows(repo: Repo, name: str) -> list[dict[str, Any]]:
    """Return the rows, ordered by their text."""
    found: list[dict[str, Any]] = sorted(repo[name].to_arrow().to_pylist(), key=repr)
    return found


# What changed


def test_a_file_is_imported_again_as_its_difference_and_bad_rows_are_diverted(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "shop")
    file = tmp_path / "people.csv"
    file.write_text("id,name\n1,Ada\n2,Alan\n")
    first = import_data(repo, "people", file, key="id", label="name")
    assert (first.added, first.rows, first.is_new) == (2, 2, True)
    file.write_text("id,name\n1,Ada\n2,Alan T.\n3,Grace\n")
    second = import_data(repo, "people", file)
    assert (second.added, second.changed, second.removed) == (1, 1, 0)
    assert import_data(repo, "people", file).is_new is False
    file.write_text("id,name\n7,x\n7,y\n,z\n")
    third = import_data(repo, "people", file, mode="append", on_bad_rows="quarantine")
    assert (third.added, third.quarantined) == (1, 2)
    assert repo["people.quarantine"].to_arrow().column("_reason").to_pylist() == [
        "null in key",
        "duplicate key",
    ]
    contract = repo["people"].contract
    assert contract is not None
    assert contract.label == "name"


def test_a_snapshot_says_how_many_rows_were_added_removed_and_changed(repo: Repo) -> None:
    assert counts(import_data(repo, "p", PEOPLE, key="id")) == (3, 3, 0, 0)
    changed = [{"id": 4, "name": "Grace"}, {"id": 1, "name": "Ada"}, {"id": 2, "name": "A. Turing"}]
    result = import_data(repo, "p", changed)
    assert counts(result) == (3, 1, 1, 1)
    commit = repo.commit(result.commit)
    assert commit.provenance.record == {"added": 1, "removed": 1, "changed": 1}
    assert (commit.provenance.kind, commit.provenance.parameters) == ("import", {"mode": "replace"})
    assert rows(repo, "p") == sorted(changed, key=repr)


def test_a_snapshot_writes_the_changed_rows_only(repo: Repo) -> None:
    table = pa.table({"id": range(5000), "text": [f"row {number}" for number in range(5000)]})
    import_data(repo, "p", table, key="id")
    before = repo["p"].manifest.chunks
    result = import_data(repo, "p", table.slice(0, 4999))
    assert counts(result) == (4999, 0, 1, 0)
    after = repo["p"].manifest.chunks
    assert [chunk.groups for chunk in after] == [chunk.groups for chunk in before]


def test_the_same_rows_in_another_order_make_no_commit(repo: Repo) -> None:
    first = import_data(repo, "p", PEOPLE, key="id")
    again = import_data(repo, "p", PEOPLE[::-1])
    assert (again.is_new, again.commit, counts(again)) == (False, first.commit, (3, 0, 0, 0))
    assert len(list(repo.log())) == 1


def test_rows_without_a_key_are_counted_as_often_as_they_come(repo: Repo) -> None:
    one = {"v": 1, "w": float("nan")}
    assert counts(import_data(repo, "n", [one, one])) == (2, 2, 0, 0)
    assert counts(import_data(repo, "n", [one, one, one, {"v": None, "w": 0.0}])) == (4, 2, 0, 0)
    assert counts(import_data(repo, "n", [one])) == (1, 0, 3, 0)
    assert import_data(repo, "n", [one]).is_new is False


def test_keys_of_several_columns(repo: Repo) -> None:
    data = [{"a": 1, "b": "x", "v": 1}, {"a": 1, "b": "y", "v": 2}, {"a": 2, "b": "x", "v": 3}]
    import_data(repo, "c", data, key=["a", "b"])
    data[1]["v"], data[2]["b"] = 9, "z"
    assert counts(import_data(repo, "c", data, key=("a", "b"))) == (3, 1, 1, 1)


def test_append_adds_and_upsert_changes_by_key(repo: Repo) -> None:
    import_data(repo, "p", PEOPLE, key="id")
    assert counts(import_data(repo, "p", [{"id": 4, "name": "Grace"}], mode="append")) == (4, 1, 0, 0)
    upserted = import_data(repo, "p", [{"id": 4, "name": "G."}, {"id": 5, "name": "x"}], mode="upsert")
    assert counts(upserted) == (5, 1, 0, 1)
    assert counts(import_data(repo, "p", [{"id": 5}], mode="upsert")) == (5, 0, 0, 0)


def test_upsert_makes_a_new_dataset_by_its_key(repo: Repo) -> None:
    import_data(repo, "p", PEOPLE, key="id", mode="upsert")
    assert counts(import_data(repo, "p", [{"id": 1, "name": "A."}], key="id", mode="upsert")) == (3, 0, 0, 1)


# Data of every size and kind


@pytest.mark.parametrize("key", ["id", None])
def test_no_rows_make_a_dataset_with_columns_and_can_empty_one(repo: Repo, key: str | None) -> None:
    empty = pa.table({"id": pa.array([], pa.int64()), "name": pa.array([], pa.string())})
    assert (counts(import_data(repo, "p", empty, key=key)), repo["p"].num_rows) == ((0, 0, 0, 0), 0)
    assert repo["p"].schema.names == ["id", "name"]
    assert import_data(repo, "p", empty).is_new is False
    assert counts(import_data(repo, "p", PEOPLE[:1])) == (1, 1, 0, 0)
    assert counts(import_data(repo, "p", empty)) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    "data",
    [
        pa.table({"id": [1, 2], "ä": ["é", "日本"]}),
        pa.table({"id": [1, 2], "ä": ["é", "日本"]}).to_batches()[0],
        pytest.param(
            lambda: pa.table({"id": [1, 2], "ä": ["é", "日本"]}).to_reader(), id="RecordBatchReader"
        ),
        pd.DataFrame({"id": [1, 2], "ä": ["é", "日本"]}),
        pl.DataFrame({"id": [1, 2], "ä": ["é", "日本"]}),
        {"id": [1, 2], "ä": ["é", "日本"]},
        [{"id": 1, "ä": "é"}, {"id": 2, "ä": "日本"}],
        pytest.param(lambda: iter(pa.table({"id": [1, 2], "ä": ["é", "日本"]}).to_batches()), id="iterator"),
    ],
    ids=lambda data: type(data).__name__,
)
def test_data_of_every_kind_makes_the_same_rows(repo: Repo, data: Any) -> None:
    result = import_data(repo, "naïve/données", data() if callable(data) else data, key="id")
    assert rows(repo, "naïve/données") == [{"id": 1, "ä": "é"}, {"id": 2, "ä": "日本"}]
    assert repo.commit(result.commit).message.endswith("in memory into naïve/données")


def test_files_of_every_kind_make_the_same_rows(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "ä b.csv").write_text("id,name\n1,Ada\n2,Alan\n3,\n", encoding="utf-8")
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(b"id,name\n1,Ada\n2,Alan\n3,\n"))
    (tmp_path / "p.jsonl").write_text('{"id":1,"name":"Ada"}\n{"id":2,"name":"Alan"}\n{"id":3}\n')
    pq.write_table(pa.Table.from_pylist(PEOPLE), tmp_path / "p.parquet")
    prints = {
        import_and_print(repo, name, tmp_path / name)
        for name in ("ä b.csv", "p.csv.gz", "p.jsonl", "p.parquet")
    }
    assert len(prints) == 1


def import_and_print(repo: Repo, name: str, path: Path) -> str:
    dataset = "d" + str(len(repo.datasets()))
    result = import_data(repo, dataset, str(path), key="id")
    assert repo.commit(result.commit).message == f"Import {path} into {dataset}"
    assert repo.commit(result.commit).provenance.id == str(path)
    return repo[dataset].fingerprint


def test_several_files_and_globs_make_one_dataset(repo: Repo, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"part{number}.csv").write_text(f"id,name\n{number},x\n")
    listed = import_data(repo, "a", [tmp_path / "part1.csv", tmp_path / "part2.csv"], key="id")
    globbed = import_data(repo, "b", str(tmp_path / "part*.csv"), key="id")
    assert counts(listed) == counts(globbed) == (2, 2, 0, 0)
    assert repo["a"].fingerprint == repo["b"].fingerprint


def test_options_of_the_reader_pass_through(repo: Repo, tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    file.write_text("id;name\n1;Ada\n")
    import_data(repo, "p", file, key="id", format="csv", schema={"id": "string"})
    assert rows(repo, "p") == [{"id": "1", "name": "Ada"}]


# Schema changes


def test_safe_changes_widen_add_and_drop_columns(repo: Repo) -> None:
    import_data(repo, "p", {"id": [1], "v": pa.array([1], pa.int32()), "gone": ["x"]}, key="id")
    result = import_data(repo, "p", {"id": [1, 2], "v": [1, 2**40], "new": [None, "y"]})
    assert counts(result) == (2, 1, 0, 0)
    assert repo["p"].schema.equals(pa.schema([("id", pa.int64()), ("v", pa.int64()), ("new", pa.string())]))


def test_any_change_turns_a_column_to_text(repo: Repo) -> None:
    import_data(repo, "p", {"id": [1], "v": [1]}, key="id")
    with pytest.raises(SchemaError, match="--schema-change any"):
        import_data(repo, "p", {"id": [1], "v": ["x"]})
    assert counts(import_data(repo, "p", {"id": [1], "v": ["x"]}, schema_change="any")) == (1, 0, 0, 1)
    assert repo["p"].schema.field("v").type == pa.string()


@pytest.mark.parametrize(
    "data", [{"id": [1], "v": [1], "new": [1]}, {"id": [1]}, {"id": [1], "v": pa.array([1], pa.uint64())}]
)
def test_no_change_means_none(repo: Repo, data: dict[str, Any]) -> None:
    head = import_data(repo, "p", {"id": [1], "v": pa.array([1], pa.int32())}, key="id").commit
    with pytest.raises(SchemaError):
        import_data(repo, "p", data, schema_change="none")
    assert repo.head == head


# Keys that are bad


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_rows_with_bad_keys_wait_in_quarantine(repo: Repo, mode: Any) -> None:
    bad = [{"id": 5, "name": "a"}, {"id": 5, "name": "b"}, {"id": None, "name": "c"}]
    import_data(repo, "p", PEOPLE, key="id")
    head = repo.head
    with pytest.raises(InvalidKeys, match="quarantine"):
        import_data(repo, "p", bad, mode=mode)
    assert repo.head == head
    result = import_data(repo, "p", bad, mode=mode, on_bad_rows="quarantine")
    assert result.quarantined == 2
    assert counts(result) == ((1, 1, 3, 0) if mode == "replace" else (4, 1, 0, 0))
    assert rows(repo, "p.quarantine") == [
        {"id": 5, "name": "b", "_reason": "duplicate key"},
        {"id": None, "name": "c", "_reason": "null in key"},
    ]
    again = import_data(repo, "p", bad[:2], mode=mode, on_bad_rows="quarantine")
    assert again.quarantined == (1 if mode == "replace" else 2)


@pytest.mark.parametrize("values", [[1.5, 2.0], [[1], [2]], [None, None], [{"x": 1}, None]])
def test_what_cannot_be_a_key_is_refused(repo: Repo, values: list[Any]) -> None:
    with pytest.raises(SchemaError, match="cannot be a key"):
        import_data(repo, "p", {"k": values}, key="k")
    assert repo.head is None


# Roles


def test_roles_of_columns_are_kept_in_the_contract(repo: Repo) -> None:
    data = {"id": [1], "approved": [True], "sex": ["f"], "at": ["2026"]}
    import_data(repo, "p", data, key="id", label="approved", sensitive="sex", time="at")
    contract = repo["p"].contract
    assert contract is not None
    assert (contract.label, contract.sensitive, contract.time) == ("approved", ("sex",), "at")
    assert contract.key == ("id",)
    assert import_data(repo, "p", data).is_new is False
    assert import_data(repo, "p", data, sensitive=[]).is_new is True
    changed = repo["p"].contract
    assert changed is not None
    assert (changed.label, changed.sensitive) == ("approved", ())


@pytest.mark.parametrize("roles", [{"label": "nope"}, {"sensitive": ["id", "nope"]}, {"time": "nope"}])
def test_a_role_needs_its_column(repo: Repo, roles: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="Column 'nope' not found"):
        import_data(repo, "p", PEOPLE, key="id", **roles)
    assert repo.head is None


# Wrong usage


@pytest.mark.parametrize(
    ("source", "options", "error", "match"),
    [
        (PEOPLE, {"mode": "merge"}, UsageError, "mode is one of 'replace', 'append', 'upsert', not 'merge'"),
        (PEOPLE, {"on_bad_rows": "skip"}, UsageError, "on_bad_rows is one of 'error', 'quarantine'"),
        (PEOPLE, {"schema_change": "all"}, UsageError, "schema_change is one of 'none', 'safe', 'any'"),
        (PEOPLE, {"mode": "upsert", "on_bad_rows": "quarantine"}, UsageError, "goes with mode"),
        (PEOPLE, {"key": "nope"}, NotFound, "Column 'nope' not found"),
        (PEOPLE, {"key": ""}, NotFound, "Column '' not found"),
        (PEOPLE, {"key": "name"}, UsageError, r"has the key \['id'\], not \['name'\]"),
        (PEOPLE, {"key": "name", "mode": "append"}, UsageError, r"has the key \['id'\]"),
        (PEOPLE, {"key": "name", "mode": "upsert"}, UsageError, r"has the key \['id'\]"),
        (PEOPLE, {"format": "csv"}, UsageError, "go with a file, not with data in memory: format"),
        (PEOPLE, {"message": "  "}, UsageError, "needs a message"),
        ({}, {}, UsageError, "a dict in memory has no columns"),
        ([{}], {}, UsageError, "has no columns"),
        (pd.DataFrame(), {}, UsageError, "has no columns"),
        ([], {}, UsageError, "There are no rows"),
        ([1, 2], {}, UsageError, "must hold dicts"),
        (None, {}, UsageError, "Cannot read rows from a NoneType"),
        (b"id\n1\n", {}, UsageError, "Cannot read rows from a bytes"),
        ("nowhere.csv", {}, InputError, "no such file"),
        ([{"id": "text"}], {"mode": "append"}, SchemaError, "does not fit|is int64"),
        ([{"name": "no key"}], {}, NotFound, "Column 'id' not found"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    repo: Repo, source: Any, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    head = import_data(repo, "p", PEOPLE, key="id").commit
    with pytest.raises(error, match=match):
        import_data(repo, "p", source, **options)
    assert repo.head == head


def test_a_new_dataset_needs_a_key_to_be_updated_by(repo: Repo) -> None:
    with pytest.raises(UsageError, match="rows are updated by a key"):
        import_data(repo, "p", PEOPLE, mode="upsert")
    assert repo.head is None


def test_a_view_of_a_commit_takes_no_import(repo: Repo) -> None:
    import_data(repo, "p", PEOPLE, key="id")
    with pytest.raises(UsageError, match="cannot change"):
        import_data(repo.at("main"), "p", PEOPLE)


def test_the_result_can_be_written_as_json(repo: Repo) -> None:
    result = import_data(repo, "p", PEOPLE, key="id", message="why")
    assert result.to_dict() == {
        "dataset": "p",
        "commit": repo.head,
        "is_new": True,
        "rows": 3,
        "added": 3,
        "removed": 0,
        "changed": 0,
        "quarantined": 0,
        "notes": [],
    }
    assert repo.commit(result.commit).message == "why"


def test_a_file_whose_name_is_no_unicode_is_imported_and_named_readably(repo: Repo, tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")
    Path(file).write_text("id\n1\n")
    assert import_data(repo, "d", file, key="id").rows == 1
    assert repo.commit("HEAD").message == f"Import {tmp_path}/caf\\xe9.csv into d"


def test_a_file_whose_column_has_no_values_fits_a_dataset_of_any_type(tmp_path: Path) -> None:
    repo = Repo.init("memory://")
    (tmp_path / "a.csv").write_text("id,n,x\n1,2,0.5\n")
    (tmp_path / "b.csv").write_text("id,n,x\n2,,3\n")
    (tmp_path / "c.csv").write_text("id,n,x\n")
    import_data(repo, "d", tmp_path / "a.csv", key="id")
    import_data(repo, "d", tmp_path / "b.csv", mode="append")
    import_data(repo, "d", tmp_path / "c.csv", mode="append")
    import_data(repo, "d", [{"id": 3, "n": None, "x": None}], mode="upsert")
    assert [str(kind) for kind in repo["d"].schema.types] == ["int64", "int64", "double"]
    assert repo["d"].to_arrow()["n"].to_pylist() == [2, None, None]


def test_a_type_that_does_not_fit_is_told_with_the_value_and_how_to_read_it(tmp_path: Path) -> None:
    repo = Repo.init("memory://")
    import_data(repo, "d", [{"id": 1, "n": 2}], key="id")
    (tmp_path / "a.csv").write_text("id,n\n2,3\n3,three\n")
    with pytest.raises(SchemaError, match=r"first that does not fit: a.csv, line 3: .*'three'"):
        import_data(repo, "d", tmp_path / "a.csv", mode="append")
    (tmp_path / "b.csv").write_text("id,n\n2,007\n")
    with pytest.raises(SchemaError, match=r"--schema n:int64"):
        import_data(repo, "d", tmp_path / "b.csv", mode="append")
    import_data(repo, "d", tmp_path / "b.csv", mode="append", schema={"n": "int64"})
    assert repo["d"].num_rows == 2
