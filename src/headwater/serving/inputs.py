"""What a request must look like, held against it field by field: the input contract of a model."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Target
from headwater.checks.rows import holds
from headwater.core.contract import Contract, Rule
from headwater.core.errors import HeadwaterError, UsageError
from headwater.models.registered import ModelVersion
from headwater.recipes.model_file import Signature
from headwater.versions.repo import Repo

__all__ = ["Inputs", "Problem", "Read"]

_RULES = ("validity.range", "validity.set", "validity.pattern", "validity.length")
_LONG = 10_000
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one field of one row of a request; the field is empty where it is the row itself."""

    row: int
    field: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {"row": self.row, "field": self.field, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class Read:
    """The rows of a request that can be answered, and what is wrong with the others.

    Parameters
    ----------
    table : pyarrow.Table
        The good rows: features in the model's order and types, then what is carried along.
    places : numpy.ndarray of int64
        Which rows of the request they are.
    problems : tuple of Problem
        By row.
    """

    table: pa.Table
    places: NDArray[np.int64]
    problems: tuple[Problem, ...] = ()


@dataclass
class _Flaws:
    """Problems as they are found."""

    found: list[Problem] = field(default_factory=list)

    def add(self, row: int, name: str, message: str) -> None:
        self.found.append(Problem(row=row, field=name, message=message))


class Inputs:
    """The input contract of a model version.

    Parameters
    ----------
    version : ModelVersion
        Says of each feature whether it may lack, how long its texts were, and what its contract promises.
    signature : Signature
        The names and types of the features.
    carried : pyarrow.Schema, optional
        Further fields that a request may have: keys and groups, which go into the log and not into the model.
    """

    def __init__(self, version: ModelVersion, signature: Signature, carried: pa.Schema | None = None) -> None:
        self.features = signature.inputs
        self.carried = pa.schema(
            [one for one in carried or () if one.name not in self.features.names and one.name[:1] != "_"]
        )
        self.schema = pa.schema([*self.features, *self.carried])
        self._described = {one["name"]: one for one in version.facts.get("inputs", ())}
        contract = version.contract
        self._required = {one.name for one in contract.columns if one.required} if contract else set()
        self._conditions, self._asks = _conditions(contract, self.features)

    def read(self, rows: Sequence[Any]) -> Read:
        """Read rows of JSON values, each an object with the features by name.

        Raises
        ------
        UsageError
            If the rows are not a list.
        """
        if not isinstance(rows, list):
            raise UsageError('The rows must be a list of objects, as in {"instances": [{"FIELD": VALUE}]}.')
        flaws = _Flaws()
        for place, row in enumerate(rows):
            if not isinstance(row, dict):
                flaws.add(place, "", f"is {_kind(row)}, not an object with the fields of the model")
                continue
            for name in row.keys() - set(self.schema.names):
                flaws.add(place, name, f"is not a field of the model. Its fields are: {self._names}")
            for name in self.features.names:
                if name not in row:
                    say = "send null where it is not known" if self._may_lack(name) else "it is needed"
                    flaws.add(place, name, f"is missing: {say}")
        there: list[Mapping[str, Any]] = [row if isinstance(row, dict) else {} for row in rows]
        columns = [_column([row.get(one.name) for row in there], one, flaws) for one in self.schema]
        return self._checked(pa.table(columns, schema=self.schema), flaws)

    def read_table(self, table: pa.Table) -> Read:
        """Read a table; columns of other types are read as the model's where nothing is lost.

        Raises
        ------
        UsageError
            If a column is missing, is not one of the model's, or has another type.
        """
        missing = [name for name in self.features.names if name not in table.column_names]
        extra = [name for name in table.column_names if name not in self.schema.names]
        if missing or extra:
            parts = [f"column(s) {', '.join(missing)} are missing"] * bool(missing)
            parts += [f"column(s) {', '.join(extra)} are not fields of the model"] * bool(extra)
            raise UsageError(f"{' and '.join(parts).capitalize()}. Its fields are: {self._names}.")
        columns = []
        for one in self.schema:
            if one.name not in table.column_names:
                columns.append(pa.chunked_array([pa.nulls(len(table), one.type)]))
                continue
            try:
                columns.append(table.column(one.name).cast(one.type))
            except pa.ArrowException as error:
                raise UsageError(
                    f"Column {one.name!r} has type {table.column(one.name).type}, the model takes {one.type}: {error}"
                ) from error
        return self._checked(pa.table(columns, schema=self.schema), _Flaws())

    def json_schema(self) -> dict[str, Any]:
        """Return what a row must look like as a JSON Schema."""
        properties = {}
        for one in self.schema:
            said = _json_type(one.type)
            if one.name in self.carried.names or self._may_lack(one.name):
                said["type"] = [said["type"], "null"]
            known = self._described.get(one.name, {})
            if known.get("values"):
                said["examples"] = known["values"][:5]
            elif "least" in known:
                said["description"] = f"from {known['least']} to {known['most']} when it was trained"
            properties[one.name] = said
        return {
            "type": "object",
            "properties": properties,
            "required": self.features.names,
            "additionalProperties": False,
        }

    @property
    def _names(self) -> str:
        return ", ".join(self.features.names)

    def _may_lack(self, name: str) -> bool:
        return name not in self._required and bool(self._described.get(name, {}).get("missing"))

    def _checked(self, table: pa.Table, flaws: _Flaws) -> Read:
        told = {(one.row, one.field) for one in flaws.found}
        for one in self.features:
            self._check_column(one, table.column(one.name), told, flaws)
        bad = np.zeros(table.num_rows, np.bool_)
        bad[[one.row for one in flaws.found]] = True
        if self._conditions:
            for number, mask in holds(table, self._conditions).items():
                name, asks = self._asks[number]
                for row in np.flatnonzero(mask & ~bad):
                    value = table.column(name)[int(row)].as_py()
                    flaws.add(int(row), name, f"{_shown(value)} is {asks}, as the contract promises")
            bad[[one.row for one in flaws.found]] = True
        places = np.flatnonzero(~bad)
        good = table if len(places) == table.num_rows else table.take(pa.array(places))
        found = tuple(sorted(flaws.found, key=lambda one: (one.row, one.field)))
        return Read(table=good, places=places, problems=found)

    def _check_column(
        self, one: pa.Field, values: pa.ChunkedArray, told: set[tuple[int, str]], flaws: _Flaws
    ) -> None:
        if values.null_count and not self._may_lack(one.name):
            why = (
                "the contract requires it"
                if one.name in self._required
                else "it was never missing in training"
            )
            for row in np.flatnonzero(np.asarray(values.is_null())):
                if (int(row), one.name) not in told:
                    flaws.add(int(row), one.name, f"is null, but {why}")
        if pa.types.is_floating(one.type):
            odd = pc.fill_null(pc.invert(pc.is_finite(values)), False)
            for row in np.flatnonzero(np.asarray(odd)):
                flaws.add(int(row), one.name, "is not a finite number; send null where it is not known")
        elif pa.types.is_string(one.type):
            most = max(_LONG, 10 * (self._described.get(one.name, {}).get("longest") or 0))
            length = pc.fill_null(pc.utf8_length(values), 0)
            for row in np.flatnonzero(np.asarray(pc.greater(length, most))):
                flaws.add(
                    int(row),
                    one.name,
                    f"has {length[int(row)].as_py():,} characters; at most {most:,} are taken",
                )


def _conditions(
    contract: Contract | None, features: pa.Schema
) -> tuple[dict[int, str], dict[int, tuple[str, str]]]:
    """Return the rules that a row breaks by itself, as conditions in SQL, and what each asks for."""
    rules: list[Rule] = [
        rule
        for rule in (contract.rules if contract else ())
        if rule.check in _RULES and rule.column in features.names and not rule.parameters.get("max_fraction")
    ]
    conditions: dict[int, str] = {}
    asks: dict[int, tuple[str, str]] = {}
    if not rules or contract is None:
        return conditions, asks
    repo = Repo.init("memory://")
    with repo.transaction("no rows") as tx:
        tx.append("rows", features.empty_table())
    target = Target(dataset=repo["rows"], contract=contract)
    for number, rule in enumerate(rules):
        given: Mapping[str, Any] = rule.parameters
        check: Any = CHECKS[rule.check](**{"column": rule.column, **given})
        conditions[number] = str(check.offending(None, target))
        asks[number] = (str(rule.column), check.asks())
    return conditions, asks


def _column(values: list[Any], one: pa.Field, flaws: _Flaws) -> pa.Array:
    """Return JSON values as a column; those that cannot be read become null and are told."""
    try:
        return _converted(values, one.type)
    except (pa.ArrowException, HeadwaterError, ValueError, TypeError, OverflowError):
        pass
    kept: list[Any] = []
    for row, value in enumerate(values):
        try:
            _converted([value], one.type)
            kept.append(value)
        except (pa.ArrowException, HeadwaterError, ValueError, TypeError, OverflowError):
            flaws.add(row, one.name, f"{_shown(value)} is {_kind(value)}; the model takes {_asked(one.type)}")
            kept.append(None)
    return _converted(kept, one.type)


def _converted(values: list[Any], kind: pa.DataType) -> pa.Array:
    for allowed, fits, convert in _WAYS:
        if fits(kind):
            if not set(map(type, values)) <= {*allowed, type(None)}:
                raise TypeError("values of another type")
            return convert(values, kind)
    raise TypeError(f"values of type {kind} cannot be sent as JSON")


def _numbers(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):
        if any(isinstance(one, float) and not one.is_integer() for one in values):
            raise ValueError("not whole")
        return pa.array([None if one is None else int(one) for one in values], kind)
    return pa.array(values, pa.float64()).cast(kind, safe=False)


def _texts(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.string()).cast(kind)


def _decimals(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([None if one is None else Decimal(str(one)) for one in values]).cast(kind)
    except ArithmeticError as error:
        raise ValueError("not a number") from error


def _times(values: list[Any], kind: pa.DataType) -> pa.Array:
    texts = pa.array(values, pa.string())
    if not pa.types.is_timestamp(kind):
        return texts.cast(kind)
    naive = pa.timestamp(kind.unit)
    if kind.tz is None:
        return texts.cast(naive)
    # Without an offset a time is taken for UTC.
    has_zone = pc.match_substring_regex(texts, r"(Z|[+-]\d\d:?\d\d)$")
    return pc.if_else(has_zone, texts, pc.binary_join_element_wise(texts, "Z", "")).cast(kind)


def _bytes(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(
            [None if one is None else base64.b64decode(one, validate=True) for one in values], kind
        )
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _lists(values: list[Any], kind: pa.DataType) -> pa.Array:
    inner = [one for value in values if value is not None for one in value]
    _converted(inner, kind.value_type)
    if pa.types.is_floating(kind.value_type) and not all(map(math.isfinite, inner)):
        raise ValueError("not finite")
    return pa.array(values, kind)


_Fits = Callable[[pa.DataType], bool]
_Convert = Callable[[list[Any], pa.DataType], pa.Array]
_WAYS: tuple[tuple[tuple[type, ...], _Fits, _Convert], ...] = (
    ((bool,), pa.types.is_boolean, pa.array),
    ((int, float), lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind), _numbers),
    ((str,), lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind), _texts),
    ((int, float, str), pa.types.is_decimal, _decimals),
    ((str,), lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), _bytes),
    (
        (str,),
        lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind),
        _times,
    ),
    ((int,), pa.types.is_duration, lambda values, kind: pa.array(values, pa.int64()).cast(kind)),
    ((list,), lambda kind: pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind), _lists),
)


def _json_type(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_boolean(kind):
        return {"type": "boolean"}
    if pa.types.is_integer(kind) or pa.types.is_duration(kind):
        return {"type": "integer"}
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return {"type": "number"}
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        return {"type": "array", "items": _json_type(kind.value_type), "minItems": size, "maxItems": size}
    if pa.types.is_list(kind):
        return {"type": "array", "items": _json_type(kind.value_type)}
    if pa.types.is_timestamp(kind):
        return {"type": "string", "format": "date-time"}
    if pa.types.is_date(kind):
        return {"type": "string", "format": "date"}
    if pa.types.is_binary(kind):
        return {"type": "string", "contentEncoding": "base64"}
    return {"type": "string"}


def _asked(kind: pa.DataType) -> str:
    said = _json_type(kind)
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "string": "a text",
    }
    if said["type"] == "array":
        return f"a list of {said['minItems']} numbers" if "minItems" in said else "a list"
    if said.get("format"):
        return f"a {said['format']} as ISO 8601 text"
    return "base64 text" if "contentEncoding" in said else f"{words[said['type']]} ({kind})"


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
