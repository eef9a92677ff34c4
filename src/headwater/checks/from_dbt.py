"""Tests of a dbt model as a contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headwater.checks.contract_draft import Draft, Imported, compared, mappings
from headwater.checks.from_great_expectations import read_suite
from headwater.core.errors import InputError, NotFound
from headwater.profile.quoting import identifier, literal

__all__ = ["read_dbt"]

_PLACES = ("models", "seeds", "snapshots")
_REF = re.compile(r"""(?:ref|source)\(\s*(?:['"][^'"]+['"]\s*,\s*)?['"]([^'"]+)['"]\s*\)""")


def read_dbt(document: Mapping[str, Any], *, model: str | None = None) -> Imported:
    """Read the tests of one model.

    Parameters
    ----------
    document : mapping
        A properties file of dbt.
    model : str, optional
        Which model, source table, seed or snapshot; the only one by default.

    Returns
    -------
    Imported
        ``relationships`` become ``consistency.reference``. Tests of your own, and those with ``where``, have no
        equivalent.

    Raises
    ------
    InputError
        If there is none, or several and none was named.
    NotFound
        If there is no such model.
    """
    tables = {str(table.get("name")): table for place in _PLACES for table in mappings(document.get(place))}
    for source in mappings(document.get("sources")):
        tables |= {str(table.get("name")): table for table in mappings(source.get("tables"))}
    if model is None and len(tables) != 1:
        raise InputError(
            f"Which of these models? Name it with --model: {', '.join(tables)}."
            if tables
            else "There is no model in this file."
        )
    name = model or next(iter(tables))
    if name not in tables:
        raise NotFound.among("model", name, tables)
    table = tables[name]
    draft = Draft(name, description=str(table.get("description") or ""))
    for column in mappings(table.get("columns")):
        draft.promise(column["name"], description=str(column.get("description") or ""))
        for test in column.get("data_tests") or column.get("tests") or ():
            _read(draft, column["name"], test)
    for test in table.get("data_tests") or table.get("tests") or ():
        _read(draft, None, test)
    return draft.done()


def _read(draft: Draft, column: str | None, test: Any) -> None:
    test_name, body = next(iter(test.items())) if isinstance(test, Mapping) and test else (test, {})
    given = dict(body or {})
    config = dict(given.pop("config", None) or {})
    given |= given.pop("arguments", None) or {}
    severity = (
        "warning" if str(given.pop("severity", config.get("severity", ""))).lower() == "warn" else "error"
    )
    where = given.pop("where", None) or config.get("where")
    for name in ("name", "tags", "meta"):
        given.pop(name, None)
    package, _, short = str(test_name).rpartition(".")
    if where or not _take(draft, column, package, short, given, severity):
        of = f" of {column!r}" if column else ""
        draft.leave(f"{test_name}{of} {given}" + (f" where {where}" if where else ""))


def _take(
    draft: Draft, column: str | None, package: str, test: str, given: dict[str, Any], severity: str
) -> bool:
    if package == "dbt_expectations":
        return _expectation(draft, column, test, given, severity)
    column = column or given.get("column_name")
    if test == "unique_combination_of_columns":
        draft.ask("uniqueness.columns", severity=severity, columns=list(given["combination_of_columns"]))
    elif test == "expression_is_true":
        of = f"{identifier(column)} " if column else ""
        draft.hold(f"{of}{given['expression']}", severity=severity)
    elif column is None:
        return False
    elif test == "not_null":
        draft.ask("completeness.null_fraction", column, severity=severity, maximum=0.0)
    elif test == "not_null_proportion":
        maximum = round(1 - float(given.get("at_least", 1)), 12)
        draft.ask("completeness.null_fraction", column, severity=severity, maximum=maximum)
    elif test == "unique":
        draft.ask("uniqueness.columns", severity=severity, columns=[column])
    elif test == "accepted_values":
        draft.ask("validity.set", column, severity=severity, values=list(given["values"]))
    elif test == "relationships":
        found = _REF.search(str(given.get("to", "")))
        draft.ask(
            "consistency.reference",
            severity=severity,
            columns=[column],
            dataset=found[1] if found else str(given.get("to")),
            references=[given["field"]],
        )
    elif test == "accepted_range":
        signs = (">=", "<=") if given.get("inclusive", True) else (">", "<")
        ends = (given.get("min_value"), given.get("max_value"))
        parts = [
            compared(column, sign, end) for sign, end in zip(signs, ends, strict=True) if end is not None
        ]
        draft.hold(" AND ".join(parts), severity=severity)
    elif test == "not_empty_string":
        draft.hold(f"trim({identifier(column)}) <> {literal('')}", severity=severity)
    elif test == "not_constant":
        draft.ask("validity.constant", column, severity=severity)
    else:
        return False
    return True


def _expectation(draft: Draft, column: str | None, test: str, given: dict[str, Any], severity: str) -> bool:
    """Read a test of the package that carries expectations to dbt: they have the names of Great Expectations."""
    kwargs = {**({"column": column} if column else {}), **given}
    entry = {"type": test, "kwargs": kwargs, "severity": "warning" if severity == "warning" else ""}
    read = read_suite({"expectations": [entry]}, draft.dataset)
    if read.left:
        return False
    for promised in read.contract.columns:
        draft.promise(promised.name)
    for rule in read.contract.rules:
        draft.ask(rule.check, rule.column, severity=rule.severity, **rule.parameters)
    return True
