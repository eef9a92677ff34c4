"""The recipe ``tabular``: gradient-boosted trees over mixed columns with missing values.

References
----------
Ke et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30 (the histogram
method that scikit-learn implements).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.extras import require
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.threads import one_thread

__all__ = ["Tabular"]

_NAMED = 60


@dataclass(frozen=True, kw_only=True)
class Tabular(Recipe):
    """Gradient-boosted trees, small ones, so that little data is not learnt by heart.

    Parameters
    ----------
    iterations, learning_rate, leaves, l2 : optional
        Of the trees.

    Notes
    -----
    Numbers, truth values and times become numbers, nulls stay missing. Text becomes categories: the 60 most
    frequent of the training rows, all others as one. Nothing is learnt from other than the training rows.
    """

    id = "tabular"
    version = "1"

    iterations: int = 100
    learning_rate: float = 0.06
    leaves: int = 8
    l2: float = 1.0

    def fit(self, features: pa.Table, labels: Labels, *, weights: F64 | None, seed: int) -> Fitted:
        """Train; see `headwater.recipes.base.Recipe`."""
        ensemble = require("sklearn.ensemble", extra="ml", purpose="The recipe 'tabular'")
        kind = "HistGradientBoostingClassifier" if labels.classes else "HistGradientBoostingRegressor"
        encoder = _Encoder(features)
        model = getattr(ensemble, kind)(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            l2_regularization=self.l2,
            early_stopping=False,
            categorical_features=encoder.categorical,
            random_state=seed,
        )
        with one_thread():
            model.fit(encoder.matrix(features), labels.values, sample_weight=weights)
        return _Trees(encoder, model, labels.classes)


RECIPES.register("tabular")(Tabular())


class _Encoder:
    """Columns as one matrix of numbers, as learnt from the training rows."""

    def __init__(self, features: pa.Table) -> None:
        self.names = features.schema.names
        self.categories: dict[str, pa.Array] = {}
        for field in features.schema:
            if not _is_numeric(field.type):
                self.categories[field.name] = _frequent(features.column(field.name))
        self.categorical = [name in self.categories for name in self.names]

    def matrix(self, features: pa.Table) -> F64:
        """Return shape (rows, columns); missing values are NaN."""
        out = np.empty((features.num_rows, len(self.names)), np.float64)
        for place, name in enumerate(self.names):
            out[:, place] = self._column(name, features.column(name))
        return out

    def _column(self, name: str, values: pa.ChunkedArray) -> F64:
        if name not in self.categories:
            return _numbers(values)
        known = self.categories[name]
        texts = _texts(values)
        found = pc.fill_null(pc.index_in(texts, value_set=known), len(known))
        codes = np.asarray(found).astype(np.float64)
        return np.where(np.asarray(texts.is_null()), np.nan, codes)


class _Trees:
    def __init__(self, encoder: _Encoder, model: Any, classes: Sequence[str]) -> None:
        self._encoder, self._model, self._classes = encoder, model, classes

    def predict(self, features: pa.Table) -> F64:
        matrix = self._encoder.matrix(features)
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


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    )


def _numbers(values: pa.ChunkedArray) -> F64:
    kind = values.type
    if pa.types.is_temporal(kind):
        values = values.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    numbers = np.asarray(pc.fill_null(values.cast(pa.float64(), safe=False), np.nan))
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _texts(values: pa.ChunkedArray) -> pa.Array:
    flat = values.combine_chunks()
    if pa.types.is_string(flat.type):
        return flat
    return pa.array([None if value is None else str(value) for value in flat.to_pylist()], pa.string())


def _frequent(values: pa.ChunkedArray) -> pa.Array:
    counts = pa.table({"value": _texts(values)}).group_by("value").aggregate([("value", "count")])
    counts = counts.filter(pc.is_valid(counts.column("value")))
    order = counts.sort_by([("value_count", "descending"), ("value", "ascending")])
    return order.column("value").combine_chunks().slice(0, _NAMED)
