"""A step: a plain function that says what it takes and gives, and how it is to be run."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any, get_type_hints, overload

from headwater.core.contract import Rule
from headwater.core.errors import UsageError
from headwater.pipelines.code import code_fingerprint
from headwater.pipelines.graph import DRAWING

__all__ = ["Step", "declared_types", "step"]

_NAME = re.compile(r"[A-Za-z_]\w*\Z")


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """A function as a step of pipelines; make one with `step`.

    Inside a pipeline a call draws the step; anywhere else it is a call of the function, so that a step is tested as
    any function is.

    Parameters
    ----------
    function : callable
        What is called.
    name : str
        The function's name by default.
    by_rows : bool
        Whether each row's result depends on that row alone; see `step`.
    reads : tuple of str
        The columns that it sees, for steps by rows.
    into : str
        The dataset that the result becomes.
    key : tuple of str
        Its key columns.
    retries : int
        Further tries after an error.
    backoff_s : float
        Seconds before the first of them; each further wait is twice as long.
    expects, ensures : mapping of str to tuple of Rule, and tuple of Rule
        Checks of inputs by parameter, and of the result.
    """

    function: Callable[..., Any]
    name: str
    by_rows: bool = False
    reads: tuple[str, ...] = ()
    into: str = ""
    key: tuple[str, ...] = ()
    retries: int = 0
    backoff_s: float = 1.0
    expects: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    ensures: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        for name in (*functools.WRAPPER_ASSIGNMENTS, "__wrapped__"):
            value = self.function if name == "__wrapped__" else getattr(self.function, name, None)
            object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the step inside a pipeline; else call the function."""
        graph = DRAWING.get()
        if graph is None:
            return self.function(*args, **kwargs)
        return graph.add(self, self.bound(*args, **kwargs))

    def __repr__(self) -> str:
        return f"Step({self.name!r})"

    def bound(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return arguments by parameter, defaults included.

        Raises
        ------
        UsageError
            If they do not fit.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"Step {self.name!r}: {error}.", step=self.name) from error
        bound.apply_defaults()
        return dict(bound.arguments)

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature."""
        return inspect.signature(self.function)

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The types that the function declares, by parameter, and under ``return``; those that mean something here."""
        return declared_types(self.function)

    @cached_property
    def code(self) -> str:
        """A name for what the function does; see `headwater.pipelines.code`."""
        return code_fingerprint(self.function)


@overload
def step(function: Callable[..., Any], /) -> Step: ...
@overload
def step(
    *,
    name: str = "",
    by_rows: bool = False,
    reads: Sequence[str] = (),
    into: str = "",
    key: str | Sequence[str] = (),
    retries: int = 0,
    backoff_s: float = 1.0,
    expects: Mapping[str, Sequence[Rule | str]] | Sequence[Rule | str] = (),
    ensures: Sequence[Rule | str] = (),
) -> Callable[[Callable[..., Any]], Step]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step of pipelines.

    Parameters
    ----------
    function : callable
        Parameters may be tables (``pyarrow.Table``, or a pandas or polars frame, as annotated), a `Dataset`, and plain
        values; it returns a table, a frame, plain values, arrays, bytes, or a model.
    name : str
        A name for it; the function's by default.
    by_rows : bool
        The first parameter is a table, and each row of the result depends on that row alone: the function is called
        for parts of the rows, by the executor, and again only for rows that are new or changed. It gives as many rows
        as it gets.
    reads : sequence of str
        For steps by rows: the columns that the function sees. Then a change of other columns calls nothing again,
        what it returns is added to the row's columns, and lineage knows which column comes from which.
    into : str
        A dataset that the result becomes, in the commit that the run ends with.
    key : str or sequence of str
        Its key columns.
    retries : int
        Further tries after an error.
    backoff_s : float
        Seconds before the first of them; each further wait is twice as long.
    expects : sequence, or mapping of str to sequence
        Checks that tables must pass before the step runs: all of them, or by parameter. A `Rule`, or a check's id,
        with a column as ``"completeness.null_fraction:age"``.
    ensures : sequence
        Checks that the result must pass.

    Examples
    --------
    >>> @step(retries=2)
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(4)
    8
    """
    if function is None:
        return lambda given: _made(given, **options)
    return _made(function)


def _made(function: Callable[..., Any], **options: Any) -> Step:
    name = options.pop("name", "") or function.__name__
    if not _NAME.match(name):
        raise UsageError(f"{name!r} is no name for a step: use letters, digits and _.", step=name)
    expects = options.pop("expects", ())
    tables = list(inspect.signature(function).parameters)
    by_parameter = expects if isinstance(expects, Mapping) else dict.fromkeys(tables, expects)
    for parameter in by_parameter:
        if parameter not in tables:
            raise UsageError(
                f"Step {name!r} expects something of {parameter!r}, which is no parameter of it."
            )
    key = options.pop("key", ())
    made = Step(
        function=function,
        name=name,
        expects={one: _rules(rules) for one, rules in by_parameter.items() if rules},
        ensures=_rules(options.pop("ensures", ())),
        key=(key,) if isinstance(key, str) else tuple(key),
        reads=tuple(options.pop("reads", ())),
        **options,
    )
    if made.reads and not made.by_rows:
        raise UsageError(f"Step {name!r}: reads= is for steps by rows; add by_rows=True.", step=name)
    if made.by_rows and not tables:
        raise UsageError(f"Step {name!r}: a step by rows takes a table as its first parameter.", step=name)
    if made.retries < 0 or made.backoff_s < 0:
        raise UsageError(f"Step {name!r}: retries and backoff_s cannot be negative.", step=name)
    if made.key and not made.into:
        raise UsageError(
            f"Step {name!r}: key= goes with into=, the dataset that the result becomes.", step=name
        )
    return made


def _rules(given: Sequence[Rule | str]) -> tuple[Rule, ...]:
    if isinstance(given, str):
        given = [given]
    out = []
    for one in given:
        check, _, column = one.partition(":") if isinstance(one, str) else ("", "", "")
        out.append(one if isinstance(one, Rule) else Rule(check=check, column=column or None))
    return tuple(out)


def declared_types(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types that a function declares; one that cannot be told (a name of another place) is left out."""
    out: dict[str, Any] = {}
    for name, kind in function.__annotations__.items():
        try:
            one = SimpleNamespace(__annotations__={name: kind}, __module__=function.__module__)
            out |= get_type_hints(one, function.__globals__)
        except (NameError, TypeError, AttributeError):
            continue
    return out
