"""``augment.smote``: more rows of rare classes, between the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import require_columns
from headwater.methods.smote import smote_table
from headwater.recipes.base import AUGMENTED_FROM, class_names, task_of
from headwater.transforms.augmented import augmented_rows
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, label_column
from headwater.transforms.new_keys import require_extendable_key
from headwater.transforms.training_rows import HOLDOUT, take_rows, training_rows

__all__ = ["Smote"]

I64 = NDArray[np.int64]


@TRANSFORMS.register("augment.smote")
@dataclass(frozen=True, kw_only=True)
class Smote(Transform):
    """Add rows of rare classes, each between a row and one of its nearest neighbours of the same class.

    New rows are marked: the column ``_augmented_from`` holds the key of the row they were made from. They are
    made from rows that recipes train on alone, so that no model is judged by what it has in part seen, and
    recipes never hold them out.

    Parameters
    ----------
    label : str
        The label column; the contract's by default.
    classes : tuple of str
        The classes that get rows; by default all that have too few.
    ratio : float
        How many rows a class shall have at least, as a share of the largest class.
    neighbours : int
        From how many nearest neighbours to draw.
    holdout : float
        The share of keys that recipes hold out.

    References
    ----------
    Chawla, Bowyer, Hall, Kegelmeyer (2002). SMOTE: synthetic minority over-sampling technique.
    doi:10.1613/jair.953
    """

    id = "augment.smote"
    title = "More rows of rare classes"

    label: str = ""
    classes: tuple[str, ...] = ()
    ratio: float = 1.0
    neighbours: int = 5
    holdout: float = HOLDOUT

    def __post_init__(self) -> None:
        if not 0.0 < self.ratio <= 1.0:
            raise UsageError(
                f"ratio is {self.ratio}: a class can have up to as many rows as the largest, 1.0."
            )
        if self.neighbours < 1:
            raise UsageError(f"neighbours is {self.neighbours}; there must be 1 at least.")

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the column that marks the new rows; the others stay as they are."""
        return (AUGMENTED_FROM,)

    def validate(self, source: Source) -> None:
        """Raise if there is no label of classes, or no key for new rows."""
        label = label_column(source, self.label)
        require_columns(source.schema, [label], where=f"dataset {source.dataset.name!r}")
        if label in source.key:
            raise SchemaError(f"Label {label!r} is part of the key.", column=label)
        if source.key:
            require_extendable_key(source)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the new rows."""
        label = label_column(source, self.label)
        may = training_rows(source, self.holdout)
        values = source.dataset.to_arrow([label]).column(0)
        known = np.asarray(values.is_valid())
        if not known.any():
            return
        if task_of(values.type, values.drop_null()) == "regression":
            raise UsageError(
                f"Label {label!r} is a number to predict; SMOTE is for labels of classes.", column=label
            )
        names, codes = _classes(values)
        wanted = self._wanted(names, np.bincount(codes[may.train & known], minlength=len(names)))
        rows = {code: np.flatnonzero(may.real & known & (codes == code)).astype(np.int64) for code in wanted}
        able = [code for code in wanted if len(rows[code]) > 1]
        facts = {"label": label, "made": {names[code]: wanted[code] for code in able}}
        lonely = [names[code] for code in wanted if code not in able]
        yield Edit(facts=facts | ({"too_few_rows": lonely} if lonely else {}))
        if able:
            rng = source.rng(self.id)
            made = [self._made(source, label, rows[code], wanted[code], rng) for code in able]
            origins, fresh = (pa.concat_tables([pair[part] for pair in made]) for part in (0, 1))
            yield Edit(append=augmented_rows(source, origins, fresh))

    def _wanted(self, names: list[str], counts: I64) -> dict[int, int]:
        """Return how many rows each class lacks."""
        unknown = [name for name in self.classes if name not in names]
        if unknown:
            raise UsageError(
                f"No row has the label {unknown[0]!r}; there are {', '.join(names)}.", value=unknown[0]
            )
        goal = round(self.ratio * int(counts.max()))
        chosen = [code for code, name in enumerate(names) if not self.classes or name in self.classes]
        return {code: goal - int(counts[code]) for code in chosen if counts[code] < goal}

    def _made(self, source: Source, label: str, rows: I64, count: int, rng: np.random.Generator) -> pa.Table:
        origins = take_rows(source, rows)
        features = [
            name
            for name in source.schema.names
            if name not in (*source.key, label) and not name.startswith("_")
        ]
        if not features:
            raise UsageError("There is no column to put rows between: the dataset is all key and label.")
        fresh, at, _ = smote_table(origins.select(features), count=count, rng=rng, k=self.neighbours)
        return origins.take(pa.array(at)), fresh


def _classes(values: pa.ChunkedArray) -> tuple[list[str], I64]:
    """Return the classes, sorted, and the place of each row's class; -1 where the label is missing."""
    texts = class_names(values)
    names = sorted(pc.unique(texts).drop_null().to_pylist())
    codes = pc.index_in(texts, value_set=pa.array(names, pa.string()))
    return names, np.asarray(pc.fill_null(codes, -1)).astype(np.int64)
