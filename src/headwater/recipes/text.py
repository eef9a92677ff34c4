"""The recipe ``text``: words and pieces of words, weighted by rarity, and a logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.recipes.base import F64, RECIPES, Fitted, Labels, Recipe
from headwater.recipes.encoding import conform
from headwater.recipes.ngrams import count_pieces, count_words
from headwater.recipes.tabular import spread
from headwater.recipes.threads import one_thread

__all__ = ["Text"]


@dataclass(frozen=True, kw_only=True)
class Text(Recipe):
    """Tf-idf of words, word pairs and runs of 3 to 5 bytes; logistic regression, ridge regression for numbers.

    Several text columns are joined by a line end; columns of other types are not read.

    Parameters
    ----------
    strength : float
        Inverse strength of the L2 penalty.
    least_texts : int
        In how many training texts a word or piece must be, to count.

    Notes
    -----
    Words and pieces are each a block of hashed counts c, weighted by (1 + ln c) · (1 + ln((1 + n) / (1 + d))),
    where d of the n training texts hold the word; each block of a text is then scaled to length 1.

    References
    ----------
    Spärck Jones (1972). A statistical interpretation of term specificity and its application in retrieval.
    Journal of Documentation 28(1). doi:10.1108/eb026526
    """

    id = "text"
    version = "2"

    strength: float = 4.0
    least_texts: int = 2

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
        blocks, parts = [], []
        for counts in _counts(features, schema):
            block = _Block.learn(counts, self.least_texts)
            blocks.append(block)
            parts.append(block.weigh(counts))
        if not sum(part.shape[1] for part in parts):
            raise UsageError(
                f"The recipe 'text' finds no words to learn from: none is in {self.least_texts} texts."
            )
        if labels.classes:
            model = linear.LogisticRegression(
                C=self.strength, solver="newton-cg", tol=1e-3, max_iter=200, random_state=seed
            )
        else:
            model = linear.Ridge(alpha=1 / self.strength, solver="sparse_cg", random_state=seed)
        with one_thread():
            model.fit(_side_by_side(parts), labels.values, sample_weight=weights)
        return _Linear(schema, blocks, model, labels.classes)


RECIPES.register("text")(Text())


@dataclass(frozen=True)
class _Block:
    """Which columns of the counts are used, and how much each weighs."""

    kept: NDArray[np.int64]
    rarity: F64

    @classmethod
    def learn(cls, counts: Any, least: int) -> _Block:
        texts = np.bincount(counts.indices, minlength=counts.shape[1])
        kept = np.flatnonzero(texts >= least)
        return cls(kept, 1.0 + np.log((1.0 + counts.shape[0]) / (1.0 + texts[kept])))

    def weigh(self, counts: Any) -> Any:
        out = counts[:, self.kept]
        out.data = (1.0 + np.log(out.data)) * self.rarity[out.indices]
        sizes = np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).ravel())
        out.data /= np.repeat(np.where(sizes > 0, sizes, 1.0), np.diff(out.indptr))
        return out


class _Linear:
    def __init__(
        self, schema: pa.Schema, blocks: Sequence[_Block], model: Any, classes: Sequence[str]
    ) -> None:
        self._schema, self._blocks, self._model, self._classes = schema, blocks, model, classes

    def predict(self, features: pa.Table) -> F64:
        if features.num_rows == 0:
            return np.zeros((0, max(len(self._classes), 1)))
        counts = _counts(features, self._schema)
        matrix = _side_by_side([block.weigh(part) for block, part in zip(self._blocks, counts, strict=True)])
        with one_thread():
            if not self._classes:
                return np.asarray(self._model.predict(matrix), np.float64).reshape(-1, 1)
            return spread(self._model.predict_proba(matrix), self._model.classes_, len(self._classes))


def _counts(features: pa.Table, schema: pa.Schema) -> list[Any]:
    columns = conform(features, schema).columns
    texts = columns[0]
    if len(columns) > 1:
        filled = [pc.fill_null(column.cast(pa.large_string()), "") for column in columns]
        texts = pc.binary_join_element_wise(*filled, pa.scalar("\n", pa.large_string()))
    flat = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return [count_words(flat), count_pieces(flat)]


def _side_by_side(parts: Sequence[Any]) -> Any:
    return require("scipy.sparse", extra="ml", purpose="The recipe 'text'").hstack(parts, format="csr")
