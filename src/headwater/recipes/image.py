"""The recipe ``image``: edges, coarse shape and colours of pictures, and a logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.methods.image_features import FEATURES, image_features
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.encoding import conform
from headwater.recipes.pictures import require_picture, small_pictures
from headwater.recipes.tabular import spread
from headwater.recipes.threads import one_thread

__all__ = ["Image"]

_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class Image(Recipe):
    """The features of the encoder ``image``; logistic regression, ridge regression for numbers.

    Learns from one column of pictures; see `headwater.methods.image_features.image_features`. What is no picture
    stands at the mean of the training pictures.

    Parameters
    ----------
    strength : float
        Inverse strength of the L2 penalty.
    """

    id = "image"
    version = "1"
    reads_pictures: ClassVar[bool] = True

    strength: float = field(default=100.0, metadata={"above": 0})

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`.

        Raises
        ------
        UsageError
            If there is not one column of pictures, or none of them can be read.
        """
        linear = require("sklearn.linear_model", extra="ml", purpose="The recipe 'image'")
        name = require_picture(features.schema, self.id)
        found, there = _matrix(features.column(name))
        if not there.any():
            raise UsageError(f"The recipe 'image' cannot read any of the pictures in column {name!r}.")
        mean = found[there].mean(axis=0)
        found[~there] = mean
        if labels.classes:
            model = linear.LogisticRegression(C=self.strength, tol=1e-3, max_iter=500, random_state=seed)
        else:
            model = linear.Ridge(alpha=1 / self.strength, random_state=seed)
        with one_thread():
            model.fit(found - mean, labels.values, sample_weight=weights)
        return _Pictures(pa.schema([features.schema.field(name)]), mean, model, labels.classes)

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make a model again; see `headwater.recipes.base.Recipe`."""
        return _Pictures(parts["schema"], parts["mean"], parts["model"], tuple(parts["classes"]))


RECIPES.register("image")(Image())


class _Pictures:
    def __init__(self, schema: pa.Schema, mean: F64, model: Any, classes: Sequence[str]) -> None:
        self._schema, self._mean, self._model, self._classes = schema, mean, model, classes

    def parts(self) -> dict[str, Any]:
        return {
            "schema": self._schema,
            "mean": self._mean,
            "model": self._model,
            "classes": list(self._classes),
        }

    def predict(self, features: pa.Table) -> F64:
        if features.num_rows == 0:
            return np.zeros((0, max(len(self._classes), 1)))
        found, there = _matrix(conform(features, self._schema).column(0))
        found[~there] = self._mean
        with one_thread():
            if not self._classes:
                return np.asarray(self._model.predict(found - self._mean), np.float64).reshape(-1, 1)
            probability = self._model.predict_proba(found - self._mean)
            return spread(probability, self._model.classes_, len(self._classes))


def _matrix(values: pa.ChunkedArray) -> tuple[F64, NDArray[np.bool_]]:
    """Return the features of pictures, and which could be read; some 100 kB a picture of a block while it is read."""
    out, there = np.zeros((len(values), FEATURES)), np.zeros(len(values), np.bool_)
    for start in range(0, len(values), _BLOCK):
        some = slice(start, start + _BLOCK)
        pictures, there[some] = small_pictures(values.slice(start, _BLOCK))
        out[some] = image_features(pictures)
    return out, there
