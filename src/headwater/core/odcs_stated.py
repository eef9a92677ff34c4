"""Promises that an ODCS document states outside its quality rules: relationships between tables, service levels.

Foreign keys become ``consistency.reference``, and service levels ``freshness`` and ``latency`` become
``freshness.age``. The others are kept, and judged by nobody.

References
----------
Bitol (2025). Open Data Contract Standard v3.1.0, JSON schema ``odcs-json-schema-v3.1.0.json``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from headwater.core.contract import Contract, Rule

__all__ = ["stated_rules", "unjudged", "without_stated"]

_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("s", 1)),
    **dict.fromkeys(("min", "minute", "minutes"), ("min", 1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), ("h", 1)),
    **dict.fromkeys(("d", "day", "days"), ("d", 1)),
    **dict.fromkeys(("w", "wk", "week", "weeks"), ("w", 1)),
    **dict.fromkeys(("y", "yr", "year", "years"), ("d", 365)),
}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ISO_SECONDS = (86400, 3600, 60, 1)
_LEVELS = ("freshness", "latency")

_Names = Mapping[str, str]
_RulesOf = Callable[[Mapping[str, Any]], list[Rule]]


def stated_rules(document: Mapping[str, Any]) -> list[Rule]:
    """Return the rules that relationships and service levels of a document are to us, in its order.

    Parameters
    ----------
    document : mapping
        A document without problems (`headwater.core.odcs.problems_of`).

    Returns
    -------
    list of Rule
        Those of the first table.
    """
    return [rule for _, rules in _statements(document) for rule in rules]


def unjudged(document: Mapping[str, Any]) -> list[str]:
    """Return the relationships and levels of freshness that no rule of ours carries, each with its place."""
    return [place for place, rules in _statements(document) if not rules]


def without_stated(contract: Contract) -> Contract:
    """Return a contract without the rules that its kept relationships and service levels state.

    A relationship or level whose rule is gone, or another one now, is kept no longer.
    """
    kept, rest = dict(contract.kept), list(contract.rules)
    columns, tables = kept.get("columns", {}), kept.get("tables", ())
    own = {**kept.get("table", {}), "name": contract.dataset, "properties": list(columns.values())}
    names = _names([own, *tables])
    if "table" in kept:
        kept["table"] = _still(kept["table"], "relationships", lambda one: _reference(one, None, names), rest)
    if columns:
        kept["columns"] = {
            name: _still(
                column,
                "relationships",
                lambda one, name=name: _reference(one, name, names),  # type: ignore[misc]
                rest,
            )
            for name, column in columns.items()
        }
    if "document" in kept:
        head = {**kept["document"], "schema": [own, *tables]}
        kept["document"] = _still(kept["document"], "slaProperties", lambda one: _level(one, head), rest)
    return replace(contract, rules=tuple(rest), kept=kept)


def _statements(document: Mapping[str, Any]) -> Iterator[tuple[str, list[Rule]]]:
    """Yield each relationship and level of freshness: its place, and its rules."""
    tables = document["schema"]
    table, names = tables[0], _names(tables)
    for number, one in enumerate(_mappings(table.get("relationships"))):
        yield f"schema[0].relationships[{number}]", _reference(one, None, names)
    for place, column in enumerate(_mappings(table.get("properties"))):
        for number, one in enumerate(_mappings(column.get("relationships"))):
            where = f"schema[0].properties[{place}].relationships[{number}]"
            yield where, _reference(one, column["name"], names)
    for number, one in enumerate(_mappings(document.get("slaProperties"))):
        if _is_level(one):
            yield f"slaProperties[{number}]", _level(one, document)


def _still(part: Mapping[str, Any], name: str, rules_of: _RulesOf, rest: list[Rule]) -> dict[str, Any]:
    """Return a part of a document with those statements whose rules are among ``rest``, from which they go."""
    said = part.get(name)
    if not isinstance(said, list):
        return dict(part)
    out = []
    for one in said:
        asked = rules_of(one) if isinstance(one, Mapping) else []
        left = list(rest)
        for rule in asked:
            if rule in left:
                left.remove(rule)
        if len(left) == len(rest) - len(asked):
            rest[:] = left
            out.append(one)
    if out or not said:
        return {**part, name: out}
    return {other: value for other, value in part.items() if other != name}


def _reference(one: Mapping[str, Any], column: str | None, names: _Names) -> list[Rule]:
    """Return a relationship as a rule; none if it is no foreign key, or names what the document does not hold."""
    if one.get("type", "foreignKey") != "foreignKey":
        return []
    targets = [_column_of(text, names) for text in _texts(one.get("to"))]
    sources = [_column_of(text, names) for text in _texts(one.get("from"))] if column is None else []
    known = [target for target in targets if target is not None]
    own = [source[1] for source in sources if source is not None]
    datasets = {dataset for dataset, _ in known}
    count = 1 if column is not None else len(sources)
    if not known or len(known) != len(targets) or len(known) != count or len(datasets) != 1:
        return []
    if column is None and len(own) != count:
        return []
    parameters: dict[str, Any] = {"columns": own} if column is None else {}
    parameters |= {"dataset": datasets.pop(), "references": [name for _, name in known], "optional": True}
    return [Rule(check="consistency.reference", column=column, parameters=parameters)]


def _names(tables: Sequence[Any]) -> dict[str, str]:
    """Return the tables and columns of a document by their ids, as its references write them."""
    names: dict[str, str] = {}
    for table in _mappings(tables):
        if not isinstance(table.get("id"), str):
            continue
        place = f"schema/{table['id']}"
        for column in _mappings(table.get("properties")):
            if isinstance(column.get("id"), str):
                names[f"{place}/properties/{column['id']}"] = f"{table['name']}.{column['name']}"
    return names


def _column_of(text: str, names: _Names) -> tuple[str, str] | None:
    """Return the table and the column that a reference means; None if that is not in the document."""
    text = names.get(text.lstrip("/"), text)
    table, dot, column = text.rpartition(".")
    return (table, column) if dot and table and column and "/" not in text else None


def _is_level(one: Mapping[str, Any]) -> bool:
    return str(one.get("property", "")).lower() in _LEVELS


def _level(one: Mapping[str, Any], document: Mapping[str, Any]) -> list[Rule]:
    """Return a service level as rules, one for each element; none where the span or a column is not known."""
    span = _span(one.get("value"), one.get("unit"))
    elements = one.get("element") or document.get("slaDefaultElement") or ""
    columns = [_own_column(text.strip(), document["schema"]) for text in str(elements).split(",")]
    if not _is_level(one) or span is None or not all(columns):
        return []
    note = str(one.get("description") or "")
    return [
        Rule(check="freshness.age", column=column, parameters={"maximum": span}, description=note)
        for column in columns
    ]


def _own_column(element: str, tables: Sequence[Any]) -> str | None:
    """Return the column of the first table that an element names; None if it names that of another one."""
    table, dot, column = element.rpartition(".")
    own = {tables[0].get("name"), tables[0].get("physicalName")}
    # With one table there is no doubt whose column it is, whatever the table was called.
    return column if column and (not dot or len(tables) == 1 or table in own) else None


def _span(value: Any, unit: Any) -> str | None:
    """Return a span of time as ``freshness.age`` reads it; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = f"{value}" if unit is None else f"{value} {unit}"
    if match := _SPAN.fullmatch(text):
        name, factor = _UNITS.get(match[2].lower(), ("", 0))
        return f"{float(match[1]) * factor:.12g}{name}" if name else None
    if unit is None and (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        return f"{sum(int(part or 0) * size for part, size in zip(iso.groups(), _ISO_SECONDS, strict=True))}s"
    return None


def _texts(value: Any) -> list[str]:
    every = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for text in every if isinstance(text, str)]


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []
