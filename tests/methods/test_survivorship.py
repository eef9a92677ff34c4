"""Which value survives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import HeadwaterError, UsageError
from headwater.methods.survivorship import Rule, surviving

GROUPS = np.array([0, 0, 0, 1, 1, 2])
WORDS = pa.array([None, "b", "ccc", "d", "d", None])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", ["b", "d", None]),
        ("frequent", ["b", "d", None]),
        ("max", ["ccc", "d", None]),
        ("min", ["b", "d", None]),
        ("longest", ["ccc", "d", None]),
        ("concat", ["b; ccc", "d", None]),
    ],
)
def test_each_rule_chooses_as_it_says(rule: Rule, expected: list[str | None]) -> None:
    assert surviving(WORDS, GROUPS, rule).to_pylist() == expected
    assert (
        surviving(pa.chunked_array([WORDS.slice(0, 2), WORDS.slice(2)]), GROUPS, rule).to_pylist() == expected
    )


def test_numbers_and_nested_values_survive_too() -> None:
    assert surviving(pa.array([1.5, 2.5, 2.5]), np.zeros(3, np.int64), "frequent").to_pylist() == [2.5]
    assert surviving(pa.array([None, [1, 2]]), np.zeros(2, np.int64), "first").to_pylist() == [[1, 2]]
    with pytest.raises(UsageError, match="plain values"):
        surviving(pa.array([[1], [2]]), np.zeros(2, np.int64), "max")


def test_rules_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="for text"):
        surviving(pa.array([1, 2]), np.zeros(2, np.int64), "concat")
    with pytest.raises(HeadwaterError, match="best"):
        surviving(pa.array([1, 2]), np.zeros(2, np.int64), "best")  # type: ignore[arg-type]


def test_no_rows_give_no_values() -> None:
    for rule in ("first", "frequent", "max", "longest", "concat"):
        assert len(surviving(pa.array([], pa.string()), np.zeros(0, np.int64), rule)) == 0
