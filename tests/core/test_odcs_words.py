"""Misspelt fields, types and severities of a contract are named, with what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.contract import Contract
from headwater.core.odcs_words import unknown_fields, wrong_words
from tests.core.test_odcs_kept import FULL


def of(**table: Any) -> dict[str, Any]:
    return {"kind": "DataContract", "schema": [{"name": "t", **table}]}


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"requird": True}, "requird (required?)"),
        ({"uniqe": True}, "uniqe (unique?)"),
        ({"physicaltype": "int64"}, "physicaltype (physicalType?)"),
        ({"logicalTypeOptions": {"minimun": 60}}, "logicalTypeOptions.minimun (minimum?)"),
        ({"quality": [{"type": "text", "severty": "x"}]}, "quality[0].severty (severity?)"),
        ({"properties": [{"name": "y", "zzz": 1}]}, "properties[0].zzz"),
    ],
)
def test_a_field_that_the_standard_does_not_have_is_named(column: dict[str, Any], told: str) -> None:
    found = unknown_fields(of(properties=[{"name": "x", **column}]))
    assert found == [f"schema[0].properties[0].{told}"]


def test_the_fields_of_rules_of_ours_are_known() -> None:
    body = {"check": "volume.rows", "parameter": {}}
    rule = {"type": "custom", "engine": "headwater", "implementation": body}
    assert unknown_fields(of(quality=[rule])) == [
        "schema[0].quality[0].implementation.parameter (parameters?)"
    ]


def test_a_document_of_the_standard_has_no_strangers() -> None:
    assert unknown_fields(FULL) == wrong_words(FULL) == []
    written = Contract.from_odcs(FULL).to_odcs()
    assert unknown_fields(written) == wrong_words(written) == []


@pytest.mark.parametrize(
    ("kind", "meant"),
    [("int46", "int64"), ("strng", "string"), ("duoble", "double"), ("timestmap", "timestamp")],
)
def test_a_misspelt_type_is_named(kind: str, meant: str) -> None:
    (told,) = wrong_words(of(properties=[{"name": "x", "physicalType": kind}]))
    assert (
        told == f"schema[0].properties[0].physicalType is {kind!r}, which is no type. Did you mean {meant!r}?"
    )


@pytest.mark.parametrize(
    "kind",
    [
        "int64",
        "VARCHAR(20)",
        "NUMBER(8)",
        "decimal(10, 2)",
        "STRUCT<a: INT>",
        "Currency",
        "double precision",
        "timestamp[ms, UTC]",
        "DATETIME2(7)",
        "UUID",
        "numeric(38,0)",
        "list<float>[3]",
        "text[]",
        "",
    ],
)
def test_types_of_this_and_other_systems_are_none(kind: str) -> None:
    assert wrong_words(of(properties=[{"name": "x", "physicalType": kind}])) == []


def test_a_severity_that_nobody_knows_is_named() -> None:
    rules = [{"type": "sql", "query": "SELECT 1", "severity": said} for said in ("warnign", "Critical", "")]
    (told,) = wrong_words(of(quality=rules))
    assert told.startswith("schema[0].quality[0].severity is 'warnign'")
    assert "Did you mean 'warning'?" in told


def test_a_pattern_that_is_none_is_named() -> None:
    column = {"name": "x", "logicalTypeOptions": {"pattern": "["}}
    (told,) = wrong_words(of(properties=[column]))
    assert "pattern is '[', which is no regular expression (RE2): missing ]" in told
