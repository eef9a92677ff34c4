"""Words of an ODCS document that mean nothing: fields the standard does not have, types and severities nobody knows.

Such a document can be read, and is kept as it is. But what is misspelt is not held, so it is told where a document
comes in.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from headwater.core.contract import SEVERITIES
from headwater.core.errors import UsageError
from headwater.core.odcs_parts import ENGINE, fault_of
from headwater.core.types import parse_type

__all__ = ["unknown_fields", "wrong_words"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENT = _words(
    "authoritativeDefinitions businessName customProperties description id name physicalType tags"
)
_TABLE = _ELEMENT | _words(
    "dataGranularityDescription logicalType physicalName properties quality relationships"
)
_PROPERTY = _ELEMENT | _words(
    "classification criticalDataElement encryptedName examples items logicalType logicalTypeOptions "
    "partitionKeyPosition partitioned physicalName primaryKey primaryKeyPosition properties quality relationships "
    "required transformDescription transformLogic transformSourceObjects unique"
)
_OPTIONS = _words(
    "defaultTimezone exclusiveMaximum exclusiveMinimum format maxItems maxLength maxProperties maximum minItems "
    "minLength minProperties minimum multipleOf pattern required timezone uniqueItems"
)
_QUALITY = _words(
    "arguments authoritativeDefinitions businessImpact customProperties description dimension engine id "
    "implementation method metric mustBe mustBeBetween mustBeGreaterOrEqualTo mustBeGreaterThan "
    "mustBeLessOrEqualTo mustBeLessThan mustNotBe mustNotBeBetween name query rule schedule scheduler severity tags "
    "type unit validValues"
)
_OURS = _words("check parameters")
_LEVEL = _words("description driver element id property schedule scheduler unit value valueExt")
_ROLE = _words("access customProperties description firstLevelApprovers id role secondLevelApprovers")

_OUR_TYPES = _words(
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float double string bool date timestamp time decimal binary "
    "list struct map"
)
_THEIR_TYPES = _words(
    "array bigint bignumeric bigserial bit blob boolean byte bytea bytes char character clob datetime datetime2 "
    "datetimeoffset decimal128 enum float4 float8 float32 float64 fixed geography geometry hugeint image inet int "
    "int2 int4 integer interval json jsonb large_string long longtext mediumint mediumtext money name nchar nclob "
    "ntext null number numeric nvarchar nvarchar2 object oid raw real record row serial short smalldatetime smallint "
    "smallmoney super text timestamptz timestamp_ltz timestamp_ntz timestamp_tz timetz tinyint tinytext ubigint "
    "uinteger union uniqueidentifier usmallint utinyint uuid varbinary varbyte varchar varchar2 variant vector xml "
    "year"
)
_NEAR = 0.75


def unknown_fields(document: Mapping[str, Any]) -> list[str]:
    """Return the fields of a document that the standard does not have, each with its place and what was meant.

    Parameters
    ----------
    document : mapping
        A document without problems (`headwater.core.odcs.problems_of`).

    Returns
    -------
    list of str
        Such as ``"schema[0].properties[1].requird (required?)"``. What a tool adds of its own belongs below
        ``customProperties``, so a field that is not known is almost surely misspelt.
    """
    found: list[str] = []
    for number, table in enumerate(document["schema"]):
        place = f"schema[{number}]"
        found += _strange(table, _TABLE, place)
        found += _in_quality(table.get("quality"), place)
        found += _in_properties(table.get("properties"), place)
    for name, known in (("slaProperties", _LEVEL), ("roles", _ROLE)):
        for number, part in enumerate(_items(document.get(name))):
            found += _strange(part, known, f"{name}[{number}]")
    return found


def wrong_words(document: Mapping[str, Any]) -> list[str]:
    """Return which types, patterns and severities of a document nobody understands, where, and what was meant.

    A ``physicalType`` of another system is none of these, if it looks like no type of ours.
    """
    found: list[str] = []
    for number, table in enumerate(document["schema"]):
        place = f"schema[{number}]"
        found += _severities(table.get("quality"), place)
        found += _of_properties(table.get("properties"), place)
    return found


def _in_properties(properties: Any, where: str) -> Iterator[str]:
    for number, column in enumerate(_items(properties)):
        place = f"{where}.properties[{number}]"
        yield from _strange(column, _PROPERTY, place)
        options = column.get("logicalTypeOptions")
        if isinstance(options, Mapping):
            yield from _strange(options, _OPTIONS, f"{place}.logicalTypeOptions")
        yield from _in_quality(column.get("quality"), place)
        yield from _in_properties(column.get("properties"), place)


def _in_quality(rules: Any, where: str) -> Iterator[str]:
    for number, rule in enumerate(_items(rules)):
        place = f"{where}.quality[{number}]"
        yield from _strange(rule, _QUALITY, place)
        body = rule.get("implementation")
        if rule.get("engine") == ENGINE and isinstance(body, Mapping):
            yield from _strange(body, _OURS, f"{place}.implementation")


def _strange(part: Mapping[str, Any], known: Iterable[str], where: str) -> Iterator[str]:
    for name in part:
        if name not in known:
            near = _nearest(str(name), known, 0.6)
            yield f"{where}.{name}" + (f" ({near}?)" if near else "")


def _of_properties(properties: Any, where: str) -> Iterator[str]:
    for number, column in enumerate(_items(properties)):
        place = f"{where}.properties[{number}]"
        kind = column.get("physicalType")
        near = _meant(kind) if isinstance(kind, str) else ""
        if near:
            yield f"{place}.physicalType is {kind!r}, which is no type. Did you mean {near!r}?"
        options = column.get("logicalTypeOptions")
        pattern = options.get("pattern") if isinstance(options, Mapping) else None
        if isinstance(pattern, str) and (fault := fault_of(pattern)):
            yield f"{place}.logicalTypeOptions.pattern is {pattern!r}, which is no regular expression (RE2): {fault}."
        yield from _severities(column.get("quality"), place)
        yield from _of_properties(column.get("properties"), place)


def _severities(rules: Any, where: str) -> Iterator[str]:
    for number, rule in enumerate(_items(rules)):
        said = rule.get("severity")
        if isinstance(said, str) and said and said.lower() not in SEVERITIES:
            near = _nearest(said, SEVERITIES, 0.6)
            hint = f" Did you mean {near!r}?" if near else ""
            yield f"{where}.quality[{number}].severity is {said!r}; it is error, warning or info.{hint}"


def _meant(kind: str) -> str:
    """Return the type of ours that a misspelt one looks like; nothing for one that is known, here or elsewhere."""
    try:
        parse_type(kind)
    except UsageError:
        words = re.split(r"[\s(<\[]", kind.strip().lower(), maxsplit=1)
        return "" if words[0] in {*_THEIR_TYPES, *_OUR_TYPES} else _nearest(words[0], _OUR_TYPES, _NEAR)
    return ""


def _nearest(name: str, known: Iterable[str], cutoff: float) -> str:
    folded = {other.casefold(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else ""


def _items(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [item for item in value if isinstance(item, Mapping)]
