"""Types, and words among numbers."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.types import Mixed, Type
from tests.checks.targets import one_finding, target_of

TABLE = pa.table(
    {
        "id": range(10),
        "small": pa.array(range(10), pa.int32()),
        "text": [*(str(i) for i in range(9)), "n/a"],
        "words": list("abcdefghij"),
    }
)


@pytest.mark.parametrize(("column", "type_", "outcome"), [
    ("small", "int32", "pass"),
    ("small", "int64", "pass"),
    ("small", "int16", "fail"),
    ("small", "string", "fail"),
    ("text", "string", "pass"),
])  # fmt: skip
def test_a_narrower_type_fits_and_another_does_not(column: str, type_: str, outcome: str) -> None:
    assert one_finding(Type(column=column, type=type_), target_of(TABLE, key="id")).outcome == outcome


def test_text_says_how_much_of_it_could_be_read() -> None:
    finding = one_finding(Type(column="text", type="int64"), target_of(TABLE, key="id"))
    assert finding.rows == ("9",)
    assert "1 value (10 %) cannot be read" in finding.message


def test_a_few_words_among_numbers_are_named() -> None:
    finding = one_finding(Mixed(column="text"), target_of(TABLE, key="id"))
    assert (finding.outcome, finding.rows) == ("warn", ("9",))
    assert "'n/a'" in finding.message
    assert one_finding(Mixed(column="words"), target_of(TABLE, key="id")).outcome == "pass"
