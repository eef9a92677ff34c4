"""How many rows keep to something: a range, a set of values, a pattern, a type, a rule in SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.odcs_parts import as_written, fault_of
from headwater.core.schema import require_columns
from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.columns import require_kind
from headwater.profile.duck import session
from headwater.profile.kinds import from_python, lengths_of
from headwater.profile.quoting import identifier
from headwater.profile.tally import Tally

__all__ = ["Bound", "Holds", "InRange", "InSet", "Matches", "Parses", "set_array", "sql_columns"]

Bound = int | float | str | None
"""A limit: a number, or text for a time (ISO 8601); None for no limit."""


@dataclass(frozen=True, kw_only=True)
class InRange(Measure[Tally]):
    """How many values, or lengths of values, lie ``below`` and ``above`` a range; ``missing`` ones apart.

    Parameters
    ----------
    column : str
        The column.
    minimum, maximum : int, float, str or None
        The ends, both allowed.
    of : {"value", "length"}
        Values of numbers and times, or lengths of text, binary and lists.
    """

    id: ClassVar[str] = "column.in_range"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    minimum: Bound = None
    maximum: Bound = None
    of: Literal["value", "length"] = "value"

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a column with an order, and limits that it can hold."""
        if self.of == "length":
            require_columns(schema, [self.column], where="the dataset")
            return
        require_kind(schema, self.column, "a range", numbers=True)
        for limit in (self.minimum, self.maximum):
            if limit is not None:
                from_python(limit, schema.field(self.column).type)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Compare."""
        type_ = batch.array(self.column).type
        if self.of == "length":
            numbers, type_ = lengths_of(batch.array(self.column)), pa.int64()
        else:
            numbers = batch.numbers(self.column)
        low, high = (
            None if limit is None else from_python(limit, type_) for limit in (self.minimum, self.maximum)
        )
        return Tally(
            {
                "rows": batch.num_rows,
                "missing": batch.num_rows - len(numbers),
                "below": 0 if low is None else int(np.count_nonzero(numbers < low)),
                "above": 0 if high is None else int(np.count_nonzero(numbers > high)),
            }
        )

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, kw_only=True)
class InSet(Measure[Tally]):
    """How many values are ``outside`` a set; ``missing`` ones apart."""

    id: ClassVar[str] = "column.in_set"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    values: tuple[Any, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require values that the column can hold."""
        require_columns(schema, [self.column], where="the dataset")
        set_array(self.values, schema.field(self.column).type, self.column)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Look each value up."""
        array = batch.array(self.column)
        allowed = set_array(self.values, array.type, self.column)
        # Counted values of floats know but one zero and no NaN.
        if batch.has_counts(self.column) or pa.types.is_floating(array.type):
            counted = batch.value_counts(self.column)
            inside = int(counted.counts[np.asarray(pc.is_in(counted.values, allowed))].sum())
            missing = counted.missing
        else:
            inside = int(pc.sum(pc.is_in(array, allowed)).as_py() or 0)
            missing = array.null_count
        return Tally(
            {"rows": batch.num_rows, "missing": missing, "outside": batch.num_rows - missing - inside}
        )

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, kw_only=True)
class Matches(Measure[Tally]):
    """How many texts are ``unmatched`` by a regular expression (RE2) as a whole; ``missing`` ones apart."""

    id: ClassVar[str] = "column.matches"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    pattern: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a text column, and an expression that compiles."""
        require_kind(schema, self.column, "a pattern", text=True)
        try:
            pc.match_substring_regex(pa.array([""]), self._whole)
        except pa.ArrowInvalid as error:
            raise UsageError(
                f"The pattern {as_written(self.pattern)!r} for column {self.column!r} is no regular expression (RE2): "
                f"{fault_of(as_written(self.pattern)) or error}.",
                pattern=self.pattern,
            ) from error

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Match."""
        if batch.has_counts(self.column):
            counted = batch.value_counts(self.column)
            hit = np.asarray(pc.match_substring_regex(counted.values, self._whole))
            matched, missing = int(counted.counts[hit].sum()), counted.missing
        else:
            array = batch.array(self.column)
            matched = int(pc.sum(pc.match_substring_regex(array, self._whole)).as_py() or 0)
            missing = array.null_count
        return Tally(
            {"rows": batch.num_rows, "missing": missing, "unmatched": batch.num_rows - missing - matched}
        )

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)

    @property
    def _whole(self) -> str:
        return rf"\A(?:{self.pattern})\z"


@dataclass(frozen=True, kw_only=True)
class Parses(Measure[Tally]):
    """How many texts are ``unparsed`` as a SQL type; ``missing`` ones apart."""

    id: ClassVar[str] = "column.parses"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str
    sql_type: Literal["BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "UUID"]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a text column."""
        require_kind(schema, self.column, "reading text as another type", text=True)

    def aggregates(self) -> Mapping[str, str]:
        """Try each."""
        name = identifier(self.column)
        return {
            "rows": "count(*)",
            "there": f"count({name})",
            "parsed": f"count(TRY_CAST({name} AS {self.sql_type}))",
        }

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Take the counts over."""
        rows, there = int(values["rows"]), int(values["there"])
        return Tally({"rows": rows, "missing": rows - there, "unparsed": there - int(values["parsed"])})

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, kw_only=True)
class Holds(Measure[Tally]):
    """For how many rows a SQL condition is ``true``, ``false`` or ``unknown`` (null).

    Parameters
    ----------
    condition : str
        The condition, over the columns of a row, in DuckDB's dialect.
    reads : tuple of str
        The columns it reads; `sql_columns` finds them.
    """

    id: ClassVar[str] = "rows.holds"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    condition: str
    reads: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the condition reads."""
        return self.reads

    def validate(self, schema: pa.Schema) -> None:
        """Compile the condition."""
        sql_columns(self.condition, schema)

    def aggregates(self) -> Mapping[str, str]:
        """Count by truth."""
        return {
            "rows": "count(*)",
            "true": f"count(*) FILTER (({self.condition}) IS TRUE)",
            "false": f"count(*) FILTER (({self.condition}) IS FALSE)",
        }

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Take the counts over."""
        rows, true, false = (int(values[name]) for name in ("rows", "true", "false"))
        return Tally({"rows": rows, "true": true, "false": false, "unknown": rows - true - false})

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


def sql_columns(condition: str, schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns that a SQL condition over a row reads, in the order of the schema.

    Raises
    ------
    NotFound
        If it names a column that is not there.
    UsageError
        If it is no condition: it does not compile, is no boolean, or looks at more than one row.
    """
    return _sql_columns(condition, schema)


@lru_cache(maxsize=1024)
def _sql_columns(condition: str, schema: pa.Schema) -> tuple[str, ...]:
    selection = f"SELECT ({condition})::BOOLEAN FROM rows"
    with session(schema.empty_table()) as connection:
        try:
            description = connection.execute(f"SELECT ({condition}) FROM rows").description
            connection.fetchall()
            assert description is not None
            gives = description[0][1]
            if str(gives) not in ("BOOLEAN", "NULL"):
                raise UsageError(
                    f"The condition {condition!r} gives {gives}, not true or false. Compare it with something.",
                    condition=condition,
                )
            # A row's condition can stand inside an aggregate; one over several rows cannot.
            connection.execute(f"SELECT bool_and(({condition})::BOOLEAN) FROM rows").fetchall()
        except duckdb.BinderException as error:
            text = str(error)
            missing = _missing_column(text)
            meant = _taken_apart(condition, missing, schema)
            if meant is not None:
                raise NotFound(
                    f"The condition {condition!r} names the column {meant!r} without quotes, and SQL takes it apart. "
                    f'Write "{meant}" in double quotes.',
                    kind="column",
                    name=meant,
                ) from error
            if missing is not None and missing not in schema.names:
                raise NotFound.among(
                    "column", missing, schema.names, where=f"condition {condition!r}"
                ) from error
            raise UsageError(
                f"The condition {condition!r} does not fit the dataset: {text.splitlines()[0]}",
                condition=condition,
            ) from error
        except duckdb.Error as error:
            raise UsageError(
                f"{condition!r} is no SQL condition: {str(error).splitlines()[0]}. "
                "Write it as after WHERE, for example: amount >= 0 AND paid <= amount.",
                condition=condition,
            ) from error
        ((tree,),) = connection.execute("SELECT json_serialize_sql(?)", [selection]).fetchall()
    if '"class":"SUBQUERY"' in str(tree):
        raise UsageError(
            f"The condition {condition!r} looks at other rows; it must be about one.", condition=condition
        )
    return _named(str(tree), schema)


def set_array(values: tuple[Any, ...], type_: pa.DataType, column: str) -> pa.Array:
    """Return the values of a set as an array of a column's type.

    Raises
    ------
    SchemaError
        If the column cannot hold them.
    """
    try:
        if pa.types.is_temporal(type_) or pa.types.is_decimal(type_):
            return pa.array([str(value) for value in values if value is not None], pa.string()).cast(type_)
        known = [value + 0.0 if isinstance(value, float) else value for value in values if value is not None]
        return pa.array(known, type_)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            f"Column {column!r} is {type_} and cannot hold all of {list(values)[:10]!r}: {error}.",
            column=column,
            found=str(type_),
        ) from error


def _missing_column(message: str) -> str | None:
    """Return the name in DuckDB's complaint about a column that is not there."""
    parts = message.split('"')
    return parts[1] if "not found" in message and len(parts) >= 3 else None


def _taken_apart(condition: str, missing: str | None, schema: pa.Schema) -> str | None:
    """Return the column that stands in a condition without the quotes which its name needs, if a part is missed."""
    if missing is None:
        return None
    parts = ((name, re.split(r"\W+", name.lower())) for name in schema.names if not name.isidentifier())
    return next(
        (
            name
            for name, split in parts
            if missing.lower() in split
            and re.search(rf'(?<![\w"]){re.escape(name)}(?![\w"])', condition, re.IGNORECASE)
        ),
        None,
    )


def _named(tree: str, schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns of the schema that a serialised query refers to; SQL ignores their case."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("class") == "COLUMN_REF":
                found.update(str(name).lower() for name in node["column_names"])
            if node.get("class") == "STAR":
                found.update(name.lower() for name in schema.names)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json.loads(tree))
    return tuple(name for name in schema.names if name.lower() in found)
