"""Means and quantiles between limits."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.base import Check
from headwater.checks.statistics import Mean, Quantile
from tests.checks.targets import one_finding, target_of

TABLE = pa.table({"x": [1.0, 2.0, 6.0, None], "day": pa.array([0, 10, 20, 30], pa.int32()).cast(pa.date32())})


@pytest.mark.parametrize(
    ("check", "outcome", "value"),
    [
        (Mean(column="x", minimum=3, maximum=3), "pass", 3),
        (Mean(column="x", maximum=2.9), "fail", 3),
        (Quantile(column="x", maximum=2), "pass", 2),
        (Quantile(column="x", q=1, maximum=5, level="warn"), "warn", 6),
        (Quantile(column="day", q=0.5, minimum="1970-01-11"), "pass", 10),
        (Quantile(column="day", q=0.5, minimum="1970-01-12"), "fail", 10),
    ],
    ids=str,
)
def test_statistics_are_held_against_their_limits(check: Check, outcome: str, value: float) -> None:
    finding = one_finding(check, target_of(TABLE))
    assert (finding.outcome, finding.value) == (outcome, value)
