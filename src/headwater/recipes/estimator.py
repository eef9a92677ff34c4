"""Any scikit-learn style estimator of the user's as a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.core.ids import digest
from headwater.recipes.base import F64, Fitted, Labels, Recipe
from headwater.recipes.encoding import conform
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

    @property
    def fingerprint(self) -> str:
        """A hash of the source of ``make`` and its module, so that an edited recipe is another recipe."""
        try:
            source = inspect.getsource(inspect.getmodule(self.make) or self.make)
        except (OSError, TypeError):
            # Made without a file, as in a notebook: the name has to do.
            return self.name
        return digest(source.encode())[:12]

    def __repr__(self) -> str:
        return f"EstimatorRecipe({self.name!r})"

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`.

        Every parameter of the estimator named ``random_state``, those of a pipeline's steps included, is the seed.

        Raises
        ------
        UsageError
            If there are weights and the estimator takes none.
        """
        require("pandas", extra="pandas", purpose="A recipe of your own")
        model = self.make()
        _seed(model, seed)
        with one_thread():
            model.fit(features.to_pandas(), labels.values, **_weights(model, weights))
        return _Wrapped(model, features.schema, len(labels.classes))

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make a model again; see `headwater.recipes.base.Recipe`."""
        return _Wrapped(parts["model"], parts["schema"], parts["classes"])


class _Wrapped:
    def __init__(self, model: Any, schema: pa.Schema, classes: int) -> None:
        self._model, self._schema, self._classes = model, schema, classes

    def parts(self) -> dict[str, Any]:
        return {"model": self._model, "schema": self._schema, "classes": self._classes}

    def predict(self, features: pa.Table) -> F64:
        if features.num_rows == 0:
            return np.zeros((0, max(self._classes, 1)))
        frame = conform(features, self._schema).to_pandas()
        with one_thread():
            if self._classes:
                return spread(self._model.predict_proba(frame), self._model.classes_, self._classes)
            return np.asarray(self._model.predict(frame), np.float64).reshape(-1, 1)


def _seed(model: Any, seed: int) -> None:
    """Seed an estimator and all its parts, which a pipeline lists only in depth."""
    if not hasattr(model, "get_params"):
        return
    names = [name for name in model.get_params(deep=True) if name.split("__")[-1] == "random_state"]
    if names:
        model.set_params(**dict.fromkeys(names, seed))


def _weights(model: Any, weights: F64 | None) -> dict[str, F64]:
    """Return the weights under the name that the estimator takes them by; a pipeline hands them to its last step."""
    if weights is None:
        return {}
    steps = getattr(model, "steps", None)
    name, last = steps[-1] if steps else ("", model)
    if "sample_weight" not in inspect.signature(last.fit).parameters:
        raise UsageError(
            f"The estimator {type(last).__name__} takes no weights. Train without a weight column."
        )
    return {f"{name}__sample_weight" if steps else "sample_weight": weights}
