"""A schema of pandera as a contract."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headwater.checks.contract_draft import Draft, Imported, compared, listed
from headwater.profile.quoting import identifier, literal

__all__ = ["read_schema"]

_COMPARED = {
    "equal_to": "=",
    "not_equal_to": "<>",
    "greater_than": ">",
    "less_than": "<",
}
_RANGED = {"greater_than_or_equal_to": "minimum", "less_than_or_equal_to": "maximum"}
_FIELDS = frozenset(
    (
        "title",
        "description",
        "dtype",
        "nullable",
        "checks",
        "unique",
        "coerce",
        "required",
        "regex",
        "metadata",
    )
) | {"default", "parsers", "report_duplicates", "drop_invalid_rows", "name"}
_OPTIONS = frozenset(
    (
        "options",
        "check_name",
        "raise_warning",
        "ignore_na",
        "n_failure_cases",
        "error",
        "title",
        "description",
    )
)
_TYPES = {"str": "string", "object": "string", "string": "string", "boolean": "bool", "bool": "bool"}


def read_schema(document: Mapping[str, Any], dataset: str) -> Imported:
    """Read a schema, as pandera writes it in YAML.

    Parameters
    ----------
    document : mapping
        The schema.
    dataset : str
        The dataset that it is about.

    Returns
    -------
    Imported
        Columns are promised with their types; a check of a column that is only to raise a warning becomes a warning.
        Columns named by a regular expression, and checks of your own, have no equivalent.
    """
    draft = Draft(dataset, description=str(document.get("description") or ""))
    for name, column in (document.get("columns") or {}).items():
        facts = column or {}
        if facts.get("regex"):
            draft.leave(f"columns that match {name!r}: {_plain(facts)}")
            continue
        if facts.get("required", True):
            draft.promise(
                name,
                type=_type(facts.get("dtype")),
                required=not facts.get("nullable", False),
                unique=bool(facts.get("unique")),
                description=str(facts.get("description") or ""),
            )
        own = {field: value for field, value in facts.items() if field not in _FIELDS}
        for check, value, severity in [*_checks(facts.get("checks")), *_checks(own)]:
            if not _take(draft, name, check, value, severity):
                draft.leave(f"{check} of {name!r}: {value!r}")
    for check, value, _ in _checks(document.get("checks")):
        draft.leave(f"{check} of the whole table: {value!r}")
    unique = document.get("unique")
    if unique:
        draft.ask("uniqueness.columns", columns=[unique] if isinstance(unique, str) else list(unique))
    return draft.done()


def _checks(given: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and severity of checks, by name or as a list whose options name them."""
    entries = given.items() if isinstance(given, Mapping) else [(None, entry) for entry in given or ()]
    for name, value in entries:
        options: dict[str, Any] = {}
        if isinstance(value, Mapping):
            nested = value.get("options")
            options = {**value, **(nested if isinstance(nested, Mapping) else {})}
            plain = {field: part for field, part in value.items() if field not in _OPTIONS}
            value = plain["value"] if set(plain) == {"value"} else plain
        severity = "warning" if options.get("raise_warning") else "error"
        yield str(name or options.get("check_name")), value, severity


def _take(draft: Draft, column: str, check: str, value: Any, severity: str) -> bool:
    named = value if isinstance(value, Mapping) else {}
    if check in _RANGED:
        end = next(iter(named.values())) if named else value
        draft.ask("validity.range", column, severity=severity, **{_RANGED[check]: end})
    elif check in _COMPARED:
        end = next(iter(named.values())) if named else value
        draft.hold(compared(column, _COMPARED[check], end), severity=severity)
    elif check == "in_range":
        ends = (
            ">=" if named.get("include_min", True) else ">",
            "<=" if named.get("include_max", True) else "<",
        )
        low, high = (
            compared(column, ends[0], named["min_value"]),
            compared(column, ends[1], named["max_value"]),
        )
        draft.hold(f"{low} AND {high}", severity=severity)
    elif check == "isin":
        values = list(named.get("allowed_values", value) if named else value)
        draft.ask("validity.set", column, severity=severity, values=values)
    elif check == "notin":
        draft.hold(
            listed(column, named.get("forbidden_values", value) if named else value, inside=False),
            severity=severity,
        )
    elif check == "str_matches":
        # Theirs matches from the start on, and may end before the text does.
        pattern = str(named.get("pattern", value) if named else value)
        draft.hold(f"regexp_matches({identifier(column)}, {literal(f'^(?:{pattern})')})", severity=severity)
    elif check in ("str_contains", "str_startswith", "str_endswith"):
        text = str(next(iter(named.values())) if named else value)
        before, after = "^" * (check == "str_startswith"), "$" * (check == "str_endswith")
        pattern = text if check == "str_contains" else f"{before}{re.escape(text)}{after}"
        draft.hold(f"regexp_matches({identifier(column)}, {literal(pattern)})", severity=severity)
    elif check == "str_length":
        exact = named.get("exact_value")
        least, most = (named.get(end) if exact is None else exact for end in ("min_value", "max_value"))
        draft.ask("validity.length", column, severity=severity, minimum=least, maximum=most)
    else:
        return False
    return True


def _type(dtype: Any) -> str:
    """Return our type of one of numpy or pandas; none where it says nothing."""
    name = str(dtype or "").lower().removeprefix("dtype('").removesuffix("')")
    if name.startswith("datetime64"):
        return "timestamp[ns]"
    if re.fullmatch(r"u?int(8|16|32|64)", name):
        return name
    plain = name.partition("[")[0]
    return {"float64": "double", "float32": "float"}.get(name, _TYPES.get(plain, ""))


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, False)}
