"""Suites of Great Expectations judge here what they judge there."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.checks.from_great_expectations import read_suite
from headwater.checks.runner import run
from headwater.checks.suite import contract_suite
from headwater.core.contract import Rule
from headwater.core.findings import Outcome
from tests.checks.targets import target_of

ROWS = {
    "id": [1, 2, 3, 4],
    "age": [20, 30, 40, 50],
    "low": [1, 2, 3, None],
    "word": ["ab", "abc", "b", None],
    "mail": ["a@b.de", "x", "c@d.fr", "e@f.it"],
}

# What Great Expectations 1.24.1 says of these rows, in a frame of pandas: whether the expectation is met.
JUDGED: list[tuple[str, dict[str, Any], bool]] = [
    ("expect_column_values_to_not_be_null", {"column": "age"}, True),
    ("expect_column_values_to_not_be_null", {"column": "low"}, False),
    ("expect_column_values_to_not_be_null", {"column": "low", "mostly": 0.75}, True),
    ("expect_column_values_to_be_unique", {"column": "id"}, True),
    ("expect_column_values_to_be_between", {"column": "age", "min_value": 20, "max_value": 50}, True),
    ("expect_column_values_to_be_between", {"column": "age", "min_value": 20, "strict_min": True}, False),
    ("expect_column_values_to_be_between", {"column": "age", "max_value": 45, "mostly": 0.75}, True),
    ("expect_column_values_to_be_in_set", {"column": "low", "value_set": [1, 2, 3]}, True),
    ("expect_column_values_to_be_in_set", {"column": "low", "value_set": [1, 2]}, False),
    ("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": ["zz", None]}, True),
    ("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": ["b"]}, False),
    ("expect_column_values_to_match_regex", {"column": "mail", "regex": "@", "mostly": 0.75}, True),
    ("expect_column_values_to_match_regex", {"column": "mail", "regex": "^.+@.+$"}, False),
    ("expect_column_values_to_not_match_regex", {"column": "mail", "regex": "[0-9]"}, True),
    ("expect_column_value_lengths_to_be_between", {"column": "word", "min_value": 1, "max_value": 2}, False),
    ("expect_column_value_lengths_to_be_between", {"column": "word", "min_value": 1, "max_value": 3}, True),
    ("expect_column_values_to_be_of_type", {"column": "age", "type_": "int64"}, True),
    ("expect_column_values_to_be_of_type", {"column": "word", "type_": "int64"}, False),
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 4}, True),
    ("expect_table_row_count_to_equal", {"value": 5}, False),
    ("expect_column_mean_to_be_between", {"column": "age", "min_value": 35, "max_value": 35}, True),
    ("expect_column_min_to_be_between", {"column": "age", "min_value": 21}, False),
    ("expect_column_max_to_be_between", {"column": "age", "max_value": 50}, True),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "age", "column_B": "low"}, False),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "low"}, False),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "id", "column_B": "low", "ignore_row_if": "either_value_is_missing"},
        True,
    ),
    ("expect_column_values_to_be_null", {"column": "low"}, False),
    ("expect_column_to_exist", {"column": "age"}, True),
    ("expect_column_to_exist", {"column": "wage"}, False),
    ("expect_table_columns_to_match_set", {"column_set": ["id", "wage"]}, False),
]


@pytest.mark.parametrize("form", ["type", "expectation_type"])
@pytest.mark.parametrize(("name", "given", "success"), JUDGED)
def test_an_expectation_judges_the_same(name: str, given: dict[str, Any], success: bool, form: str) -> None:
    found = read_suite({"expectations": [{form: name, "kwargs": given}]}, "data")
    assert found.left == ()
    target = target_of(ROWS, key="id")
    target = type(target)(dataset=target.dataset, contract=found.contract)
    outcomes = {finding.outcome for finding in run(target, contract_suite(target).checks).findings}
    assert (Outcome.FAIL not in outcomes) == success
    assert Outcome.ERROR not in outcomes


def test_a_warning_stays_one() -> None:
    entry = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "severity": "warning"}
    (rule,) = read_suite({"expectations": [entry]}, "data").contract.rules
    assert rule == Rule(check="uniqueness.columns", parameters={"columns": ["a"]}, severity="warning")


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": {"column": "a"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "a"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "row_condition": "b > 1"}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "a", "type_": "geometry"}},
        {
            "type": "expect_column_min_to_be_between",
            "kwargs": {"column": "a", "min_value": 1, "max_value": 2},
        },
        {},
    ],
)
def test_what_has_no_equivalent_is_named(entry: dict[str, Any]) -> None:
    found = read_suite({"expectations": [entry]}, "data")
    assert found.contract.rules == ()
    assert len(found.left) == 1


def test_quantiles_and_medians() -> None:
    given = {"column": "x", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[0, 1], [None, 9]]}}
    suite = {
        "expectations": [
            {"type": "expect_column_quantile_values_to_be_between", "kwargs": given},
            {"type": "expect_column_median_to_be_between", "kwargs": {"column": "x", "min_value": 2}},
        ]
    }
    assert [rule.parameters for rule in read_suite(suite, "data").contract.rules] == [
        {"q": 0.1, "minimum": 0, "maximum": 1},
        {"q": 0.9, "maximum": 9},
        {"q": 0.5, "minimum": 2},
    ]
