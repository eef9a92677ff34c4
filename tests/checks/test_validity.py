"""Ranges, sets, patterns and lengths."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from headwater.checks.base import Check
from headwater.checks.validity import Length, Pattern, Range, Set
from tests.checks.targets import one_finding, target_of

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4],
        "x": [1.0, -5.0, float("nan"), None],
        "word": ["red", "Red ", "blu", None],
        "day": [date(2026, 1, d) for d in (1, 2, 3, 4)],
        "items": [[1], [], [1, 2, 3], None],
        "raw": [b"a", b"", b"abc", None],
    }
)


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        (Range(column="x", minimum=0, maximum=3), ("2",)),
        (Range(column="x", maximum=0), ("1",)),
        (Range(column="day", minimum="2026-01-03"), ("1", "2")),
        (Set(column="word", values=("red",)), ("2", "3")),
        (Set(column="x", values=(1,)), ("2",)),
        (Set(column="day", values=("2026-01-01",)), ("2", "3", "4")),
        (Pattern(column="word", pattern="[a-z]+"), ("2",)),
        (Length(column="word", maximum=3), ("2",)),
        (Length(column="items", minimum=1, maximum=2), ("2", "3")),
        (Length(column="raw", minimum=1), ("2",)),
    ],
    ids=str,
)
def test_values_that_break_a_promise_are_found(check: Check, rows: tuple[str, ...]) -> None:
    finding = one_finding(check, target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows, finding.row_count) == ("fail", rows, len(rows))


def test_a_share_of_the_values_there_are_may_be_let_pass() -> None:
    finding = one_finding(Set(column="word", values=("red",), max_fraction=0.7), target_of(TABLE, key="id"))
    assert finding.outcome == "pass"
    assert finding.value == pytest.approx(2 / 3)


def test_the_nearest_allowed_spelling_is_suggested() -> None:
    finding = one_finding(Set(column="word", values=("red", "blue")), target_of(TABLE, key="id"))
    assert finding.fix is not None
    assert finding.fix.parameters["mapping"] == {"Red ": "red", "blu": "blue"}


def test_examples_say_how_far_outside_values_are() -> None:
    finding = one_finding(Range(column="x", minimum=0), target_of(TABLE, key="id"))
    assert "for example -5" in finding.message
    assert finding.fix is not None
    assert finding.fix.parameters["set_null"] is True
