"""Columns and rules of ODCS documents, read and written one by one.

References
----------
Bitol (2025). Open Data Contract Standard v3.1.0, JSON schema ``odcs-json-schema-v3.1.0.json``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import UsageError
from headwater.core.types import parse_type

__all__ = [
    "ENGINE",
    "as_written",
    "fault_of",
    "option_rules",
    "promise_of",
    "property_of",
    "quality_of",
    "rules_of",
]

ENGINE = "headwater"
_OPERATORS = {
    "mustBe": "equals",
    "mustNotBe": "not_equals",
    "mustBeGreaterThan": "above",
    "mustBeGreaterOrEqualTo": "minimum",
    "mustBeLessThan": "below",
    "mustBeLessOrEqualTo": "maximum",
    "mustBeBetween": "",
    "mustNotBeBetween": "outside",
}
_OF_TWO = ("mustBeBetween", "mustNotBeBetween")
_OUR_TYPES = {"integer": "int64", "number": "double", "boolean": "bool", "string": "string"}


def property_of(contract: Contract, column: ColumnPromise) -> dict[str, Any]:
    """Return a column of a contract with its rules, as a property."""
    out: dict[str, Any] = {"name": column.name}
    if column.type:
        out["logicalType"] = _logical_type(column.type)
        out["physicalType"] = column.type
    if column.required:
        out["required"] = True
    if column.unique:
        out["unique"] = True
    if column.name in contract.key:
        out["primaryKey"] = True
        out["primaryKeyPosition"] = contract.key.index(column.name) + 1
    if column.classification:
        out["classification"] = column.classification
    if column.description:
        out["description"] = column.description
    quality = [quality_of(rule) for rule in contract.rules if rule.column == column.name]
    if quality:
        out["quality"] = quality
    return out


def quality_of(rule: Rule) -> dict[str, Any]:
    """Return a rule as one of type ``custom`` and engine ``headwater``."""
    out: dict[str, Any] = {
        "type": "custom",
        "engine": ENGINE,
        "implementation": {"check": rule.check, "parameters": dict(rule.parameters)},
        "severity": rule.severity,
    }
    if rule.description:
        out["description"] = rule.description
    return out


def promise_of(column: Mapping[str, Any]) -> ColumnPromise:
    """Return what a property promises, its rules apart."""
    kind = str(column.get("physicalType", ""))
    try:
        parse_type(kind)
    except UsageError:
        # A type of another system, such as VARCHAR(20): the logical one says what is meant.
        kind = _OUR_TYPES.get(str(column.get("logicalType", "")), "")
    return ColumnPromise(
        name=column["name"],
        type=kind,
        required=bool(column.get("required")),
        unique=bool(column.get("unique")),
        classification=str(column.get("classification", "")),
        description=str(column.get("description", "")),
    )


def rules_of(quality: Mapping[str, Any], column: str | None) -> Iterator[Rule]:
    """Yield the rules that a quality rule of a document is to us; none where we have no equivalent."""
    facts = {"severity": quality.get("severity", "error"), "description": quality.get("description", "")}
    if _is_ours(quality):
        body = quality["implementation"]
        yield Rule(check=body["check"], column=column, parameters=dict(body.get("parameters") or {}), **facts)
    elif quality.get("type", "library") == "library":
        yield from _library_rules(quality, column, facts)
    elif quality.get("type") == "sql" and (limits := _sql_limits(quality)):
        parameters = {"query": str(quality.get("query", "")), **limits}
        yield Rule(check="consistency.sql", column=column, parameters=parameters, **facts)


def _sql_limits(quality: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answer to a query must be, as parameters; nothing where that is not said in numbers."""
    given = {name: quality[name] for name in _OPERATORS if quality.get(name) is not None}
    limits: dict[str, Any] = {}
    for name, limit in given.items():
        numbers = limit if name in _OF_TWO else [limit]
        if not isinstance(numbers, list) or not all(isinstance(one, bool | int | float) for one in numbers):
            return {}
        if name in _OF_TWO and len(numbers) != 2:
            return {}
        names = ("minimum", "maximum") if name == "mustBeBetween" else (_OPERATORS[name],)
        for ours, value in zip(names, numbers if len(names) == 2 else [limit], strict=True):
            if ours in limits:
                # Two statements of one limit; the standard allows one.
                return {}
            limits[ours] = value
    return limits


def _library_rules(quality: Mapping[str, Any], column: str | None, facts: dict[str, Any]) -> Iterator[Rule]:
    if any(quality.get(limit) is not None for limit in ("mustNotBe", "mustNotBeBetween")):
        # No check of ours asks for trouble, or for a number of rows other than one.
        return
    # Up to v3.0 the names of the library stand under `rule`, from v3.1 on under `metric`.
    name = quality.get("metric") or quality.get("rule")
    arguments = quality.get("arguments") or {}
    low, high = _limits(quality)
    has_limit = (low, high) != (None, None)
    share = 0.0 if not has_limit else None if low is not None and low > 0 else _share(quality, high)
    if name == "rowCount":
        if column is None and has_limit:
            limits = (("minimum", None if low is None else math.ceil(low)), ("maximum", high))
            yield Rule(
                check="volume.rows",
                parameters={k: math.floor(v) for k, v in limits if v is not None},
                **facts,
            )
    elif share is None:
        return
    elif name in ("duplicateCount", "duplicateValues", "unique"):
        columns = list(arguments.get("properties") or ())
        more: dict[str, Any] = {"max_fraction": share} if share else {}
        if column is not None and not columns:
            yield Rule(check="uniqueness.columns", column=column, parameters=more, **facts)
        elif column is None and columns:
            yield Rule(check="uniqueness.columns", parameters={"columns": columns, **more}, **facts)
    elif column is not None:
        yield from _value_rules(str(name), quality, arguments, Rule(check="", column=column, **facts), share)


def _value_rules(
    name: str, quality: Mapping[str, Any], arguments: Mapping[str, Any], rule: Rule, share: float
) -> Iterator[Rule]:
    loose: dict[str, Any] = {"max_fraction": share} if share else {}
    if name in ("nullCheck", "nullValues", "missingValues"):
        missing = set(map(str, arguments.get("missingValues") or ()))
        # Other texts that stand for a missing value, such as "n/a", are none to our check.
        if missing <= {"", "None"}:
            blank: dict[str, Any] = {"blank": True} if "" in missing else {}
            parameters = {"maximum": share, **blank}
            yield replace(rule, check="completeness.null_fraction", parameters=parameters)
    elif name in ("validValues", "invalidValues"):
        values = quality.get("validValues") or arguments.get("validValues")
        if values:
            yield replace(rule, check="validity.set", parameters={"values": list(values), **loose})
        if arguments.get("pattern"):
            parameters = {"pattern": _whole(str(arguments["pattern"])), **loose}
            yield replace(rule, check="validity.pattern", parameters=parameters)


def _share(quality: Mapping[str, Any], high: Any) -> float | None:
    """Return the greatest share of rows that a limit allows; None where it counts rows."""
    if quality.get("unit") == "percent" and high is not None:
        return float(high) / 100
    return 0.0 if high is not None and 0 <= high < 1 else None


def _limits(quality: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the least and greatest value that a library rule allows; None for no limit."""
    if isinstance(quality.get("mustBeBetween"), Sequence):
        low, high = quality["mustBeBetween"]
        return low, high
    if quality.get("mustBe") is not None:
        return quality["mustBe"], quality["mustBe"]
    low = quality.get("mustBeGreaterOrEqualTo")
    high = quality.get("mustBeLessOrEqualTo")
    is_share = quality.get("unit") == "percent"
    if quality.get("mustBeGreaterThan") is not None:
        above = quality["mustBeGreaterThan"]
        low = math.nextafter(above, math.inf) if is_share else above + 1
    if quality.get("mustBeLessThan") is not None:
        below = quality["mustBeLessThan"]
        high = math.nextafter(below, -math.inf) if is_share else below - 1
    return low, high


def _whole(pattern: str) -> str:
    """Return a pattern for the whole text: in JSON schema one may match anywhere, ours match all of it."""
    start, end = "" if pattern.startswith("^") else ".*", "" if pattern.endswith("$") else ".*"
    return f"{start}(?:{pattern}){end}" if start or end else pattern


def as_written(pattern: str) -> str:
    """Return a pattern as a document says it: `option_rules` and library rules made it one for the whole text."""
    match = re.fullmatch(r"(?:\.\*)?\(\?:(.*)\)(?:\.\*)?", pattern, re.DOTALL)
    return match[1] if match is not None and _whole(match[1]) == pattern else pattern


def fault_of(pattern: str) -> str:
    """Return what is wrong with a regular expression (RE2); nothing if it is one."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return str(error).partition("Invalid regular expression: ")[2] or str(error)
    return ""


def option_rules(column: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the rules that the ``logicalTypeOptions`` of a property are to us."""
    options = column.get("logicalTypeOptions") or {}
    limits = {name: options[name] for name in ("minimum", "maximum") if name in options}
    if limits:
        yield Rule(check="validity.range", column=column["name"], parameters=limits)
    if "pattern" in options:
        whole = _whole(str(options["pattern"]))
        yield Rule(check="validity.pattern", column=column["name"], parameters={"pattern": whole})
    lengths = {"minLength": "minimum", "maxLength": "maximum", "minItems": "minimum", "maxItems": "maximum"}
    sizes = {ours: options[theirs] for theirs, ours in lengths.items() if theirs in options}
    if sizes:
        yield Rule(check="validity.length", column=column["name"], parameters=sizes)


def _is_ours(quality: Mapping[str, Any]) -> bool:
    body = quality.get("implementation")
    return quality.get("engine") == ENGINE and isinstance(body, Mapping) and "check" in body


def _logical_type(name: str) -> str:
    base = name.partition("(")[0].partition("[")[0].partition("<")[0]
    if base.startswith(("int", "uint")) and base != "interval":
        return "integer"
    if base.startswith(("float", "double", "half", "decimal")):
        return "number"
    if base in ("struct", "map"):
        return "object"
    # The standard has timestamps from v3.1 on; before, they are dates.
    return {"bool": "boolean", "date": "date", "date64": "date", "timestamp": "date", "list": "array"}.get(
        base, "string"
    )
