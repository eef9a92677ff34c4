"""Keys and values that repeat."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from headwater.checks.uniqueness import Columns, Key
from headwater.core.contract import Contract
from tests.checks.targets import one_finding, target_of

TABLE = pa.table({"id": [1, 2, 3, 4], "a": ["x", "x", "y", None], "b": [1, 2, 1, 1]})


def test_values_that_come_twice_are_found_with_all_their_rows() -> None:
    finding = one_finding(Columns(columns=("a",)), target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows, finding.row_count) == ("fail", ("1", "2"), 2)
    assert "1 value comes more than once" in finding.message


def test_combinations_and_keys_do_not_repeat() -> None:
    target = target_of(TABLE, key="id")
    assert one_finding(Columns(columns=("a", "b")), target).outcome == "pass"
    assert one_finding(Columns(columns=("id", "a")), target).outcome == "pass"
    assert one_finding(Key(), target).outcome == "pass"
    assert "no key" in one_finding(Key(), target_of(TABLE)).message


def test_a_promised_key_is_counted_and_may_not_be_missing() -> None:
    target = replace(target_of(TABLE), contract=Contract(dataset="data", key=("a",)))
    finding = one_finding(Key(), target)
    assert (finding.outcome, finding.row_count, len(finding.rows)) == ("fail", 3, 3)
    assert "lack a value" in finding.message
