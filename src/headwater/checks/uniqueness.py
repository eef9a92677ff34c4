"""``uniqueness.key`` and ``uniqueness.columns``: no two rows have the same key, or the same values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, RowFilter, States, Target, outcome_of
from headwater.checks.judging import graded, percent, rows_text
from headwater.core.findings import Finding
from headwater.profile.base import Measure, NeedExact
from headwater.profile.batch import Batch
from headwater.profile.hashes import Repeats, row_identities
from headwater.profile.measure import measure

__all__ = ["Columns", "Key"]


@CHECKS.register("uniqueness.key")
@dataclass(frozen=True, kw_only=True)
class Key(Check):
    """The key columns are there, hold no null, and no two rows have the same key.

    A dataset with a key cannot hold two rows of one key: then this costs nothing. It counts where a contract
    promises a key that the dataset was not stored with.

    Parameters
    ----------
    level : {"warn", "fail"}
        The outcome if keys repeat.
    """

    id = "uniqueness.key"
    title = "Repeated keys"

    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count repeated keys, where the dataset does not exclude them."""
        return [] if self._is_given(target) else [Repeats(of=target.key)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Say whether keys repeat or lack values."""
        key = ", ".join(target.key)
        if not target.key:
            message = "The dataset has no key; its rows are told apart by their content."
        elif self._is_given(target):
            message = f"Every row has its own key ({key})."
        else:
            return _judged(self, states, Repeats(of=target.key), 0.0, nulls=True, weight=0.9)
        return [
            Finding(
                check=self.id,
                outcome=outcome_of(False, self.level),
                severity=0.0,
                column=key or None,
                message=message,
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the rows whose key another row has, or that lack it."""
        return _repeated(target, target.key, nulls=True)

    @staticmethod
    def _is_given(target: Target) -> bool:
        return not target.key or target.key == target.dataset.key


@CHECKS.register("uniqueness.columns")
@dataclass(frozen=True, kw_only=True)
class Columns(Check):
    """No two rows have the same values in some columns; rows with a null among them do not count.

    Parameters
    ----------
    columns : tuple of str
        The columns.
    max_fraction : float
        The share of rows that may share their values with others.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "uniqueness.columns"
    title = "Repeated values"

    columns: tuple[str, ...]
    max_fraction: float = 0.0
    level: Level = "fail"

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count values that come more than once; nothing for the key, which cannot repeat."""
        return [] if self._is_key(target) else [Repeats(of=self.columns)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of rows that share their values against what is allowed."""
        if self._is_key(target):
            names = ", ".join(self.columns)
            return [
                Finding(
                    check=self.id,
                    outcome=outcome_of(False, self.level),
                    severity=0.0,
                    column=names,
                    value=0.0,
                    threshold=self.max_fraction,
                    message=f"Every row has its own {names}: it is the key.",
                )
            ]
        return _judged(self, states, Repeats(of=self.columns), self.max_fraction, nulls=False, weight=0.6)

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the rows whose values another row has."""
        return _repeated(target, self.columns, nulls=False)

    def _is_key(self, target: Target) -> bool:
        return bool(target.dataset.key) and set(target.dataset.key) <= set(self.columns)


def _judged(
    check: Key | Columns, states: States, repeats: Repeats, maximum: float, *, nulls: bool, weight: float
) -> list[Finding]:
    state = states[repeats]
    distinct, repeated = state.outcome
    missing = state.missing if nulls else 0
    there = state.rows if nulls else state.rows - state.missing
    bad = repeated + missing
    if state.stale_rows and bad:
        # Fewer rows repeat no more; but how many, nobody knows without looking.
        raise NeedExact([repeats])
    share = bad / there if there else 0.0
    broken = share > maximum
    names = ", ".join(repeats.of)
    parts = []
    if repeated:
        values = distinct - (there - missing - repeated)
        parts.append(
            f"{rows_text(repeated)} ({percent(share)}) share their {names} with another row: "
            f"{rows_text(values, 'value')} {'comes' if values == 1 else 'come'} more than once"
        )
    if missing:
        parts.append(f"{rows_text(missing)} lack a value of {names}")
    return [
        Finding(
            check=check.id,
            outcome=outcome_of(broken, check.level),
            severity=graded(weight, share) if broken else 0.0,
            column=names,
            value=share,
            threshold=maximum,
            message="; ".join(parts) + "." if broken else f"Every row has its own {names}.",
            row_count=bad if broken else 0,
            evidence={"distinct": distinct, "repeated": repeated} if broken else {},
        )
    ]


def _repeated(target: Target, columns: tuple[str, ...], *, nulls: bool) -> RowFilter:
    """Return the filter for rows whose values come more than once, and those with nulls if they count."""
    repeats = Repeats(of=columns)
    state = measure(target.dataset, [repeats], executor=target.executor, progress=target.progress)[repeats]
    twice = state.repeated_hashes()

    def mask(table: pa.Table) -> NDArray[np.bool_]:
        hashes, there = row_identities(Batch(table), columns)
        found = np.isin(hashes, twice)
        if there is None:
            return found
        return (found & there) | ~there if nulls else found & there

    return RowFilter(columns, mask)
