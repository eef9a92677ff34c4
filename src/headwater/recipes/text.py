"""The recipe ``text``: words and pieces of words, weighted by rarity, and a logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.tabular import spread
from headwater.recipes.threads import one_thread

__all__ = ["Text"]


@dataclass(frozen=True, kw_only=True)
class Text(Recipe):
    """Tf-idf of words, word pairs and character 2- to 4-grams inside words; logistic regression.

    Several text columns are joined by a line end; columns of other types are not read.

    Parameters
    ----------
    strength : float
        Inverse strength of the L2 penalty.
    features : int
        The most features of each kind.
    """

    id = "text"
    version = "1"

    strength: float = 10.0
    features: int = 50_000

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`.

        Raises
        ------
        UsageError
            If there is no text column, or the label is a number to predict.
        """
        if not labels.classes:
            raise UsageError("The recipe 'text' predicts classes. Use 'tabular' for numbers.")
        union = require("sklearn.pipeline", extra="ml", purpose="The recipe 'text'").FeatureUnion
        vectorizer = require(
            "sklearn.feature_extraction.text", extra="ml", purpose="The recipe 'text'"
        ).TfidfVectorizer
        linear = require("sklearn.linear_model", extra="ml", purpose="The recipe 'text'")
        words = vectorizer(
            ngram_range=(1, 2), sublinear_tf=True, max_features=self.features, token_pattern=r"\S+"
        )
        pieces = vectorizer(
            analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=self.features
        )
        encode = union([("words", words), ("pieces", pieces)])
        model = linear.LogisticRegression(C=self.strength, max_iter=1000, random_state=seed)
        with one_thread():
            try:
                matrix = encode.fit_transform(_documents(features))
            except ValueError as error:
                raise UsageError(f"The recipe 'text' finds no words to learn from: {error}") from error
            model.fit(matrix, labels.values, sample_weight=weights)
        return _Linear(encode, model, labels.classes)


RECIPES.register("text")(Text())


class _Linear:
    def __init__(self, encode: Any, model: Any, classes: Sequence[str]) -> None:
        self._encode, self._model, self._classes = encode, model, classes

    def predict(self, features: pa.Table) -> F64:
        if features.num_rows == 0:
            return np.zeros((0, len(self._classes)))
        with one_thread():
            probabilities = self._model.predict_proba(self._encode.transform(_documents(features)))
        return spread(probabilities, self._model.classes_, len(self._classes))


def _documents(features: pa.Table) -> list[str]:
    columns = [features.column(f.name).to_pylist() for f in features.schema if pa.types.is_string(f.type)]
    if not columns:
        raise UsageError("The recipe 'text' needs a text column. Use 'tabular' for other columns.")
    return ["\n".join(part or "" for part in parts) for parts in zip(*columns, strict=True)]
