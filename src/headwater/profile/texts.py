"""Texts as texts: what is wrong with their letters, and which lines and sentences come in many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from headwater.methods.text_flaws import FLAWS, flawed
from headwater.methods.text_shape import pieces
from headwater.profile.base import Measure
from headwater.profile.batch import Batch, ValueCounts
from headwater.profile.columns import require_kind
from headwater.profile.tally import Tally
from headwater.profile.top import TopState, heaviest

__all__ = ["Flaws", "Pieces"]


@dataclass(frozen=True, kw_only=True)
class Flaws(Measure[Tally]):
    """How many texts have each of the flaws of `headwater.methods.text_flaws`; ``missing`` ones apart."""

    id: ClassVar[str] = "text.flaws"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a text column."""
        require_kind(schema, self.column, "letters", text=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Look at each distinct text."""
        counted = batch.value_counts(self.column)
        found = flawed(counted.values)
        return Tally(
            {
                "rows": batch.num_rows,
                "missing": counted.missing,
                **{name: int(counted.counts[found[name]].sum()) for name in FLAWS},
            }
        )

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, kw_only=True)
class Pieces(Measure[TopState]):
    """The lines and sentences that come in most texts, each counted once a text.

    Parameters
    ----------
    column : str
        A text column.
    shortest : int
        Characters that a piece has at least.
    capacity : int
        How many are kept.
    """

    id: ClassVar[str] = "text.pieces"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    shortest: int = 25
    capacity: int = 256

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a text column."""
        require_kind(schema, self.column, "lines and sentences", text=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> TopState:
        """Part each distinct text, and count."""
        counted = batch.value_counts(self.column)
        found, owners = pieces(counted.values, shortest=self.shortest)
        encoded = found.dictionary_encode()
        counts = np.bincount(
            np.asarray(encoded.indices), counted.counts[owners], minlength=len(encoded.dictionary)
        )
        summed = ValueCounts(encoded.dictionary, counts.astype(np.int64), 0)
        return TopState(heaviest(summed, self.capacity))

    def load(self, data: bytes) -> TopState:
        """Read a state."""
        return TopState.from_bytes(data)
