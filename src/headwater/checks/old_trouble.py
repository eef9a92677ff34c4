"""Tell trouble that a commit brings from trouble that its branch had: a gate stops the one and warns of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headwater.checks.base import Check, RowFilter, Target
from headwater.checks.judging import rows_text
from headwater.checks.rows import holds
from headwater.checks.runner import run
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Outcome
from headwater.profile.conformance import sql_columns
from headwater.store.lookup import Places, gather
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions.diff import RowChanges, row_changes

__all__ = ["hits", "sort_out"]

_BATCH = 131_072
_EXPIRED = "allowance_expired"


def sort_out(
    findings: Sequence[Finding],
    target: Target,
    earlier: Callable[[], Target],
    suite_of: Callable[[Target], Iterable[Check]],
    shop: Workshop,
) -> tuple[list[Finding], list[Finding]]:
    """Return which of some findings are new with a commit, or worse, and which the branch had before as they are.

    Parameters
    ----------
    findings : sequence of Finding
        What was found in the commit.
    target : Target
        The dataset as the commit has it.
    earlier : callable
        Gives the dataset as the branch has it, held to the contract that it has there.
    suite_of : callable
        Gives the checks that the gate asks of a target.
    shop : Workshop
        For reading rows.

    Returns
    -------
    tuple of list of Finding
        The new ones, their messages saying what is new about them if the branch had them in part; and the old ones.

    Notes
    -----
    A finding about rows is old if none of the rows that the commit adds or changes offends anew, and no more rows
    offend than did; another one if it is no more severe than it was, and its value no farther from its threshold. A
    check that the branch's contract did not ask for is new, a check that broke is never old, and neither is what was
    allowed until a day that is over: it was to be mended by then.
    """
    judged = [one for one in findings if one.outcome is not Outcome.ERROR and _EXPIRED not in one.evidence]
    if not judged:
        return list(findings), []
    try:
        before = earlier()
        known = set(suite_of(before))
    except UsageError:
        # What cannot be judged as it was has nothing to compare with.
        return list(findings), []
    compared = _Compared(target, before, shop)
    said: dict[_Name, tuple[str, bool]] = {}
    ids = {one.check for one in judged}
    for check in (one for one in suite_of(target) if one.id in ids and one in known):
        said |= compared.judge(check)
    new: list[Finding] = []
    old: list[Finding] = []
    for one in findings:
        more, is_old = said.get(_name(one), ("", False)) if one in judged else ("", False)
        (old if is_old else new).append(replace(one, message=f"{one.message} {more}") if more else one)
    return new, old


_Name = tuple[str, str | None, str | None, str]


def _name(finding: Finding) -> _Name:
    return (finding.check, finding.column, finding.slice, finding.message)


@dataclass
class _Compared:
    """A dataset at a commit and as the branch had it, with the rows that differ."""

    target: Target
    before: Target
    shop: Workshop
    _changes: RowChanges | None = None

    @property
    def changes(self) -> RowChanges:
        """The rows that differ, looked for once."""
        if self._changes is None:
            old, now = self.before.dataset.manifest, self.target.dataset.manifest
            self._changes = row_changes(old, now, self.shop.objects, self.shop.executor)
        return self._changes

    def judge(self, check: Check) -> dict[_Name, tuple[str, bool]]:
        """Return for the findings of a check, by name, what is new about them and whether nothing is."""
        bad = (Outcome.WARN, Outcome.FAIL)
        was = {
            (one.column, one.slice): one for one in run(self.before, [check]).findings if one.outcome in bad
        }
        out = {}
        for one in run(self.target, [check]).findings:
            then = was.get((one.column, one.slice))
            if one.outcome not in bad or then is None:
                continue
            more = self._more(check, one, then)
            worse = one.outcome is Outcome.FAIL and then.outcome is Outcome.WARN
            out[_name(one)] = (more, not (more or worse))
        return out

    def _more(self, check: Check, now: Finding, then: Finding) -> str:
        """Say in what a finding is worse than it was; nothing if it is not."""
        which, before = check.offending(now, self.target), check.offending(then, self.before)
        if which is None or before is None:
            if now.severity <= then.severity and _distance(now) <= _distance(then):
                return ""
            return "It was there before this commit, and has become worse with it."
        new = max(self._new_rows(which, before), now.row_count - then.row_count)
        if new <= 0:
            return ""
        return f"Before this commit it was {rows_text(then.row_count)}; {rows_text(new)} came with it."

    def _new_rows(self, now: str | RowFilter, before: str | RowFilter) -> int:
        old, new, changes = self.before.dataset.manifest, self.target.dataset.manifest, self.changes
        added = int(hits(now, new, changes.added, self.shop).sum())
        after = hits(now, new, changes.after, self.shop)
        anew = int((after & ~hits(before, old, changes.before, self.shop)).sum()) if after.any() else 0
        if self.target.dataset.key or not added:
            return added + anew
        # Without a key a row that changed is one that came and one that went.
        return added - int(hits(before, old, changes.removed, self.shop).sum())


def _distance(finding: Finding) -> float:
    """Return how far off a finding's value is; 0 where it has none."""
    if finding.value is None or finding.threshold is None:
        return 0.0
    return abs(finding.value - finding.threshold)


def hits(which: str | RowFilter, manifest: Manifest, places: Places, shop: Workshop) -> NDArray[np.bool_]:
    """Return for each place whether its row is meant, reading the columns that this takes batch by batch."""
    columns = sql_columns(which, manifest.schema) if isinstance(which, str) else which.columns
    parts = [np.zeros(0, np.bool_)]
    for begin in range(0, len(places), _BATCH):
        table = gather(
            manifest,
            places[slice(begin, begin + _BATCH)],
            shop.objects,
            columns=list(columns),
            executor=shop.executor,
        )
        if isinstance(which, str):
            parts.append(holds(table, {0: which})[0])
        else:
            parts.append(np.asarray(which.mask(table.select(list(which.columns))), np.bool_))
    return np.concatenate(parts)
