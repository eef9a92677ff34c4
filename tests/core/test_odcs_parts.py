"""Library rules and options of ODCS documents become ours where we have an equivalent."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.odcs_parts import as_written, option_rules, rules_of

NULLS = "completeness.null_fraction"


@pytest.mark.parametrize(
    ("quality", "column", "check", "parameters"),
    [
        ({"metric": "rowCount", "mustBeGreaterThan": 10}, None, "volume.rows", {"minimum": 11}),
        ({"metric": "nullValues", "mustBe": 0}, "x", NULLS, {"maximum": 0.0}),
        (
            {"metric": "nullValues", "mustBeLessOrEqualTo": 5, "unit": "percent"},
            "x",
            NULLS,
            {"maximum": 0.05},
        ),
        ({"rule": "nullValues", "mustBeLessThan": 1}, "x", NULLS, {"maximum": 0.0}),
        (
            {"metric": "missingValues", "arguments": {"missingValues": [None, ""]}, "mustBe": 0},
            "x",
            NULLS,
            {"maximum": 0.0, "blank": True},
        ),
        (
            {"metric": "invalidValues", "arguments": {"validValues": ["a"]}, "mustBe": 0},
            "x",
            "validity.set",
            {"values": ["a"]},
        ),
        (
            {"metric": "invalidValues", "arguments": {"pattern": "^a$"}, "mustBe": 1, "unit": "percent"},
            "x",
            "",
            {},
        ),
        (
            {
                "metric": "invalidValues",
                "arguments": {"pattern": "^a$"},
                "mustBeLessOrEqualTo": 1,
                "unit": "percent",
            },
            "x",
            "validity.pattern",
            {"pattern": "^a$", "max_fraction": 0.01},
        ),
        ({"metric": "duplicateValues", "mustBe": 0}, "x", "uniqueness.columns", {}),
        (
            {"metric": "duplicateValues", "arguments": {"properties": ["a", "b"]}, "mustBe": 0},
            None,
            "uniqueness.columns",
            {"columns": ["a", "b"]},
        ),
        ({"metric": "nullValues", "mustBeLessThan": 10}, "x", "", {}),
        ({"metric": "nullValues", "mustNotBe": 7, "mustBeGreaterThan": 1}, "x", "", {}),
        (
            {"metric": "missingValues", "arguments": {"missingValues": ["n/a"]}, "mustBe": 0},
            "x",
            "",
            {},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustBe": 1},
            "x",
            "consistency.sql",
            {"query": "SELECT 1", "equals": 1},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustBeBetween": [0, 1.5]},
            None,
            "consistency.sql",
            {"query": "SELECT 1", "minimum": 0, "maximum": 1.5},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustNotBeBetween": [2, 3]},
            None,
            "consistency.sql",
            {"query": "SELECT 1", "outside": [2, 3]},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustBeGreaterThan": 0, "mustBeLessThan": 9},
            None,
            "consistency.sql",
            {"query": "SELECT 1", "above": 0, "below": 9},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustBeGreaterOrEqualTo": 0, "mustBeLessOrEqualTo": 9},
            None,
            "consistency.sql",
            {"query": "SELECT 1", "minimum": 0, "maximum": 9},
        ),
        (
            {"type": "sql", "query": "SELECT 1", "mustNotBe": 3},
            None,
            "consistency.sql",
            {"query": "SELECT 1", "not_equals": 3},
        ),
        ({"type": "sql", "query": "SELECT 1"}, None, "", {}),
        ({"type": "sql", "query": "SELECT 1", "mustBe": "one"}, None, "", {}),
        ({"type": "sql", "query": "SELECT 1", "mustBeBetween": [1]}, None, "", {}),
        (
            {"type": "sql", "query": "SELECT 1", "mustBeBetween": [1, 2], "mustBeLessOrEqualTo": 1},
            None,
            "",
            {},
        ),
        ({"type": "text", "description": "nice"}, None, "", {}),
    ],
)
def test_a_library_rule_is_read_where_we_judge_the_same(
    quality: dict[str, Any], column: str | None, check: str, parameters: dict[str, Any]
) -> None:
    found = [(rule.check, rule.column, dict(rule.parameters)) for rule in rules_of(quality, column)]
    assert found == ([(check, column, parameters)] if check else [])


def test_limits_below_a_share_are_not_the_limit_itself() -> None:
    (rule,) = rules_of({"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent"}, "x")
    assert 0.049 < rule.parameters["maximum"] < 0.05


def test_a_pattern_that_may_match_anywhere_is_one_for_the_whole_text() -> None:
    (rule,) = option_rules({"name": "x", "logicalTypeOptions": {"pattern": "b"}})
    assert rule.parameters == {"pattern": ".*(?:b).*"}


@pytest.mark.parametrize("pattern", ["^[A-Z]", "[A-Z]$", "a|b", "^a$", "(?:x)", "^(?:x).*", "a)(b", ""])
def test_a_pattern_is_told_as_it_was_written(pattern: str) -> None:
    (rule,) = option_rules({"name": "x", "logicalTypeOptions": {"pattern": pattern}})
    assert as_written(rule.parameters["pattern"]) == pattern


@pytest.mark.parametrize("limit", [{"mustNotBe": 0}, {"mustNotBe": 5}, {"mustNotBeBetween": [0, 2]}])
@pytest.mark.parametrize("metric", ["nullValues", "missingValues", "duplicateValues", "invalidValues"])
def test_a_library_rule_that_asks_for_another_number_is_not_read_as_its_opposite(
    metric: str, limit: dict[str, Any]
) -> None:
    arguments = {"validValues": [10]} if metric == "invalidValues" else {}
    quality = {"metric": metric, "arguments": arguments, **limit}
    assert list(rules_of(quality, "x")) == []
    assert list(rules_of({"metric": "rowCount", **limit}, None)) == []
