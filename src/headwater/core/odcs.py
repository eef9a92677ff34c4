"""Contracts as documents of the Open Data Contract Standard (ODCS) v3: written, read and validated.

Our rules are quality rules of type ``custom`` with engine ``headwater``. Of contracts that other tools
wrote, what has an equivalent is read: required and unique columns, keys, limits, patterns and lengths of
``logicalTypeOptions``, the library rules on rows, duplicates, missing and valid values, rules of type ``sql``,
foreign keys and levels of freshness (`headwater.core.odcs_stated`). All else is kept as it is and written
again (`headwater.core.odcs_kept`).

References
----------
Bitol (2025). Open Data Contract Standard v3.0.2, JSON schema ``odcs-json-schema-v3.0.2.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time
from typing import Any

from headwater.core.contract import ODCS_VERSION, Allowance, ColumnPromise, Contract
from headwater.core.errors import InputError
from headwater.core.odcs_kept import kept_of, woven
from headwater.core.odcs_parts import ENGINE, option_rules, promise_of, property_of, quality_of, rules_of
from headwater.core.odcs_stated import stated_rules, without_stated

__all__ = ["from_odcs", "problems_of", "to_odcs"]

_REQUIRED = ("version", "apiVersion", "kind", "id", "status")
_TOP_LEVEL = (
    frozenset(
        (*_REQUIRED, "name", "tenant", "tags", "servers", "dataProduct", "description", "domain", "schema")
    )
    | {"support", "price", "team", "roles", "slaDefaultElement", "slaProperties", "authoritativeDefinitions"}
    | {
        "customProperties",
        "contractCreatedTs",
        "context",
    }
)
_LISTS = ("headwaterKey", "headwaterSensitive", "headwaterUnpromised")
_NAMES = ("headwaterLabel", "headwaterTime")
_LICENSE = "license"
_ALLOWANCES = "headwaterAllowances"
_OF_ALLOWANCE = ("check", "column", "until", "reason", "by", "since")
_LOGICAL = frozenset(
    {"string", "date", "number", "integer", "object", "array", "boolean", "timestamp", "time"}
)
_QUALITY = {"text": (), "library": (), "sql": ("query",), "custom": ("engine", "implementation")}


def to_odcs(contract: Contract) -> dict[str, Any]:
    """Return a contract as an ODCS v3 document (JSON-able); `from_odcs` reads it back as it was.

    A contract that was read is written in the words of its document wherever it still says the same.
    """
    if not contract.kept:
        return _plain(contract)
    rest = without_stated(contract)
    return woven(rest, _plain(rest), _read)


def _plain(contract: Contract) -> dict[str, Any]:
    custom: dict[str, Any] = {
        "headwaterLabel": contract.label,
        "headwaterSensitive": list(contract.sensitive),
        "headwaterTime": contract.time,
        "headwaterKey": list(contract.key),
        _LICENSE: contract.license,
        _ALLOWANCES: [_allowance(one) for one in contract.allowances],
    }
    table: dict[str, Any] = {"name": contract.dataset, "logicalType": "object"}
    table["properties"] = [property_of(contract, column) for column in contract.columns]
    table["quality"] = [quality_of(rule) for rule in contract.rules if rule.column is None]
    known = {column.name for column in contract.columns}
    # Rules about columns that are not promised otherwise still need a place.
    asked = [rule.column for rule in contract.rules if rule.column is not None]
    others = [name for name in dict.fromkeys(asked) if name not in known]
    table["properties"] += [property_of(contract, ColumnPromise(name=name)) for name in others]
    custom["headwaterUnpromised"] = list(others)
    document: dict[str, Any] = {
        "apiVersion": ODCS_VERSION,
        "kind": "DataContract",
        "id": f"headwater:{contract.dataset}",
        "name": contract.dataset,
        "version": contract.version,
        "status": "active",
        "schema": [table],
        "customProperties": [{"property": name, "value": value} for name, value in custom.items() if value],
    }
    if contract.description:
        document["description"] = {"purpose": contract.description}
    if contract.owner:
        document["team"] = [{"username": contract.owner, "role": "owner"}]
    return document


def from_odcs(document: Mapping[str, Any]) -> Contract:
    """Read an ODCS v3 document.

    Raises
    ------
    InputError
        If it is no data contract, or not a whole one; the message says what is missing where.
    """
    if document.get("kind") != "DataContract" or not document.get("schema"):
        raise InputError(
            "This is not an ODCS data contract: it needs 'kind: DataContract' and a 'schema' with one table. "
            "`hw contract infer` writes one."
        )
    problems = [text for text in problems_of(document) if not text.startswith(_REQUIRED)]
    if problems:
        raise InputError(f"This is not a whole ODCS data contract: {'; '.join(problems)}.", problems=problems)
    document = _jsonable(document)
    contract = _read(document)
    kept = kept_of(document, _plain(contract))
    return replace(contract, rules=(*contract.rules, *stated_rules(document)), kept=kept)


def _jsonable(value: Any) -> Any:
    """Return a value from YAML as JSON has it: dates are texts there."""
    if isinstance(value, Mapping):
        return {str(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, date | time) else value


def _read(document: Mapping[str, Any]) -> Contract:
    """Return a document as a contract, without what it states outside its quality rules."""
    table = document["schema"][0]
    custom = {item.get("property"): item.get("value") for item in document.get("customProperties") or ()}
    unpromised = frozenset(custom.get("headwaterUnpromised") or ())
    properties = table.get("properties") or ()
    keyed = [p for p in properties if p.get("primaryKey")]
    key = custom.get("headwaterKey") or [
        p["name"] for p in sorted(keyed, key=lambda p: p.get("primaryKeyPosition", 0))
    ]
    rules = [rule for quality in table.get("quality") or () for rule in rules_of(quality, None)]
    for column in properties:
        rules += option_rules(column)
        rules += [
            rule for quality in column.get("quality") or () for rule in rules_of(quality, column["name"])
        ]
    team = document.get("team") or ()
    members = team.get("members") or () if isinstance(team, Mapping) else team
    owners = [m.get("username", "") for m in members if m.get("role") == "owner"]
    return Contract(
        dataset=table["name"],
        columns=tuple(promise_of(column) for column in properties if column["name"] not in unpromised),
        key=tuple(key),
        label=custom.get("headwaterLabel"),
        sensitive=tuple(custom.get("headwaterSensitive") or ()),
        time=custom.get("headwaterTime"),
        rules=tuple(rules),
        owner=owners[0] if owners else "",
        description=(document.get("description") or {}).get("purpose", ""),
        version=str(document.get("version", "1.0.0")),
        license=str(custom.get(_LICENSE) or ""),
        allowances=tuple(Allowance(**one) for one in custom.get(_ALLOWANCES) or ()),
    )


def problems_of(document: Mapping[str, Any]) -> list[str]:
    """Return what keeps a document from being a valid ODCS v3 contract, each with its place; none if valid.

    Checked is the part of the standard that we read: the required fields, tables, columns, quality rules.
    """
    found = [f"{name} is missing" for name in _REQUIRED if document.get(name) in (None, "")]
    if document.get("kind") not in (None, "DataContract"):
        found.append(f"kind is {document['kind']!r}, not 'DataContract'")
    version = str(document.get("apiVersion", "v3"))
    if not version.startswith("v3"):
        found.append(f"apiVersion is {version!r}: only v3 is read")
    found += [f"{name} is no field of a contract" for name in document if name not in _TOP_LEVEL]
    found += _custom_problems(document.get("customProperties") or ())
    tables = document.get("schema")
    if not isinstance(tables, Sequence) or isinstance(tables, str) or not tables:
        return [*found, "schema must be a list with a table"]
    for number, table in enumerate(tables):
        found += _table_problems(table, f"schema[{number}]")
    return found


def _custom_problems(properties: Any) -> Iterator[str]:
    if not isinstance(properties, Sequence) or isinstance(properties, str):
        yield "customProperties must be a list"
        return
    for number, item in enumerate(properties):
        place = f"customProperties[{number}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("property"), str):
            yield f"{place} needs a 'property' and a 'value'"
            continue
        value, name = item.get("value"), item["property"]
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if name in _LISTS and value is not None and not is_list:
            yield f"{place}: {name} must be a list of columns"
        if name in _NAMES and value is not None and not isinstance(value, str):
            yield f"{place}: {name} must be a column"
        if name == _ALLOWANCES and value is not None and not _are_allowances(value):
            yield f"{place}: {name} must be a list with check, until (a day) and reason of each"


def _allowance(one: Allowance) -> dict[str, str]:
    given = {name: getattr(one, name) for name in _OF_ALLOWANCE}
    return {name: value for name, value in given.items() if value}


def _are_allowances(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    for one in value:
        if not isinstance(one, Mapping) or not {"check", "until", "reason"} <= one.keys() <= {*_OF_ALLOWANCE}:
            return False
        if not all(isinstance(text, str) for text in one.values()):
            return False
        try:
            date.fromisoformat(one["until"])
        except ValueError:
            return False
    return True


def _table_problems(table: Any, where: str) -> Iterator[str]:
    if not isinstance(table, Mapping):
        yield f"{where} must be a mapping"
        return
    if not isinstance(table.get("name"), str):
        yield f"{where} needs a name"
    properties = table.get("properties") or ()
    if not isinstance(properties, Sequence) or isinstance(properties, str):
        yield f"{where}.properties must be a list"
        return
    yield from _quality_problems(table.get("quality"), where)
    names: set[str] = set()
    for number, column in enumerate(properties):
        place = f"{where}.properties[{number}]"
        if not isinstance(column, Mapping) or not isinstance(column.get("name"), str):
            yield f"{place} needs a name"
            continue
        if column["name"] in names:
            yield f"{place}: column {column['name']!r} comes twice"
        names.add(column["name"])
        if column.get("logicalType") not in (None, *_LOGICAL):
            yield f"{place}.logicalType is {column['logicalType']!r}; it can be {', '.join(sorted(_LOGICAL))}"
        yield from _quality_problems(column.get("quality"), place)


def _quality_problems(rules: Any, where: str) -> Iterator[str]:
    if rules is None:
        return
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        yield f"{where}.quality must be a list"
        return
    for number, rule in enumerate(rules):
        place = f"{where}.quality[{number}]"
        if not isinstance(rule, Mapping):
            yield f"{place} must be a mapping"
            continue
        kind = rule.get("type", "library")
        if kind not in _QUALITY:
            yield f"{place}.type is {kind!r}; it can be {', '.join(_QUALITY)}"
            continue
        yield from (f"{place} needs {name!r}" for name in _QUALITY[kind] if name not in rule)
        if kind == "library" and not rule.get("metric") and not rule.get("rule"):
            yield f"{place} needs 'metric' (or, up to v3.0, 'rule')"
        if not isinstance(rule.get("severity", ""), str):
            yield f"{place}.severity must be text"
        if rule.get("engine") == ENGINE:
            body = rule.get("implementation")
            if not isinstance(body, Mapping) or not isinstance(body.get("check"), str):
                yield f"{place}.implementation needs a 'check', for engine {ENGINE!r}"
            elif not isinstance(body.get("parameters") or {}, Mapping):
                yield f"{place}.implementation.parameters must be a mapping"
