"""Rows that say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.checks.duplicates import Duplicates
from headwater.core.findings import Outcome
from tests.checks.targets import one_finding, target_of

VALUES = st.none() | st.sampled_from(["a", "b"])


@given(st.lists(st.tuples(VALUES, VALUES), max_size=30))
def test_surplus_and_rows_are_those_of_counting_by_hand(rows: list[tuple[Any, Any]]) -> None:
    table = pa.table(
        {
            "id": pa.array(range(len(rows)), pa.int64()),
            "a": pa.array([row[0] for row in rows], pa.string()),
            "b": pa.array([row[1] for row in rows], pa.string()),
        }
    )
    finding = one_finding(Duplicates(), target_of(table, key="id"))
    named = [row for row in rows if row != (None, None)]
    twins = [at for at, row in enumerate(rows) if row in named and rows.count(row) > 1]
    assert finding.evidence["surplus_rows"] == len(named) - len(set(named))
    assert finding.row_count == len(twins)
    assert [json.loads(key) for key in finding.rows] == twins
    assert finding.outcome is (Outcome.WARN if twins else Outcome.PASS)


def test_messages_that_came_twice_are_counted(shared: Path) -> None:
    frame = pytest.importorskip("pandas").read_csv(shared / "sms_spam" / "sms_spam.csv.gz")
    finding = one_finding(Duplicates(), target_of(frame))
    assert finding.evidence["surplus_rows"] == int(frame.duplicated().sum())
    assert finding.row_count == int(frame.duplicated(keep=False).sum())
    assert finding.fix is not None
    assert finding.fix.transform == "clean.deduplicate"
    assert finding.fix.parameters == {}


def test_chosen_columns_go_into_the_fix() -> None:
    table = pa.table({"id": [1, 2], "a": ["x", "x"], "b": [1, 2]})
    target = target_of(table, key="id")
    assert one_finding(Duplicates(), target).outcome is Outcome.PASS
    finding = one_finding(Duplicates(columns=("a",)), target)
    assert finding.outcome is Outcome.WARN
    assert finding.fix is not None
    assert finding.fix.parameters == {"columns": ["a"]}


def test_a_table_of_nothing_but_its_key_cannot_have_any() -> None:
    finding = one_finding(Duplicates(), target_of(pa.table({"id": [1, 2]}), key="id"))
    assert finding.outcome is Outcome.ERROR
    assert "no column but its key" in finding.message


def test_a_share_can_be_let_pass() -> None:
    target = target_of(pa.table({"a": [1, 1, 2, 3]}))
    assert one_finding(Duplicates(maximum=0.25), target).outcome is Outcome.PASS
    assert one_finding(Duplicates(maximum=0.2, level="fail"), target).outcome is Outcome.FAIL
