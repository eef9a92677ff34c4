"""Run a transform: carry its plan out as one commit, or show what it would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.core.ids import CommitId
from headwater.store.commit import Provenance
from headwater.transforms.base import Source, Transform, plain
from headwater.transforms.changes import Changes
from headwater.transforms.computed import ColumnTransform, Computed
from headwater.transforms.draft import draft_of
from headwater.transforms.review import Proposals, keep_accepted
from headwater.transforms.review_file import read_decisions
from headwater.versions.diff import Diff
from headwater.versions.repo import Repo

__all__ = ["TransformResult", "run"]


@dataclass(frozen=True, kw_only=True)
class TransformResult:
    """What a transform did, or would do.

    Parameters
    ----------
    transform : str
        Id of the transform.
    dataset, branch : str
        What it ran on.
    commit : CommitId
        The branch's head afterwards.
    is_new : bool
        Whether the run made that commit; it makes none if nothing changes, or in a dry run.
    dry_run : bool
        Whether the change was only planned.
    record : mapping
        What it did, as kept in the commit's provenance: ``rows`` (of the dataset before), ``updated``,
        ``added`` and ``deleted`` rows, ``cells`` (changed cells by column), ``columns_added``,
        ``guarantee``, and what the transform learnt.
    diff : Diff
        What changed, row by row.
    planned : Changes or Computed
        The plan itself; see `changes`.
    """

    transform: str
    dataset: str
    branch: str
    commit: CommitId
    is_new: bool
    dry_run: bool
    record: Mapping[str, Any]
    diff: Diff
    planned: Changes | Computed = field(repr=False)

    def changes(self) -> pa.Table:
        """Return what the transform proposes, one change a row, for review.

        Returns
        -------
        pyarrow.Table
            ``change`` (``cell``, ``type``, ``column``, ``drop``, ``delete``, ``quarantine`` or ``add``), ``key``,
            ``column``, ``old``, ``new``, ``reason``, ``alike`` (how many change in the same way) and ``accept``, which
            is ``yes``. With some ``no`` in it, it is what `run` takes as ``accept``.

        Raises
        ------
        UsageError
            If the transform computes whole columns, which are not reviewed cell by cell.
        """
        if isinstance(self.planned, Computed):
            raise UsageError(
                f"{self.transform} computes a whole column, which is not reviewed cell by cell. Look at it with a "
                "dry run."
            )
        return Proposals(self.planned).table

    def summary(self) -> str:
        """Return one sentence that says what happened."""
        record = self.record
        parts = [
            f"{record[what]:,} row(s) {what}" for what in ("updated", "added", "deleted") if record[what]
        ]
        if record["columns_added"]:
            parts.append(f"column(s) {', '.join(record['columns_added'])} added")
        if record.get("columns_dropped"):
            parts.append(f"column(s) {', '.join(record['columns_dropped'])} dropped")
        if record.get("quarantined"):
            parts.append(f"{record['quarantined']:,} of these in quarantine")
        review = record.get("review")
        if review:
            share = f"{review['accepted']:,} of {review['proposed']:,} proposed changes"
            if not self.diff:
                return f"{self.transform} leaves {self.dataset!r} as it is, with {share} accepted: no commit was made."
            parts.append(f"{share} accepted")
        if not parts:
            return f"{self.transform} has nothing to change in {self.dataset!r}: no commit was made."
        what = ", ".join(parts)
        if self.dry_run:
            return f"{self.transform} would change {self.dataset!r} on {self.branch!r}: {what}. Nothing was committed."
        return f"{self.transform} changed {self.dataset!r} on {self.branch!r}: {what} (commit {self.commit[:12]})."

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "transform": self.transform,
            "dataset": self.dataset,
            "branch": self.branch,
            "commit": self.commit,
            "is_new": self.is_new,
            "dry_run": self.dry_run,
            "record": dict(self.record),
        }


def run(
    repo: Repo,
    dataset: str,
    transform: Transform,
    *,
    branch: str | None = None,
    seed: int = 0,
    message: str | None = None,
    dry_run: bool = False,
    accept: pa.Table | str | Path | None = None,
) -> TransformResult:
    """Run a transform on a dataset as one commit; only rows that change are written.

    Parameters
    ----------
    repo : Repo
        The repository, at a branch.
    dataset : str
        Name of the dataset.
    transform : Transform
        What to do; `headwater.transforms.base.make` builds one from an id and JSON parameters.
    branch : str, optional
        The branch to commit to; a new one starts here. The current branch by default.
    seed : int
        Seed of all randomness: the same seed on the same commit gives the same content.
    message : str, optional
        Commit message; says what was done by default.
    dry_run : bool
        Plan and compare, but commit nothing and leave nothing in the repository but scores of its rows.
    accept : pyarrow.Table, str or Path, optional
        Decisions of a review: do only what they accept. The table that `TransformResult.changes` gives, or a CSV
        file of it, with ``yes`` or ``no`` in the column ``accept``. How many were accepted is part of the record.

    Returns
    -------
    TransformResult
        With ``is_new`` false if there was nothing to change: then no commit is made.

    Raises
    ------
    NotFound
        If there is no such dataset or column.
    UsageError
        If the transform does not fit the dataset.
    MergeConflict
        If somebody else changed the same rows meanwhile, or what was accepted is not what is proposed now.
    """
    decisions = read_decisions(accept) if isinstance(accept, str | Path) else accept
    here = repo.branch(branch) if branch else repo
    here = draft_of(here) if dry_run else here
    tx = here.transaction(message or f"{transform.title}: {transform.id} on {dataset}")
    if tx.base is None:
        raise NotFound.among("dataset", dataset, (), where=f"branch {tx.branch!r}")
    before = here.at(tx.base)[dataset]
    source = Source(
        dataset=before,
        seed=seed,
        executor=repo.executor,
        cache=repo.cache,
        progress=repo.progress,
        history=lambda: here.log(before.commit),
    )
    transform.validate(source)
    changes: Changes | Computed = (
        Computed(transform, source) if isinstance(transform, ColumnTransform) else Changes(transform, source)
    )
    if decisions is not None:
        if isinstance(changes, Computed):
            raise UsageError(f"{transform.id} computes a whole column, which is not accepted in part.")
        keep_accepted(changes, decisions)
    changes.apply(tx)
    tx.provenance = Provenance(
        kind="transform",
        id=transform.id,
        version=transform.version,
        parameters=plain(transform.parameters),
        seed=seed,
        inputs=(tx.base,),
        record=changes.record,
        code=f"headwater {metadata.version('headwater')}",
    )
    diff = Diff(dataset, before.manifest, tx[dataset].manifest, here.objects, repo.threads)
    head: CommitId | None = tx.base
    if not dry_run:
        head = tx.commit()
        if isinstance(changes, Computed):
            changes.published()
    assert head is not None, "a branch with a dataset has a head"
    return TransformResult(
        transform=transform.id,
        dataset=dataset,
        branch=tx.branch,
        commit=head,
        is_new=head != tx.base,
        dry_run=dry_run,
        record=changes.record,
        diff=diff,
        planned=changes,
    )
