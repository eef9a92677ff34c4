"""A pipeline: a function that calls steps. Calling it draws their graph; `headwater.pipelines.run` runs it."""

from __future__ import annotations

import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from headwater.core.errors import NotFound, UsageError
from headwater.pipelines.graph import DRAWING, Graph, Node
from headwater.pipelines.step import declared_types

__all__ = ["Pipeline", "pipeline"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pipeline:
    """A function that calls steps; make one with `pipeline`.

    Parameters
    ----------
    function : callable
        Calls the steps. Its parameters are those of a run, and have defaults or are given.
    name : str
        The function's name by default.
    on : tuple
        What starts it; see `headwater.pipelines.triggers`.
    """

    function: Callable[..., Any]
    name: str
    on: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        for name in (*functools.WRAPPER_ASSIGNMENTS, "__wrapped__"):
            value = self.function if name == "__wrapped__" else getattr(self.function, name, None)
            object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the steps into the pipeline that is being drawn.

        Raises
        ------
        UsageError
            If none is: a pipeline is run, not called.
        """
        if DRAWING.get() is None:
            raise UsageError(
                f"Run the pipeline with `hw run FILE:{self.name}` or repo.run({self.name}). To try a step, call that."
            )
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r})"

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of a run."""
        return inspect.signature(self.function).parameters

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for each parameter, of its declared type.

        Raises
        ------
        NotFound
            If there is no such parameter.
        UsageError
            If one is lacking, or of another type.
        """
        for name in given:
            if name not in self.parameters:
                raise NotFound.among("parameter", name, self.parameters, where=f"pipeline {self.name!r}")
        hints = declared_types(self.function)
        out = {}
        for name, parameter in self.parameters.items():
            if name in given:
                out[name] = _typed(given[name], hints.get(name, Any), f"pipeline {self.name!r}: {name}")
            elif parameter.default is not parameter.empty:
                out[name] = parameter.default
            else:
                raise UsageError(
                    f"Pipeline {self.name!r} needs a value for {name}: -p {name}=VALUE.", name=name
                )
        return out

    def graph(self, arguments: Mapping[str, Any]) -> Graph:
        """Draw the steps.

        Raises
        ------
        UsageError
            If the pipeline calls itself, takes a dataset that it makes, or makes one twice.
        """
        graph = Graph()
        token = DRAWING.set(graph)
        try:
            self.function(**arguments)
        except RecursionError as error:
            raise UsageError(
                f"Pipeline {self.name!r} calls itself without end.", pipeline=self.name
            ) from error
        finally:
            DRAWING.reset(token)
        if not graph.nodes:
            raise UsageError(f"Pipeline {self.name!r} calls no step (@hw.step).", pipeline=self.name)
        _require_no_cycle(self.name, graph)
        return graph


@overload
def pipeline(function: Callable[..., Any], /) -> Pipeline: ...
@overload
def pipeline(*, name: str = "", on: Any = ()) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Callable[..., Any] | None = None, /, *, name: str = "", on: Any = ()) -> Any:
    """Make a function a pipeline.

    Parameters
    ----------
    function : callable
        Calls steps, with what earlier steps gave, with `headwater.dataset` and plain values.
    name : str
        A name for it; the function's by default.
    on : trigger, or sequence of them
        What starts it; see `headwater.pipelines.triggers`.
    """

    def made(given: Callable[..., Any]) -> Pipeline:
        starts = tuple(on) if isinstance(on, Sequence) and not isinstance(on, str) else (on,)
        return Pipeline(function=given, name=name or given.__name__, on=starts)

    return made if function is None else made(function)


def _require_no_cycle(name: str, graph: Graph) -> None:
    made: dict[str, Node] = {}
    for node in graph.nodes:
        if not node.step.into:
            continue
        if node.step.into in made:
            raise UsageError(
                f"Pipeline {name!r} makes the dataset {node.step.into!r} twice: in {made[node.step.into].name!r} and "
                f"in {node.name!r}. Give them different names.",
                dataset=node.step.into,
            )
        made[node.step.into] = node
    for source in graph.sources:
        if source.dataset in made and source.ref is None:
            raise UsageError(
                f"Pipeline {name!r} reads the dataset {source.dataset!r} and makes it: each run would feed on the last "
                "one. Let the step make another dataset, or read a fixed ref.",
                dataset=source.dataset,
            )


def _typed(value: Any, kind: Any, where: str) -> Any:
    """Return a value as its declared type; words of the command line are read as it."""
    if kind is Any or _is(value, kind):
        return value
    choices = [one for one in typing.get_args(kind) if one is not type(None)] if _is_union(kind) else [kind]
    for choice in choices:
        try:
            if choice in (int, float, bool) and isinstance(value, str):
                value = json.loads(value)
            if choice is float and isinstance(value, int) and not isinstance(value, bool):
                return float(value)
            if choice is tuple or typing.get_origin(choice) is tuple:
                return tuple(value) if isinstance(value, list) else value
            if choice is str and isinstance(value, int | float) and not isinstance(value, bool):
                return str(value)
        except ValueError:
            continue
        if _is(value, choice):
            return value
    shown = getattr(kind, "__name__", str(kind))
    raise UsageError(f"{where} is a {shown}, not {value!r}.", expected=shown)


def _is_union(kind: Any) -> bool:
    return isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union


def _is(value: Any, kind: Any) -> bool:
    if _is_union(kind):
        return any(_is(value, one) for one in typing.get_args(kind))
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    plain = typing.get_origin(kind) or kind
    if plain is float and isinstance(value, bool):
        return False
    if plain is int and isinstance(value, bool):
        return False
    return isinstance(value, plain) if isinstance(plain, type) else True
