"""Numbers in words, and shares held against a limit."""

from __future__ import annotations

import pytest

from headwater.checks.judging import Share, graded, judged, number_text, offenders, percent, rows_text, shown
from headwater.checks.volume import Rows
from headwater.core.findings import Outcome


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


def test_what_passes_has_no_severity_and_what_breaks_has_the_level_of_the_check() -> None:
    check = Rows(level="warn")
    good, bad = (judged(check, broken, "…", severity=0.5) for broken in (False, True))
    assert (good.outcome, good.severity) == (Outcome.PASS, 0.0)
    assert (bad.outcome, bad.severity, bad.check) == (Outcome.WARN, 0.5, "volume.rows")
    assert judged(check, True, "…", level="fail").outcome is Outcome.FAIL


def test_rows_that_offend_are_the_subject_of_a_sentence() -> None:
    assert offenders(Share(1, 4), "breaks", "break") == "1 row (25 %) breaks"
    assert offenders(Share(2, 4), "is", "are", noun="value", column="a") == "2 values of 'a' (50 %) are"
    assert Share(0, 0).value == 0
