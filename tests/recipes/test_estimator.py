"""A recipe of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from headwater.recipes.base import encode_labels, load


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
