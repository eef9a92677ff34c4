"""What a document says beside what we judge comes back as it was, and documents stay valid by the standard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import ColumnPromise, Contract, Rule

FOLDER = Path(__file__).parent / "odcs"

FULL: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "urn:shop:orders",
    "name": "All orders",
    "version": "2.1.0",
    "status": "draft",
    "tenant": "shop",
    "domain": "sales",
    "dataProduct": "orders",
    "tags": ["money"],
    "description": {"purpose": "what was ordered", "usage": "reports", "limitations": "none"},
    "servers": [
        {"server": "prod", "type": "postgres", "host": "db", "port": 5432, "database": "d", "schema": "s"}
    ],
    "team": {"name": "sales", "members": [{"username": "ada", "role": "owner"}, {"username": "bob"}]},
    "roles": [{"role": "reader", "access": "read", "firstLevelApprovers": "ada"}],
    "support": [{"channel": "#orders", "tool": "slack", "url": "https://chat.example/orders"}],
    "price": {"priceAmount": 9.5, "priceCurrency": "EUR", "priceUnit": "month"},
    "slaProperties": [
        {"property": "latency", "value": 4, "unit": "d", "element": "orders.placed"},
        {"property": "retention", "value": 3, "unit": "y"},
    ],
    "authoritativeDefinitions": [{"url": "https://docs.example/orders", "type": "tutorial"}],
    "customProperties": [
        {"property": "team colour", "value": "red"},
        {"property": "headwaterLabel", "value": "state"},
    ],
    "contractCreatedTs": "2026-01-02T03:04:05+00:00",
    "schema": [
        {
            "name": "orders",
            "physicalName": "tbl_orders",
            "businessName": "Orders",
            "logicalType": "object",
            "physicalType": "table",
            "dataGranularityDescription": "one row an order",
            "tags": ["fact"],
            "relationships": [{"type": "foreignKey", "from": "orders.customer", "to": "customers.id"}],
            "properties": [
                {
                    "name": "id",
                    "logicalType": "integer",
                    "physicalType": "BIGINT UNSIGNED",
                    "primaryKey": True,
                    "required": True,
                    "unique": False,
                    "criticalDataElement": True,
                    "examples": [1, 2],
                    "logicalTypeOptions": {"minimum": 1, "exclusiveMaximum": 99, "format": "i64"},
                },
                {
                    "name": "state",
                    "logicalType": "string",
                    "physicalType": "VARCHAR(2)",
                    "partitioned": True,
                    "partitionKeyPosition": 1,
                    "encryptedName": "state_x",
                    "classification": "public",
                    "transformSourceObjects": ["raw"],
                    "transformLogic": "upper(s)",
                    "logicalTypeOptions": {"pattern": "^[A-Z]+$", "maxLength": 2},
                    "quality": [
                        {"metric": "nullValues", "mustBe": 0, "dimension": "completeness"},
                        {"type": "text", "description": "as on the letter"},
                        {
                            "metric": "invalidValues",
                            "arguments": {"validValues": ["NY", "CA"]},
                            "mustBe": 0,
                            "severity": "warning",
                        },
                    ],
                },
                {
                    "name": "address",
                    "logicalType": "object",
                    "properties": [{"name": "street", "logicalType": "string"}],
                },
                {"name": "lines", "logicalType": "array", "items": {"logicalType": "integer"}},
                {"name": "customer"},
            ],
            "quality": [
                {"metric": "rowCount", "mustBeBetween": [1, 100]},
                {"type": "sql", "query": "SELECT count(*) FROM ${table}", "mustBeGreaterThan": 0},
                {"type": "custom", "engine": "soda", "implementation": "row_count > 0"},
                {
                    "type": "custom",
                    "engine": "headwater",
                    "implementation": {"check": "consistency.rule", "parameters": {"condition": "id > 0"}},
                    "severity": "error",
                },
            ],
        },
        {"name": "customers", "properties": [{"name": "id", "logicalType": "integer"}]},
    ],
}


def problems(document: dict[str, Any]) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(
        (FOLDER / f"odcs-json-schema-{document['apiVersion']}.json").read_text(encoding="utf-8")
    )
    return [error.message for error in jsonschema.Draft201909Validator(schema).iter_errors(document)]


def test_a_document_that_nobody_changed_comes_back_as_it_was() -> None:
    contract = Contract.from_odcs(FULL)
    assert contract.to_odcs() == FULL
    assert Contract.from_odcs(contract.to_odcs()) == contract
    assert problems(FULL) == []


KEYS = [
    "id",
    "name",
    "tenant",
    "domain",
    "tags",
    "description",
    "servers",
    "team",
    "roles",
    "support",
    "price",
]
KEYS += ["slaProperties", "authoritativeDefinitions", "customProperties", "dataProduct", "contractCreatedTs"]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a part of the full document, its columns and rules in any order."""
    out = {name: value for name, value in FULL.items() if name not in KEYS or name == "id"}
    out |= {name: FULL[name] for name in draw(st.lists(st.sampled_from(KEYS), unique=True))}
    table = FULL["schema"][0]
    some = {name: value for name, value in table.items() if name == "name" or draw(st.booleans())}
    for name in ("properties", "quality"):
        if name in some:
            chosen = draw(st.lists(st.sampled_from(table[name]), unique_by=id))
            some[name] = [
                {k: v for k, v in one.items() if name == "quality" or k == "name" or draw(st.booleans())}
                for one in chosen
            ]
    return {**out, "schema": [some, *FULL["schema"][1 : draw(st.integers(1, 2))]]}


CHANGES = [
    lambda c: replace(c, owner="eve"),
    lambda c: replace(c, owner=""),
    lambda c: replace(c, description="", license="MIT", version="3.0.0"),
    lambda c: replace(c, label=None, time="placed"),
    lambda c: replace(c, key=tuple(column.name for column in c.columns[-2:])),
    lambda c: replace(c, key=()),
    lambda c: replace(c, rules=()),
    lambda c: replace(c, rules=c.rules[1:]),
    lambda c: replace(c, rules=(*c.rules, Rule(check="volume.rows", parameters={"maximum": 7}))),
    lambda c: replace(
        c, rules=(*c.rules, Rule(check="validity.range", column="state", parameters={"maximum": 7}))
    ),
    lambda c: replace(
        c, columns=tuple(replace(column, required=True, type="string") for column in c.columns)
    ),
    lambda c: replace(
        c, columns=tuple(replace(column, classification="", unique=True) for column in c.columns)
    ),
    lambda c: replace(c, columns=(*c.columns, ColumnPromise(name="more", type="date"))),
    lambda c: replace(c, dataset="others"),
    lambda c: c.without_columns(["state"]),
    lambda c: c.renamed({"state": "status"}),
]


def said(contract: Contract) -> Contract:
    """Return a contract alone, its rules in one order: documents list them by column."""
    return replace(contract, kept={}, rules=tuple(sorted(contract.rules, key=repr)))


@given(documents(), st.lists(st.sampled_from(CHANGES), max_size=3, unique=True))
def test_what_changed_is_written_and_all_else_stays(document: dict[str, Any], changes: list[Any]) -> None:
    contract = Contract.from_odcs(document)
    assert contract.to_odcs() == document
    for change in changes:
        contract = change(contract)
    written = contract.to_odcs()
    assert said(Contract.from_odcs(written)) == said(contract)
    for name in ("servers", "roles", "support", "price", "tags", "authoritativeDefinitions"):
        assert written.get(name) == document.get(name)
    # A level that became a rule goes with that rule.
    assert written.get("slaProperties", [])[-1:] == document.get("slaProperties", [])[-1:]
    assert written["schema"][1:] == document["schema"][1:]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_document_is_accepted_by_the_standard(change: Any) -> None:
    written = change(Contract.from_odcs(FULL)).to_odcs()
    assert problems(written) == []
    assert {"property": "team colour", "value": "red"} in written["customProperties"]


def test_what_we_write_alone_is_accepted_by_the_standard() -> None:
    columns = (
        ColumnPromise(name="a", type="int64", required=True),
        ColumnPromise(name="t", type="timestamp"),
    )
    rules = (Rule(check="volume.rows"), Rule(check="validity.range", column="a", parameters={"minimum": 1}))
    contract = Contract(dataset="d", columns=columns, key=("a",), rules=rules, owner="ada", license="MIT")
    assert problems(contract.to_odcs()) == []
    assert contract.to_odcs()["apiVersion"] == "v3.0.2"
