"""Rules over a row, and columns that determine others."""

from __future__ import annotations

import pyarrow as pa

from headwater.checks.consistency import Dependency, RowRule
from tests.checks.targets import one_finding, target_of

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4, 5],
        "paid": [1, 5, None, 2, 2],
        "amount": [2, 3, 4, 2, 2],
        "zip": ["10", "10", "10", "20", None],
        "city": ["Oslo", "Oslo", "Olso", None, "Rome"],
    }
)


def test_rows_that_break_a_rule_are_found_and_unknown_passes() -> None:
    check = RowRule(condition="paid <= amount", description="nobody pays too much")
    finding = one_finding(check, target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows, finding.column) == ("fail", ("2",), "paid, amount")
    assert "nobody pays too much" in finding.message


def test_a_rule_about_a_column_that_is_not_there_fails_and_names_it() -> None:
    finding = one_finding(RowRule(condition="payd <= amount"), target_of(TABLE, key="id"))
    assert finding.outcome == "fail"
    assert "Did you mean 'paid'?" in finding.message


def test_the_rows_that_contradict_the_others_are_found() -> None:
    finding = one_finding(Dependency(determinants=("zip",), dependent="city"), target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows, finding.value) == ("fail", ("3",), 0.25)
    assert (
        one_finding(
            Dependency(determinants=("zip",), dependent="city", maximum=0.3), target_of(TABLE, key="id")
        ).outcome
        == "pass"
    )
