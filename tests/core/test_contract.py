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
