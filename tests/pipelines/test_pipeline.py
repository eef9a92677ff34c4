"""Pipelines: parameters of declared types, no cycles, and no call by mistake."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import NotFound, UsageError
from tests.pipelines.flows import double, say, sums


@hw.pipeline
def typed(
    n: int,
    share: float = 0.5,
    name: str = "x",
    on: bool = False,
    way: Literal["a", "b"] = "a",
    maybe: int | None = None,
) -> None:
    say(n)


def test_parameters_are_read_as_their_types() -> None:
    given = typed.arguments({"n": "3", "share": "1", "on": "true", "way": "b", "maybe": "7"})
    assert given == {"n": 3, "share": 1.0, "name": "x", "on": True, "way": "b", "maybe": 7}
    assert typed.arguments({"n": 1, "name": 7})["name"] == "7"
    assert typed.arguments({"n": 1, "maybe": None})["maybe"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a value for n"),
        ({"n": "three"}, "n is a int"),
        ({"n": True}, "n is a int"),
        ({"n": 1, "way": "c"}, "way"),
    ],
)
def test_parameters_that_lack_or_do_not_fit_are_told(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        typed.arguments(given)


def test_a_parameter_that_is_not_there_is_told() -> None:
    with pytest.raises(NotFound, match="Did you mean 'share'"):
        typed.arguments({"n": 1, "shar": 2})


def test_a_pipeline_is_run_and_not_called_but_may_be_part_of_another() -> None:
    with pytest.raises(UsageError, match="hw run"):
        sums()

    @hw.pipeline
    def outer() -> None:
        sums(times=3)
        say(4)

    assert [node.name for node in outer.graph({}).nodes] == ["double", "total", "say", "say_2"]


def test_cycles_are_refused() -> None:
    @hw.pipeline
    def itself() -> None:
        say(1)
        itself()

    with pytest.raises(UsageError, match="calls itself"):
        itself.graph({})

    @hw.step(into="numbers", key="id")
    def back(rows: pa.Table) -> pa.Table:
        return rows

    @hw.pipeline
    def feeds_itself() -> None:
        back(hw.dataset("numbers"))

    with pytest.raises(UsageError, match="feed on the last"):
        feeds_itself.graph({})

    @hw.pipeline
    def from_a_tag() -> None:
        back(hw.dataset("numbers@v1"))

    assert from_a_tag.graph({}).nodes

    @hw.pipeline
    def twice() -> None:
        double(hw.dataset("numbers"))
        double(hw.dataset("numbers"))

    with pytest.raises(UsageError, match="twice"):
        twice.graph({})


def test_a_pipeline_without_steps_is_none() -> None:
    @hw.pipeline
    def empty() -> None:
        pass

    with pytest.raises(UsageError, match="calls no step"):
        empty.graph({})
