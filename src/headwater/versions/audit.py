"""Write, audit, publish: a commit waits under a ref of its own until its gate has judged it, or for good.

Each waiting commit has an entry: a commit without datasets whose parent it is. The entry is there before the first
check runs, so a process that dies in the middle leaves the commit in the list of what waits.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from headwater.core.errors import CorruptObject, GateClosed, NotFound, UsageError
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import Commit, Provenance, load_commit, save_commit
from headwater.store.graph import merge_base
from headwater.store.refs import RefKind
from headwater.versions.gate import Gate

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Admitted", "Auditor", "Judgement", "Quarantine", "Waiting", "admit"]

State = Literal["auditing", "quarantined", "refused", "dropped"]

_KIND: RefKind = "audit"
_SHORT = 12
_LISTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an audit found: the findings that keep a commit out, all that do not pass, and rows to divert.

    ``standing`` are findings that would keep it out, had the branch not had them before as they are.
    ``datasets`` are those of the commit without the rows that are diverted; None if none are. ``diverted`` says how
    many of each dataset.
    """

    blocking: Sequence[Mapping[str, Any]] = ()
    standing: Sequence[Mapping[str, Any]] = ()
    reports: Sequence[Mapping[str, Any]] = ()
    datasets: Mapping[str, ObjectId] | None = None
    diverted: Mapping[str, int] = field(default_factory=dict)


class Auditor(Protocol):
    """Runs the checks of a gate on a commit; handed in from above."""

    def __call__(self, gate: Gate, commit: Commit, before: CommitId | None, *, divert: bool) -> Judgement:
        """Judge what a commit changes against a branch that is at ``before``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits in quarantine, and why.

    Parameters
    ----------
    id : str
        Its name: the commit, or for a file that was refused the hash of what was offered.
    state : {"auditing", "quarantined", "refused", "dropped"}
        Still being judged (or its process died), held by a gate, a file that could not be read, or let go.
    branch : str
        Where it was to go.
    commit : CommitId, optional
        The commit; None for a file.
    base : CommitId, optional
        Where the branch was.
    author, message, time : str, str, datetime
        Who made it, what it is about, and when it came here.
    blocking, reports : sequence of mapping
        The findings that keep it out, and the reports of the checks.
    facts : mapping
        For a file: where it is, and what is wrong with it.
    """

    id: str
    state: State
    branch: str
    commit: CommitId | None
    base: CommitId | None
    author: str
    message: str
    time: datetime
    blocking: Sequence[Mapping[str, Any]] = ()
    reports: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {
            "id": self.id,
            "state": self.state,
            "branch": self.branch,
            "commit": self.commit,
            "base": self.base,
            "author": self.author,
            "message": self.message,
            "time": self.time.isoformat(),
            "findings": [dict(one) for one in self.blocking],
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A commit that may be published to a branch; `settle` it once the branch has moved, or has not."""

    commit: Commit
    repo: Repo
    branch: str
    entry: str | None = None
    diverted: Mapping[str, int] = field(default_factory=dict)

    def settle(self, *, published: bool) -> None:
        """Take the commit off the list of what waits."""
        if self.entry is not None:
            self.repo.quarantine.forget(self.entry, "published" if published else "the branch moved")
        if published and self.diverted:
            self.repo.tell("diverted", branch=self.branch, commit=self.commit, rows=dict(self.diverted))


def admit(
    repo: Repo, branch: str, commit: Commit, before: CommitId | None, *, divert: bool = True
) -> Admitted:
    """Let the gate of a branch judge a commit, and return what may be published; hooks are asked first.

    Parameters
    ----------
    repo : Repo
        The repository.
    branch : str
        The branch.
    commit : Commit
        What is to be published, already stored.
    before : CommitId, optional
        Where the branch is.
    divert : bool
        Whether rows may be diverted: then the commit is made anew without them.

    Raises
    ------
    GateClosed
        If it may not pass. The commit waits in quarantine.
    """
    repo.run_hooks(branch, commit)
    gate = repo.gates.of(branch)
    if gate is None or commit.id == before or repo.passes == commit.id:
        return Admitted(commit=commit, repo=repo, branch=branch)
    if repo.auditor is None:
        raise GateClosed(
            f"Branch {branch!r} has a gate, and nothing here runs its checks. Open the repository with "
            "headwater.open.",
            branch=branch,
        )
    quarantine = repo.quarantine
    entry = quarantine.begin(branch, commit, before)
    judged = repo.auditor(gate, commit, before, divert=divert)
    if judged.standing and not judged.blocking:
        repo.tell("warned", branch=branch, commit=commit, findings=judged.standing)
    if judged.datasets is not None and not judged.blocking:
        commit = _without_rows(repo, commit, before, judged)
        again = quarantine.begin(branch, commit, before)
        quarantine.forget(entry, "rows diverted")
        return Admitted(commit=commit, repo=repo, branch=branch, entry=again, diverted=judged.diverted)
    if not judged.blocking:
        return Admitted(commit=commit, repo=repo, branch=branch, entry=entry)
    quarantine.hold(entry, judged)
    repo.tell("quarantined", branch=branch, commit=commit, findings=judged.blocking)
    raise _closed(branch, commit.id, judged.blocking)


class Quarantine(Mapping[str, Waiting]):
    """What waits in quarantine, by name; any unique beginning of a name will do."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def __getitem__(self, name: str) -> Waiting:
        full = self._full(name)
        head = self._repo.refs.get(_KIND, full)
        assert head is not None
        return _read(full, load_commit(head, self._repo.objects))

    def __iter__(self) -> Iterator[str]:
        return (one.id for one in self.waiting())

    def __len__(self) -> int:
        return len(self.waiting())

    def waiting(self, branch: str | None = None) -> list[Waiting]:
        """Return what waits, the oldest first; for one branch, or for all.

        A commit that was published, and whose process died before it said so, does not wait any more.
        """
        found = [one for one in self.entries() if one.state != "dropped" and branch in (None, one.branch)]
        left = []
        for one in found:
            if one.state == "auditing" and one.commit is not None and self._is_published(one):
                self.forget(one.id, "published")
            else:
                left.append(one)
        return sorted(left, key=lambda one: (one.time, one.id))

    def entries(self) -> Iterator[Waiting]:
        """Yield all entries, those of what was dropped included."""
        for name, head in self._repo.refs.names(_KIND).items():
            yield _read(name, load_commit(head, self._repo.objects))

    def begin(self, branch: str, commit: Commit, base: CommitId | None) -> str:
        """Note that a commit is being judged, and return the name of its entry."""
        self._put(commit.id, "auditing", branch=branch, commit=commit, base=base)
        return commit.id

    def hold(self, name: str, judged: Judgement) -> None:
        """Note what keeps a commit out."""
        one = self[name]
        assert one.commit is not None
        self._put(
            name,
            "quarantined",
            branch=one.branch,
            commit=self._repo.commit(one.commit),
            base=one.base,
            blocking=list(judged.blocking),
            reports=list(judged.reports),
        )

    def refuse(self, name: str, *, branch: str, message: str, facts: Mapping[str, Any]) -> None:
        """Note a file that could not be imported."""
        self._put(name, "refused", branch=branch, message=message, facts=dict(facts))
        self._repo.tell("failed", branch=branch, message=message, **facts)

    def forget(self, name: str, reason: str) -> None:
        """Take an entry away."""
        self._repo.refs.update(_KIND, name, lambda _: None, reason=reason, author=self._repo.author)

    def drop(self, name: str, *, reason: str = "") -> Waiting:
        """Let go of what waits; its rows go with the next garbage collection.

        What it was is still known, so that a watched file which was dropped does not come again.
        """
        one = self[name]
        facts = {**one.facts, "reason": reason}
        if one.commit is not None:
            facts["provenance"] = self._repo.commit(one.commit).to_dict()["provenance"]
        self._put(one.id, "dropped", branch=one.branch, message=one.message, facts=facts)
        self._repo.tell("dropped", branch=one.branch, message=one.message, reason=reason)
        return one

    def release(self, name: str, *, reason: str = "") -> CommitId | None:
        """Bring what waits to its branch.

        Without a reason its gate judges it once more: the contract, an allowance or the gate may have changed. With
        a reason it is published as it is, and the reason is kept in its provenance. A branch that has moved on keeps
        what it has: the change is merged by key and cell.

        Returns
        -------
        CommitId or None
            The commit that was published; None for a file, which the watch then tries again.

        Raises
        ------
        GateClosed
            If the gate keeps it out again.
        MergeConflict
            If the branch changed the same cells since.
        """
        from headwater.versions.publish import publish

        one = self[name]
        if one.state == "dropped":
            raise UsageError(f"{one.id[:_SHORT]} was dropped; it cannot be released.", name=one.id)
        if one.commit is None:
            self.forget(one.id, "released")
            return None
        repo = self._repo
        while True:
            now = repo.refs.get("heads", one.branch)
            commit = _landed(repo, one, now, reason)
            if commit is None:
                self.forget(one.id, "its change is there already")
                return now
            try:
                moved = publish(
                    repo if not reason else repo.letting_pass(commit.id),
                    one.branch,
                    commit,
                    expected=now,
                    reason=f"release {one.id[:_SHORT]}: {reason or 'passes now'}",
                )
            except GateClosed as closed:
                # It waits already, under the name that it has.
                findings = closed.facts.get("findings", [])
                self.forget(commit.id, "the same change waits already")
                if one.state == "auditing":
                    self.hold(one.id, Judgement(blocking=findings))
                raise _closed(one.branch, one.id, findings) from closed
            if moved is not None:
                break
        self.forget(one.id, f"released: {reason or 'passes now'}")
        repo.tell("released", branch=one.branch, commit=moved, reason=reason)
        return moved.id

    def _full(self, name: str) -> str:
        names = self._repo.refs.names(_KIND)
        fitting = [one for one in names if one.startswith(name)] if name else []
        if len(fitting) > 1:
            raise UsageError(f"{name!r} may mean {len(fitting)} of what waits. Give more of it.", name=name)
        if not fitting:
            raise NotFound.among("commit", name, [one[:_SHORT] for one in names], where="quarantine")
        return fitting[0]

    def _is_published(self, one: Waiting) -> bool:
        head = self._repo.refs.get("heads", one.branch)
        assert one.commit is not None
        return head is not None and merge_base(one.commit, head, self._repo.objects) == one.commit

    def _put(
        self, name: str, state: State, *, branch: str, commit: Commit | None = None, **facts: Any
    ) -> None:
        record = {"state": state, "branch": branch, "message": commit.message if commit else "", **facts}
        entry = save_commit(
            self._repo.objects,
            datasets={},
            parents=(commit.id,) if commit else (),
            author=commit.author if commit else self._repo.author,
            message=f"quarantine: {state}",
            provenance=Provenance(kind="gate", id=branch, record=record),
        )
        self._repo.refs.update(_KIND, name, lambda _: entry.id, reason=state, author=self._repo.author)


def _landed(repo: Repo, one: Waiting, now: CommitId | None, reason: str) -> Commit | None:
    """Return the waiting commit made anew on top of a branch; None if that has its change already."""
    from headwater.versions.combine import three_way

    assert one.commit is not None
    held = repo.commit(one.commit)
    datasets = dict(held.datasets)
    if now is not None and now != one.base:
        base = one.base or merge_base(now, held.id, repo.objects)
        datasets = three_way(repo, base, now, held.id, resolve=None, what=f"releasing {held.id[:_SHORT]}")
        if datasets == dict(repo.commit(now).datasets):
            return None
    record = {**held.provenance.record, "released": {"from": held.id, "by": repo.author, "reason": reason}}
    return save_commit(
        repo.objects,
        datasets=datasets,
        # What waited stays in history, as what was merged.
        parents=(held.id,) if now is None else (now, held.id),
        author=held.author,
        message=held.message,
        provenance=replace(held.provenance, record=record),
    )


def _without_rows(repo: Repo, commit: Commit, before: CommitId | None, judged: Judgement) -> Commit:
    """Return a commit made anew without the rows that were diverted."""
    assert judged.datasets is not None
    # One that is on another branch already stays what it is, and is merged.
    there = {*repo.refs.names("heads").values(), *repo.refs.names("remotes").values()}
    parents = commit.parents if commit.id not in there else (*([before] if before else []), commit.id)
    record = {**commit.provenance.record, "diverted": dict(judged.diverted)}
    return save_commit(
        repo.objects,
        datasets=judged.datasets,
        parents=parents,
        author=commit.author,
        message=commit.message,
        provenance=replace(commit.provenance, record=record),
    )


def _closed(branch: str, commit: str, blocking: Sequence[Mapping[str, Any]]) -> GateClosed:
    short = commit[:_SHORT]
    listed = "".join(f"\n- {' '.join(_title(one))}: {one['message']}" for one in blocking[:_LISTED])
    more = f"\n- … {len(blocking) - _LISTED} more" if len(blocking) > _LISTED else ""
    return GateClosed(
        f"The gate of branch {branch!r} did not let this commit through; it waits in quarantine as {short}, and the "
        f"branch is as it was.{listed}{more}\nMend the data and write them again, or `hw quarantine release {short}` "
        f"(with --reason, to publish it as it is), or `hw quarantine drop {short}`.{_allowing(blocking)}",
        branch=branch,
        commit=commit,
        findings=list(blocking),
    )


def _title(finding: Mapping[str, Any]) -> list[str]:
    column = f".{finding['column']}" if finding.get("column") else ""
    return [part for part in (finding["outcome"], finding["check"], f"{finding['dataset']}{column}") if part]


def _allowing(blocking: Sequence[Mapping[str, Any]]) -> str:
    """Return how to put up with what keeps a commit out; a check that broke cannot be put up with."""
    one = next((one for one in blocking if one["outcome"] != "error"), None)
    if one is None:
        return ""
    column = f" --column {shlex.quote(one['column'])}" if one.get("column") else ""
    allow = f"hw allow {one['dataset']} {one['check']}{column} --until DAY --reason TEXT"
    return f" To put up with it for a time: `{allow}`."


def _read(name: str, entry: Commit) -> Waiting:
    record = entry.provenance.record
    if entry.provenance.kind != "gate" or "state" not in record:
        raise CorruptObject(f"Commit {entry.id[:_SHORT]} is no entry of the quarantine. Run `hw fsck`.")
    return Waiting(
        id=name,
        state=record["state"],
        branch=record["branch"],
        commit=entry.parents[0] if entry.parents else None,
        base=record.get("base"),
        author=entry.author,
        message=record["message"],
        time=entry.time.astimezone(UTC),
        blocking=record.get("blocking", ()),
        reports=record.get("reports", ()),
        facts=record.get("facts", {}),
    )
