"""Missing values."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.completeness import NullFraction
from tests.checks.targets import one_finding, target_of

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4],
        "x": [1.0, None, float("nan"), 4.0],
        "word": ["a", "", " ", None],
        "none": pa.nulls(4),
    }
)


@pytest.mark.parametrize(
    ("check", "outcome", "rows"),
    [
        (NullFraction(column="x"), "fail", ("2", "3")),
        (NullFraction(column="x", maximum=0.5), "pass", ()),
        (NullFraction(column="x", maximum=0.4, level="warn"), "warn", ("2", "3")),
        (NullFraction(column="word"), "fail", ("4",)),
        (NullFraction(column="word", blank=True), "fail", ("2", "3", "4")),
        (NullFraction(column="id"), "pass", ()),
    ],
    ids=str,
)
def test_null_nan_and_if_wanted_blank_text_are_missing(
    check: NullFraction, outcome: str, rows: tuple[str, ...]
) -> None:
    finding = one_finding(check, target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows) == (outcome, rows)


def test_an_empty_column_is_called_empty_and_cannot_be_filled() -> None:
    finding = one_finding(NullFraction(column="none"), target_of(TABLE, key="id"))
    assert "is empty" in finding.message
    assert finding.fix is None


def test_a_missing_label_matters_most_and_its_rows_are_dropped() -> None:
    target = target_of(TABLE, key="id", label="x")
    finding = one_finding(NullFraction(column="x"), target)
    assert finding.severity >= 0.9
    assert finding.fix is not None
    assert finding.fix.parameters["strategy"] == "drop_rows"
