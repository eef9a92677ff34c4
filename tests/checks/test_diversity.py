"""Combinations that rows lack."""

from __future__ import annotations

import pyarrow as pa

from headwater.checks.diversity import Coverage
from headwater.core.findings import Outcome
from tests.checks.targets import loans, one_finding, target_of


def grid(*rows: tuple[str, str, int]) -> pa.Table:
    return pa.table(
        {"a": [a for a, _, n in rows for _ in range(n)], "b": [b for _, b, n in rows for _ in range(n)]}
    )


def test_a_combination_without_rows_is_named() -> None:
    finding = one_finding(
        Coverage(columns=("a", "b")), target_of(grid(("x", "u", 50), ("x", "v", 50), ("y", "u", 50)))
    )
    assert finding.outcome is Outcome.WARN
    assert finding.slice == "\"a\" = 'y' AND \"b\" = 'v'"
    assert finding.evidence["patterns"] == [{"slice": finding.slice, "rows": 0, "expected": 16.7}]
    assert "a = y and b = v (0 rows, where 17 would be usual)" in finding.message


def test_only_the_most_general_gap_is_told() -> None:
    table = grid(("x", "u", 50), ("x", "v", 50), ("y", "u", 2), ("y", "v", 2))
    finding = one_finding(Coverage(columns=("a", "b")), target_of(table))
    assert [item["slice"] for item in finding.evidence["patterns"]] == ["\"a\" = 'y'"]
    assert finding.severity == 0.5


def test_full_tables_pass() -> None:
    table = grid(("x", "u", 50), ("x", "v", 50), ("y", "u", 50), ("y", "v", 30))
    assert one_finding(Coverage(columns=("a", "b")), target_of(table)).outcome is Outcome.PASS
    assert (
        one_finding(Coverage(columns=("a", "b"), minimum_rows=31), target_of(table)).outcome is Outcome.WARN
    )


def test_missing_values_are_no_combination() -> None:
    table = pa.concat_tables(
        [grid(("x", "u", 50), ("y", "u", 50)), pa.table({"a": pa.nulls(3, pa.string()), "b": ["u"] * 3})]
    )
    assert one_finding(Coverage(columns=("a", "b")), target_of(table)).outcome is Outcome.PASS


def test_few_women_among_hispanic_applicants() -> None:
    target = target_of(loans(), key="application", label="approve", sensitive=("race", "sex"))
    finding = one_finding(Coverage(), target)
    assert finding.slice == "\"race\" = 'hispanic' AND \"sex\" = 'female'"
    assert finding.value == 4.0


def test_one_attribute_is_no_combination() -> None:
    finding = one_finding(Coverage(), target_of(pa.table({"a": [1]}), label="a"))
    assert finding.outcome is Outcome.ERROR
    assert "at least two attributes" in finding.message


def test_too_few_rows_are_not_judged() -> None:
    finding = one_finding(Coverage(columns=("a", "b")), target_of(grid(("x", "u", 3))))
    assert finding.outcome is Outcome.PASS
    assert finding.message == "3 rows: too few to look for combinations."
