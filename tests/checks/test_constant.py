"""Columns that never vary."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.constant import Constant
from tests.checks.targets import one_finding, target_of


@pytest.mark.parametrize(
    ("values", "outcome"),
    [([1, 1, None], "warn"), ([1, 2], "pass"), ([1], "pass"), ([None, None], "pass"), ([[1], [1]], "warn")],
)
def test_one_value_in_several_rows_tells_nothing(values: list[object], outcome: str) -> None:
    assert one_finding(Constant(column="c"), target_of(pa.table({"c": values}))).outcome == outcome
