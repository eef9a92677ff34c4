"""Tests of dbt models as contracts."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from headwater.checks.from_dbt import read_dbt
from headwater.core.errors import InputError, NotFound

SCHEMA = """
version: 2
models:
  - name: orders
    description: One row an order
    data_tests:
      - dbt_utils.unique_combination_of_columns: {combination_of_columns: [shop, number]}
      - dbt_utils.expression_is_true: {expression: "paid <= amount"}
      - my_test: {a: 1}
    columns:
      - name: id
        tests: [unique, not_null]
      - name: state
        data_tests:
          - accepted_values: {arguments: {values: [open, paid]}, config: {severity: warn}}
      - name: customer
        tests:
          - relationships: {to: ref('customers'), field: id}
          - not_null: {where: "state = 'paid'"}
      - name: amount
        tests:
          - dbt_utils.accepted_range: {min_value: 0, inclusive: false}
          - dbt_expectations.expect_column_values_to_be_between: {min_value: 0, max_value: 9}
          - dbt_expectations.expect_column_stdev_to_be_between: {min_value: 0}
  - name: customers
"""


def test_each_test_becomes_a_rule_or_is_named() -> None:
    found = read_dbt(yaml.safe_load(SCHEMA), model="orders")
    assert [column.name for column in found.contract.columns] == ["id", "state", "customer", "amount"]
    assert [
        (rule.check, rule.column, dict(rule.parameters), rule.severity) for rule in found.contract.rules
    ] == [
        ("uniqueness.columns", None, {"columns": ["id"]}, "error"),
        ("completeness.null_fraction", "id", {"maximum": 0.0}, "error"),
        ("validity.set", "state", {"values": ["open", "paid"]}, "warning"),
        (
            "consistency.reference",
            None,
            {"columns": ["customer"], "dataset": "customers", "references": ["id"]},
            "error",
        ),
        ("consistency.rule", None, {"condition": '"amount" > 0'}, "error"),
        ("validity.range", "amount", {"minimum": 0, "maximum": 9}, "error"),
        ("uniqueness.columns", None, {"columns": ["shop", "number"]}, "error"),
        ("consistency.rule", None, {"condition": "paid <= amount"}, "error"),
    ]
    assert [text.split()[0] for text in found.left] == [
        "not_null",
        "dbt_expectations.expect_column_stdev_to_be_between",
        "my_test",
    ]
    assert "where state = 'paid'" in found.left[0]
    assert found.contract.description == "One row an order"


@pytest.mark.parametrize(
    ("document", "model", "error", "message"),
    [
        ({"models": [{"name": "a"}, {"name": "b"}]}, None, InputError, "--model: a, b"),
        ({"models": []}, None, InputError, "no model"),
        ({"models": [{"name": "orders"}]}, "order", NotFound, "orders"),
    ],
)
def test_which_model_must_be_clear(
    document: Any, model: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_dbt(document, model=model)


def test_tables_of_sources_and_tests_without_parameters_are_read() -> None:
    table = {"name": "t", "columns": [{"name": "a", "tests": ["unique"]}]}
    document = {"sources": [{"name": "raw", "tables": [table]}]}
    assert read_dbt(document).contract.rules[0].check == "uniqueness.columns"
