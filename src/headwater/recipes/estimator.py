"""Any scikit-learn style estimator of the user's as a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.extras import require
from headwater.recipes.base import F64, Fitted, Labels, Recipe
from headwater.recipes.tabular import spread
from headwater.recipes.threads import one_thread

__all__ = ["EstimatorRecipe"]


@dataclass(frozen=True, kw_only=True)
class EstimatorRecipe(Recipe):
    """The estimator that ``make`` returns; the features come as a pandas frame.

    Parameters
    ----------
    name : str
        ``module:function``, where it comes from.
    make : callable
        Returns a fresh estimator.
    """

    id = "estimator"
    version = "1"

    name: str
    make: Callable[[], Any]

    def __repr__(self) -> str:
        return f"EstimatorRecipe({self.name!r})"

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`."""
        require("pandas", extra="pandas", purpose="A recipe of your own")
        model = self.make()
        if "random_state" in getattr(model, "get_params", dict)():
            model.set_params(random_state=seed)
        extra = {} if weights is None else {"sample_weight": weights}
        with one_thread():
            model.fit(features.to_pandas(), labels.values, **extra)
        return _Wrapped(model, len(labels.classes))


class _Wrapped:
    def __init__(self, model: Any, classes: int) -> None:
        self._model, self._classes = model, classes

    def predict(self, features: pa.Table) -> F64:
        frame = features.to_pandas()
        with one_thread():
            if self._classes:
                return spread(self._model.predict_proba(frame), self._model.classes_, self._classes)
            return np.asarray(self._model.predict(frame), np.float64).reshape(-1, 1)
