"""The Open Inference Protocol (KServe v2) over JSON: named tensors to rows, and answers to tensors.

References
----------
Open Inference Protocol, version 2: https://github.com/kserve/open-inference-protocol (REST, required API).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["outputs_of", "rows_of", "tensor_of"]

_TYPES = frozenset(
    f"{kind}{bits}"
    for kind, sizes in (("UINT", (8, 16, 32, 64)), ("INT", (8, 16, 32, 64)), ("FP", (16, 32, 64)))
    for bits in sizes
) | {"BOOL", "BYTES"}


def tensor_of(field: pa.Field) -> dict[str, Any]:
    """Return how a feature is described in the model's metadata: ``name``, ``datatype``, ``shape``."""
    kind, shape = field.type, [-1]
    if pa.types.is_fixed_size_list(kind):
        kind, shape = kind.value_type, [-1, kind.list_size]
    if pa.types.is_boolean(kind):
        name = "BOOL"
    elif pa.types.is_integer(kind):
        name = f"{'U' if pa.types.is_unsigned_integer(kind) else ''}INT{kind.bit_width}"
    elif pa.types.is_floating(kind):
        name = f"FP{kind.bit_width}"
    else:
        name = "BYTES"
    return {"name": field.name, "datatype": name, "shape": shape}


def rows_of(request: Any) -> list[dict[str, Any]]:
    """Return the rows of an inference request: one tensor for each feature, their first dimension the rows.

    Raises
    ------
    UsageError
        If it is no such request, or shapes and data do not fit.
    """
    given = request.get("inputs") if isinstance(request, Mapping) else None
    if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
        raise UsageError(
            'An inference request has "inputs": a list of tensors with name, shape, datatype and data.'
        )
    columns: dict[str, list[Any]] = {}
    for tensor in given:
        name = str(tensor.get("name", ""))
        if name in columns:
            raise UsageError(f"Input {name!r} is there twice.")
        columns[name] = _column(name, tensor)
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise UsageError(f"The inputs have different numbers of rows: {said}.")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def outputs_of(
    predicted: list[Any], said: NDArray[np.float64], classes: tuple[str, ...], wanted: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return answers as tensors: ``predicted``, and ``probability`` of shape (n, k) where there are classes.

    Raises
    ------
    UsageError
        If an output is asked for that is none.
    """
    found: list[dict[str, Any]] = [
        {
            "name": "predicted",
            "datatype": "BYTES" if classes else "FP64",
            "shape": [len(predicted)],
            "data": predicted,
        }
    ]
    if classes:
        found.append(
            {
                "name": "probability",
                "datatype": "FP64",
                "shape": list(said.shape),
                "data": said.ravel().tolist(),
                "parameters": {"classes": list(classes)},
            }
        )
    if not wanted:
        return found
    by_name = {one["name"]: one for one in found}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise UsageError(f"There is no output {unknown[0]!r}; there are {', '.join(by_name)}.")
    return [by_name[name] for name in wanted]


def _column(name: str, tensor: Mapping[str, Any]) -> list[Any]:
    shape, data, kind = tensor.get("shape"), tensor.get("data"), tensor.get("datatype")
    if kind not in _TYPES:
        raise UsageError(f"Input {name!r} has datatype {kind!r}; use one of {', '.join(sorted(_TYPES))}.")
    if (
        not isinstance(shape, list)
        or not shape
        or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in shape)
    ):
        raise UsageError(f"Input {name!r} needs a shape such as [2] or [2, 1].")
    if not isinstance(data, list):
        raise UsageError(f"Input {name!r} needs data as a list; binary tensors are not read.")
    flat = data
    while flat and isinstance(flat[0], list):
        if not all(isinstance(one, list) for one in flat):
            raise UsageError(f"The data of input {name!r} mix lists and values.")
        flat = [one for inner in flat for one in inner]
    if len(flat) != math.prod(shape):
        raise UsageError(
            f"Input {name!r} has shape {shape}, so {math.prod(shape):,} values; it has {len(flat):,}."
        )
    width = math.prod(shape[1:])
    if width == 1:
        return list(flat)
    return [flat[start * width : (start + 1) * width] for start in range(shape[0])]
