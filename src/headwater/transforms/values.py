"""``clean.values``: mend values that are written wrongly: codes for missing, spelling, case, spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.reading.dataset import filtered
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, require_targets

__all__ = ["CleanValues"]

Case = Literal["", "lower", "upper", "title"]

_ROW = "_headwater_row"


@TRANSFORMS.register("clean.values")
@dataclass(frozen=True, kw_only=True)
class CleanValues(RowTransform[tuple[str, ...]]):
    """Mend values of columns: trim, change case, replace by pattern, map, set; in this order.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all text columns other than the key.
    where : str
        A SQL condition; only rows that meet it change. All by default.
    trim : bool
        Take white space off both ends.
    case : {"", "lower", "upper", "title"}
        Change the case.
    replace : mapping of str to str
        Regular expressions (RE2) and what replaces each match, a backslash and 1 being the first group.
    mapping : mapping
        Old values and new ones; null makes a value missing. JSON has only text as names: ``"9"`` stands for
        the number 9 in a column of numbers. Of several columns, those that could not hold a value stay.
    set_null : bool
        Make the cells missing.
    set_value : Any
        Give the cells this value, missing ones too.

    Examples
    --------
    >>> CleanValues(columns=("city",), trim=True, mapping={"N/A": None}).parameters["mapping"]
    {'N/A': None}
    """

    id = "clean.values"
    title = "Wrong values"

    columns: tuple[str, ...] = ()
    where: str = ""
    trim: bool = False
    case: Case = ""
    replace: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[Any, Any] = field(default_factory=dict)
    set_null: bool = False
    set_value: Any = None

    def __post_init__(self) -> None:
        require_choice("case", self.case, get_args(Case))
        sets = self.set_null or self.set_value is not None
        if not (self._is_textual or self.mapping or sets):
            raise UsageError(
                "clean.values has nothing to do: give trim, case, replace, mapping, set_null or set_value."
            )
        if self.set_null and self.set_value is not None:
            raise UsageError("A cell can be made missing or get a value, not both: set_null or set_value.")
        if sets and not self.columns:
            raise UsageError("Name the columns whose cells are to be set.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there or part of the key, or a value, pattern or condition does not fit."""
        require_targets(self, source, self.columns)
        for name in self.targets(source):
            field = source.schema.field(name)
            if self._is_textual and not pa.types.is_string(field.type):
                raise SchemaError(
                    f"Column {name!r} is {field.type}; trim, case and replace are for text. "
                    "Use mapping or set_value.",
                    column=name,
                )
            self._mend(field, pa.chunked_array([], field.type))
        fields = [source.schema.field(name) for name in self.targets(source)]
        strange = [old for old in self.mapping if not any(_fits(old, field) for field in fields)]
        if strange:
            kinds = ", ".join(f"{field.name!r} ({field.type})" for field in fields)
            raise SchemaError(
                f"No column could hold the value {strange[0]!r} that is to be mapped: {kinds}.",
                value=strange[0],
            )
        if self.where:
            filtered(source.schema.empty_table(), self.where, source.schema.names, source.dataset.name)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns."""
        text = (item.name for item in source.schema if pa.types.is_string(item.type))
        return self.columns or tuple(name for name in text if name not in source.key)

    def reads(self, source: Source) -> tuple[str, ...]:
        """Return all columns if there is a condition."""
        return tuple(source.schema.names) if self.where else ()

    def fit(self, source: Source) -> tuple[str, ...]:
        """Return the columns."""
        return self.targets(source)

    def apply(self, rows: pa.Table, fitted: tuple[str, ...], rng: np.random.Generator) -> Edit:
        """Mend the rows that meet the condition."""
        numbers = None
        if self.where:
            numbers = _meeting(rows, self.where)
            rows = rows.take(pa.array(numbers))
        after = {name: self._mend(rows.schema.field(name), rows.column(name)) for name in fitted}
        return Edit.between(rows, pa.table(after), rows=numbers)

    @property
    def _is_textual(self) -> bool:
        return bool(self.trim or self.case or self.replace)

    def _mend(self, column: pa.Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
        if self.trim:
            values = pc.utf8_trim_whitespace(values)
        if self.case:
            values = _CASES[self.case](values)
        for pattern, text in self.replace.items():
            values = _replaced(values, pattern, text)
        if self.mapping:
            values = _mapped(values, self.mapping, column)
        if self.set_null:
            values = pa.chunked_array([pa.nulls(len(values), column.type)])
        elif self.set_value is not None:
            constant = _typed([self.set_value], column)[0]
            values = pa.chunked_array([pa.repeat(constant, len(values))])
        return values


_CASES = {"lower": pc.utf8_lower, "upper": pc.utf8_upper, "title": pc.utf8_title}


def _meeting(rows: pa.Table, where: str) -> NDArray[np.int64]:
    numbered = rows.append_column(_ROW, pa.array(np.arange(rows.num_rows, dtype=np.int64)))
    return np.sort(np.asarray(filtered(numbered, where, [_ROW], "these rows").column(0)))


def _replaced(values: pa.ChunkedArray, pattern: str, text: str) -> pa.ChunkedArray:
    try:
        return pc.replace_substring_regex(values, pattern, text)
    except pa.ArrowInvalid as error:
        raise UsageError(f"The pattern {pattern!r} is not a regular expression: {error}") from error


def _mapped(values: pa.ChunkedArray, mapping: Mapping[Any, Any], column: pa.Field) -> pa.ChunkedArray:
    known = [old for old in mapping if _fits(old, column)]
    at = pc.index_in(values, value_set=_typed(known, column))
    new = _typed([mapping[old] for old in known], column)
    return pc.if_else(pc.is_valid(at), new.take(pc.fill_null(at, 0)), values) if known else values


def _fits(value: Any, column: pa.Field) -> bool:
    """Say whether the column could hold the value: where it could not, there is none to map."""
    try:
        _typed([value], column)
    except SchemaError:
        return False
    return True


def _typed(values: Sequence[Any], column: pa.Field) -> pa.Array:
    """Return values of a mapping in the column's type; text stands for values of any type."""
    try:
        if all(value is None or isinstance(value, str) for value in values):
            return pa.array(values, pa.string()).cast(column.type)
        return pa.array(values).cast(column.type)
    except (pa.ArrowException, TypeError) as error:
        raise SchemaError(
            f"These values do not fit column {column.name!r}, which is {column.type}: {list(values)[:5]}: {error}",
            column=column.name,
        ) from error
