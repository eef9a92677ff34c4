"""Suites: from a contract's rules to checks and back, and the suite for data that nobody has promised anything of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from typing import Any

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Target
from headwater.core.contract import WARNINGS, Rule, require_severity
from headwater.core.errors import NotFound, UsageError
from headwater.formats.base import HEADER
from headwater.profile.kinds import Kind, kind_of

__all__ = ["LARGE_ROWS", "Suite", "check_of", "contract_suite", "default_suite", "rule_of", "suite_for"]

LARGE_ROWS = 250_000
"""Past so many rows the default suite holds only checks whose cost is that of the change."""

_TOLERATED = 0.05
"""The share of values that may be missing before data nobody made promises of gets a warning."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named set of checks.

    Parameters
    ----------
    name : str
        Its name.
    checks : tuple of Check
        The checks.
    left_out : tuple of Check
        Checks that fit, but cost too much to be run unasked; `only` takes those that are named.
    """

    name: str
    checks: tuple[Check, ...] = ()
    left_out: tuple[Check, ...] = ()

    def __len__(self) -> int:
        return len(self.checks)

    def plus(self, checks: Iterable[Check]) -> Suite:
        """Return the suite with further checks, each once."""
        return replace(self, checks=tuple(dict.fromkeys((*self.checks, *checks))))

    def only(self, *wanted: str) -> Suite:
        """Return the suite with the checks of these ids or families alone, also those that were left out.

        Raises
        ------
        NotFound
            If one is neither.
        UsageError
            If no check is left: a suite without checks would pass whatever the data.
        """
        families = {name.partition(".")[0] for name in CHECKS}
        for name in wanted:
            if name not in CHECKS and name not in families:
                raise NotFound.among("check", name, [*CHECKS, *families])
        every = (*self.checks, *self.left_out)
        kept = [one for one in every if one.id in wanted or one.id.partition(".")[0] in wanted]
        if wanted and not kept:
            raise UsageError(
                f"There is nothing to check: no {' or '.join(wanted)} fits this dataset as it is. Name what it is "
                "about (label, sensitive features, time, baseline: --label, --sensitive, --time, --against), or "
                "write a rule with the parameters of the check into the contract.",
                kind="suite",
            )
        return replace(self, checks=tuple(kept), left_out=())

    def without(self, *unwanted: str) -> Suite:
        """Return the suite without the checks of these ids or families."""
        kept = [
            one for one in self.checks if one.id not in unwanted and one.id.partition(".")[0] not in unwanted
        ]
        return replace(self, checks=tuple(kept))


def suite_for(target: Target) -> Suite:
    """Return the suite that suits a target: its contract's, if that makes promises, and the default one.

    Of the default suite, those checks are left out that the contract has a rule for.
    """
    usual = default_suite(target)
    if not (target.contract.rules or target.contract.columns):
        return usual
    promised = contract_suite(target)
    taken = {(one.id, _about(one)) for one in promised.checks}
    more = [one for one in usual.checks if (one.id, _about(one)) not in taken]
    left_out = tuple(one for one in usual.left_out if (one.id, _about(one)) not in taken)
    return Suite(name="contract", checks=promised.checks, left_out=left_out).plus(more)


def contract_suite(target: Target) -> Suite:
    """Return the checks that a contract asks for: its rules, its columns with their types, its key.

    Rules about a column that is not there are left out: ``schema.drift`` reports the column, promised or not.
    """
    contract, schema = target.contract, target.schema
    checks: list[Check] = []
    lost = any(rule.column is not None and rule.column not in schema.names for rule in contract.rules)
    if contract.columns or lost:
        checks.append(CHECKS["schema.drift"]())
    if contract.key:
        checks.append(CHECKS["uniqueness.key"]())
    ruled = {(rule.check, rule.column) for rule in contract.rules}
    for column in contract.columns:
        if column.name not in schema.names:
            continue
        if column.required and ("completeness.null_fraction", column.name) not in ruled:
            checks.append(_make("completeness.null_fraction", column=column.name))
        if column.unique:
            checks.append(_make("uniqueness.columns", columns=(column.name,)))
    there = [rule for rule in contract.rules if rule.column is None or rule.column in schema.names]
    checks += [check_of(rule) for rule in there]
    return Suite(name="contract", checks=tuple(dict.fromkeys(checks)))


def default_suite(target: Target) -> Suite:
    """Return checks that make sense for any dataset with these columns and roles.

    Chosen by types and roles, so that the same columns get the same checks. Checks that read all rows or
    train models are left out past `LARGE_ROWS` rows; `Suite.only` or a contract's rule asks for them. What is certainly
    wrong fails (a label that is missing, a key that repeats); what is only suspicious warns.
    """
    checks: list[Check] = [_make("volume.rows"), _make("uniqueness.key")]
    for field in target.schema:
        checks += _column_checks(field, target)
    if target.label is not None and target.label in target.schema.names:
        checks.append(_make("completeness.null_fraction", column=target.label, maximum=0.0, level="fail"))
        checks.append(_make("labels.balance"))
    if target.baseline is not None:
        checks.append(_make("schema.drift"))
        ruled = {rule.column for rule in target.contract.rules if rule.check == "drift.distribution"}
        apart = tuple(name for name in target.schema.names if name in ruled)
        checks.append(_make("drift.distribution", exclude=apart))
    large = target.dataset.num_rows > LARGE_ROWS
    left_out: list[Check] = []
    for name in CHECKS:
        costly = large and CHECKS[name].cost != "scan"
        (left_out if costly else checks).extend(CHECKS[name].defaults(target))
    return Suite(name="default", checks=tuple(dict.fromkeys(checks)), left_out=tuple(left_out))


def check_of(rule: Rule) -> Check:
    """Return the check that a rule of a contract asks for.

    Raises
    ------
    NotFound
        If there is no such check.
    UsageError
        If its parameters do not fit, or its severity is none.
    """
    kind = CHECKS[rule.check]
    require_severity(rule)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    given = dict(rule.parameters)
    if rule.column is not None:
        given = {**_column_parameter(rule, known), **given}
    if "level" in known and "level" not in given and rule.severity.lower() in WARNINGS:
        given["level"] = "warn"
    if "description" in known and rule.description:
        given.setdefault("description", rule.description)
    for name in given:
        if name not in known:
            raise NotFound.among("parameter", name, known, where=f"check {rule.check!r}")
    lacking = [
        name
        for name, field in known.items()
        if name not in given and field.default is MISSING and field.default_factory is MISSING
    ]
    if lacking:
        raise UsageError(
            f"Check {rule.check!r} needs {', '.join(lacking)}. Give it in the rule.", check=rule.check
        )
    for name, value in given.items():
        if not _fits(value, str(known[name].type)):
            raise UsageError(
                f"Parameter {name!r} of check {rule.check!r} is {value!r}, but must be {_in_words(known[name])}. "
                "Mend the rule.",
                check=rule.check,
                parameter=name,
            )
    return kind(**{name: _frozen(value) for name, value in given.items()})


def rule_of(check: Check) -> Rule:
    """Return the rule of a contract that asks for a check; `check_of` reads it."""
    parameters: dict[str, Any] = {}
    for field in fields(check):  # type: ignore[arg-type]
        value = getattr(check, field.name)
        if field.default is MISSING or value != field.default:
            parameters[field.name] = _thawed(value)
    column = parameters.pop("column", None)
    level = parameters.pop("level", getattr(check, "level", "fail"))
    description = parameters.pop("description", "")
    return Rule(
        check=check.id,
        column=column,
        parameters=parameters,
        severity="warning" if level == "warn" else "error",
        description=description,
    )


def _column_checks(field: pa.Field, target: Target) -> list[Check]:
    name, kind = field.name, kind_of(field.type)
    if HEADER.items() <= target.dataset.manifest.tags.get(name, {}).items():
        # That all images are of one size, or sounds have no width, is no fault.
        return []
    checks: list[Check] = []
    if name != target.label:
        maximum = 0.0 if name in target.key else _TOLERATED
        level = "fail" if name in target.key else "warn"
        checks.append(
            _make("completeness.null_fraction", column=name, maximum=maximum, blank=True, level=level)
        )
    if kind is Kind.NULL:
        return checks
    if name not in target.key:
        checks.append(_make("validity.constant", column=name))
        if kind.is_ordered or kind is Kind.TEXT:
            checks.append(_make("validity.sentinel", column=name))
    if kind is Kind.TEXT:
        checks.append(_make("consistency.spelling", column=name))
        checks.append(_make("validity.mixed", column=name))
    return checks


def _make(name: str, **parameters: Any) -> Check:
    return CHECKS[name](**parameters)


def _about(check: Check) -> str:
    column = getattr(check, "column", None) or getattr(check, "columns", None)
    return str(column)


def _column_parameter(rule: Rule, known: Mapping[str, Any]) -> dict[str, Any]:
    if "column" in known:
        return {"column": rule.column}
    if "columns" in known:
        return {"columns": (rule.column,)}
    raise UsageError(
        f"Check {rule.check!r} is not about one column, but the contract asks for it at column {rule.column!r}. "
        "Move the rule to the table.",
        check=rule.check,
    )


def _fits(value: Any, annotation: str) -> bool:
    """Say whether a value, as YAML has it, may be that of a parameter annotated so."""
    kinds = [part.partition("[")[0].strip() for part in annotation.split("|")]
    known = [_SHAPES[kind] for kind in kinds if kind in _SHAPES]
    is_plain = not isinstance(value, list | tuple) or not any(isinstance(item, list | dict) for item in value)
    return is_plain and (
        len(known) < len(kinds) or isinstance(value, tuple(one for few in known for one in few))
    )


def _in_words(field: Field[Any]) -> str:
    return " or ".join(
        _WORDS.get(part.partition("[")[0].strip(), "a plain value") for part in str(field.type).split("|")
    )


_SHAPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "tuple": (list, tuple),
    "None": (type(None),),
}
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list of plain values",
    "None": "null",
}


def _frozen(value: Any) -> Any:
    """Return a value that can be hashed: a contract's lists become tuples."""
    return (
        tuple(_frozen(item) for item in value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
    )


def _thawed(value: Any) -> Any:
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value
