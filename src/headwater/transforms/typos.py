"""``augment.typos``: further rows with the text as people type it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import SchemaError, UsageError
from headwater.core.schema import require_columns
from headwater.methods.typos import Typo, add_typos
from headwater.recipes.base import AUGMENTED_FROM
from headwater.transforms.augmented import augmented_rows
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, require_targets
from headwater.transforms.new_keys import require_extendable_key
from headwater.transforms.training_rows import HOLDOUT, take_rows, training_rows

__all__ = ["Typos"]


@TRANSFORMS.register("augment.typos")
@dataclass(frozen=True, kw_only=True)
class Typos(Transform):
    """Add copies of rows whose text has typing errors, with the same label.

    New rows are marked: the column ``_augmented_from`` holds the key of the row they were made from. They are
    made from rows that recipes train on alone, and recipes never hold them out.

    Parameters
    ----------
    column : str
        The text column; by default the only one that is neither key nor label.
    fraction : float
        The share of the training rows to copy, from 0 to 1.
    rate : float
        The probability of an error at each letter, from 0 to 1.
    kinds : tuple of str
        Which errors: ``substitute`` by a neighbouring key, ``swap``, ``drop``, ``duplicate``.
    holdout : float
        The share of keys that recipes hold out.

    References
    ----------
    Belinkov, Bisk (2018). Synthetic and natural noise both break neural machine translation.
    arXiv:1711.02173
    """

    id = "augment.typos"
    title = "Rows with typing errors"

    column: str = ""
    fraction: float = 0.1
    rate: float = 0.05
    kinds: tuple[Typo, ...] = ("substitute", "swap", "drop", "duplicate")
    holdout: float = HOLDOUT

    def __post_init__(self) -> None:
        if not 0.0 <= self.fraction <= 1.0:
            raise UsageError(f"fraction is {self.fraction}; it is a share of rows, from 0 to 1.")
        add_typos(pa.array([], pa.string()), rate=self.rate, rng=np.random.default_rng(0), kinds=self.kinds)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the column that marks the new rows; the others stay as they are."""
        return (AUGMENTED_FROM,)

    def validate(self, source: Source) -> None:
        """Raise if there is no such text column, or no key for new rows."""
        name = self._column(source)
        require_targets(self, source, (name,))
        kind = source.schema.field(name).type
        if not pa.types.is_string(kind):
            raise SchemaError(f"Column {name!r} is {kind}; typing errors are for text.", column=name)
        if source.key:
            require_extendable_key(source)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the new rows."""
        name, rng = self._column(source), source.rng(self.id)
        may = training_rows(source, self.holdout).real
        may &= np.asarray(pc.fill_null(pc.greater(pc.utf8_length(_read(source, name)), 0), False))
        rows = np.flatnonzero(may).astype(np.int64)
        chosen = np.sort(rng.permutation(rows)[: round(self.fraction * len(rows))])
        origins = take_rows(source, chosen)
        typed, errors = add_typos(origins.column(name), rate=self.rate, rng=rng, kinds=self.kinds)
        wrong = pa.array(errors > 0)
        origins, fresh = origins.filter(wrong), pa.table({name: typed.filter(wrong)})
        if origins.num_rows:
            yield Edit(
                append=augmented_rows(source, origins, fresh),
                facts={"column": name, "errors": int(errors.sum())},
            )

    def _column(self, source: Source) -> str:
        if self.column:
            require_columns(source.schema, [self.column], where=f"dataset {source.dataset.name!r}")
            return self.column
        spared = {*source.key, source.contract.label, AUGMENTED_FROM}
        texts: list[str] = [
            f.name for f in source.schema if pa.types.is_string(f.type) and f.name not in spared
        ]
        if len(texts) != 1:
            raise UsageError(
                f"Dataset {source.dataset.name!r} has {len(texts)} text columns ({', '.join(texts)}). "
                "Name the one to put errors in: column=."
            )
        return texts[0]


def _read(source: Source, name: str) -> pa.ChunkedArray:
    return source.dataset.to_arrow([name]).column(0)
