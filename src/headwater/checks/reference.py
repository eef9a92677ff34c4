"""``consistency.reference``: values name rows that another dataset has (foreign keys)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, RowFilter, States, Target
from headwater.checks.judging import Share, judged, offenders, share_finding
from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.core.hashing import U64
from headwater.core.schema import require_columns
from headwater.profile.batch import Batch
from headwater.profile.hashes import Repeats, RepeatsState, row_identities
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.measure import measure_chunks
from headwater.reading.dataset import Dataset

__all__ = ["Reference"]


@CHECKS.register("consistency.reference")
@dataclass(frozen=True, kw_only=True)
class Reference(Check):
    """Each value is one that another dataset of the same commit has; rows with a null among them do not count.

    Parameters
    ----------
    columns : tuple of str
        The columns that refer.
    dataset : str
        The dataset that they refer to.
    references : tuple of str
        Its columns, in the same order; its key by default.
    max_fraction : float
        The share of rows that may refer to nothing.
    optional : bool
        Whether the other dataset need not be here; where it is not, that is a warning, else the check breaks.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Values are compared by a 64-bit hash. Of both sides only chunks that are new are read; the hashes of the
    others are kept with them.
    """

    id = "consistency.reference"
    title = "References to nothing"

    columns: tuple[str, ...]
    dataset: str
    references: tuple[str, ...] = ()
    max_fraction: float = 0.0
    optional: bool = False
    level: Level = "fail"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Look up the values of each chunk among those that are there."""
        try:
            other = self._other(target)
        except NotFound as error:
            if not self.optional:
                raise
            message = f"Nothing is known of {', '.join(self.columns)}: dataset {self.dataset!r} is not here."
            facts = {"column": ", ".join(self.columns), "evidence": {"error": type(error).__name__}}
            return [judged(self, True, message, severity=0.3, level="warn", **facts)]
        referred = self._referred(other)
        there = self._there(target, other)
        state = _repeats(target.dataset, self.columns, target)
        hashes, counts = state.counted()
        bad = int(counts[~_among(hashes, there)].sum())
        share = Share(bad, state.rows - state.missing)
        names, others = ", ".join(self.columns), ", ".join(referred)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=names,
                weight=0.6,
                good=f"Every {names} is a {others} of {self.dataset!r}."
                if not bad
                else f"Every {names} but {bad:,} is a {others} of {self.dataset!r}.",
                bad=f"{offenders(share, 'has', 'have')} a {names} that is no {others} of {self.dataset!r}.",
                evidence={"dataset": self.dataset, "references": list(referred)},
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the rows whose values the other dataset does not have."""
        other = self._other(target)
        there = self._there(target, other)

        def mask(table: pa.Table) -> NDArray[np.bool_]:
            hashes, complete = row_identities(Batch(table), self.columns)
            lost = ~_among(hashes, there)
            return lost if complete is None else lost & complete

        return RowFilter(self.columns, mask, about=other.fingerprint)

    def _other(self, target: Target) -> Dataset:
        # A contract may be held against data of another name: what it says of its own dataset is about them.
        is_own = self.dataset == target.contract.dataset
        return target.beside(target.dataset.name if is_own else self.dataset)

    def _there(self, target: Target, other: Dataset) -> U64:
        """Return the hashes of the values that can be referred to, ascending and distinct."""
        references = self._referred(other)
        if len(references) != len(self.columns):
            raise UsageError(
                f"{len(self.columns)} column(s) ({', '.join(self.columns)}) cannot refer to {len(references)} "
                f"({', '.join(references)}). Name as many references as columns.",
                check=self.id,
            )
        require_columns(target.schema, list(self.columns), where=f"dataset {target.dataset.name!r}")
        require_columns(other.schema, list(references), where=f"dataset {other.name!r}")
        for column, reference in zip(self.columns, references, strict=True):
            _require_same_kind(target.dataset, column, other, reference)
        return _repeats(other, references, target).counted()[0]

    def _referred(self, other: Dataset) -> tuple[str, ...]:
        if self.references:
            return self.references
        if not other.key:
            raise UsageError(
                f"Dataset {other.name!r} has no key to refer to. Name its columns: references=[…].",
                check=self.id,
            )
        return other.key


def _repeats(dataset: Dataset, columns: tuple[str, ...], target: Target) -> RepeatsState:
    values = Repeats(of=columns)
    return measure_chunks(
        dataset.chunks, dataset.schema, [values], executor=target.executor, cache=target.cache
    )[values]


def _among(hashes: U64, there: U64) -> NDArray[np.bool_]:
    if not len(there):
        return np.zeros(len(hashes), np.bool_)
    place = np.searchsorted(there, hashes).clip(0, len(there) - 1)
    found: NDArray[np.bool_] = there[place] == hashes
    return found


def _require_same_kind(here: Dataset, column: str, there: Dataset, reference: str) -> None:
    types = here.schema.field(column).type, there.schema.field(reference).type
    kinds = [kind_of(type_) for type_ in types]
    same = kinds[0] == kinds[1] or all(kind.is_numeric for kind in kinds)
    if not same and Kind.NULL not in kinds:
        raise SchemaError(
            f"Column {column!r} of {here.name!r} is {types[0]}, and {reference!r} of {there.name!r} is {types[1]}: "
            "no value of one is a value of the other. Give them one type.",
            column=column,
        )
