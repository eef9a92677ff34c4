"""What a transform is: the protocol of all families, what it works on, the edit it plans, and the registry.

A transform plans, `headwater.transforms.run` carries the plan out: the plan is a stream of `Edit` values,
each saying which cells of which rows get new values, which rows go and which come. A transform never
touches the repository, so that running one is always one commit, and a dry run is the same plan left
uncommitted.

To add a transform, write one file in this folder with a frozen dataclass whose fields are its parameters.
Where each row is changed for itself, derive from `RowTransform`: `fit` learns what must be known of the
whole dataset, `apply` edits the rows of one chunk::

    @TRANSFORMS.register("text.shout")
    @dataclass(frozen=True, kw_only=True)
    class Shout(RowTransform[None]):
        id = "text.shout"
        title = "Upper case"
        column: str

        def targets(self, source: Source) -> tuple[str, ...]:
            return (self.column,)

        def apply(self, rows: pa.Table, fitted: None, rng: np.random.Generator) -> Edit:
            return Edit.between(rows, pa.table({self.column: pc.utf8_upper(rows.column(self.column))}))

Any other derives from `Transform` and gives `plan`. The shared suite ``tests/transforms/test_every_transform.py``
covers every registered transform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.contract import Contract, promises
from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.hashing import hash_array
from headwater.core.progress import SILENT, Progress
from headwater.core.registry import Registry
from headwater.core.schema import require_columns
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache
from headwater.store.commit import Commit

__all__ = [
    "TRANSFORMS",
    "Edit",
    "RowTransform",
    "Source",
    "Transform",
    "label_column",
    "make",
    "plain",
    "require_targets",
]

I64 = NDArray[np.int64]
F = TypeVar("F")

_NONE = np.zeros(0, np.int64)
_COLUMNS_AT_ONCE = 64
_VALUES_AT_ONCE = 1 << 22


def _no_history() -> Iterator[Commit]:
    return iter(())


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a transform works on, and with what.

    Parameters
    ----------
    dataset : Dataset
        The rows. They are numbered from 0 in scan order; edits name them by these numbers.
    seed : int
        Seed of all randomness; see `rng`.
    executor : Executor
        Runs the work on chunks.
    cache : Cache, optional
        Where scores of rows are kept; None computes afresh.
    progress : Progress
        Told about the work.
    history : callable
        Gives the commits that led here, newest first; none by default.
    """

    dataset: Dataset
    seed: int = 0
    executor: Executor = field(default_factory=LocalExecutor)
    cache: Cache | None = None
    progress: Progress = SILENT
    history: Callable[[], Iterator[Commit]] = _no_history

    def __getstate__(self) -> dict[str, Any]:
        # Work on chunks takes its source along to other processes. Nobody waits or watches there.
        return {**self.__dict__, "executor": LocalExecutor(1), "progress": SILENT, "history": _no_history}

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the dataset."""
        return self.dataset.schema

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that identify a row; empty for a content key."""
        return self.dataset.key

    @cached_property
    def contract(self) -> Contract:
        """What is promised of the rows; without a contract, one that only names the columns."""
        here = self.dataset
        return here.contract or Contract(
            dataset=here.name, columns=promises(here.schema, here.key), key=here.key
        )

    def chunks(self) -> list[tuple[int, DatasetChunk]]:
        """Return the chunks with live rows, each with the number of its first live row."""
        out, start = [], 0
        for chunk in self.dataset.chunks:
            if chunk.live_rows:
                out.append((start, chunk))
            start += chunk.live_rows
        return out

    def columns(self, names: Sequence[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """Yield whole columns by name, one after the other; where there are few rows, several are read at once."""
        step = max(1, min(_COLUMNS_AT_ONCE, _VALUES_AT_ONCE // max(self.dataset.num_rows, 1)))
        for start in range(0, len(names), step):
            some = list(names[start : start + step])
            table = self.dataset.to_arrow(some)
            yield from zip(some, table.columns, strict=True)

    def rng(self, *path: int | str) -> np.random.Generator:
        """Return a generator of its own for the use ``path``: the same for the same seed and path."""
        parts = [part.encode() if isinstance(part, str) else [part] for part in path]
        return np.random.default_rng([self.seed, *(number for part in parts for number in part)])


@dataclass(frozen=True, kw_only=True, eq=False)
class Edit:
    """What changes: cells of rows that are there, rows that go, rows that come.

    Parameters
    ----------
    rows : numpy.ndarray of int64
        Numbers of the rows that get new cells, ascending and distinct.
    values : pyarrow.Table
        Their new cells: as many rows as ``rows``, only the columns that may change. A column that the
        dataset lacks is added; rows that no edit names hold null there. All edits of one plan have the
        same columns.
    why : mapping of str to Array
        Why the cells of a column change, a text for each of ``rows``; for those who review the change.
    delete : numpy.ndarray of int64
        Numbers of the rows that go.
    divert : pyarrow.Array, optional
        Why each row of ``delete`` goes. Those with a reason wait in the dataset ``NAME.quarantine``.
    drop : tuple of str
        Columns that go.
    append : pyarrow.Table, optional
        Rows that come, with all columns of the dataset (and further ones, which are added).
    updated : int, optional
        How many of ``rows`` differ in a column that was there; all by default.
    cells : mapping of str to int
        How many cells of each column differ from what was there.
    facts : mapping
        What was learnt or decided, JSON-able: it becomes part of the commit's record. Under ``guarantee``
        stands what a privacy transform promises.
    tags : mapping of str to mapping
        Facts about columns that stay with the dataset.
    """

    rows: I64 = field(default_factory=lambda: _NONE)
    values: pa.Table = field(default_factory=lambda: pa.table({}))
    why: Mapping[str, pa.Array] = field(default_factory=dict)
    delete: I64 = field(default_factory=lambda: _NONE)
    divert: pa.Array | None = None
    drop: tuple[str, ...] = ()
    append: pa.Table | None = None
    updated: int | None = None
    cells: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.num_columns and self.values.num_rows != len(self.rows):
            raise UsageError(
                f"An edit names {len(self.rows)} rows and holds cells for {self.values.num_rows}: they must agree."
            )

    @classmethod
    def between(
        cls,
        before: pa.Table,
        after: pa.Table,
        *,
        rows: I64 | None = None,
        why: Mapping[str, pa.Array] | None = None,
    ) -> Self:
        """Return the edit that makes ``after`` of ``before``; rows that stay equal are left out.

        Parameters
        ----------
        before, after : pyarrow.Table
            The same rows in the same order. ``after`` has the columns that may change and the new ones.
        rows : numpy.ndarray of int64, optional
            Their numbers; 0, 1, 2, … by default.
        why : mapping of str to Array, optional
            Why the cells of a column change, a text for each row.

        Notes
        -----
        Values are equal when their hashes are, as everywhere in the store: 1 and 1.0 are, so are two NaN.
        """
        touched, added = np.zeros(after.num_rows, np.bool_), False
        cells = {}
        for name in after.schema.names:
            fresh = hash_array(after.column(name))
            if name in before.schema.names:
                different = fresh != hash_array(before.column(name))
                touched |= different
            else:
                different, added = fresh != 0, True
            cells[name] = int(different.sum())
        updated = int(touched.sum())
        touched |= added
        numbers = np.arange(after.num_rows, dtype=np.int64) if rows is None else rows
        values = after if touched.all() else after.filter(pa.array(touched))
        reasons = {name: texts.filter(pa.array(touched)) for name, texts in (why or {}).items()}
        return cls(rows=numbers[touched], values=values, updated=updated, cells=cells, why=reasons)

    def shifted(self, start: int) -> Edit:
        """Return the same edit with all row numbers greater by ``start``."""
        return replace(self, rows=self.rows + start, delete=self.delete + start) if start else self

    def with_tags(self, tags: Mapping[str, Mapping[str, Any]]) -> Edit:
        """Return the same edit with facts about columns."""
        return replace(self, tags=tags)


class Transform(Protocol):
    """A named, versioned, seeded function from a dataset to an edit of it: a frozen dataclass.

    Attributes
    ----------
    id : str
        ``family.verb``; the name it is registered under.
    version : str
        Raised when the same parameters and seed may give other rows.
    title : str
        A few words that say what it does, for headings.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str] = "1"

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns whose cells may change, and the columns it adds; nothing else is touched."""
        ...

    def validate(self, source: Source) -> None:
        """Raise if the transform does not fit the dataset; the default asks that the key stays as it is.

        Raises
        ------
        UsageError
            If it does not fit; the message says what would.
        """
        there = tuple(name for name in self.targets(source) if name in source.schema.names)
        require_targets(self, source, there)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield the edits. Row numbers are those of the dataset, and no row comes in two edits.

        The same source and seed give the same edits.
        """
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters as JSON-able values: what provenance keeps, and what `make` takes back."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]


class RowTransform(Transform, Protocol, Generic[F]):
    """A transform that edits each row for itself, chunk by chunk, after learning what it must."""

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return the columns that `apply` needs to see besides its targets; none by default."""
        return ()

    def fit(self, source: Source) -> F:
        """Return what must be known of the dataset as a whole; nothing by default."""
        return None  # type: ignore[return-value]

    def facts(self, fitted: F) -> Mapping[str, Any]:
        """Return what was learnt, JSON-able, for the record; nothing by default."""
        return {}

    def apply(self, rows: pa.Table, fitted: F, rng: np.random.Generator) -> Edit:
        """Return the edit of the rows of one chunk, numbered from 0."""
        ...

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield what was learnt, then the edit of each chunk."""
        fitted = self.fit(source)
        yield Edit(facts=self.facts(fitted))
        wanted = {*self.reads(source), *self.targets(source)}
        columns = [name for name in source.schema.names if name in wanted]

        def edit(numbered: tuple[int, tuple[int, DatasetChunk]]) -> Edit:
            number, (start, chunk) = numbered
            rng = source.rng(self.id, number)
            return self.apply(chunk.read(columns), fitted, rng).shifted(start)

        yield from source.executor.map(
            edit, list(enumerate(source.chunks())), label=self.id, progress=source.progress
        )


TRANSFORMS: Registry[type[Transform]] = Registry("transform", "headwater.transforms")
"""Every kind of transform, by id."""


def make(name: str, parameters: Mapping[str, Any] | None = None) -> Transform:
    """Return the transform ``name`` with its parameters, as a `headwater.core.findings.Fix` or JSON gives them.

    Raises
    ------
    NotFound
        If there is no such transform, or it has no such parameter.
    UsageError
        If a parameter is lacking or has no meaning.

    Examples
    --------
    >>> make("clean.deduplicate", {"columns": ["name", "city"]}).parameters["columns"]
    ['name', 'city']
    """
    kind = TRANSFORMS[name]
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    given = dict(parameters or {})
    for parameter in given:
        if parameter not in known:
            raise NotFound.among("parameter", parameter, known, where=f"transform {name!r}")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    try:
        return kind(**plain)
    except TypeError as error:
        reason = str(error).partition("() ")[2] or str(error)
        raise UsageError(f"Transform {name!r}: {reason}.", transform=name) from error


def label_column(source: Source, name: str = "", *, option: str = "label") -> str:
    """Return the label column: the one that is named, or the contract's.

    Parameters
    ----------
    source : Source
        What a transform works on.
    name : str
        The name that was given, if any.
    option : str
        The parameter that takes it, for the message.

    Raises
    ------
    UsageError
        If there is none.
    """
    found = name or source.contract.label
    if not found:
        raise UsageError(
            f"Dataset {source.dataset.name!r} has no label in its contract. Name the column: {option}=."
        )
    return found


def require_targets(transform: Transform, source: Source, names: tuple[str, ...]) -> None:
    """Raise unless ``names`` are columns of the dataset that a transform may change.

    Raises
    ------
    NotFound
        If a column is not there.
    SchemaError
        If a column is part of the key.
    """
    require_columns(source.schema, names, where=f"dataset {source.dataset.name!r}")
    keyed = [name for name in names if name in source.key]
    if keyed:
        raise SchemaError(
            f"Column {keyed[0]!r} is part of the key of dataset {source.dataset.name!r}, and {transform.id} "
            "changes values: rows would become other rows. Name other columns, or import with another key.",
            column=keyed[0],
        )


def plain(value: Any) -> Any:
    """Return the JSON-able form of a parameter or fact; NaN and infinity, which JSON lacks, become text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
