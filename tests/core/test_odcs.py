"""Contracts go to ODCS documents and back; those of other tools are read as far as they say what we check."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import InputError
from headwater.core.odcs import problems_of

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-5, 5) | NAMES
PROMISES = st.builds(
    ColumnPromise,
    name=NAMES,
    type=st.sampled_from(["", "int64", "double", "string", "timestamp", "decimal(10, 2)", "list<float>[3]"]),
    required=st.booleans(),
    unique=st.booleans(),
    classification=st.sampled_from(["", "personal"]),
)
RULES = st.builds(
    Rule,
    check=st.sampled_from(["validity.range", "consistency.rule"]),
    column=st.none() | NAMES,
    parameters=st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3), max_size=3),
    severity=st.sampled_from(["error", "warning"]),
    description=st.sampled_from(["", "why"]),
)


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    columns = draw(st.lists(PROMISES, max_size=4, unique_by=lambda promise: promise.name))
    names = [column.name for column in columns]
    # Rules come back in the order of the document: those of the table, then those of each column.
    rules = draw(st.lists(RULES, max_size=4))
    order = {name: place for place, name in enumerate(names)}
    others = {
        name: len(names) + place
        for place, name in enumerate(dict.fromkeys(r.column for r in rules if r.column))
    }
    rules.sort(key=lambda rule: -1 if rule.column is None else order.get(rule.column, others[rule.column]))
    return Contract(
        dataset=draw(NAMES),
        columns=tuple(columns),
        key=tuple(draw(st.permutations(names))[: draw(st.integers(0, 2))]),
        label=draw(st.none() | NAMES),
        sensitive=tuple(draw(st.lists(NAMES, max_size=2))),
        time=draw(st.none() | NAMES),
        rules=tuple(rules),
        owner=draw(st.sampled_from(["", "ada"])),
        description=draw(st.sampled_from(["", "what for"])),
    )


@given(contracts())
def test_a_contract_comes_back_from_its_yaml_as_it_was(contract: Contract) -> None:
    text = yaml.safe_dump(contract.to_odcs(), allow_unicode=True, sort_keys=False)
    document = yaml.safe_load(text)
    assert problems_of(document) == []
    assert Contract.from_odcs(document) == contract


def document(**table: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v3.0.2",
        "kind": "DataContract",
        "id": "urn:1",
        "version": "2.0.0",
        "status": "draft",
        "schema": [{"name": "orders", **table}],
    }


def test_a_contract_of_another_tool_becomes_promises_and_rules() -> None:
    contract = Contract.from_odcs(
        document(
            quality=[
                {"type": "library", "rule": "rowCount", "mustBeBetween": [10, 20]},
                {"type": "sql", "query": "SELECT 1", "mustBe": 1},
                {"type": "custom", "engine": "soda", "implementation": "row_count > 0"},
            ],
            properties=[
                {
                    "name": "amount",
                    "logicalType": "integer",
                    "physicalType": "NUMBER(8)",
                    "required": True,
                    "primaryKey": True,
                    "logicalTypeOptions": {"minimum": 0, "maximum": 100},
                    "quality": [{"rule": "duplicateCount", "mustBe": 0}, {"rule": "nullValues", "mustBe": 0}],
                },
                {
                    "name": "state",
                    "logicalType": "string",
                    "logicalTypeOptions": {"pattern": "^[A-Z]+$", "maxLength": 2},
                    "quality": [{"rule": "validValues", "validValues": ["NY", "CA"], "severity": "warning"}],
                },
            ],
        )
    )
    assert contract.key == ("amount",)
    assert contract.columns[0] == ColumnPromise(name="amount", type="int64", required=True)
    assert [(rule.check, rule.column, dict(rule.parameters)) for rule in contract.rules] == [
        ("volume.rows", None, {"minimum": 10, "maximum": 20}),
        ("consistency.sql", None, {"query": "SELECT 1", "equals": 1}),
        ("validity.range", "amount", {"minimum": 0, "maximum": 100}),
        ("uniqueness.columns", "amount", {}),
        ("completeness.null_fraction", "amount", {"maximum": 0.0}),
        ("validity.pattern", "state", {"pattern": "^[A-Z]+$"}),
        ("validity.length", "state", {"maximum": 2}),
        ("validity.set", "state", {"values": ["NY", "CA"]}),
    ]
    assert contract.rules[-1].severity == "warning"


def ours(body: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with one rule of ours."""
    rule = {"type": "custom", "engine": "headwater", "implementation": body}
    return {"schema": [{"name": "a", "quality": [rule]}]}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "Other"}, "kind is 'Other'"),
        ({"id": None}, "id is missing"),
        ({"apiVersion": "v2.2.2"}, "only v3 is read"),
        ({"scheme": []}, "scheme is no field"),
        ({"schema": []}, "schema must be a list"),
        ({"schema": [{}]}, "schema[0] needs a name"),
        ({"schema": ["orders"]}, "schema[0] must be a mapping"),
        ({"schema": [{"name": "a", "properties": {"x": 1}}]}, "properties must be a list"),
        ({"schema": [{"name": "a", "properties": [{}]}]}, "properties[0] needs a name"),
        ({"schema": [{"name": "a", "properties": [{"name": "x"}, {"name": "x"}]}]}, "comes twice"),
        (
            {"schema": [{"name": "a", "properties": [{"name": "x", "logicalType": "int"}]}]},
            "logicalType is 'int'",
        ),
        ({"schema": [{"name": "a", "quality": {}}]}, "quality must be a list"),
        ({"schema": [{"name": "a", "quality": [1]}]}, "must be a mapping"),
        ({"schema": [{"name": "a", "quality": [{"type": "odd"}]}]}, "type is 'odd'"),
        ({"schema": [{"name": "a", "quality": [{"type": "sql"}]}]}, "needs 'query'"),
        (
            {
                "schema": [
                    {
                        "name": "a",
                        "quality": [{"type": "custom", "engine": "headwater", "implementation": {}}],
                    }
                ]
            },
            "needs a 'check'",
        ),
        *[
            (
                {"schema": [{"name": "a", "quality": [{"type": "text", "severity": 3}]}]},
                "severity must be text",
            ),
            (ours({"check": None}), "needs a 'check'"),
            (ours({"check": "volume.rows", "parameters": "x"}), "parameters must be a mapping"),
            ({"customProperties": {"a": 1}}, "customProperties must be a list"),
            ({"customProperties": [{"property": []}]}, "needs a 'property'"),
            ({"customProperties": [{"property": "headwaterKey", "value": "id"}]}, "a list of columns"),
            (
                {"customProperties": [{"property": "headwaterSensitive", "value": [True]}]},
                "a list of columns",
            ),
            ({"customProperties": [{"property": "headwaterLabel", "value": ["y"]}]}, "must be a column"),
        ],
    ],
)
def test_problems_say_where_they_are(change: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in problems_of({**document(), **change}))


def test_what_is_no_contract_is_refused() -> None:
    with pytest.raises(InputError, match="not an ODCS data contract"):
        Contract.from_odcs({"kind": "Other"})
    with pytest.raises(InputError, match=r"schema\[0\] needs a name"):
        Contract.from_odcs(document() | {"schema": [{}]})


def test_types_have_a_logical_type_of_the_standard() -> None:
    types = {
        "timestamp[ms, UTC]": "date",
        "list<float>[3]": "array",
        "struct<a: int64>": "object",
        "uint8": "integer",
    }
    columns = tuple(ColumnPromise(name=str(i), type=type_) for i, type_ in enumerate(types))
    written = Contract(dataset="d", columns=columns).to_odcs()["schema"][0]["properties"]
    assert [column["logicalType"] for column in written] == list(types.values())
