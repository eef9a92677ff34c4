"""Numbers in words, and shares held against a limit."""

from __future__ import annotations

import pytest

from headwater.checks.judging import graded, number_text, percent, rows_text, shown


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0204, "2 %"),
        (0.125, "12.5 %"),
        (0.00001, "less than 0.1 %"),
        (0.9999, "more than 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_in_words(share: float, text: str) -> None:
    assert percent(share) == text


def test_numbers_in_words() -> None:
    assert (rows_text(1), rows_text(1204, "value")) == ("1 row", "1,204 values")
    assert (number_text(1e6), number_text(0.1234567), number_text("x")) == ("1,000,000", "0.123457", "x")
    assert shown(["a", 2]) == "'a' and 2"
    assert shown([1, 2, 3], 2) == "1, 2 and 1 more"
    assert (shown([]), shown([1])) == ("none", "1")


def test_more_rows_matter_more() -> None:
    severities = [graded(0.3, share) for share in (0, 0.01, 0.5, 1)]
    assert severities == sorted(severities)
    assert severities[0] == 0.3
    assert severities[-1] <= 1
