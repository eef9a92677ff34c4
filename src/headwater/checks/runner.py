"""Run a suite: measure once for all checks, judge, measure again what was not certain, find the rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from headwater.checks.allowances import with_allowances
from headwater.checks.base import Check, Target
from headwater.checks.kept import keep_findings, keep_rows, kept_findings, kept_rows
from headwater.checks.report import Report, scores_of, sort_findings
from headwater.checks.rows import Wanted, find_rows
from headwater.core.errors import HeadwaterError, NotFound
from headwater.core.findings import Finding, Outcome
from headwater.profile.base import Measure, NeedExact, State
from headwater.profile.measure import Measured, measure
from headwater.reading.dataset import Dataset

__all__ = ["run"]

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=State)

_ROUNDS = 3
_LONG_S = 0.05


class _States:
    """The states that judges see: `headwater.checks.base.States`."""

    def __init__(self, measured: Measured, baseline: Measured | None) -> None:
        self._measured = measured
        self.rows = measured.rows
        self.baseline = None if baseline is None else _States(baseline, None)

    def __getitem__(self, measure: Measure[S]) -> S:
        return self._measured[measure]


@dataclass
class _Asked:
    """One check of a run: what it asked for and what came of it."""

    check: Check
    measures: list[Measure[Any]] = field(default_factory=list)
    baseline: list[Measure[Any]] = field(default_factory=list)
    findings: list[Finding] | None = None
    is_kept: bool = False
    seconds: float = 0.0


def run(target: Target, checks: Iterable[Check], *, suite: str = "") -> Report:
    """Run checks on a dataset.

    Parameters
    ----------
    target : Target
        The dataset, its contract and baseline, and what to work with.
    checks : iterable of Check
        The checks, each with its parameters.
    suite : str
        Name of the suite, for the report.

    Returns
    -------
    Report
        A check that raises becomes a finding with outcome ``error``; the others are not affected.

    Notes
    -----
    All measures of all checks are taken in one scan, as far as they are not kept from earlier. Where rows
    were deleted since, states may be stale; checks whose verdict could flip are judged again on fresh ones.
    """
    started = time.perf_counter()
    asked = [_Asked(check) for check in dict.fromkeys(checks)]
    for one in asked:
        one.findings = kept_findings(one.check, target) if _keeps(one.check) else None
        one.is_kept = one.findings is not None
        if not one.is_kept:
            _ask(one, target)
    timings = {"measure": 0.0, "judge": 0.0, "rows": 0.0}
    scanned = 0
    exact: set[Measure[Any]] = set()
    for _ in range(_ROUNDS):
        waiting = [one for one in asked if one.findings is None]
        if not waiting:
            break
        began = time.perf_counter()
        states, rows = _measure(waiting, target, exact)
        scanned += rows
        judged = time.perf_counter()
        for one in waiting:
            exact |= _judge(one, states, target)
        timings["measure"] += judged - began
        timings["judge"] += time.perf_counter() - judged
    for one in asked:
        if one.findings is None:
            one.findings = [_broken(one.check, RuntimeError("it kept asking for fresh measurements"))]
        if _keeps(one.check) and not one.is_kept:
            keep_findings(one.check, target, one.findings)
        if one.seconds > _LONG_S:
            name = one.check.id
            timings[name] = timings.get(name, 0.0) + one.seconds
    began = time.perf_counter()
    findings = _with_rows(asked, target)
    timings["rows"] = time.perf_counter() - began
    findings = [replace(finding, dataset=finding.dataset or target.dataset.name) for finding in findings]
    findings = with_allowances(findings, target)
    baseline = target.baseline
    return Report(
        dataset=target.dataset.name,
        ref=target.dataset.commit,
        findings=sort_findings(findings),
        scores=scores_of(findings),
        rows=target.dataset.num_rows,
        scanned_rows=scanned,
        baseline=None if baseline is None else baseline.commit or baseline.name,
        suite=suite,
        seconds=time.perf_counter() - started,
        timings=timings,
    )


def _keeps(check: Check) -> bool:
    return check.cost != "scan" or check.keeps_findings


def _ask(one: _Asked, target: Target) -> None:
    try:
        one.measures = list(one.check.measures(target))
        if target.baseline is not None:
            one.baseline = list(one.check.baseline_measures(target))
    except Exception as error:  # noqa: BLE001 - a check that breaks becomes a finding
        one.findings = [_broken(one.check, error)]


def _measure(waiting: Iterable[_Asked], target: Target, exact: set[Measure[Any]]) -> tuple[_States, int]:
    waiting = list(waiting)

    def take(dataset: Dataset, measures: Iterable[Measure[Any]]) -> Measured:
        return measure(
            dataset,
            measures,
            executor=target.executor,
            cache=target.cache,
            progress=target.progress,
            exact=exact,
        )

    measured = take(target.dataset, [m for one in waiting for m in one.measures])
    wanted = [m for one in waiting for m in one.baseline]
    if target.baseline is None:
        return _States(measured, None), measured.scanned_rows
    # A baseline without measures still has its number of rows.
    baseline = take(target.baseline, wanted)
    return _States(measured, baseline), measured.scanned_rows + baseline.scanned_rows


def _judge(one: _Asked, states: _States, target: Target) -> set[Measure[Any]]:
    """Let a check judge; return the measures it wants fresh."""
    began = time.perf_counter()
    try:
        one.findings = one.check.judge(states, target)
    except NeedExact as need:
        return set(need.measures)
    except Exception as error:  # noqa: BLE001 - a check that breaks becomes a finding
        one.findings = [_broken(one.check, error)]
    finally:
        one.seconds += time.perf_counter() - began
    return set()


def _with_rows(asked: Iterable[_Asked], target: Target) -> list[Finding]:
    """Return all findings, those that are about rows with the keys of the first of them."""
    findings: list[Finding] = []
    wanted: dict[int, Wanted] = {}
    owners: dict[int, Check] = {}
    for one in asked:
        for finding in one.findings or ():
            number = len(findings)
            findings.append(finding)
            if (
                finding.rows
                or finding.outcome in (Outcome.PASS, Outcome.ERROR)
                or "error" in finding.evidence
            ):
                continue
            try:
                which = one.check.offending(finding, target)
            except Exception as error:  # noqa: BLE001 - a check that breaks becomes a finding
                findings.append(_broken(one.check, error))
                continue
            if which is not None and finding.row_count:
                wanted[number] = Wanted(which, finding.row_count)
                owners[number] = one.check
    for number, keys in _found(wanted, owners, findings, target).items():
        findings[number] = replace(findings[number], rows=keys)
    return findings


def _found(
    wanted: Mapping[int, Wanted], owners: Mapping[int, Check], findings: list[Finding], target: Target
) -> dict[int, tuple[str, ...]]:
    if not wanted:
        return {}
    conditions = {number: _named(want, owners[number], findings[number]) for number, want in wanted.items()}
    kept = kept_rows(conditions, target)
    if kept is not None:
        return kept
    try:
        rows = find_rows(wanted, target)
        keep_rows(conditions, rows, target)
        return rows
    except Exception as error:
        # Each is looked for alone below, so that the culprit shows.
        logger.debug("rows could not be found together", exc_info=error)
    found: dict[int, tuple[str, ...]] = {}
    for number, want in wanted.items():
        try:
            found |= find_rows({number: want}, target)
        except Exception as error:  # noqa: BLE001 - a check that breaks becomes a finding
            findings.append(_broken(owners[number], error))
    return found


def _named(want: Wanted, check: Check, finding: Finding) -> str:
    """Return a name for rows to find that is the same in every process."""
    if isinstance(want.which, str):
        return want.which
    return f"{check!r} {finding.column} {finding.slice} {finding.value} {want.which.about}"


def _broken(check: Check, error: Exception) -> Finding:
    text = str(error) if isinstance(error, HeadwaterError) else f"{type(error).__name__}: {error}"
    logger.debug("check broke", extra={"check": check.id}, exc_info=error)
    column = getattr(check, "column", None)
    # That a column is not there is a fault of the data, or of the rule; the check is not broken.
    lacks = isinstance(error, NotFound) and error.facts.get("kind") == "column"
    return Finding(
        check=check.id,
        outcome=Outcome.FAIL if lacks else Outcome.ERROR,
        severity=0.5,
        column=column if isinstance(column, str) else None,
        message=f"{'There is nothing to judge' if lacks else 'The check could not run'}: {text.rstrip('. ')}.",
        evidence={"error": type(error).__name__},
    )
