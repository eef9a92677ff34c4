"""Which column of a result comes from which column of a dataset, where that is known."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.pipelines.graph import Node, Source
from headwater.pipelines.values import Pieces, Value

__all__ = ["columns_made"]

Origins = dict[str, list[str]]


def columns_made(node: Node, values: Mapping[str, Value], sources: Mapping[Source, Pieces]) -> Origins | None:
    """Return for each column of a step's result the columns it is made of, as ``dataset.column``.

    Parameters
    ----------
    node : Node
        The step.
    values : mapping of str to Value
        What steps gave.
    sources : mapping of Source to Pieces
        The datasets.

    Returns
    -------
    dict or None
        None where it is not known: after a step that takes whole tables, or that does not say what it reads.
    """
    value = values[node.name]
    if not (node.step.by_rows and node.step.reads and isinstance(value, Pieces)):
        return None
    first = node.arguments[next(iter(node.step.signature.parameters))]
    if isinstance(first, Source):
        there = sources[first].schema.names
        before: Origins | None = {name: [f"{first.dataset}.{name}"] for name in there}
    else:
        before = columns_made(first, values, sources) if isinstance(first, Node) else None
    if before is None:
        return None
    read = sorted({one for name in node.step.reads for one in before[name]})
    schema = value.schema.names
    return {name: read if name in value.added else before[name] for name in schema}
