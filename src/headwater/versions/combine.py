"""Bring changes of other commits to a branch: merge, revert, cherry-pick, rebase.

All four are a three-way merge (`headwater.versions.merge`) with another choice of the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import pyarrow as pa

from headwater.core.errors import ConcurrentUpdate, MergeConflict, NotFound, UsageError
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import Commit, Provenance, save_commit
from headwater.store.graph import merge_base
from headwater.store.manifest import Manifest, save_manifest
from headwater.versions.decisions import Decisions, mixed
from headwater.versions.merge import CONFLICTS, Merged, Resolve, example, merge_manifests
from headwater.versions.publish import publish

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["MergeResult", "Rebased", "cherry_pick", "merge", "preview", "rebase", "revert", "three_way"]


_SIDES: tuple[Resolve, ...] = ("ours", "theirs")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeResult:
    """What a merge did: ``up-to-date``, ``fast-forward``, ``merge`` or ``reset``, and where the branch is now."""

    kind: str
    commit: CommitId
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebased:
    """What a rebase did: where the branch is now, and the new commit of each old one (None: it changed nothing)."""

    branch: str
    commit: CommitId
    commits: dict[CommitId, CommitId | None]


def merge(
    repo: Repo,
    source: str,
    *,
    into: str | None = None,
    message: str | None = None,
    fast_forward: bool = True,
    resolve: Resolve | Decisions | None = None,
) -> MergeResult:
    """Merge ``source`` into a branch (the current one by default), by key and cell.

    Parameters
    ----------
    repo : Repo
        The repository.
    source : str
        A ref.
    into : str, optional
        A branch.
    message : str, optional
        Message of the merge commit.
    fast_forward : bool
        Move the branch without a merge commit where it has no commits of its own.
    resolve : {"ours", "theirs"} or Decisions, optional
        Which side wins where both changed a cell; or a decision for each conflict.

    Raises
    ------
    MergeConflict
        If both changed a cell; ``conflicts`` is their table. The branch stays as it is.
    """
    began = monotonic()
    branch = into or repo.require_branch()
    theirs = repo.resolve(source)
    ours = repo.refs.get("heads", branch)
    if ours is None:
        raise NotFound.among("branch", branch, repo.branches())
    base = merge_base(ours, theirs, repo.objects)
    if base == theirs:
        return MergeResult(kind="up-to-date", commit=ours, branch=branch)
    if base == ours and fast_forward:
        done = _publish(repo, branch, repo.commit(theirs), ours, f"merge {source}: fast-forward", began)
        kind = "fast-forward" if done == theirs else "merge"
        return MergeResult(kind=kind, commit=done, branch=branch)
    commit = _save(
        repo,
        three_way(repo, base, ours, theirs, resolve=resolve, what=f"merging {source!r} into {branch!r}"),
        parents=(ours, theirs),
        message=message or f"Merge {source} into {branch}",
        provenance=Provenance(kind="merge", id=source, inputs=(theirs,)),
    )
    done = _publish(repo, branch, commit, ours, f"merge {source}", began)
    return MergeResult(kind="merge", commit=done, branch=branch)


def preview(repo: Repo, ours: CommitId, theirs: CommitId, *, message: str) -> Commit:
    """Return the commit that a merge of two commits would make; no branch moves.

    Raises
    ------
    MergeConflict
        If both changed a cell.
    """
    base = merge_base(ours, theirs, repo.objects)
    return _save(
        repo,
        three_way(repo, base, ours, theirs, resolve=None, what=f"merging {theirs[:12]} into {ours[:12]}"),
        parents=(ours, theirs),
        message=message,
        provenance=Provenance(kind="merge", id=theirs, inputs=(theirs,)),
    )


def revert(repo: Repo, ref: str, *, message: str | None = None) -> CommitId:
    """Undo the change of one commit by a new commit on the current branch; the head if it is undone already.

    Raises
    ------
    MergeConflict
        If later commits changed the same cells.
    """
    target = repo.commit(repo.resolve(ref))
    return _on_head(
        repo,
        base=target.id,
        theirs=target.parents[0] if target.parents else None,
        message=message or f"Revert: {target.summary}\n\nReverts commit {target.id}.",
        provenance=Provenance(kind="revert", id=target.id, inputs=(target.id,)),
        resolve=None,
        verb="revert",
        what=target,
    )


def cherry_pick(
    repo: Repo, ref: str, *, message: str | None = None, resolve: Resolve | Decisions | None = None
) -> CommitId:
    """Make the change of one commit on the current branch, too; the head if it is there already.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    ref : str
        The commit. Of a merge, the change against its first parent.
    message : str, optional
        Its message by default, with a line that names the commit.
    resolve : {"ours", "theirs"} or Decisions, optional
        Which side wins where both changed a cell; or a decision for each conflict.

    Raises
    ------
    MergeConflict
        If the branch changed the same cells.
    """
    target = repo.commit(repo.resolve(ref))
    return _on_head(
        repo,
        base=target.parents[0] if target.parents else None,
        theirs=target.id,
        message=message or f"{target.message}\n\nPicked from commit {target.id}.",
        provenance=target.provenance,
        resolve=resolve,
        verb="pick",
        what=target,
    )


def rebase(repo: Repo, onto: str, *, resolve: Resolve | Decisions | None = None) -> Rebased:
    """Make the commits of the current branch anew on top of ``onto``.

    The commits are those along first parents since the branches parted; each keeps its author, message and
    provenance. The branch moves once all have gone through, and `Repo.undo` takes it back.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    onto : str
        A ref.
    resolve : {"ours", "theirs"}, optional
        Which side wins where both changed a cell: ``ours`` is ``onto``, ``theirs`` the branch.

    Raises
    ------
    MergeConflict
        If a commit changes cells that ``onto`` has changed; the branch stays as it is.
    UsageError
        If the two have no commit in common.
    """
    began = monotonic()
    branch = repo.require_branch()
    target, head = repo.resolve(onto), repo.resolve("HEAD")
    base = merge_base(head, target, repo.objects)
    if base is None:
        raise UsageError(
            f"{branch!r} and {onto!r} have no commit in common. Merge instead: `hw merge {onto}`."
        )
    if base == target:
        return Rebased(branch=branch, commit=head, commits={})
    waiting: list[Commit] = []
    at = head
    known = {commit.id for commit in repo.log(base)}
    while at not in known:
        waiting.append(repo.commit(at))
        at = waiting[-1].parents[0]
    tip = repo.commit(target)
    commits: dict[CommitId, CommitId | None] = {}
    for old in reversed(waiting):
        datasets = three_way(
            repo,
            old.parents[0],
            tip.id,
            old.id,
            resolve=resolve,
            what=f"making commit {old.id[:12]} ({old.summary}) anew on {onto!r}",
        )
        if datasets == dict(tip.datasets):
            commits[old.id] = None
            continue
        tip = _save(
            repo,
            datasets,
            parents=(tip.id,),
            message=old.message,
            provenance=old.provenance,
            author=old.author,
        )
        commits[old.id] = tip.id
    done = _publish(repo, branch, tip, head, f"rebase onto {onto}", began)
    return Rebased(branch=branch, commit=done, commits=commits)


def _on_head(
    repo: Repo,
    *,
    base: CommitId | None,
    theirs: CommitId | None,
    message: str,
    provenance: Provenance,
    resolve: Resolve | Decisions | None,
    verb: str,
    what: Commit,
) -> CommitId:
    """Bring the change from ``base`` to ``theirs`` to the current branch, as one commit."""
    began = monotonic()
    branch = repo.require_branch()
    head = repo.resolve("HEAD")
    named = f"{verb} {what.id[:12]}"
    datasets = three_way(repo, base, head, theirs, resolve=resolve, what=f"trying to {named}")
    if datasets == dict(repo.commit(head).datasets):
        return head
    commit = _save(repo, datasets, parents=(head,), message=message, provenance=provenance)
    return _publish(repo, branch, commit, head, named, began)


def three_way(
    repo: Repo,
    base: CommitId | None,
    ours: CommitId,
    theirs: CommitId | None,
    *,
    resolve: Resolve | Decisions | None,
    what: str,
) -> dict[str, ObjectId]:
    """Return the datasets of ``ours`` with the change from ``base`` to ``theirs``."""
    base_sets, our_sets, their_sets = (
        dict(repo.commit(commit).datasets) if commit else {} for commit in (base, ours, theirs)
    )
    result, conflicts = {}, [CONFLICTS.empty_table()]
    for name in sorted(base_sets.keys() | our_sets.keys() | their_sets.keys()):
        if our_sets.get(name) == their_sets.get(name) or base_sets.get(name) == their_sets.get(name):
            chosen = our_sets.get(name)
        elif base_sets.get(name) == our_sets.get(name):
            chosen = their_sets.get(name)
        else:
            old, mine, yours = (repo.manifest(name, commit) for commit in (base, ours, theirs))
            sides = (old, mine, yours)
            merged = _merged(repo, name, sides, resolve)
            conflicts.append(merged.conflicts)
            chosen = None if merged.manifest is None else save_manifest(merged.manifest, repo.objects)
        if chosen is not None:
            result[name] = chosen
    table = pa.concat_tables(conflicts)
    if table.num_rows:
        raise MergeConflict(
            f"{table.num_rows} conflict(s) in {what}, {example(table)}. "
            "Nothing was changed. Choose a side with --ours or --theirs, or one by one with --conflicts FILE and then "
            "--resolve FILE.",
            conflicts=table,
        )
    return result


def _merged(
    repo: Repo,
    name: str,
    sides: tuple[Manifest | None, Manifest | None, Manifest | None],
    resolve: Resolve | Decisions | None,
) -> Merged:
    """Merge one dataset; with decisions, each conflict as was decided for it."""
    if not isinstance(resolve, Decisions):
        return merge_manifests(name, *sides, repo.workshop, resolve=resolve)
    plain = merge_manifests(name, *sides, repo.workshop)
    left = resolve.undecided(plain.conflicts)
    if not plain.conflicts.num_rows or left.num_rows:
        return Merged(plain.manifest, left)
    ours, theirs = (merge_manifests(name, *sides, repo.workshop, resolve=side).manifest for side in _SIDES)
    if ours is None or theirs is None:
        # One side deleted the dataset: that is its one conflict.
        return Merged(ours if resolve.side(name, None, None) == "ours" else theirs, left)
    return Merged(mixed(name, sides, ours, theirs, resolve, plain.conflicts, repo.workshop), left)


def _save(
    repo: Repo,
    datasets: dict[str, ObjectId],
    *,
    parents: tuple[CommitId, ...],
    message: str,
    provenance: Provenance,
    author: str | None = None,
) -> Commit:
    return save_commit(
        repo.objects,
        datasets=datasets,
        parents=parents,
        author=author or repo.author,
        message=message,
        provenance=provenance,
    )


def _publish(
    repo: Repo, branch: str, commit: Commit, expected: CommitId | None, reason: str, began: float
) -> CommitId:
    """Publish a commit, and return what the branch holds now."""
    done = publish(repo, branch, commit, expected=expected, reason=reason, began=began)
    if done is None:
        raise ConcurrentUpdate(
            f"{branch!r} moved meanwhile. Nothing was changed; run the same command again.", name=branch
        )
    return done.id
