"""Parameters of a recipe in its name, as ``tabular(iterations=300, leaves=16)``: read without running anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_type_hints

from headwater.core.errors import NotFound, UsageError

__all__ = ["split_name", "with_parameters"]

T = TypeVar("T")

_CALL = re.compile(r"\s*([\w.:-]+)\s*\((.*)\)\s*", re.DOTALL)


def split_name(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name of a recipe and its parameters.

    Parameters
    ----------
    text : str
        A name, alone or with parameters in brackets. Values are numbers, ``True``, ``False`` or quoted text.

    Raises
    ------
    UsageError
        If it cannot be read.

    Examples
    --------
    >>> split_name("tabular(iterations=300, l2=0.5)")
    ('tabular', {'iterations': 300, 'l2': 0.5})
    """
    if "(" not in text:
        return text.strip(), {}
    match = _CALL.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no recipe. Write parameters as tabular(iterations=300, leaves=16).")
    name, inside = match.groups()
    try:
        call = ast.parse(f"_({inside}\n)", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            raise ValueError("a parameter has no name")
        found = {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}
        if len(found) != len(call.keywords):
            raise ValueError("a parameter has no name, or stands twice")
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise UsageError(
            f"The parameters of {text!r} cannot be read ({error}). Write them as {name}(name=number, …).",
            recipe=name,
        ) from error
    return name, found


def with_parameters(recipe: T, name: str, values: Mapping[str, Any]) -> T:
    """Return a recipe with other parameters.

    Parameters
    ----------
    recipe : Recipe
        A frozen dataclass; the metadata ``least`` and ``above`` of a field bound its values.
    name : str
        Its name, for messages.
    values : mapping of str to any
        The parameters.

    Raises
    ------
    NotFound
        If it has no such parameter.
    UsageError
        If a value is of another type, or out of bounds.
    """
    if not values:
        return recipe
    known = {one.name: one for one in fields(recipe)} if is_dataclass(recipe) else {}
    kinds = get_type_hints(type(recipe))
    given = {}
    for parameter, value in values.items():
        if parameter not in known:
            raise NotFound.among("parameter", parameter, known, where=f"recipe {name!r}")
        given[parameter] = _checked(value, kinds[parameter], f"{name}({parameter}={value!r})")
        _require_within(given[parameter], known[parameter].metadata, f"{name}({parameter}={value!r})")
    return replace(recipe, **given)  # type: ignore[type-var]


def _checked(value: Any, kind: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise UsageError(f"{where}: the number is too large.") from error
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = {int: "a whole number", float: "a number", bool: "True or False", str: "a text in quotes"}
        raise UsageError(f"{where}: the value must be {wanted.get(kind, kind)}.")
    return value


def _require_within(value: Any, bounds: Mapping[str, Any], where: str) -> None:
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise UsageError(f"{where}: the value must be finite.")
    if "least" in bounds and value < bounds["least"]:
        raise UsageError(f"{where}: the value must be {bounds['least']} or more.")
    if "above" in bounds and value <= bounds["above"]:
        raise UsageError(f"{where}: the value must be above {bounds['above']}.")
