"""Relationships and service levels of a document become rules, and are written again as long as they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headwater.checks.freshness import duration
from headwater.core.contract import Contract, Rule
from headwater.core.odcs_stated import stated_rules, unjudged, without_stated


def document(
    *, table: dict[str, Any] | None = None, column: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    customer = {"name": "customer", "id": "cust", **(column or {})}
    orders = {"name": "orders", "id": "o", "properties": [{"name": "placed"}, customer], **(table or {})}
    others = {"name": "customers", "id": "c", "properties": [{"name": "id", "id": "key"}]}
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "1", "version": "1", "status": "active"}
    return {**head, "schema": [orders, others], **more}


def reference(*columns: str, column: str | None = None, dataset: str = "customers") -> Rule:
    inside: dict[str, Any] = {} if column else {"columns": list(columns)}
    names = [{"customer": "id"}.get(name, name) for name in columns]
    parameters = {**inside, "dataset": dataset, "references": names, "optional": True}
    return Rule(check="consistency.reference", column=column, parameters=parameters)


@pytest.mark.parametrize(
    "to", ["customers.id", ["customers.id"], "schema/c/properties/key", "/schema/c/properties/key"]
)
def test_a_foreign_key_of_a_column_is_a_reference(to: Any) -> None:
    found = stated_rules(document(column={"relationships": [{"to": to}]}))
    assert found == [reference("customer", column="customer")]


@pytest.mark.parametrize(
    ("relationship", "columns"),
    [
        ({"from": "orders.customer", "to": "customers.id"}, ["customer"]),
        ({"from": ["orders.customer"], "to": ["customers.id"], "type": "foreignKey"}, ["customer"]),
        ({"from": ["orders.customer", "orders.a"], "to": ["customers.id", "customers.a"]}, ["customer", "a"]),
        ({"from": "schema/o/properties/cust", "to": "schema/c/properties/key"}, ["customer"]),
    ],
)
def test_foreign_keys_of_a_table_name_their_columns(relationship: dict[str, Any], columns: list[str]) -> None:
    assert stated_rules(document(table={"relationships": [relationship]})) == [reference(*columns)]


@pytest.mark.parametrize(
    "relationship",
    [
        {"from": "orders.customer", "to": "https://example.com/c.yaml#schema/c/properties/key"},
        {"from": "orders.customer", "to": "schema/nowhere/properties/key"},
        {"from": ["orders.customer", "orders.a"], "to": ["customers.id"]},
        {"from": ["orders.customer", "orders.a"], "to": ["customers.id", "lands.a"]},
        {"from": "orders.customer", "to": "customers"},
        {"from": "orders.customer", "to": "customers.id", "type": "kinship"},
        {"to": "customers.id"},
        {"from": 3, "to": None},
        {},
    ],
)
def test_relationships_that_cannot_be_looked_up_are_named(relationship: dict[str, Any]) -> None:
    whole = document(table={"relationships": [relationship]})
    assert stated_rules(whole) == []
    assert unjudged(whole) == ["schema[0].relationships[0]"]
    assert Contract.from_odcs(whole).to_odcs()["schema"] == whole["schema"]


@pytest.mark.parametrize(
    ("level", "hours"),
    [
        ({"value": 24, "unit": "h"}, 24),
        ({"value": 4, "unit": "d"}, 96),
        ({"value": "1.5", "unit": "days"}, 36),
        ({"value": 2, "unit": "yr"}, 2 * 365 * 24),
        ({"value": "90 min"}, 1.5),
        ({"value": "PT36H"}, 36),
        ({"value": "P1DT30M"}, 24.5),
    ],
)
@pytest.mark.parametrize("name", ["freshness", "Latency"])
def test_a_level_of_freshness_is_the_greatest_age(name: str, level: dict[str, Any], hours: float) -> None:
    one = {"property": name, "element": "orders.placed", "description": "for the morning", **level}
    (rule,) = stated_rules(document(slaProperties=[{"property": "retention", "value": 1}, one]))
    assert (rule.check, rule.column, rule.description) == ("freshness.age", "placed", "for the morning")
    assert duration(rule.parameters["maximum"]).total_seconds() == hours * 3600


@pytest.mark.parametrize(
    "level",
    [
        {"value": 3, "unit": "m", "element": "placed"},  # minutes or months
        {"value": 3, "element": "placed"},
        {"value": None, "element": "placed"},
        {"value": True, "unit": "d", "element": "placed"},
        {"value": "P", "element": "placed"},
        {"value": 3, "unit": "d"},
        {"value": 3, "unit": "d", "element": "customers.since"},
        {"value": 3, "unit": "d", "element": "placed,customers.since"},
    ],
)
def test_levels_whose_span_or_column_is_not_known_are_named(level: dict[str, Any]) -> None:
    whole = document(slaProperties=[{"property": "latency", **level}])
    assert stated_rules(whole) == []
    assert unjudged(whole) == ["slaProperties[0]"]


def test_elements_may_be_several_or_said_once_for_all() -> None:
    two = {"property": "latency", "value": 3, "unit": "d", "element": "orders.placed, customer"}
    usual = {"property": "freshness", "value": 1, "unit": "d"}
    found = stated_rules(document(slaProperties=[two, usual], slaDefaultElement="orders.placed"))
    assert [rule.column for rule in found] == ["placed", "customer", "placed"]


def test_the_column_of_an_only_table_is_known_whatever_the_table_was_called() -> None:
    level = {"property": "latency", "value": 3, "unit": "d", "element": "tab1.placed"}
    whole = document(slaProperties=[level])
    assert stated_rules(whole) == []
    assert [rule.column for rule in stated_rules({**whole, "schema": whole["schema"][:1]})] == ["placed"]


def test_a_statement_goes_with_its_rule_and_no_other() -> None:
    relationships = [{"to": "customers.id"}, {"to": "people.id"}]
    levels = [
        {"property": "latency", "value": 3, "unit": "d", "element": "orders.placed"},
        {"property": "retention", "value": 3, "unit": "y"},
    ]
    whole = document(column={"relationships": relationships}, slaProperties=levels)
    contract = Contract.from_odcs(whole)
    assert len(contract.rules) == 3
    assert without_stated(contract).rules == ()
    assert contract.to_odcs() == whole
    fewer = replace(contract, rules=contract.rules[1:2])
    written = fewer.to_odcs()
    assert written["schema"][0]["properties"][1]["relationships"] == relationships[1:]
    assert written["slaProperties"] == levels[1:]
    assert Contract.from_odcs(written).rules == fewer.rules


def test_a_column_that_is_renamed_keeps_its_promises() -> None:
    level = {"property": "latency", "value": 3, "unit": "d", "element": "orders.placed"}
    whole = document(column={"relationships": [{"to": "customers.id"}]}, slaProperties=[level])
    contract = Contract.from_odcs(whole).renamed({"customer": "client", "placed": "day"})
    again = Contract.from_odcs(contract.to_odcs())
    assert {(rule.check, rule.column) for rule in again.rules} == {
        ("consistency.reference", "client"),
        ("freshness.age", "day"),
    }
    assert contract.to_odcs()["schema"][0]["properties"][1]["relationships"] == [{"to": "customers.id"}]
