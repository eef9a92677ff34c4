"""Allowances: findings that are put up with until a day are marked so; afterwards they count again, and say why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date

from headwater.checks.base import CHECKS, Target
from headwater.core.contract import Allowance, Contract
from headwater.core.errors import NotFound, UsageError
from headwater.core.findings import Finding, Outcome
from headwater.core.schema import require_columns

__all__ = ["allow", "with_allowances"]

_JUDGED = (Outcome.WARN, Outcome.FAIL)


def allow(contract: Contract, allowance: Allowance, target: Target) -> Contract:
    """Return a contract with an allowance, in place of an earlier one for the same check and column.

    Raises
    ------
    NotFound
        If there is no such check or column.
    UsageError
        If the day is none, or over already; or no reason is given.
    """
    if allowance.check not in CHECKS:
        raise NotFound.among("check", allowance.check, CHECKS)
    if allowance.column is not None:
        require_columns(target.schema, [allowance.column], where=f"dataset {target.dataset.name!r}")
    try:
        until = date.fromisoformat(allowance.until)
    except ValueError as error:
        raise UsageError(f"{allowance.until!r} is no day. Write it as 2027-01-31.") from error
    today = target.now.astimezone(UTC).date()
    if until < today:
        raise UsageError(f"{allowance.until} is over: today is {today}. An allowance ends on a day to come.")
    if not allowance.reason.strip():
        raise UsageError("An allowance needs a reason: who looks at it later wants to know why.")
    others = [
        one for one in contract.allowances if (one.check, one.column) != (allowance.check, allowance.column)
    ]
    return replace(contract, allowances=(*others, replace(allowance, until=until.isoformat())))


def with_allowances(findings: Iterable[Finding], target: Target) -> list[Finding]:
    """Return findings with those marked that the contract allows today, or allowed until lately.

    A check that broke is never allowed: it says nothing about the data.
    """
    today = target.now.astimezone(UTC).date()
    return [_marked(finding, target.contract.allowances, today) for finding in findings]


def _marked(finding: Finding, allowances: Iterable[Allowance], today: date) -> Finding:
    fitting = [
        one
        for one in allowances
        if finding.outcome in _JUDGED and one.check == finding.check and one.column in (None, finding.column)
    ]
    if not fitting:
        return finding
    longest = max(fitting, key=lambda one: one.until)
    by = f" by {longest.by}" if longest.by else ""
    if today <= date.fromisoformat(longest.until):
        return replace(finding, allowed=f"until {longest.until}{by}: {longest.reason}")
    message = (
        f"{finding.message} It was allowed{by} until {longest.until} ({longest.reason}); that has expired."
    )
    return replace(
        finding, message=message, evidence={**finding.evidence, "allowance_expired": longest.until}
    )
