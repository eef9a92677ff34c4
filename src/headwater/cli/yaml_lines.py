"""Where in a YAML text a part of a document stands, so that an error about it names the line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

__all__ = ["line_of", "lined", "position_of"]

_PLACE = re.compile(r"[\w$-]+(?:\[\d+\])*(?:\.[\w$-]+(?:\[\d+\])*)*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def line_of(text: str, place: str) -> int | None:
    r"""Return the line of a part of a document, counted from 1.

    Parameters
    ----------
    text : str
        The document, in YAML or JSON.
    place : str
        The part, such as ``"schema[0].properties[1].logicalType"``.

    Returns
    -------
    int or None
        The line of the part, else that of the smallest part that is there and holds it; None if none is.

    Examples
    --------
    >>> line_of("a: 1\nb:\n- c: 2\n- d: 3\n", "b[1].d")
    4
    """
    return _found(yaml.compose(text, Loader=yaml.SafeLoader), place)


def lined(text: str, problems: Iterable[str]) -> list[str]:
    """Return sentences that begin with a place, each with its line before it where that is known."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    out = []
    for problem in problems:
        place = _PLACE.match(problem)
        line = _found(root, place.group()) if place else None
        out.append(problem if line is None else f"line {line}: {problem}")
    return out


def position_of(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of an error in YAML, counted from 1, and what is wrong there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        context = f"{error.context}, " if error.context else ""
        return error.problem_mark.line + 1, f"{context}{error.problem}"
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, f"{error.reason} (#x{ord(str(error.character)):04x})"
    return 1, str(error).splitlines()[0]


def _found(root: Any, place: str) -> int | None:
    node, line = root, None
    for number, name in _STEP.findall(place):
        if isinstance(node, yaml.MappingNode) and name:
            pair = next((pair for pair in node.value if pair[0].value == name), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and number and int(number) < len(node.value):
            node = node.value[int(number)]
            line = node.start_mark.line + 1
        else:
            break
    return line
