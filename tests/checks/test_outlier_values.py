"""Single numbers far from the others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.checks.outlier_values import OutlierValues
from headwater.core.findings import Outcome
from tests.checks.targets import one_finding, target_of


def test_a_number_far_out_is_found(rng: np.random.Generator) -> None:
    x = rng.normal(50, 5, 1000)
    x[3], x[7] = 500.0, -300.0
    finding = one_finding(OutlierValues(column="x"), target_of({"id": range(1000), "x": x}, key="id"))
    assert finding.outcome is Outcome.WARN
    assert finding.rows == ("3", "7")
    assert finding.fix is not None
    assert finding.fix.transform == "clean.outliers"
    assert finding.evidence["low"] < 30
    assert finding.evidence["high"] > 70


def test_normal_values_pass_and_the_usual_fence_leaves_out_as_many_as_published(
    rng: np.random.Generator,
) -> None:
    target = target_of({"x": rng.normal(size=100_000)})
    assert one_finding(OutlierValues(column="x"), target).value == pytest.approx(0, abs=3e-5)
    # Tukey's fence at 1.5 leaves out 0.7 % of a normal distribution.
    assert one_finding(OutlierValues(column="x", factor=1.5), target).value == pytest.approx(0.007, abs=0.001)


def test_a_column_that_trails_off_has_a_wider_limit_there(rng: np.random.Generator) -> None:
    finding = one_finding(OutlierValues(column="x", factor=1), target_of({"x": rng.lognormal(size=5000)}))
    assert finding.evidence["high"] - 1 > 2 * (1 - finding.evidence["low"])


@pytest.mark.parametrize(
    "values", [[], [None, None], [1.0], [5.0] * 20, [5.0] * 20 + [9e9], [float("nan")] * 3]
)
def test_where_the_middle_is_one_value_nothing_is_said(values: list[float | None]) -> None:
    target = target_of(pa.table({"x": pa.array(values, pa.float64())}))
    assert one_finding(OutlierValues(column="x"), target).outcome is Outcome.PASS


@given(st.lists(st.integers(-50, 50), min_size=8, max_size=60), st.integers(0, 10**6))
def test_rows_are_as_many_as_counted(values: list[int], far: int) -> None:
    target = target_of({"id": range(len(values) + 1), "x": [*values, far]}, key="id")
    finding = one_finding(OutlierValues(column="x", factor=0.5), target)
    assert len(finding.rows) == min(finding.row_count, 50)


def test_text_has_no_order() -> None:
    assert one_finding(OutlierValues(column="t"), target_of({"t": ["a"]})).outcome is Outcome.ERROR
