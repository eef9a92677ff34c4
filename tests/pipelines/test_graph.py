"""The graph of a pipeline: what is drawn, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import headwater as hw
from headwater.core.errors import NotFound, UsageError
from headwater.pipelines.graph import DRAWING, Graph, Part, Secret, Source, dataset, secret
from tests.pipelines.flows import double, say, sums, total


def test_the_graph_says_what_takes_what_from_where() -> None:
    graph = sums.graph({"times": 2})
    assert [node.name for node in graph.nodes] == ["double", "total", "say"]
    first, second, third = graph.nodes
    assert graph.sources == [Source("numbers")]
    assert graph.before(second) == [first]
    assert second.arguments["times"] == 2
    assert isinstance(third.arguments["rows"], Part)
    assert graph.before(third) == [second]
    assert DRAWING.get() is None


def test_a_step_called_again_has_a_name_of_its_own() -> None:
    graph = Graph()
    names = [graph.add(say, {"rows": n}).name for n in range(3)]
    assert names == ["say", "say_2", "say_3"]


def test_a_part_of_the_graph_is_what_a_step_needs() -> None:
    graph = sums.graph({"times": 1})
    assert [node.name for node in graph.up_to("total").nodes] == ["double", "total"]
    with pytest.raises(NotFound, match="Did you mean 'total'"):
        graph.up_to("totl")


@pytest.mark.parametrize(
    "use",
    [
        lambda one: [0 for _ in one],
        lambda one: 1 if one else 2,
        len,
        lambda one: not one,
    ],
)
def test_what_is_not_known_yet_cannot_be_branched_on(use: Callable[[Any], Any]) -> None:
    @hw.pipeline
    def wrong() -> None:
        use(total(double(dataset("numbers"))))

    with pytest.raises(UsageError, match="has no value yet"):
        wrong.graph({})


def test_datasets_and_secrets_are_named() -> None:
    assert dataset("numbers@v1") == dataset("numbers", "v1") == Source("numbers", "v1")
    assert dataset("numbers").label == "numbers"
    assert dataset("numbers@v1").label == "numbers@v1"
    assert secret("TOKEN") == Secret("TOKEN")
    assert repr(secret("TOKEN")) == "secret 'TOKEN'"
