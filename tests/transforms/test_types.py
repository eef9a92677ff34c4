"""Text becomes numbers, booleans and dates; what cannot be read is left, made null, put aside or refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import Contract, promises
from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.types import type_name
from headwater.reading.splits import set_split
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

TABLE = pa.table(
    {
        "id": range(6),
        "price": ["1.234,50", "7,5", "N/A", "-3", None, "12"],
        "share": ["5 %", "10%", "2.5 %", "0%", "7 %", "1 %"],
        "zip": ["00501", "10001", "94105", "02139", "60601", "73301"],
        "ok": ["Yes", "no", "Ja", "nein", "TRUE", ""],
        "day": ["13/4/2024", "3/4/2024", "2024-05-01", "", "1 May 2024", "31/12/2023"],
        "words": ["a", "b", "c", "d", "e", "f"],
        "mixed": ["1", "2", "3", "4", "five", "6"],
    }
)


def clean(
    table: pa.Table = TABLE, *, key: str | None = "id", **parameters: Any
) -> tuple[Repo, TransformResult]:
    repo = repo_of(table, key=key, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.types", parameters))


def column(repo: Repo, name: str) -> list[Any]:
    return list(repo["people"].to_arrow().sort_by("id").column(name).to_pylist())


@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
def test_each_column_gets_the_type_that_its_values_have(key: str | None) -> None:
    repo, done = clean(key=key)
    kinds = {field.name: type_name(field.type) for field in repo["people"].schema}
    assert kinds == {
        "id": "int64",
        "price": "double",
        "share": "double",
        "zip": "string",
        "ok": "bool",
        "day": "date",
        "words": "string",
        "mixed": "string",
    }
    assert column(repo, "price") == [1234.5, 7.5, None, -3.0, None, 12.0]
    assert column(repo, "share") == [0.05, 0.1, 0.025, 0.0, 0.07, 0.01]
    assert column(repo, "ok") == [True, False, True, False, True, None]
    assert [str(day) for day in column(repo, "day")] == [
        "2024-04-13", "2024-04-03", "2024-05-01", "None", "2024-05-01", "2023-12-31"
    ]  # fmt: skip
    said = done.record["columns"]
    assert said["price"] == {"type": "double", "read": 4, "missing": 1, "decimal": ","}
    assert said["mixed"]["unparsed"] == {"no number": 1}
    assert said["mixed"]["examples"] == ["five"]
    assert said["mixed"]["type"] == "string"
    assert said["day"]["orders"] == {"/": "day_first"}


def test_what_cannot_be_read_is_left_made_null_put_aside_or_refused() -> None:
    columns: dict[str, Any] = {"columns": ["mixed"], "type": "int64"}
    repo, done = clean(**columns)
    assert column(repo, "mixed") == ["1", "2", "3", "4", "five", "6"]
    assert not done.is_new
    repo, _ = clean(**columns, unparsed="null")
    assert column(repo, "mixed") == [1, 2, 3, 4, None, 6]
    repo, done = clean(**columns, unparsed="quarantine")
    assert column(repo, "mixed") == [1, 2, 3, 4, 6]
    assert (done.record["deleted"], done.record["quarantined"]) == (1, 1)
    assert "1 of these in quarantine" in done.summary()
    waiting = repo["people.quarantine"].to_arrow().to_pylist()
    assert [(row["id"], row["mixed"], row["_reason"]) for row in waiting] == [
        (4, "five", "mixed: no number: five")
    ]
    with pytest.raises(UsageError, match=r"cannot be read as int64: no number \(1\); .*'five'"):
        clean(**columns, unparsed="refuse")


@pytest.mark.parametrize("unparsed", ["leave", "null", "quarantine"])
@pytest.mark.parametrize("key", ["id", None], ids=["keyed", "unkeyed"])
def test_running_it_again_changes_nothing(unparsed: str, key: str | None) -> None:
    repo, _ = clean(key=key, unparsed=unparsed)
    assert not run(repo, "people", make("clean.types", {"unparsed": unparsed})).is_new


def test_types_can_be_declared() -> None:
    repo, _ = clean(types={"price": "decimal(8,2)", "zip": "int32", "ok": "string"} | {"ok": "bool"})
    assert column(repo, "price")[0] == Decimal("1234.50")
    assert repo["people"].schema.field("zip").type == pa.int32()
    assert repo["people"].schema.field("words").type == pa.string()
    repo, _ = clean(columns=["day"], type="timestamp[ms]")
    assert repo["people"].schema.field("day").type == pa.timestamp("ms")
    repo, _ = clean(columns=["price"], type="double", decimal=".", unparsed="null")
    assert column(repo, "price") == [None, None, None, -3.0, None, 12.0]
    repo, _ = clean(columns=["ok"], type="bool", true=["ja"], false=["nein"], unparsed="null")
    assert column(repo, "ok") == [None, None, True, False, None, None]


def test_numbers_can_become_other_numbers() -> None:
    table = pa.table({"id": range(3), "x": [1.0, 2.0, None], "y": [1.5, 2.0, 3.0]})
    repo, _ = clean(table, columns=["x", "y"], type="int64", unparsed="null")
    assert column(repo, "x") == [1, 2, None]
    assert column(repo, "y") == [None, 2, 3]


def test_a_column_of_numbers_is_not_turned_to_text() -> None:
    table = pa.table({"id": range(2), "x": [1.0, 2.5]})
    with pytest.raises(UsageError, match="a column that is no text cannot keep them"):
        clean(table, columns=["x"], type="int64")


def test_a_contract_promises_the_new_type() -> None:
    repo = repo_of(
        TABLE, contract=Contract(dataset="people", columns=promises(TABLE.schema, ["id"]), key=("id",))
    )
    run(repo, "people", make("clean.types", {"columns": ["price"]}))
    contract = repo["people"].contract
    assert contract is not None
    assert {item.name: item.type for item in contract.columns}["price"] == "double"
    assert repo["people"].schema.names == TABLE.schema.names


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NotFound, match="Column 'prize' not found"):
        clean(columns=["prize"])
    with pytest.raises(SchemaError, match="part of the key"):
        clean(columns=["id"], type="double")
    with pytest.raises(UsageError, match="Text is not read as list"):
        clean(columns=["price"], type="list<int64>")
    with pytest.raises(UsageError, match="Name the columns"):
        clean(type="double")
    with pytest.raises(UsageError, match="unparsed is one of"):
        clean(unparsed="drop")
    with pytest.raises(UsageError, match="minimum is 0"):
        clean(minimum=0)
    with pytest.raises(SchemaError, match="only plain values"):
        clean(pa.table({"id": [1], "v": [[1.0]]}), columns=["v"], type="double")


@given(
    st.lists(
        st.one_of(
            st.none(), st.sampled_from(["1", "2.5", "1,5", "1,234", "x", "yes", "N/A", "1/2/2024", ""])
        ),
        max_size=12,
    )
)
def test_a_dry_run_is_the_commit(values: list[str | None]) -> None:
    table = pa.table({"id": pa.array(range(len(values)), pa.int64()), "v": pa.array(values, pa.string())})
    repo = repo_of(table, contract=Contract(dataset="people"))
    transform = make("clean.types", {"minimum": 0.5, "unparsed": "null"})
    planned = run(repo, "people", transform, dry_run=True)
    done = run(repo, "people", transform)
    assert done.record == planned.record
    assert planned.diff.columns() == done.diff.columns()
    assert not run(repo, "people", transform).is_new


def test_deleted_rows_are_no_obstacle() -> None:
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    with repo.transaction("some go") as tx:
        tx.delete("people", keys=[0, 4])
    run(repo, "people", make("clean.types", {"columns": ["mixed"]}))
    assert column(repo, "mixed") == [2, 3, 4, 6]
    assert repo["people"].schema.field("mixed").type == pa.int64()


def test_a_published_messy_table_gets_the_types_of_its_clean_version(shared: Path) -> None:
    dirty, clean_ = (
        csv.read_csv(
            shared / "raha_beers" / f"{name}.csv.gz",
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(("index", "id", "ounces", "abv", "ibu", "city"), pa.string())
            ),
        ).sort_by("index")
        for name in ("dirty", "clean")
    )
    repo = Repo.init("memory://")
    with repo.transaction("beers") as tx:
        tx.append("beers", dirty, key="index")
    done = run(repo, "beers", make("clean.types"))
    after = repo["beers"].to_arrow().sort_by("index")
    assert {name: type_name(after.schema.field(name).type) for name in ("id", "abv", "ibu", "ounces", "city")} == {
        "id": "int64", "abv": "double", "ibu": "int64", "ounces": "string", "city": "string"
    }  # fmt: skip
    assert done.record["columns"]["ibu"]["missing"] == 1005
    assert done.record["columns"]["abv"]["percent"] == "number"
    for name in ("abv", "ibu"):
        empty = pc.equal(clean_.column(name), "")
        truth = pc.if_else(empty, None, clean_.column(name)).cast(pa.float64())
        found = after.column(name).cast(pa.float64())
        near = pc.less(pc.abs(pc.subtract(truth, found)), 1e-9)
        assert pc.all(pc.fill_null(near, True)).as_py()
        assert truth.null_count == found.null_count


def test_the_column_that_the_split_goes_by_keeps_its_type() -> None:
    table = pa.table({"id": range(6), "patient": ["1", "2", "3"] * 2, "n": ["1"] * 6})
    repo = repo_of(table, contract=Contract(dataset="people"))
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.5, "test": 0.5}, by="patient")
    run(repo, "people", make("clean.types"))
    assert {name: str(repo["people"].schema.field(name).type) for name in ("patient", "n")} == {
        "patient": "string",
        "n": "int64",
    }
    with pytest.raises(SchemaError, match="decides which part of the split"):
        run(repo, "people", make("clean.types", {"columns": ["patient"]}))


def test_texts_are_not_rewritten_for_a_type_that_nobody_asked_for() -> None:
    table = pa.table({"id": range(6), "ok": ["yes", "no", "yes", "no", "yes", "yxs"]})
    repo, done = clean(table)
    assert not done.is_new
    assert done.record["columns"]["ok"]["unparsed"] == {"neither true nor false": 1}
    repo, _ = clean(table, columns=["ok"], type="bool")
    assert column(repo, "ok") == ["true", "false", "true", "false", "true", "yxs"]
