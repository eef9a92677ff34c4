"""``rebalance.reweigh``: weights that make the label independent of sensitive features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import require_columns
from headwater.methods.reweighing import cell_weights
from headwater.profile.kinds import kind_of
from headwater.recipes.base import class_names, task_of
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, label_column
from headwater.transforms.training_rows import training_rows

__all__ = ["Reweigh"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MOST_VALUES = 12
_RANGES = 5
_LISTED = 100


@dataclass(frozen=True, slots=True)
class _Groups:
    """Group numbers of rows with the groups' names."""

    codes: I64
    names: list[str]


@TRANSFORMS.register("rebalance.reweigh")
@dataclass(frozen=True, kw_only=True)
class Reweigh(Transform):
    """Give every row a weight, so that in the weighted rows every group has each label equally often.

    No row is changed. Train with the weight: ``hw train --weight _weight``.

    Parameters
    ----------
    columns : tuple of str
        The sensitive features, whose combinations are the groups; the contract's by default. Columns of
        many numbers are cut into five ranges of about equally many rows.
    label : str
        The label column; the contract's by default.
    into : str
        The column of weights. Recipes do not learn from columns whose name begins with ``_``.
    holdout : float
        The share of keys that recipes hold out: the weights are then learnt from the other rows alone. 0
        learns from all.

    References
    ----------
    Kamiran, Calders (2012). Data preprocessing techniques for classification without discrimination.
    doi:10.1007/s10115-011-0463-8
    """

    id = "rebalance.reweigh"
    title = "Weights against unequal rates"

    columns: tuple[str, ...] = ()
    label: str = ""
    into: str = "_weight"
    holdout: float = 0.0

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the column of weights."""
        return (self.into,)

    def validate(self, source: Source) -> None:
        """Raise if features or label are not there, or the weights would overwrite one of them."""
        names = (*self._features(source), label_column(source, self.label))
        require_columns(source.schema, names, where=f"dataset {source.dataset.name!r}")
        if self.into in (*names, *source.key):
            raise SchemaError(
                f"Weights would overwrite column {self.into!r}: choose another into=.", column=self.into
            )
        if self.into in source.schema.names and not pa.types.is_floating(source.schema.field(self.into).type):
            kind = source.schema.field(self.into).type
            raise SchemaError(
                f"Column {self.into!r} is {kind}, which cannot hold weights: choose another into=.",
                column=self.into,
            )

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the weight of every row."""
        label, features = label_column(source, self.label), self._features(source)
        present = [self.into] if self.into in source.schema.names else []
        table = source.dataset.to_arrow([*dict.fromkeys([*features, label, *present])])
        known = np.asarray(table.column(label).is_valid())
        if not known.any():
            return
        if task_of(table.column(label).type, table.column(label).drop_null()) == "regression":
            raise UsageError(f"Label {label!r} is a number to predict; rates are of classes.", column=label)
        learn = known & training_rows(source, self.holdout).train if self.holdout else known
        groups, classes = (
            _combined([_groups(table.column(name)) for name in features]),
            _labels(table.column(label)),
        )
        shape = (len(groups.names), len(classes.names))
        cells = np.ravel_multi_index((groups.codes, np.maximum(classes.codes, 0)), shape)
        counts = np.bincount(cells[learn], minlength=int(np.prod(shape))).reshape(shape)
        # A cell that was not seen in learning has nothing to be weighed by.
        weights = np.nan_to_num(cell_weights(counts), nan=1.0)
        fresh = np.where(known, weights.ravel()[cells], 1.0)
        yield Edit.between(table, pa.table({self.into: fresh}))
        yield Edit(facts=self._facts(groups, classes, counts, weights))

    def _facts(self, groups: _Groups, classes: _Groups, counts: I64, weights: F64) -> dict[str, Any]:
        filled = np.argwhere(counts > 0)[:_LISTED]
        return {
            "weights": [
                {
                    "group": groups.names[group],
                    "label": classes.names[label],
                    "rows": int(counts[group, label]),
                    "weight": float(weights[group, label]),
                }
                for group, label in filled
            ]
        }

    def _features(self, source: Source) -> tuple[str, ...]:
        found = self.columns or source.contract.sensitive
        if not found:
            raise UsageError(
                f"Dataset {source.dataset.name!r} has no sensitive features in its contract. Name columns: columns=."
            )
        return found


def _labels(values: pa.ChunkedArray) -> _Groups:
    """Return class numbers, -1 where the label is missing."""
    texts = class_names(values)
    names = sorted(pc.unique(texts).drop_null().to_pylist())
    codes = pc.index_in(texts, value_set=pa.array(names, pa.string()))
    return _Groups(np.asarray(pc.fill_null(codes, -1)).astype(np.int64), names)


def _groups(values: pa.ChunkedArray) -> _Groups:
    """Return the groups of one feature, missing values being one; many numbers are cut into ranges."""
    plain = values.combine_chunks()
    encoded = plain.dictionary_encode(null_encoding="encode")
    if kind_of(values.type).is_ordered and len(encoded.dictionary) > _MOST_VALUES:
        return _ranges(plain)
    names = ["missing" if name is None else str(name) for name in encoded.dictionary.to_pylist()]
    return _Groups(np.asarray(encoded.indices).astype(np.int64), names)


def _ranges(values: pa.Array) -> _Groups:
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64())
    numbers = np.asarray(values.cast(pa.float64(), safe=False).fill_null(np.nan))
    there = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[there], np.linspace(0, 1, _RANGES + 1)[1:-1]))
    codes = np.where(there, np.searchsorted(edges, numbers, side="right"), len(edges) + 1)
    ends = [f"{edge:g}" for edge in edges]
    names = [f"below {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends))]
    return _Groups(codes.astype(np.int64), [*names, f"from {ends[-1]}", "missing"])


def _combined(features: list[_Groups]) -> _Groups:
    """Return the groups of all combinations that occur."""
    shape = tuple(len(feature.names) for feature in features)
    flat = np.ravel_multi_index([feature.codes for feature in features], shape)
    distinct, codes = np.unique(flat, return_inverse=True)
    places = np.stack(np.unravel_index(distinct, shape), axis=1)
    names = [
        ", ".join(feature.names[place] for feature, place in zip(features, row, strict=True))
        for row in places
    ]
    return _Groups(codes.astype(np.int64), names)
