"""Write down what a dataset looks like as a contract that it keeps: a first draft for its owner to edit.

Rules are proposed from the profile with some slack and then tried: those the dataset itself would break,
or that cannot be told apart from chance with so few rows, are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from headwater.checks.base import Check, Target
from headwater.checks.completeness import NullFraction
from headwater.checks.runner import run
from headwater.checks.sentinel import Sentinel
from headwater.checks.suite import check_of, rule_of
from headwater.checks.uniqueness import Columns
from headwater.checks.validity import Pattern, Range, Set
from headwater.checks.volume import Rows
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.findings import Outcome
from headwater.core.types import type_name
from headwater.profile.kinds import Kind
from headwater.profile.measure import measure
from headwater.profile.report import ColumnProfile, Profile, profile
from headwater.profile.shapes import FORMATS
from headwater.profile.top import TopValues

__all__ = ["infer_contract"]

_CATEGORIES = 20
"""Distinct texts up to which a column has a set of values."""
_ROWS_A_CATEGORY = 10
"""Rows a distinct value from which the set can be taken as complete."""
_FEW_ROWS = 30
_ALTERNATIVES = 2
_SLACK = 0.25
_KEY_NAMES = re.compile(r"(^|[_\W])(id|key|uuid|guid|nr|no|code|number)$", re.IGNORECASE)


def infer_contract(target: Target, *, described: Profile | None = None) -> Contract:
    """Return a contract that the dataset keeps, with its schema, key, roles and sensible rules.

    Parameters
    ----------
    target : Target
        The dataset; roles come from its contract.
    described : Profile, optional
        Its profile, if it is there already.

    Returns
    -------
    Contract
        Columns with their types, required where no value is missing; the key; a set of values for text with
        few different ones, a range with slack for numbers, a pattern for text of one shape; the number of
        rows. The rules are those of severity ``error`` that pass now.

    Notes
    -----
    Columns whose values look like codes for missing ones get no range: such values would stretch it.
    """
    dataset = target.dataset
    if described is None:
        described = profile(
            dataset,
            label=target.label,
            executor=target.executor,
            cache=target.cache,
            progress=target.progress,
        )
    key = target.key or _key(described)
    proposed: list[Check] = list(_proposals(described, target, key))
    report = run(replace(target, baseline=None), [*proposed, *_suspicions(described)])
    broken = {
        (finding.check, finding.column) for finding in report.findings if finding.outcome is not Outcome.PASS
    }
    suspect = {column for check, column in broken if check == Sentinel.id}
    rules = [
        rule_of(check)
        for check in proposed
        if (check.id, _about(check)) not in broken
        and not (isinstance(check, Range) and check.column in suspect)
    ]
    if key and not dataset.key and (Columns.id, ", ".join(key)) in broken:
        key = ()
    required = {one.name for one in described.columns if one.missing == 0 and described.rows >= _FEW_ROWS}
    return replace(
        target.contract,
        dataset=dataset.name,
        columns=tuple(_promise(field, required | set(key), key) for field in dataset.schema),
        key=key,
        rules=tuple(rule for rule in rules if not _follows(rule, required, key)),
    )


def _proposals(described: Profile, target: Target, key: tuple[str, ...]) -> Iterator[Check]:
    rows = described.rows
    if rows:
        yield Rows(minimum=max(1, round(rows * 0.5)))
    if key and key != target.dataset.key:
        yield Columns(columns=key)
    values = _values(
        [one for one in described.columns if one.name not in key and _is_closed(one, target)], target
    )
    for one in described.columns:
        there = one.rows - one.missing
        if one.name in key or not there:
            continue
        if one.missing:
            yield NullFraction(
                column=one.name, maximum=_round_up(min(1.0, one.missing_fraction * 1.5 + 0.01))
            )
        if rows >= _FEW_ROWS:
            yield from _value_rules(one, values.get(one.name))


def _is_closed(one: ColumnProfile, target: Target) -> bool:
    """Say whether a column has values of a fixed set: few, each often enough."""
    return (
        (one.kind == Kind.TEXT or (one.kind == Kind.INTEGER and one.name == target.label))
        and one.rows >= _FEW_ROWS
        and one.distinct_is_exact
        and 1 <= one.distinct <= _CATEGORIES
        and one.rows - one.missing >= _ROWS_A_CATEGORY * one.distinct
        and all(value.exact for value in one.top)
    )


def _values(columns: Sequence[ColumnProfile], target: Target) -> dict[str, tuple[Any, ...]]:
    """Return all values of columns with few; a profile lists but the most frequent."""
    tops = {one.name: TopValues(column=one.name) for one in columns}
    found = measure(
        target.dataset, tops.values(), executor=target.executor, cache=target.cache, exact=list(tops.values())
    )
    return {
        name: tuple(sorted(value for value, _, _ in found[top].top())) if found[top].is_exact else ()
        for name, top in tops.items()
    }


def _value_rules(one: ColumnProfile, values: tuple[Any, ...] | None) -> Iterator[Check]:
    """Propose rules for the values of a column, of which ``values`` are all where they are few."""
    kind = Kind(one.kind)
    if values is not None:
        if values:
            yield Set(column=one.name, values=values)
    elif kind is Kind.TEXT:
        pattern = _pattern(one)
        if pattern is not None:
            yield Pattern(column=one.name, pattern=pattern)
    elif kind.is_numeric:
        yield from _range(one)


def _range(one: ColumnProfile) -> Iterator[Check]:
    low, high = float(one.minimum), float(one.maximum)
    slack = _SLACK * ((high - low) or abs(high) or 1.0)
    if not (math.isfinite(low - slack) and math.isfinite(high + slack)):
        return
    # What never crosses zero, or stays within 0 and 1 or 0 and 100, is not expected to.
    least = 0.0 if low >= 0 else low - slack
    most = 0.0 if high <= 0 else high + slack
    for limit in (1.0, 100.0):
        if low >= 0 and 0.5 * limit < high <= limit:
            most = limit
    whole = one.kind == Kind.INTEGER
    least, most = _round_down(least), _round_up(most)
    yield Range(
        column=one.name,
        minimum=math.floor(least) if whole else least,
        maximum=math.ceil(most) if whole else most,
    )


def _pattern(one: ColumnProfile) -> str | None:
    """Return a pattern for texts of one shape with digits or punctuation in it; None for words."""
    if not one.shapes or one.distinct < _ROWS_A_CATEGORY:
        return None
    known = [
        name for name, share in one.formats.items() if share == 1.0 and name not in ("integer", "number")
    ]
    if known:
        return FORMATS[known[0]]
    shapes = [shape for shape, _, _ in one.shapes]
    if any(shape.count(" ") > 1 for shape in shapes):
        return None
    if len(shapes) == 1:
        found = {_shape_pattern(shapes[0])}
    else:
        # Numbers of different length: how many digits there are does not matter.
        found = {_shape_pattern(re.sub("9+", "99", shape), counted=False) for shape in shapes}
    if len(found) > _ALTERNATIVES or not any(re.search(r"[^aA ]", shape) for shape in shapes):
        return None
    return "|".join(sorted(found))


def _shape_pattern(shape: str, *, counted: bool = True) -> str:
    r"""Return the regular expression for a shape: runs of letters of any length, digits as many as there are.

    Examples
    --------
    >>> _shape_pattern("AA-9999 (a)")
    '[A-Z]+-[0-9]{4} \\([a-z]+\\)'
    """
    parts = []
    for part in re.finditer(r"9+|[aA]+|.", shape, re.DOTALL):
        text = part.group()
        if text[0] == "9":
            many = f"{{{len(text)}}}" if len(text) > 1 else ""
            parts.append(f"[0-9]{many if counted else '+'}")
        elif text[0] in "aA":
            kinds = ("A-Z" if "A" in text else "") + ("a-z" if "a" in text else "")
            parts.append(f"[{kinds}]+")
        else:
            parts.append(f"\\{text}" if text in r"\.+*?()|[]{}^$" else text)
    return "".join(parts)


def _key(described: Profile) -> tuple[str, ...]:
    """Return the column that seems to be the key: all values there, all different, named like one."""
    for one in described.columns:
        if one.missing or described.rows < _FEW_ROWS or not _KEY_NAMES.search(one.name):
            continue
        all_differ = max(one.distinct, one.distinct_interval[1]) >= described.rows
        if all_differ and Kind(one.kind) in (Kind.INTEGER, Kind.TEXT, Kind.BINARY):
            return (one.name,)
    return ()


def _suspicions(described: Profile) -> list[Check]:
    return [Sentinel(column=one.name) for one in described.columns if Kind(one.kind).is_numeric]


def _promise(field: pa.Field, required: set[str], key: Sequence[str]) -> ColumnPromise:
    return ColumnPromise(
        name=field.name,
        type=type_name(field.type),
        required=field.name in required,
        unique=tuple(key) == (field.name,),
    )


def _follows(rule: Rule, required: set[str], key: tuple[str, ...]) -> bool:
    """Say whether the columns and the key of the contract say the same as a rule."""
    check = check_of(rule)
    if isinstance(check, NullFraction):
        return check.column in required and check.maximum == 0
    return isinstance(check, Columns) and check.columns == key


def _about(check: Check) -> str | None:
    if isinstance(check, Columns):
        return ", ".join(check.columns)
    column = getattr(check, "column", None)
    return column if isinstance(column, str) else None


def _round_up(value: float) -> float:
    return _rounded(value, math.ceil)


def _round_down(value: float) -> float:
    return _rounded(value, math.floor)


def _rounded(value: float, direction: Any) -> float:
    """Round to two significant digits, outwards."""
    if value == 0 or not math.isfinite(value):
        return value
    power = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{direction(round(value / power, 6)) * power:.12g}")
