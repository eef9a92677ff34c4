"""Steps by rows: the function is called for pieces of the rows, and again only for rows that are new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.ids import canonical_json, digest
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.pipelines.logs import Log, current_log, written_to
from headwater.pipelines.step import Step
from headwater.pipelines.values import Piece, Pieces, as_table, converted, load_value, table_bytes
from headwater.profile.codec import decode, encode
from headwater.store.cache import Cache

__all__ = ["RowsDone", "map_rows"]

I64 = np.ndarray[Any, np.dtype[np.int64]]


@dataclass
class RowsDone:
    """What a step by rows made, and how much of it was new."""

    value: Pieces
    called_rows: int = 0
    known_rows: int = 0


@dataclass(frozen=True)
class _Made:
    """A piece that a step made of another: kept in the cache, and read from there."""

    source: Piece
    step: _Work
    added: tuple[str, ...]

    @property
    def rows(self) -> int:
        return self.source.rows

    def identity(self, columns: tuple[str, ...] = ()) -> str:
        """Return a name for what the step made, and for the columns that pass it by."""
        facts = [self.step.path(self.source), list(columns)]
        passing = tuple(name for name in columns if name not in self.added)
        if self.step.reads and (passing or not columns):
            facts.append(self.source.identity(passing))
        return digest(canonical_json(facts))

    def live(self) -> I64:
        return self.source.live()

    def read(self, columns: tuple[str, ...] = ()) -> pa.Table:
        table, _ = self.step.made(self.source)
        if not self.step.reads:
            return table.select(list(columns)) if columns else table
        passing = tuple(name for name in columns if name not in self.added)
        if columns and not passing:
            return table.select(list(columns))
        rest = self.source.read(passing)
        for name in table.schema.names:
            at, field = rest.schema.get_field_index(name), table.schema.field(name)
            put = rest.append_column if at < 0 else partial(rest.set_column, at)
            rest = put(field, table.column(name))
        return rest.select(list(columns)) if columns else rest


@dataclass(frozen=True)
class _Work:
    """The function of a step with its other arguments: what is done with each piece."""

    name: str
    function: Callable[..., Any]
    first: str
    kind: Any
    others: Mapping[str, Any]
    reads: tuple[str, ...]
    key: str
    cache: Cache
    log: Log | None = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # Other processes have logs of their own.
        return {**self.__dict__, "log": None}

    def path(self, piece: Piece) -> str:
        return f"steps/rows/{self.key[:24]}/{digest(piece.identity(self.reads).encode())[:40]}"

    def made(self, piece: Piece) -> tuple[pa.Table, int]:
        """Return what the function makes of the rows of a piece, and of how many rows it was called."""
        live, path = piece.live(), self.path(piece)
        kept = self.cache.get(path)
        if kept is not None:
            fields = decode("rows", 1, kept)
            place = np.searchsorted(fields["positions"], live)
            place = np.minimum(place, max(len(fields["positions"]) - 1, 0))
            # Rows may have gone since; a state with rows that were gone then is made anew.
            if len(fields["positions"]) and (fields["positions"][place] == live).all():
                table = load_value("table", fields["table"].tobytes())
                return (table if len(live) == table.num_rows else table.take(pa.array(place))), 0
        table = self._called(piece.read(self.reads))
        data = np.frombuffer(table_bytes(table), np.uint8)
        self.cache.put(path, encode("rows", 1, {"positions": live, "table": data}))
        return table, len(live)

    def of_nothing(self, schema: pa.Schema) -> pa.Schema:
        """Return the columns that the function makes of no rows."""
        empty = schema.empty_table()
        return self._called(empty.select(list(self.reads)) if self.reads else empty).schema

    def _called(self, rows: pa.Table) -> pa.Table:
        with written_to(self.log):
            given = self.function(**{self.first: converted(rows, self.kind), **self.others})
        table = as_table(given)
        if table is None:
            raise UsageError(
                f"Step {self.name!r} goes by rows, so it must give a table; it gave a {type(given).__qualname__}.",
                step=self.name,
            )
        if table.num_rows != rows.num_rows:
            raise UsageError(
                f"Step {self.name!r} goes by rows, and gave {table.num_rows:,} rows for {rows.num_rows:,}. Give one "
                "row for each, or leave by_rows out.",
                step=self.name,
            )
        return table


def map_rows(
    step: Step,
    key: str,
    source: Pieces,
    others: Mapping[str, Any],
    *,
    cache: Cache,
    executor: Executor,
    progress: Progress = SILENT,
    checked: Callable[[], None] = lambda: None,
) -> RowsDone:
    """Call a step by rows for what is new, and return what it makes of all rows.

    Parameters
    ----------
    step : Step
        The step.
    key : str
        A name for its code and other arguments.
    source : Pieces
        The rows.
    others : mapping of str to Any
        The other arguments.
    cache : Cache
        Where what it made is kept, by the content of each piece.
    executor : Executor
        Runs the pieces.
    progress : Progress
        Told about them.
    checked : callable
        Called after each piece; raising ends the work.

    Raises
    ------
    UsageError
        If the function gives no table, other columns for some pieces than for others, or another number of rows.
    """
    first = next(iter(step.signature.parameters))
    work = _Work(
        name=step.name,
        function=step.function,
        first=first,
        kind=step.hints.get(first),
        others=dict(others),
        reads=step.reads,
        key=key,
        cache=cache,
        log=current_log(),
    )
    missing = [name for name in step.reads if name not in source.schema.names]
    if missing:
        raise UsageError(
            f"Step {step.name!r} reads column {missing[0]!r}; there are {', '.join(source.schema.names)}.",
            step=step.name,
        )
    pieces = [piece for piece in source.pieces if piece.rows]
    name = digest(canonical_json([key, source.name]))
    path = f"steps/rows-done/{name[:40]}"
    done = cache.get(path)
    if done is not None:
        facts = decode("done", 1, done)
        schema = pa.ipc.read_schema(pa.py_buffer(facts["schema"].tobytes()))
        return RowsDone(_pieces(work, pieces, schema, name, tuple(facts["added"])), 0, source.rows)
    schemas, called = [], 0
    for schema, rows in executor.map(partial(_schema_of, work), pieces, label=step.name, progress=progress):
        schemas.append(schema)
        called += rows
        checked()
    if not pieces:
        schemas.append(work.of_nothing(source.schema))
    for one in schemas:
        if one.names != schemas[0].names:
            raise UsageError(
                f"Step {step.name!r} gives the columns {', '.join(schemas[0].names)} for some rows, and "
                f"{', '.join(one.names)} for others.",
                step=step.name,
            )
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive").remove_metadata()
    except pa.ArrowException as error:
        raise UsageError(
            f"Step {step.name!r} gives other types for some rows than for others: {error}", step=step.name
        ) from error
    given = list(schema.names)
    if step.reads:
        added = {one: schema.field(one) for one in given}
        fields = [added.pop(one.name, one) for one in source.schema]
        schema = pa.schema([*fields, *added.values()])
    kept = {"schema": np.frombuffer(schema.serialize(), np.uint8), "added": given}
    cache.put(path, encode("done", 1, kept))
    return RowsDone(_pieces(work, pieces, schema, name, tuple(given)), called, source.rows - called)


def _pieces(work: _Work, pieces: list[Piece], schema: pa.Schema, name: str, added: tuple[str, ...]) -> Pieces:
    made = tuple(_Made(piece, work, added) for piece in pieces)
    return Pieces(schema, made, name, added=added)


def _schema_of(work: _Work, piece: Piece) -> tuple[pa.Schema, int]:
    table, called = work.made(piece)
    return table.schema, called
