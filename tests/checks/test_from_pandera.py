"""Schemas of pandera judge here what they judge there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from headwater.checks.from_pandera import read_schema
from headwater.checks.runner import run
from headwater.checks.suite import contract_suite
from headwater.core.findings import Outcome
from tests.checks.targets import target_of

# As pandera wrote a schema with to_yaml() before 0.35: checks by name, or as a list with options.
SCHEMA = """
schema_type: dataframe
version: 0.26.1
columns:
  age:
    title: null
    description: years
    dtype: int64
    nullable: false
    checks:
      in_range: {min_value: 0, max_value: 120, include_min: true, include_max: false}
    unique: false
    required: true
    regex: false
  word:
    dtype: object
    nullable: true
    checks:
    - value: [a, b]
      options: {check_name: isin, raise_warning: true, ignore_na: true}
    - pattern: "[a-z]"
      options: {check_name: str_matches}
    unique: true
    required: true
    regex: false
  "x_.*":
    dtype: float64
    regex: true
checks:
  wide_tables: {}
unique: [age, word]
"""


# As pandera 0.35.0 writes one: checks stand among the fields of the column.
NEWER = """
schema_type: dataframe
api: pandas
columns:
  age:
    dtype: int64
    in_range:
      min_value: 0
      max_value: 120
      include_min: true
      include_max: false
    greater_than_or_equal_to: 0
  word:
    dtype: string[python]
    nullable: true
    unique: true
    isin:
      allowed_values:
      - a
      - b
      raise_warning: true
    str_length:
      min_value: 1
      max_value: 3
      exact_value: null
    notin:
    - z
  d:
    dtype: datetime64[ns]
    required: false
"""


def test_the_newer_form_is_read_as_well() -> None:
    found = read_schema(yaml.safe_load(NEWER), "people")
    assert found.left == ()
    assert [column.type for column in found.contract.columns] == ["int64", "string"]
    assert [(rule.check, rule.severity) for rule in found.contract.rules] == [
        ("consistency.rule", "error"),
        ("validity.range", "error"),
        ("validity.set", "warning"),
        ("validity.length", "error"),
        ("consistency.rule", "error"),
    ]


def test_a_schema_becomes_columns_and_rules() -> None:
    found = read_schema(yaml.safe_load(SCHEMA), "people")
    age, word = found.contract.columns
    assert (age.type, age.required, age.description) == ("int64", True, "years")
    assert (word.type, word.required, word.unique) == ("string", False, True)
    assert [(rule.check, rule.severity) for rule in found.contract.rules] == [
        ("consistency.rule", "error"),
        ("validity.set", "warning"),
        ("consistency.rule", "error"),
        ("uniqueness.columns", "error"),
    ]
    assert [text.partition(":")[0] for text in found.left] == [
        "columns that match 'x_.*'",
        "wide_tables of the whole table",
    ]


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ({"equal_to": 3}, [3, 3], [3, 4]),
        ({"not_equal_to": 3}, [1, 2], [3]),
        ({"greater_than": 3}, [4], [3]),
        ({"less_than": 3}, [2], [3]),
        ({"greater_than_or_equal_to": 3}, [3], [2]),
        ({"less_than_or_equal_to": {"max_value": 3}}, [3], [4]),
        ({"in_range": {"min_value": 1, "max_value": 3, "include_max": False}}, [1, 2], [3]),
        ({"isin": [1, 2]}, [1], [3]),
        ({"isin": {"allowed_values": [1, 2]}}, [1], [3]),
        ({"notin": [1, 2]}, [3], [1]),
        ({"str_matches": "ab"}, ["abc"], ["xab"]),
        ({"str_contains": "b"}, ["abc"], ["xyz"]),
        ({"str_startswith": "a."}, ["a.c"], ["abc"]),
        ({"str_endswith": "c"}, ["abc"], ["cb"]),
        ({"str_length": {"min_value": 2, "max_value": 3}}, ["ab"], ["a"]),
        ({"str_length": {"exact_value": 2}}, ["ab"], ["abc"]),
    ],
)
def test_a_check_judges_as_its_name_says(check: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    found = read_schema({"columns": {"x": {"nullable": True, "checks": check}}}, "data")
    assert found.left == ()
    for values, outcome in ((good, Outcome.PASS), (bad, Outcome.FAIL)):
        target = target_of({"x": values})
        target = type(target)(dataset=target.dataset, contract=found.contract)
        report = run(target, [one for one in contract_suite(target).checks if one.id != "schema.drift"])
        assert {finding.outcome for finding in report.findings} == {outcome}


def test_a_check_of_your_own_is_named() -> None:
    found = read_schema({"columns": {"x": {"checks": {"my_check": {"p": 1}}}}}, "data")
    assert found.left == ("my_check of 'x': {'p': 1}",)
