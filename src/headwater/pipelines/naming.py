"""Names of results: of the step's code, its plain arguments, and the content of what it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headwater.core.errors import UsageError
from headwater.core.ids import canonical_json, digest
from headwater.pipelines.graph import Node, Secret
from headwater.pipelines.values import Value, as_table, name_of

__all__ = ["name_of_call", "name_of_part", "names_of_arguments"]


def name_of_call(node: Node, taken: Mapping[str, Value]) -> str:
    """Return the name of a step's result: of its code, plain arguments, and the content of what it takes."""
    secrets = {name: repr(one) for name, one in node.inputs.items() if isinstance(one, Secret)}
    others = {name: one for name, one in node.arguments.items() if name not in taken and name not in secrets}
    step = node.step
    facts = [step.code, step.by_rows, list(step.reads), names_of_arguments(others), secrets]
    return digest(canonical_json([*facts, {name: value.name for name, value in taken.items()}]))


def names_of_arguments(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return names of plain arguments by their content.

    Raises
    ------
    UsageError
        If one has no name that says what is in it.
    """
    out = {}
    for name, value in arguments.items():
        table = as_table(value)
        if table is not None:
            out[name] = name_of(table)
            continue
        try:
            out[name] = json.dumps(value, sort_keys=True, default=_text_of)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"Argument {name!r} is a {type(value).__qualname__}, of which it cannot be told whether it changed. "
                "Give plain values, or make it in a step."
            ) from error
    return out


def _text_of(value: Any) -> str:
    shown = repr(value)
    if " at 0x" in shown:
        raise TypeError(type(value).__qualname__)
    return f"{type(value).__qualname__}:{shown}"


def name_of_part(part: Any, whole: str, key: int | str) -> str:
    """Return a name for a part of a result: by its content, if it is plain."""
    try:
        return digest(json.dumps(part, sort_keys=True).encode())
    except (TypeError, ValueError):
        return digest(canonical_json([whole, key]))
