"""Numbers of rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.volume import Rows
from tests.checks.targets import one_finding, target_of

TEN, FOUR = (pa.table({"x": range(n)}) for n in (10, 4))


@pytest.mark.parametrize(
    ("check", "outcome", "threshold"),
    [
        (Rows(minimum=4, maximum=4), "pass", None),
        (Rows(minimum=5), "fail", 5),
        (Rows(maximum=3, level="warn"), "warn", 3),
        (Rows(max_drop=0.5), "fail", 5),
        (Rows(max_drop=0.7), "pass", None),
        (Rows(max_growth=0.1), "pass", None),
    ],
    ids=str,
)
def test_rows_are_held_against_limits_and_the_baseline(
    check: Rows, outcome: str, threshold: float | None
) -> None:
    target = target_of(FOUR, baseline=target_of(TEN).dataset)
    finding = one_finding(check, target)
    assert (finding.outcome, finding.threshold, finding.value) == (outcome, threshold, 4)
