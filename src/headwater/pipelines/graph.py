"""The graph of a pipeline: which step takes what from where; drawn by calling the pipeline, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from headwater.pipelines.step import Step

__all__ = [
    "DRAWING",
    "RUNNING",
    "Graph",
    "Input",
    "Node",
    "Part",
    "Secret",
    "Source",
    "dataset",
    "repository",
    "secret",
]


class _NotKnownYet:
    """What will have a value when the pipeline runs, and has none while it is drawn."""

    def __bool__(self) -> bool:
        raise self._unknown("if, while, and, or, not")

    def __iter__(self) -> Iterator[Any]:
        raise self._unknown("for, unpacking")

    def __len__(self) -> int:
        raise self._unknown("len")

    def _unknown(self, what: str) -> UsageError:
        return UsageError(
            f"{self!r} has no value yet: a pipeline is drawn before it runs, so it cannot branch or loop on what a "
            f"step gives ({what}). Do that inside a step; a part of a result is result[0] or result['name']."
        )


@dataclass(frozen=True, eq=False)
class Node(_NotKnownYet):
    """One call of a step in a pipeline.

    Parameters
    ----------
    name : str
        The step's name, with a number if it is called again.
    step : Step
        What is called.
    arguments : mapping of str to Any
        By parameter: plain values, or what is not known yet.
    """

    name: str
    step: Step
    arguments: Mapping[str, Any]

    def __getitem__(self, key: int | str) -> Part:
        return Part(self, key)

    def __repr__(self) -> str:
        return f"the result of step {self.name!r}"

    @property
    def inputs(self) -> dict[str, Input]:
        """The arguments that are not known yet, by parameter."""
        return {name: value for name, value in self.arguments.items() if isinstance(value, _NotKnownYet)}  # type: ignore[misc]


@dataclass(frozen=True, eq=False)
class Part(_NotKnownYet):
    """One value of a result that has several: a tuple, list or mapping."""

    node: Node
    key: int | str

    def __repr__(self) -> str:
        return f"part {self.key!r} of {self.node!r}"


@dataclass(frozen=True)
class Source(_NotKnownYet):
    """A dataset as it is when the run starts, or at a ref."""

    dataset: str
    ref: str | None = None

    def __repr__(self) -> str:
        return f"dataset {self.label!r}"

    @property
    def label(self) -> str:
        """The dataset, with the ref if there is one."""
        return f"{self.dataset}@{self.ref}" if self.ref else self.dataset


@dataclass(frozen=True)
class Secret(_NotKnownYet):
    """The value of an environment variable, which is never kept: no record, key or log holds it."""

    name: str

    def __repr__(self) -> str:
        return f"secret {self.name!r}"


Input = Node | Part | Source | Secret


@dataclass
class Graph:
    """The calls of a pipeline, in the order in which it makes them: each after those whose results it takes."""

    nodes: list[Node] = field(default_factory=list)

    def add(self, step: Step, arguments: Mapping[str, Any]) -> Node:
        """Add a call and return what stands for its result."""
        again = sum(node.step.name == step.name for node in self.nodes)
        node = Node(f"{step.name}_{again + 1}" if again else step.name, step, dict(arguments))
        self.nodes.append(node)
        return node

    def before(self, node: Node) -> list[Node]:
        """Return the nodes whose results a node takes, each once."""
        found = (one.node if isinstance(one, Part) else one for one in node.inputs.values())
        return list(dict.fromkeys(one for one in found if isinstance(one, Node)))

    def up_to(self, name: str) -> Graph:
        """Return the part that a step needs, and the step.

        Raises
        ------
        NotFound
            If there is no such step.
        """
        by_name = {node.name: node for node in self.nodes}
        if name not in by_name:
            raise NotFound.among("step", name, by_name, where="this pipeline")
        wanted, waiting = set(), [by_name[name]]
        while waiting:
            node = waiting.pop()
            if node not in wanted:
                wanted.add(node)
                waiting += self.before(node)
        return Graph([node for node in self.nodes if node in wanted])

    @property
    def sources(self) -> list[Source]:
        """The datasets that steps read, each once."""
        found = (one for node in self.nodes for one in node.inputs.values() if isinstance(one, Source))
        return list(dict.fromkeys(found))


DRAWING: ContextVar[Graph | None] = ContextVar("headwater_drawing", default=None)
"""The graph that is being drawn; None outside of pipelines, where a step is a plain function."""


def dataset(name: str, ref: str | None = None) -> Source:
    """Return a dataset as an input of a pipeline's steps.

    Parameters
    ----------
    name : str
        Name of the dataset.
    ref : str, optional
        A commit, branch or tag; by default the branch that the run is on, as it is when the run starts.
    """
    plain, _, at = name.partition("@")
    return Source(plain, ref or at or None)


def secret(name: str) -> Secret:
    """Return the value of an environment variable as an input of a pipeline's steps, such as a password.

    Its value is in no record, no key of a result and, as far as it can be found, in no log.
    """
    return Secret(name)


RUNNING: ContextVar[Any] = ContextVar("headwater_running", default=None)


def repository() -> Any:
    """Return the repository that a run is of, at its branch; for steps that change more than datasets.

    What such a step does is done when it is done: it is no part of the commit that the run ends with.

    Returns
    -------
    Repo

    Raises
    ------
    UsageError
        Outside of a step that a run calls.
    """
    found = RUNNING.get()
    if found is None:
        raise UsageError(
            "headwater.repository() is the repository of a run: call it in a step that a run calls."
        )
    return found
