"""The recipe ``tabular``: gradient-boosted trees over mixed columns with missing values.

References
----------
Ke et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30 (the histogram
method that scikit-learn implements).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.encoding import TableEncoder
from headwater.recipes.threads import one_thread

__all__ = ["Tabular", "spread"]


@dataclass(frozen=True, kw_only=True)
class Tabular(Recipe):
    """Gradient-boosted trees, small ones, so that little data is not learnt by heart.

    Parameters
    ----------
    iterations, learning_rate, leaves, l2 : optional
        Of the trees.

    Notes
    -----
    How columns become numbers says `headwater.recipes.encoding.TableEncoder`: missing values stay missing, and
    nothing is learnt from other than the training rows. Columns of bytes, structs and lists of any length are
    not read.
    """

    id = "tabular"
    version = "2"

    iterations: int = field(default=100, metadata={"least": 1})
    learning_rate: float = field(default=0.06, metadata={"above": 0})
    leaves: int = field(default=8, metadata={"least": 2})
    l2: float = field(default=1.0, metadata={"least": 0})

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`.

        Raises
        ------
        UsageError
            If there is no column that it can read.
        """
        ensemble = require("sklearn.ensemble", extra="ml", purpose="The recipe 'tabular'")
        kind = "HistGradientBoostingClassifier" if labels.classes else "HistGradientBoostingRegressor"
        encoder = TableEncoder.learn(features)
        matrix = encoder.matrix(features)
        # Trees cannot be grown on a column without any value, such as the hour of a date.
        filled: NDArray[np.bool_] = np.asarray(~np.isnan(matrix).all(axis=0))
        if not filled.any():
            raise UsageError(
                f"The recipe 'tabular' cannot read any of the columns {', '.join(features.schema.names)}: they hold "
                "no values, or bytes, structs or lists. Give a recipe of your own as module:function."
            )
        model = getattr(ensemble, kind)(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            l2_regularization=self.l2,
            early_stopping=False,
            categorical_features=np.asarray(encoder.categorical)[filled],
            random_state=seed,
        )
        with one_thread():
            model.fit(matrix[:, filled], labels.values, sample_weight=weights)
        return _Trees(encoder, filled, model, labels.classes)

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make a model again; see `headwater.recipes.base.Recipe`."""
        return _Trees(TableEncoder.restore(parts), parts["filled"], parts["model"], tuple(parts["classes"]))


RECIPES.register("tabular")(Tabular())


class _Trees:
    def __init__(
        self, encoder: TableEncoder, filled: NDArray[np.bool_], model: Any, classes: Sequence[str]
    ) -> None:
        self._encoder, self._filled, self._model, self._classes = encoder, filled, model, classes

    def parts(self) -> dict[str, Any]:
        own = {"filled": self._filled, "model": self._model, "classes": list(self._classes)}
        return {**self._encoder.parts(), **own}

    def predict(self, features: pa.Table) -> F64:
        matrix = self._encoder.matrix(features)[:, self._filled]
        if len(matrix) == 0:
            return np.zeros((0, max(len(self._classes), 1)))
        with one_thread():
            if not self._classes:
                return np.asarray(self._model.predict(matrix), np.float64).reshape(-1, 1)
            return spread(self._model.predict_proba(matrix), self._model.classes_, len(self._classes))


def spread(probabilities: F64, present: Any, classes: int) -> F64:
    """Return probabilities of all classes, zero for those that no training row had."""
    out = np.zeros((len(probabilities), classes))
    out[:, np.asarray(present).astype(np.int64)] = probabilities
    return out
