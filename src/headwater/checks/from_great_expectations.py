"""A suite of Great Expectations as a contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from headwater.checks.contract_draft import Draft, Imported, compared, listed, mappings
from headwater.profile.quoting import identifier, literal

__all__ = ["read_suite"]

_TYPES = {
    **dict.fromkeys(("int", "int64", "INTEGER", "BIGINT", "Int64", "IntegerType", "LongType"), "int64"),
    **dict.fromkeys(("int32", "INT"), "int32"),
    **dict.fromkeys(("float", "float64", "DOUBLE", "FLOAT", "DoubleType", "FloatType"), "double"),
    **dict.fromkeys(("str", "object", "string", "VARCHAR", "TEXT", "StringType"), "string"),
    **dict.fromkeys(("bool", "boolean", "BOOLEAN", "BooleanType"), "bool"),
    **dict.fromkeys(("datetime64", "datetime64[ns]", "TIMESTAMP", "TimestampType", "datetime"), "timestamp"),
    **dict.fromkeys(("DATE", "DateType", "date"), "date"),
}

Take = Callable[[Draft, Mapping[str, Any], str], bool]


def read_suite(document: Mapping[str, Any], dataset: str) -> Imported:
    """Read a suite, as its JSON says it.

    Parameters
    ----------
    document : mapping
        The suite, of Great Expectations 0.x (``expectation_type``) or 1.x (``type``).
    dataset : str
        The dataset that it is about.

    Returns
    -------
    Imported
        ``mostly`` becomes the share of values that may be otherwise. What has a row condition has no equivalent.
    """
    draft = Draft(dataset)
    for expectation in mappings(document.get("expectations")):
        name = str(expectation.get("type") or expectation.get("expectation_type") or "")
        given = dict(expectation.get("kwargs") or {})
        severity = (
            "warning" if str(expectation.get("severity", "")).lower() in ("warning", "info") else "error"
        )
        take = _TAKES.get(name.removeprefix("expect_"))
        told = {k: v for k, v in given.items() if v is not None and k != "result_format"}
        if take is None or given.get("row_condition") or not take(draft, given, severity):
            draft.leave(f"{name} {told}")
    return draft.done()


def _allowed(given: Mapping[str, Any]) -> float | None:
    mostly = given.get("mostly")
    return None if mostly is None or float(mostly) == 1 else round(1 - float(mostly), 12)


def _not_null(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    maximum = _allowed(given) or 0.0
    draft.ask("completeness.null_fraction", given["column"], severity=severity, maximum=maximum)
    return True


def _unique(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    columns = tuple(given.get("column_list") or (given["column"],))
    draft.ask("uniqueness.columns", severity=severity, columns=list(columns), max_fraction=_allowed(given))
    return True


def _between(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    column, low, high = given["column"], given.get("min_value"), given.get("max_value")
    if low is None and high is None:
        return False
    if given.get("strict_min") or given.get("strict_max"):
        signs = (">" if given.get("strict_min") else ">=", "<" if given.get("strict_max") else "<=")
        parts = [
            compared(column, sign, end)
            for sign, end in zip(signs, (low, high), strict=True)
            if end is not None
        ]
        draft.hold(" AND ".join(parts), allowed=_allowed(given) or 0.0, severity=severity)
    else:
        draft.ask(
            "validity.range",
            column,
            severity=severity,
            minimum=low,
            maximum=high,
            max_fraction=_allowed(given),
        )
    return True


def _in_set(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    values = [value for value in given.get("value_set") or () if value is not None]
    if not values:
        return False
    draft.ask("validity.set", given["column"], severity=severity, values=values, max_fraction=_allowed(given))
    return True


def _not_in_set(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    values = given.get("value_set") or ()
    if not values:
        return False
    draft.hold(
        listed(given["column"], values, inside=False), allowed=_allowed(given) or 0.0, severity=severity
    )
    return True


def _regex(*, wanted: bool) -> Take:
    def take(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
        # Theirs may match anywhere.
        found = f"regexp_matches({identifier(given['column'])}, {literal(str(given['regex']))})"
        draft.hold(found if wanted else f"NOT {found}", allowed=_allowed(given) or 0.0, severity=severity)
        return True

    return take


def _lengths(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    low, high = given.get("min_value"), given.get("max_value")
    if given.get("value") is not None:
        low = high = given["value"]
    if low is None and high is None:
        return False
    draft.ask(
        "validity.length",
        given["column"],
        severity=severity,
        minimum=None if low is None else int(low),
        maximum=None if high is None else int(high),
        max_fraction=_allowed(given),
    )
    return True


def _type(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    kinds = {_TYPES.get(str(kind)) for kind in given.get("type_list") or (given.get("type_"),)}
    if len(kinds) != 1 or None in kinds:
        return False
    draft.ask("validity.type", given["column"], severity=severity, type=kinds.pop())
    return True


def _exists(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    draft.promise(given["column"])
    return True


def _columns(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    for column in given.get("column_list") or given.get("column_set") or ():
        draft.promise(column)
    return True


def _rows(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    low, high = given.get("min_value"), given.get("max_value")
    if given.get("value") is not None:
        low = high = given["value"]
    if low is None and high is None:
        return False
    draft.ask("volume.rows", severity=severity, minimum=low, maximum=high)
    return True


def _statistic(check: str, **more: Any) -> Take:
    def take(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
        low, high = given.get("min_value"), given.get("max_value")
        if (low is None and high is None) or given.get("strict_min") or given.get("strict_max"):
            return False
        draft.ask(check, given["column"], severity=severity, minimum=low, maximum=high, **more)
        return True

    return take


def _quantiles(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    ranges = given.get("quantile_ranges") or {}
    for q, (low, high) in zip(ranges.get("quantiles", ()), ranges.get("value_ranges", ()), strict=True):
        draft.ask(
            "distribution.quantile", given["column"], severity=severity, q=float(q), minimum=low, maximum=high
        )
    return bool(ranges)


def _pair(sign: str) -> Take:
    def take(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
        kept = f"{sign}=" if sign == ">" and given.get("or_equal") else sign
        a, b = identifier(given["column_A"]), identifier(given["column_B"])
        condition = f"{a} {kept} {b}"
        # A condition that is null passes here. Theirs counts a row in which one of both is missing as wrong.
        ignored = given.get("ignore_row_if") or "both_values_are_missing"
        if ignored != "either_value_is_missing":
            condition = f"({condition}) IS TRUE"
        if ignored == "both_values_are_missing":
            condition += f" OR ({a} IS NULL AND {b} IS NULL)"
        draft.hold(condition, allowed=_allowed(given) or 0.0, severity=severity)
        return True

    return take


def _extreme(sign: str) -> Take:
    def take(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
        # That the least value is not below something is a range; that it is not above something is none.
        bound, other = ("min_value", "max_value") if sign == ">=" else ("max_value", "min_value")
        if given.get(bound) is None or given.get(other) is not None or given.get(f"strict_{bound[:3]}"):
            return False
        end = "minimum" if sign == ">=" else "maximum"
        draft.ask("validity.range", given["column"], severity=severity, **{end: given[bound]})
        return True

    return take


def _null(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    draft.hold(f"{identifier(given['column'])} IS NULL", allowed=_allowed(given) or 0.0, severity=severity)
    return True


def _like(draft: Draft, given: Mapping[str, Any], severity: str) -> bool:
    pattern = str(given.get("like_pattern", ""))
    if not re.search("[%_]", pattern):
        return False
    draft.hold(compared(given["column"], "LIKE", pattern), allowed=_allowed(given) or 0.0, severity=severity)
    return True


_TAKES: dict[str, Take] = {
    "column_values_to_not_be_null": _not_null,
    "column_values_to_be_null": _null,
    "column_values_to_be_unique": _unique,
    "compound_columns_to_be_unique": _unique,
    "column_values_to_be_between": _between,
    "column_values_to_be_in_set": _in_set,
    "column_distinct_values_to_be_in_set": _in_set,
    "column_values_to_not_be_in_set": _not_in_set,
    "column_values_to_match_regex": _regex(wanted=True),
    "column_values_to_not_match_regex": _regex(wanted=False),
    "column_values_to_match_like_pattern": _like,
    "column_value_lengths_to_be_between": _lengths,
    "column_value_lengths_to_equal": _lengths,
    "column_values_to_be_of_type": _type,
    "column_values_to_be_in_type_list": _type,
    "column_to_exist": _exists,
    "table_columns_to_match_set": _columns,
    "table_columns_to_match_ordered_list": _columns,
    "table_row_count_to_be_between": _rows,
    "table_row_count_to_equal": _rows,
    "column_mean_to_be_between": _statistic("distribution.mean"),
    "column_median_to_be_between": _statistic("distribution.quantile", q=0.5),
    "column_quantile_values_to_be_between": _quantiles,
    "column_min_to_be_between": _extreme(">="),
    "column_max_to_be_between": _extreme("<="),
    "column_pair_values_a_to_be_greater_than_b": _pair(">"),
    "column_pair_values_to_be_equal": _pair("="),
}
