"""Models in the ONNX format say what the model that they were made from says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.recipes.model_file import Signature, model_bytes, read_model
from headwater.recipes.onnx_model import OnnxModel

pytest.importorskip("onnxruntime")
convert = pytest.importorskip("skl2onnx")
linear = pytest.importorskip("sklearn.linear_model")

X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
ROWS = pa.table({name: X[:, place] for place, name in enumerate("abc")})


def onnx(model: object, **options: object) -> bytes:
    data: bytes = convert.to_onnx(model, X[:1], options=options or None).SerializeToString()
    return data


def test_it_says_what_the_classifier_says() -> None:
    model = linear.LogisticRegression().fit(X, Y)
    for options in ({}, {id(model): {"zipmap": False}}):
        data: bytes = convert.to_onnx(model, X[:1], options=options or None).SerializeToString()
        said = OnnxModel(data, ROWS.schema).predict(ROWS)
        np.testing.assert_allclose(said, model.predict_proba(X), atol=1e-5)


def test_it_says_what_the_regressor_says_and_comes_back_from_its_file() -> None:
    model = linear.Ridge().fit(X, X[:, 1] * 2)
    found = OnnxModel(onnx(model), ROWS.schema)
    np.testing.assert_allclose(found.predict(ROWS)[:, 0], model.predict(X), atol=1e-4)
    data = model_bytes("onnx", found, Signature(inputs=found.inputs, label="y"))
    again, _ = read_model(data)
    np.testing.assert_array_equal(again.predict(ROWS), found.predict(ROWS))


def test_features_without_names_are_numbered_and_no_rows_give_no_rows() -> None:
    found = OnnxModel(onnx(linear.Ridge().fit(X, Y)))
    assert found.inputs.names == ["X_0", "X_1", "X_2"]
    assert found.predict(found.inputs.empty_table()).shape[0] == 0


def test_wrong_widths_and_other_files_are_refused() -> None:
    with pytest.raises(UsageError, match="takes 3 features, not 1"):
        OnnxModel(onnx(linear.Ridge().fit(X, Y)), pa.schema([("a", pa.float32())]))
    with pytest.raises(InputError, match="no ONNX file"):
        OnnxModel(b"nothing of the kind")
