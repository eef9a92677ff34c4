"""One value in several spellings."""

from __future__ import annotations

import pyarrow as pa

from headwater.checks.spelling import Spelling
from tests.checks.targets import one_finding, target_of


def test_rarer_spellings_are_mapped_to_the_usual_one() -> None:
    table = pa.table({"id": range(6), "c": ["New York", "New York", "new york", "New  York ", "Oslo", None]})
    finding = one_finding(Spelling(column="c"), target_of(table, key="id"))
    assert (finding.outcome, finding.rows) == ("warn", ("2", "3"))
    assert finding.fix is not None
    assert finding.fix.transform == "clean.categories"
    assert finding.evidence["meant"] == {"new york": "New York", "New  York ": "New York"}


def test_different_values_are_no_spellings() -> None:
    table = pa.table({"c": ["a", "b", "", " "]})
    assert one_finding(Spelling(column="c"), target_of(table)).outcome == "pass"


def test_a_column_of_other_than_text_is_an_error_that_says_so() -> None:
    finding = one_finding(Spelling(column="c"), target_of(pa.table({"c": [1]})))
    assert "a spelling needs text" in finding.message
