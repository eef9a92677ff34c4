"""A recipe of the user's own."""

from __future__ import annotations

import importlib
import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.base import encode_labels, identity, load


def nearest() -> Any:
    """Return an estimator, as a user's function does."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=1)


def test_an_estimator_of_the_user_is_trained_and_asked() -> None:
    features = pa.table({"a": [0.0, 1.0, 10.0, 11.0]})
    labels = encode_labels(pa.array(["low", "low", "high", "high"]))
    model = load("tests.recipes.test_estimator:nearest").fit(features, labels, weights=None, seed=0)
    said = model.predict(pa.table({"a": [0.4, 12.0]}))
    assert [labels.classes[place] for place in np.argmax(said, axis=1)] == ["low", "high"]


def test_an_edited_recipe_is_another_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    names = []
    for strength in ("1.0", "0.01"):
        (tmp_path / "my_recipe.py").write_text(
            "from sklearn.linear_model import LogisticRegression\n\n"
            f"def make():\n    return LogisticRegression(C={strength})\n"
        )
        sys.modules.pop("my_recipe", None)
        linecache.clearcache()
        importlib.invalidate_caches()
        names.append(identity(load("my_recipe:make")))
    sys.modules.pop("my_recipe", None)
    assert names[0] != names[1]


def test_seed_reaches_the_steps_of_a_pipeline() -> None:
    features = pa.table({"a": [0.0, 1.0, 10.0, 11.0] * 5})
    labels = encode_labels(pa.array(["low", "low", "high", "high"] * 5))
    recipe = load("tests.recipes.test_estimator:forest_in_a_pipeline")
    said = [recipe.fit(features, labels, weights=None, seed=seed).predict(features) for seed in (1, 1)]
    np.testing.assert_array_equal(said[0], said[1])
    weights = np.r_[np.zeros(19), 1.0]
    heavy = recipe.fit(features, labels, weights=weights, seed=1).predict(features)
    assert not np.array_equal(heavy, said[0])


def test_weights_that_an_estimator_does_not_take_are_refused() -> None:
    labels = encode_labels(pa.array(["low", "high"]))
    recipe = load("tests.recipes.test_estimator:nearest")
    with pytest.raises(UsageError, match="KNeighborsClassifier takes no weights"):
        recipe.fit(pa.table({"a": [0.0, 1.0]}), labels, weights=np.ones(2), seed=0)


def test_columns_that_a_version_lacks_are_missing_for_the_model() -> None:
    features = pa.table({"a": [0.0, 1.0, 10.0, 11.0], "b": [0.0, 0.0, 0.0, 0.0]})
    labels = encode_labels(pa.array(["low", "low", "high", "high"]))
    recipe = load("tests.recipes.test_estimator:trees")
    model = recipe.fit(features, labels, weights=None, seed=0)
    assert model.predict(pa.table({"a": [0.5, 11.0]})).shape == (2, 2)


def forest_in_a_pipeline() -> Any:
    """Return a pipeline whose last step is random."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RandomForestClassifier(5))


def trees() -> Any:
    """Return an estimator that takes missing values."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=1)
