"""Estimators as files: what comes back predicts the same, equal estimators are equal bytes, nothing strange runs."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.recipes.estimator_file import estimator_bytes, read_estimator

pytest.importorskip("skops")
ensemble = pytest.importorskip("sklearn.ensemble")
linear = pytest.importorskip("sklearn.linear_model")
pipeline = pytest.importorskip("sklearn.pipeline")
preprocessing = pytest.importorskip("sklearn.preprocessing")

X = np.random.default_rng(0).normal(size=(300, 4))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
MODELS = [
    ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
    ensemble.RandomForestClassifier(4, random_state=0),
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear.LogisticRegression()),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_what_comes_back_predicts_the_same(model: object) -> None:
    fitted = model.fit(X, Y)  # type: ignore[attr-defined]
    again = read_estimator(estimator_bytes(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_the_same_training_gives_the_same_bytes(model: object) -> None:
    from sklearn.base import clone

    first, second = (estimator_bytes(clone(model).fit(X.copy(), Y.copy())) for _ in range(2))
    assert first == second


def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import sys, numpy as np; from sklearn.linear_model import LogisticRegression as M\n"
        "from headwater.recipes.estimator_file import estimator_bytes\n"
        "x = np.random.default_rng(0).normal(size=(300, 4)); y = (x[:, 0] + 0.3 * x[:, 1] > 0).astype(int)\n"
        "sys.stdout.buffer.write(estimator_bytes(M().fit(x, y)))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert there == estimator_bytes(linear.LogisticRegression().fit(X, Y))


def test_another_training_gives_other_bytes() -> None:
    first = linear.LogisticRegression().fit(X, Y)
    second = linear.LogisticRegression().fit(X[:-1], Y[:-1])
    assert estimator_bytes(first) != estimator_bytes(second)


def test_types_from_elsewhere_are_made_only_when_trusted() -> None:
    skops = pytest.importorskip("skops.io")
    data = skops.dumps({"where": __import__("datetime").timedelta(1)})
    strange = skops.get_untrusted_types(data=data)
    assert strange == ["datetime.timedelta"]
    with pytest.raises(InputError, match=r"datetime\.timedelta.*trust"):
        read_estimator(data)


def test_what_reads_files_is_not_taken_for_a_model() -> None:
    skops = pytest.importorskip("skops.io")
    from sklearn import datasets

    transformer = preprocessing.FunctionTransformer(datasets.load_files)
    with pytest.raises(InputError, match=r"sklearn\.datasets"):
        read_estimator(skops.dumps(transformer))


def test_damage_is_told() -> None:
    data = estimator_bytes(linear.LogisticRegression().fit(X, Y))
    with pytest.raises(InputError, match="no model file"):
        read_estimator(data[: len(data) // 2])
    with pytest.raises(InputError, match="no model file"):
        read_estimator(b"")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("schema.json", '{"__class__": "LogisticRegression"}')
    with pytest.raises(InputError):
        read_estimator(buffer.getvalue())


def test_what_cannot_be_kept_is_refused_with_the_reason() -> None:
    model = preprocessing.FunctionTransformer(lambda x: x).fit(X)
    with pytest.raises(UsageError, match="lambda"):
        estimator_bytes(model)
