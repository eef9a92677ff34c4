"""What an ODCS document says beside what we judge: kept as it is, and woven into what is written again.

Servers, prices, roles, service levels, examples, rules of other engines and library rules stay as their author
wrote them. A statement of ours that changed since replaces its part, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.odcs_parts import option_rules, promise_of, quality_of, rules_of

__all__ = ["kept_of", "woven"]

_STATEMENTS = (
    ("logicalType", "physicalType"),
    ("required",),
    ("unique",),
    ("classification",),
    ("description",),
)
_KEY = ("primaryKey", "primaryKeyPosition")
_NEEDED = ("apiVersion", "kind", "id", "version")


def kept_of(document: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parts of a document that are not what we would write, by what they are about.

    Parameters
    ----------
    document : mapping
        As it was read.
    plain : mapping
        What we would write for it if we did not know it.

    Returns
    -------
    dict
        ``document`` (its head), ``table``, ``columns`` by name, ``tables`` (those after the first); each only where
        it differs.
    """
    table, ours = document["schema"][0], plain["schema"][0]
    written = {column["name"]: column for column in ours["properties"]}
    said = {column["name"]: dict(column) for column in table.get("properties") or ()}
    kept: dict[str, Any] = {}
    if _without(document, "schema") != _without(plain, "schema"):
        kept["document"] = _without(document, "schema")
    if _without(table, "properties") != _without(ours, "properties") or "properties" not in table:
        # A table without columns may say so.
        kept["table"] = {name: part for name, part in table.items() if name != "properties" or not said}
    if columns := {name: column for name, column in said.items() if column != written.get(name)}:
        kept["columns"] = columns
    if len(document["schema"]) > 1:
        kept["tables"] = list(document["schema"][1:])
    return kept


def woven(
    contract: Contract, plain: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Contract]
) -> dict[str, Any]:
    """Return a contract as a document, in the words of what is kept wherever both say the same.

    Parameters
    ----------
    contract : Contract
        The contract, with what is kept of its document.
    plain : mapping
        The document we would write without that.
    read : callable
        Reads a document as a contract that keeps nothing.

    Returns
    -------
    dict
        `read` gives the contract for it.
    """
    kept, ours = contract.kept, plain["schema"][0]
    said = kept.get("columns", {})
    columns = [_column(contract, said.get(one["name"]), one) for one in ours["properties"]]
    if _key_of(columns) != contract.key:
        columns = [
            {**_without(column, *_KEY), **_only(one, *_KEY)}
            for column, one in zip(columns, ours["properties"], strict=True)
        ]
    table = _without(ours, "properties")
    if "table" in kept:
        rules = [rule for rule in contract.rules if rule.column is None]
        table = {**kept["table"], "name": ours["name"]}
        _put(table, "quality", _quality(kept["table"].get("quality"), None, rules))
    if columns or "table" not in kept:
        table["properties"] = columns
    schema = [table, *kept.get("tables", ())]
    usual = _without(plain, "schema")
    if "document" not in kept:
        return {**usual, "schema": schema}
    whole = {**_only(usual, *_NEEDED), **kept["document"], "schema": schema}
    if read(whole) == replace(contract, kept={}):
        return whole
    return {**_head(kept["document"], usual), "schema": schema}


def _column(contract: Contract, said: Mapping[str, Any] | None, usual: Mapping[str, Any]) -> dict[str, Any]:
    if said is None:
        return dict(usual)
    name = usual["name"]
    out = {**said, "name": name}
    for group in _STATEMENTS:
        if _promise(_only(said, *group)) != _promise(_only(usual, *group)):
            out = {**_without(out, *group), **_only(usual, *group)}
    rules = [rule for rule in contract.rules if rule.column == name]
    if said.get("logicalType") != out.get("logicalType"):
        # Options, fields and items belong to a type.
        out = _without(out, "logicalTypeOptions", "properties", "items")
    if options := out.get("logicalTypeOptions"):
        for rule in option_rules({"name": name, "logicalTypeOptions": options}):
            if rule in rules:
                rules.remove(rule)
            else:
                # A limit that changed goes to the rules.
                options = {one: value for one, value in options.items() if not _says(one, value, rule.check)}
        _put(out, "logicalTypeOptions", options or None)
    _put(out, "quality", _quality(said.get("quality"), name, rules))
    return out


def _says(option: str, value: Any, check: str) -> bool:
    """Say whether an option alone asks for a check."""
    return any(r.check == check for r in option_rules({"name": "", "logicalTypeOptions": {option: value}}))


def _quality(said: Sequence[Any] | None, column: str | None, rules: Sequence[Rule]) -> list[Any] | None:
    """Return the rules of a document that still hold, with those that nobody judges, then the new ones."""
    rest, out = list(rules), []
    for item in said or ():
        left, asked = list(rest), list(rules_of(item, column))
        for rule in asked:
            if rule in left:
                left.remove(rule)
        if len(left) == len(rest) - len(asked):
            rest = left
            out.append(item)
    out += [quality_of(rule) for rule in rest]
    return out or ([] if said == [] else None)


def _head(said: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the head of a document with our statements set anew."""
    out = {
        **said,
        **{name: usual[name] for name in _NEEDED if not said.get(name)},
        "version": usual["version"],
    }
    told = said.get("description")
    described = _without(told, "purpose") if isinstance(told, Mapping) else {}
    _put(out, "description", {**described, **usual.get("description", {})} or None)
    _put(out, "team", _team(said.get("team"), usual.get("team", ())) or None)
    others = [item for item in said.get("customProperties") or () if not _is_ours(item)]
    _put(out, "customProperties", [*others, *usual["customProperties"]] or None)
    return out


def _team(said: Any, owners: Sequence[Mapping[str, Any]]) -> Any:
    """Return a team with these owners, in the form that it had: a list, or from v3.1 on a mapping."""
    members = said.get("members") or () if isinstance(said, Mapping) else said or ()
    names = {owner["username"] for owner in owners}
    there = [one for one in members if one.get("role") == "owner" and one.get("username") in names]
    every = [*(there or owners), *(one for one in members if one.get("role") != "owner")]
    return {**said, "members": every} if isinstance(said, Mapping) else every


def _is_ours(item: Mapping[str, Any]) -> bool:
    return str(item.get("property", "")).startswith("headwater") or item.get("property") == "license"


def _key_of(columns: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    keyed = [column for column in columns if column.get("primaryKey")]
    return tuple(c["name"] for c in sorted(keyed, key=lambda c: c.get("primaryKeyPosition", 0)))


def _promise(part: Mapping[str, Any]) -> ColumnPromise:
    return promise_of({"name": "", **part})


def _only(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: part[name] for name in names if name in part}


def _without(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}


def _put(part: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        part.pop(name, None)
    else:
        part[name] = value
