"""Classes of the label."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.balance import Balance
from tests.checks.targets import one_finding, target_of


@pytest.mark.parametrize(
    ("labels", "outcome", "text"),
    [
        (["a"] * 50 + ["b"] * 50, "pass", "50 %"),
        (["a"] * 97 + ["b"] * 3, "warn", "Class 'b' of label 'y' has 3 rows (3 %)"),
        (["a"] * 80 + ["b"] * 9 + [None], "warn", "at least 10 are needed"),
        (["a"] * 9, "fail", "nothing to learn"),
        ([None] * 3, "pass", "no values"),
        (np.arange(200.0), "pass", "a quantity"),
    ],
)
def test_the_rarest_class_is_named(labels: object, outcome: str, text: str) -> None:
    target = target_of(pa.table({"y": labels, "row": range(len(labels))}), label="y")  # type: ignore[arg-type]
    finding = one_finding(Balance(), target)
    assert (finding.outcome, text in finding.message) == (outcome, True), finding.message
