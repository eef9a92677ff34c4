"""Measures and states: what is computed from the rows of a chunk, and the summary that comes out.

A *measure* says what to compute; a *state* is what came out for some rows. States of the same measure
merge, so a dataset's state is that of its chunks merged in scan order, and a chunk's state is computed
once and kept (see `headwater.profile.cache`). To add a measure: write a frozen dataclass that derives
from `Measure`, and a state with the six members of `State`.

Small changes: where rows were deleted, the state of the rows before is brought up to date without
reading the others. A measure is *invertible* when the state of the deleted rows can be taken away from
it (`State.subtract`). Any other state keeps what it knows of the deleted rows and counts them in
``stale_rows`` (`State.aged`), and whoever judges by it widens the interval by as many rows; where the
verdict could flip inside the interval, `NeedExact` asks for a fresh measurement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import pyarrow as pa

from headwater.core.ids import canonical_json, digest
from headwater.core.schema import require_columns
from headwater.profile.batch import Batch

__all__ = ["Measure", "NeedExact", "State"]


@runtime_checkable
class State(Protocol):
    """A mergeable summary of rows. Immutable: every operation returns a new state.

    Laws, held by the tests for every measure: ``merge`` is associative, within the error that the state
    declares; the state of no rows is neutral; ``from_bytes(to_bytes(s))`` equals ``s``; the same parts in the
    same order give the same state; for an invertible measure ``whole.subtract(part)`` equals the
    state of the rows that remain, unless it says otherwise through ``stale_rows``.
    """

    @property
    def stale_rows(self) -> int:
        """How many rows are counted in although they are no longer there; 0 means as good as measured now."""
        ...

    def merge(self, other: Self) -> Self:
        """Return the state of both sets of rows."""
        ...

    def subtract(self, part: Self) -> Self:
        """Return the state without the rows of ``part``, which are among those measured.

        Called only for invertible measures. Where the rest cannot be known exactly (the largest value
        went away), the state says so through ``stale_rows``.
        """
        ...

    def aged(self, rows: int) -> Self:
        """Return the same state with ``rows`` more of its rows gone: ``stale_rows`` grows by as many."""
        ...

    def to_bytes(self) -> bytes:
        """Return a versioned binary form; no pickle."""
        ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        ...


S_co = TypeVar("S_co", bound=State, covariant=True)


class Measure(Protocol[S_co]):
    """What to compute from rows. Implementations are frozen dataclasses whose fields are the parameters.

    All measures asked for at once share one DuckDB scan over each chunk: `aggregates` gives SQL aggregate
    expressions over the relation ``rows`` (expressions with equal text are computed once), and `measure`
    gets their values. What needs arrays instead (sketches, value counts) leaves `aggregates` empty and
    takes them from the batch, which computes hashes, value counts and sorted values at most once a column.

    Attributes
    ----------
    id : str
        ``family.measure``-like name, for example ``"column.counts"``.
    version : int
        Raised when the meaning of the state changes, so that kept states are not mixed with new ones.
    invertible : bool
        Whether the state of deleted rows can be taken away; see `State.subtract`.
    bulky : bool
        Whether a state grows with the number of rows. Of a whole dataset then only ``state.settled(…).summarized()``
        is kept, which merges with an append if ``restored(…)`` says so; see `headwater.profile.hashes`.
    columns : tuple of str
        The columns it reads. A field or a property.
    """

    id: ClassVar[str]
    version: ClassVar[int]
    invertible: ClassVar[bool]
    bulky: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read; the state depends on nothing else."""
        ...

    def aggregates(self) -> Mapping[str, str]:
        """Return named SQL aggregate expressions over ``rows``, in DuckDB's dialect.

        The names are the measure's own; `headwater.profile.quoting.identifier` quotes column names.
        """
        return {}

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> S_co:
        """Return the state of a batch of rows, which may be empty.

        Parameters
        ----------
        batch : Batch
            The rows (``batch.table``), with what is derived from them.
        values : mapping of str to Any
            The value of each aggregate, under the names of `aggregates`, as Python objects.
        """
        ...

    def load(self, data: bytes) -> S_co:
        """Read a state from the form that its `State.to_bytes` gave."""
        ...

    def validate(self, schema: pa.Schema) -> None:
        """Raise if the measure cannot be taken of rows with this schema.

        The default requires the columns to be there. A measure that holds SQL of the user's compiles it.

        Raises
        ------
        UsageError
            If it cannot be taken.
        """
        require_columns(schema, list(self.columns), where="the dataset")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The fields of the dataclass."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @cached_property
    def key(self) -> str:
        """Name of the measure in the cache: equal for equal id, version, columns and parameters."""
        return digest(canonical_json([self.id, self.version, list(self.columns), _plain(self.parameters)]))


class NeedExact(Exception):
    """Raised by a judge whose verdict could flip inside the interval: measure these again.

    Parameters
    ----------
    measures : iterable of Measure
        The measures whose states are too stale to judge by.
    """

    def __init__(self, measures: Iterable[Measure[Any]]) -> None:
        self.measures = frozenset(measures)
        super().__init__(f"{len(self.measures)} measure(s) must be taken again")


def _plain(value: Any) -> Any:
    """Return a JSON-able form of a parameter."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    if value is None or isinstance(value, str | int | bool):
        return value
    return [type(value).__name__, repr(value)]
