"""Steps: plain functions outside of pipelines, with options that make sense."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.contract import Rule
from headwater.core.errors import UsageError
from headwater.pipelines.step import Step, step


def test_a_step_is_called_as_the_function_it_is() -> None:
    @step(retries=2)
    def add(x: int, y: int = 2) -> int:
        """Add."""
        return x + y

    assert isinstance(add, Step)
    assert add(1) == 3
    assert add.__doc__ == "Add."
    assert add.name == getattr(add, "__name__", "") == "add"
    assert add.hints == {"x": int, "y": int, "return": int}
    assert add.bound(4) == {"x": 4, "y": 2}
    with pytest.raises(UsageError, match="'add'"):
        add.bound()


def test_rules_are_named_by_check_and_column() -> None:
    @step(expects=["uniqueness.key", "completeness.null_fraction:age"], ensures="volume.rows")
    def look(rows: Any) -> Any:
        return rows

    assert look.expects["rows"][1] == Rule(check="completeness.null_fraction", column="age")
    assert look.ensures == (Rule(check="volume.rows"),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reads": ["x"]}, "by_rows=True"),
        ({"key": "id"}, "into="),
        ({"retries": -1}, "negative"),
        ({"name": "no good"}, "no name"),
        ({"expects": {"other": ["uniqueness.key"]}}, "no parameter"),
    ],
)
def test_options_without_meaning_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        step(**options)(lambda_of())


def test_a_step_by_rows_takes_rows() -> None:
    def nothing() -> None:
        pass

    with pytest.raises(UsageError, match="first parameter"):
        step(by_rows=True)(nothing)


def lambda_of() -> Any:
    def plain(rows: Any) -> Any:
        return rows

    return plain
