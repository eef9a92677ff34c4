"""The contract value: roles and the plainest promises."""

from __future__ import annotations

import pyarrow as pa

from headwater.core.contract import ColumnPromise, Contract, promises


def test_roles_that_are_given_replace_those_of_the_contract() -> None:
    contract = Contract(dataset="d", label="a", sensitive=("s",), time="t")
    assert contract.with_roles() == contract
    changed = contract.with_roles(label="b", sensitive=["x", "y"])
    assert (changed.label, changed.sensitive, changed.time) == ("b", ("x", "y"), "t")


def test_a_schema_promises_names_types_and_that_keys_are_there() -> None:
    schema = pa.schema([("id", pa.int64()), ("at", pa.timestamp("us"))])
    assert promises(schema, ["id"]) == (
        ColumnPromise(name="id", type="int64", required=True),
        ColumnPromise(name="at", type="timestamp"),
    )


def test_roles_of_columns_that_are_not_there_are_left_as_promises() -> None:
    contract = Contract(
        dataset="d",
        columns=(ColumnPromise(name="a"), ColumnPromise(name="s", type="string")),
        key=("a", "k"),
        label="l",
        sensitive=("s", "x"),
        time="a",
    )
    assert contract.within(["a", "k", "l", "s", "x"]) is contract
    found = contract.within(["a", "x"])
    assert [column.name for column in found.columns] == ["a", "s", "k", "l"]
    assert (found.key, found.label, found.sensitive, found.time) == ((), None, ("x",), "a")
    bare = Contract(dataset="d", label="l")
    assert bare.within(["a"]) is bare
