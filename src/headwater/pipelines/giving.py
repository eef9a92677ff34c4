"""What a step is given and gives, in the types that it declares."""

from __future__ import annotations

import typing
from typing import Any

import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.pipelines.step import Step
from headwater.pipelines.values import Pieces, Value, as_table, converted
from headwater.reading.dataset import Dataset

__all__ = ["as_asked", "in_pieces", "require_type", "rows_of"]


def as_asked(value: Value, kind: Any) -> Any:
    """Return a value as the parameter's type wants it."""
    if isinstance(value, Pieces) and value.dataset is not None and _wants_dataset(kind):
        return value.dataset
    return converted(value.load(), kind)


def _wants_dataset(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Dataset)


def in_pieces(value: Value, step: Step) -> Pieces:
    """Return the rows that a step by rows goes through.

    Raises
    ------
    UsageError
        If the value is no table.
    """
    if isinstance(value, Pieces):
        return value
    table = value.load()
    if not isinstance(table, pa.Table):
        raise UsageError(
            f"Step {step.name!r} goes by rows, and was given a {type(table).__qualname__}. Give it a table.",
            step=step.name,
        )
    return Pieces.of_table(table)


def rows_of(value: Value, step: Step) -> Any:
    """Return what becomes a dataset: a stream of rows, or a table.

    Raises
    ------
    UsageError
        If the value is no table.
    """
    if isinstance(value, Pieces):
        return value.reader()
    rows = value.load()
    if not isinstance(rows, pa.Table):
        raise UsageError(
            f"Step {step.name!r} makes the dataset {step.into!r}, and gave a {type(rows).__qualname__}, no table.",
            step=step.name,
        )
    return rows


def require_type(step: Step, result: Any) -> None:
    """Raise if a step gave something else than it declares."""
    kind = step.hints.get("return")
    if kind is None or kind is Any:
        return
    if kind is type(None):
        wrong = result is not None
    else:
        plain_kind = typing.get_origin(kind) or kind
        wrong = isinstance(plain_kind, type) and not isinstance(result, plain_kind)
        wrong = wrong and not (plain_kind is float and isinstance(result, int))
        wrong = wrong and not (plain_kind is pa.Table and as_table(result) is not None)
    if wrong:
        raise UsageError(
            f"Step {step.name!r} says that it gives {getattr(kind, '__name__', kind)}, and gave "
            f"{type(result).__qualname__}: {result!r:.80}.",
            step=step.name,
        )
