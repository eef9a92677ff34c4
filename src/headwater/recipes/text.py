"""The recipe ``text``: words and pieces of words, weighted by rarity, and a logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.encoding import conform
from headwater.recipes.tabular import spread
from headwater.recipes.tfidf import TfIdf
from headwater.recipes.threads import one_thread

__all__ = ["Text"]


@dataclass(frozen=True, kw_only=True)
class Text(Recipe):
    """Tf-idf of words, word pairs and runs of 3 to 5 bytes; logistic regression, ridge regression for numbers.

    Several text columns are joined by a line end; columns of other types are not read. How texts become numbers says
    `headwater.recipes.tfidf.TfIdf`.

    Parameters
    ----------
    strength : float
        Inverse strength of the L2 penalty.
    least_texts : int
        In how many training texts a word or piece must be, to count.
    """

    id = "text"
    version = "3"

    strength: float = field(default=4.0, metadata={"above": 0})
    least_texts: int = field(default=2, metadata={"least": 1})

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`.

        Raises
        ------
        UsageError
            If there is no text column, or no words in it.
        """
        linear = require("sklearn.linear_model", extra="ml", purpose="The recipe 'text'")
        schema = pa.schema([field for field in features.schema if pa.types.is_string(field.type)])
        if not schema.names:
            raise UsageError("The recipe 'text' needs a text column. Use 'tabular' for other columns.")
        weigher, matrix = TfIdf.learn(conform(features, schema), least_texts=self.least_texts)
        if not matrix.shape[1]:
            raise UsageError(
                f"The recipe 'text' finds no words to learn from: none is in {self.least_texts} texts."
            )
        if len(labels.classes) > 2:
            # The work grows with the classes, and half as many bytes go through memory in half the time.
            matrix = matrix.astype(np.float32)
        if labels.classes:
            model = linear.LogisticRegression(
                C=self.strength, solver="newton-cg", tol=1e-3, max_iter=200, random_state=seed
            )
        else:
            model = linear.Ridge(alpha=1 / self.strength, solver="sparse_cg", random_state=seed)
        with one_thread():
            model.fit(matrix, labels.values, sample_weight=weights)
        return _Linear(schema, weigher, model, labels.classes)

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> Fitted:
        """Make a model again; see `headwater.recipes.base.Recipe`."""
        return _Linear(parts["schema"], TfIdf.restore(parts), parts["model"], tuple(parts["classes"]))


RECIPES.register("text")(Text())


class _Linear:
    def __init__(self, schema: pa.Schema, weigher: TfIdf, model: Any, classes: Sequence[str]) -> None:
        self._schema, self._weigher, self._model, self._classes = schema, weigher, model, classes

    def parts(self) -> dict[str, Any]:
        own = {"schema": self._schema, "model": self._model, "classes": list(self._classes)}
        return {**self._weigher.parts(), **own}

    def predict(self, features: pa.Table) -> F64:
        if features.num_rows == 0:
            return np.zeros((0, max(len(self._classes), 1)))
        matrix = self._weigher.matrix(conform(features, self._schema))
        with one_thread():
            if not self._classes:
                return np.asarray(self._model.predict(matrix), np.float64).reshape(-1, 1)
            return spread(self._model.predict_proba(matrix), self._model.classes_, len(self._classes))
