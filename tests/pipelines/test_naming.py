"""Names of results: the same for the same code, arguments and content, and for nothing else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import UsageError
from headwater.pipelines.graph import Graph, Node, Secret
from headwater.pipelines.naming import name_of_call, name_of_part, names_of_arguments
from headwater.pipelines.values import Pieces


@hw.step
def one(rows: Any, n: int = 1) -> Any:
    return rows, n


@hw.step
def two(rows: Any, n: int = 1) -> Any:
    return n, rows


def call(step: Any, **arguments: Any) -> Node:
    return Graph().add(step, arguments)


def table(*values: int) -> Pieces:
    return Pieces.of_table(pa.table({"x": values}))


def test_code_arguments_and_content_count() -> None:
    base = name_of_call(call(one, rows=None, n=1), {"rows": table(1, 2)})
    assert name_of_call(call(one, rows=None, n=1), {"rows": table(1, 2)}) == base
    others = {
        name_of_call(call(one, rows=None, n=2), {"rows": table(1, 2)}),
        name_of_call(call(one, rows=None, n=1), {"rows": table(2, 1)}),
        name_of_call(call(two, rows=None, n=1), {"rows": table(1, 2)}),
    }
    assert base not in others
    assert len(others) == 3


def test_of_a_secret_the_name_counts_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "1")
    base = name_of_call(call(one, rows=Secret("A_TOKEN")), {})
    monkeypatch.setenv("A_TOKEN", "2")
    assert name_of_call(call(one, rows=Secret("A_TOKEN")), {}) == base
    assert name_of_call(call(one, rows=Secret("B_TOKEN")), {}) != base


def test_arguments_have_names_by_content_or_are_refused() -> None:
    names = names_of_arguments({"a": 1, "b": {"x": [1, 2]}, "c": pa.table({"x": [1]}), "d": (1, 2)})
    assert names == names_of_arguments({"d": (1, 2), "c": pa.table({"x": [1]}), "b": {"x": [1, 2]}, "a": 1})
    assert names["c"] != names_of_arguments({"c": pa.table({"x": [2]})})["c"]
    with pytest.raises(UsageError, match="cannot be told whether it changed"):
        names_of_arguments({"a": object()})


def test_a_part_is_named_by_its_content_where_it_is_plain() -> None:
    assert name_of_part(3, "whole", "n") == name_of_part(3, "another", "m")
    assert name_of_part(object(), "whole", "n") != name_of_part(object(), "another", "n")
