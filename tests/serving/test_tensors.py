"""The Open Inference Protocol: requests to rows, answers to tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.serving.tensors import outputs_of, rows_of, tensor_of


def tensor(name: str = "a", **changed: Any) -> dict[str, Any]:
    return {"name": name, "shape": [2], "datatype": "FP64", "data": [1.0, 2.0], **changed}


def test_tensors_become_rows() -> None:
    text = tensor("b", shape=[2, 1], datatype="BYTES", data=["x", None])
    vector = tensor("v", shape=[2, 2], data=[[1, 2], [3, 4]])
    assert rows_of({"inputs": [tensor(), text, vector]}) == [
        {"a": 1.0, "b": "x", "v": [1, 2]},
        {"a": 2.0, "b": None, "v": [3, 4]},
    ]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "inference request"),
        ({"inputs": []}, "inference request"),
        ([], "inference request"),
        ({"inputs": [tensor(), tensor()]}, "twice"),
        ({"inputs": [tensor(datatype="FP128")]}, "datatype"),
        ({"inputs": [tensor(shape=[3])]}, "so 3 values; it has 2"),
        ({"inputs": [tensor(shape=[-1])]}, "needs a shape"),
        ({"inputs": [tensor(data=None)]}, "data as a list"),
        ({"inputs": [tensor(data=[[1], 2])]}, "mix lists"),
        ({"inputs": [tensor(), tensor("b", shape=[1], data=[1])]}, "different numbers of rows: a 2, b 1"),
    ],
)
def test_a_bad_request_is_told(request_: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        rows_of(request_)


def test_answers_become_tensors() -> None:
    said = np.array([[0.25, 0.75]])
    predicted, probability = outputs_of(["yes"], said, ("no", "yes"))
    assert predicted["data"] == ["yes"]
    assert probability["shape"] == [1, 2]
    assert probability["data"] == [0.25, 0.75]
    assert [one["name"] for one in outputs_of(["yes"], said, ("no", "yes"), ["probability"])] == [
        "probability"
    ]
    with pytest.raises(UsageError, match="no output 'x'"):
        outputs_of(["yes"], said, ("no", "yes"), ["x"])
    assert outputs_of([2.5], np.array([[2.5]]), ())[0]["datatype"] == "FP64"


def test_metadata_names_types() -> None:
    kinds = [pa.int32(), pa.uint8(), pa.float32(), pa.bool_(), pa.string(), pa.list_(pa.float32(), 3)]
    found = [tensor_of(pa.field("x", kind)) for kind in kinds]
    assert [one["datatype"] for one in found] == ["INT32", "UINT8", "FP32", "BOOL", "BYTES", "FP32"]
    assert found[-1]["shape"] == [-1, 3]
