"""The contract follows columns that are dropped and renamed on purpose."""

from __future__ import annotations

from headwater.core.contract import Contract, Rule, promises
from headwater.versions.repo import Repo
from tests.places import Fresh


def test_contract_follows_dropped_and_renamed_columns(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", [{"id": 1, "a": 1, "b": 2, "y": 0}], key="id")
        rules = (
            Rule(check="validity.range", column="a", parameters={"minimum": 0}),
            Rule(check="validity.range", column="b", parameters={"minimum": 0}),
        )
        schema = tx["d"].schema
        contract = Contract(
            dataset="d",
            columns=promises(schema, ["id"]),
            key=("id",),
            label="y",
            sensitive=("b",),
            rules=rules,
        )
        tx.set_contract("d", contract)
    with repo.transaction("second") as tx:
        tx.drop_columns("d", ["b"])
        tx.rename_columns("d", {"a": "alpha", "y": "label", "id": "key"})
    found = repo["d"].contract
    assert found is not None
    assert [column.name for column in found.columns] == ["key", "alpha", "label"]
    assert (found.key, found.label, found.sensitive) == (("key",), "label", ())
    assert [(rule.check, rule.column) for rule in found.rules] == [("validity.range", "alpha")]
