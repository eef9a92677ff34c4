"""Models from elsewhere in the ONNX format: they are numbers and operators, and run without code of theirs.

References
----------
ONNX, Open Neural Network Exchange. https://onnx.ai/onnx/repo-docs/IR.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import InputError, UsageError
from headwater.core.extras import require
from headwater.recipes.base import F64, Fitted
from headwater.recipes.encoding import conform, numbers

__all__ = ["OnnxModel"]

_EXTRA = "onnx"
_ARROW = {
    "tensor(float)": pa.float32(),
    "tensor(double)": pa.float64(),
    "tensor(int64)": pa.int64(),
    "tensor(int32)": pa.int32(),
    "tensor(bool)": pa.bool_(),
    "tensor(string)": pa.string(),
}


class OnnxModel:
    """A model in the ONNX format, run by ONNX Runtime.

    Takes either one input of shape (n, width), which are all features in the order of the schema, or one input of
    shape (n, 1) for each feature, by name. Gives class probabilities as a float output of shape (n, k), or one number
    for each row.

    Parameters
    ----------
    data : bytes
        The file.
    inputs : pyarrow.Schema, optional
        Names and types of the features; as the file names its inputs by default.

    Raises
    ------
    InputError
        If it is no ONNX file.
    UsageError
        If its inputs are not of that form.
    """

    def __init__(self, data: bytes, inputs: pa.Schema | None = None) -> None:
        runtime = require("onnxruntime", extra=_EXTRA, purpose="Running an ONNX model")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise InputError(f"This is no ONNX file that can be run: {error}") from error
        self._data, self._session = data, session
        self._takes = {one.name: one for one in session.get_inputs()}
        self.inputs = inputs if inputs is not None else self._named()
        self._require_inputs()

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make the model of what `parts` gave."""
        return cls(parts["onnx"], parts["inputs"])

    def parts(self) -> dict[str, Any]:
        """Return what the model is made of."""
        return {"onnx": self._data, "inputs": self.inputs}

    def predict(self, features: pa.Table) -> F64:
        """Return class probabilities, shape (n, k), or the predicted numbers, shape (n, 1)."""
        if not features.num_rows:
            return np.zeros((0, 1))
        rows = conform(features, self.inputs)
        found = self._session.run(None, self._given(rows))
        arrays = [one for one in found if isinstance(one, np.ndarray) and one.dtype.kind == "f"]
        lists = [one for one in found if isinstance(one, list)]
        if arrays:
            widest = max((one.reshape(rows.num_rows, -1) for one in arrays), key=lambda one: one.shape[1])
            return widest.astype(np.float64)
        if lists:
            # A mapping from class to probability for each row, as converters write by default.
            names = sorted(lists[0][0]) if lists[0] else []
            return np.asarray([[row[name] for name in names] for row in lists[0]], np.float64)
        raise UsageError("The ONNX model gives no numbers: it needs an output of probabilities or numbers.")

    def _named(self) -> pa.Schema:
        fields = []
        for name, one in self._takes.items():
            if one.type not in _ARROW:
                raise UsageError(
                    f"The input {name!r} of the ONNX model is a {one.type}, which is not supported."
                )
            width = one.shape[-1] if len(one.shape) > 1 else 1
            if width in (1, None):
                fields.append(pa.field(name, _ARROW[one.type]))
            elif len(self._takes) == 1 and isinstance(width, int):
                fields += [pa.field(f"{name}_{place}", _ARROW[one.type]) for place in range(width)]
            else:
                raise UsageError(
                    f"The input {name!r} of the ONNX model has the shape {one.shape}. Give the names of the features "
                    "(--inputs), for one input of shape (n, width); or one input of shape (n, 1) for each feature."
                )
        return pa.schema(fields)

    def _require_inputs(self) -> None:
        if len(self._takes) == 1:
            only = next(iter(self._takes.values()))
            width = only.shape[-1] if len(only.shape) > 1 else 1
            if isinstance(width, int) and width != len(self.inputs):
                raise UsageError(f"The ONNX model takes {width} features, not {len(self.inputs)}.")
        elif lacking := sorted(set(self._takes) - set(self.inputs.names)):
            raise UsageError(f"The ONNX model also takes: {', '.join(lacking)}.")

    def _given(self, rows: pa.Table) -> dict[str, Any]:
        if len(self._takes) == 1 and (len(self.inputs) > 1 or self.inputs.names != list(self._takes)):
            name, one = next(iter(self._takes.items()))
            kind = _ARROW[one.type].to_pandas_dtype()
            return {name: np.column_stack([numbers(column) for column in rows.columns]).astype(kind)}
        return {name: _tensor(rows.column(name), one.type) for name, one in self._takes.items()}


def _tensor(column: pa.ChunkedArray, kind: str) -> Any:
    if kind == "tensor(string)":
        return np.asarray(column.cast(pa.string()).fill_null("").to_pylist(), dtype=object).reshape(-1, 1)
    return numbers(column).astype(_ARROW[kind].to_pandas_dtype()).reshape(-1, 1)
