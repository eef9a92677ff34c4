"""A repository: datasets under version control in a directory or a bucket."""

from __future__ import annotations

import copy
import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

from headwater.core.errors import (
    ConcurrentUpdate,
    CorruptObject,
    NotFound,
    ObjectMissing,
    StorageError,
    UsageError,
)
from headwater.core.ids import CommitId, canonical_json
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache
from headwater.store.commit import Commit, load_commit
from headwater.store.graph import ancestors
from headwater.store.manifest import Manifest, load_manifest
from headwater.store.objects import Objects
from headwater.store.refs import RefKind, Refs, valid_name, whoami
from headwater.store.revisions import resolve
from headwater.store.storage import Storage, is_url
from headwater.store.writing import Workshop
from headwater.versions import combine
from headwater.versions.audit import Auditor, Quarantine
from headwater.versions.combine import MergeResult, Rebased
from headwater.versions.decisions import Decisions
from headwater.versions.diff import Diff
from headwater.versions.gate import Gates
from headwater.versions.merge import Resolve
from headwater.versions.pins import find_lock, pinned_commit, read_lock
from headwater.versions.proposals import Proposals
from headwater.versions.publish import publish
from headwater.versions.remotes import (
    ORIGIN,
    Fetched,
    Pulled,
    Pushed,
    Remotes,
    fetch,
    objects_of_clone,
    pull,
    push,
)
from headwater.versions.transaction import Transaction

__all__ = [
    "DEFAULT_BRANCH",
    "FOLDER",
    "CommitHook",
    "Listener",
    "MergeResult",
    "Repo",
    "RepoDiff",
    "is_around",
]

logger = logging.getLogger(__name__)

FOLDER = ".headwater"
DEFAULT_BRANCH = "main"
_FORMAT = 1


class CommitHook(Protocol):
    """Called with each commit before it is published; raising stops it."""

    def __call__(self, repo: Repo, branch: str, commit: Commit) -> None:
        """Let the commit pass, or raise `headwater.core.errors.GateClosed`."""


class Listener(Protocol):
    """Called with what happened at a gate, after it happened; it must not raise."""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Hear of an event: its name, the branch, the commit, and what was found."""


class RepoDiff(Mapping[str, Diff]):
    """What changed between two commits: a `Diff` for each dataset that differs."""

    def __init__(self, base: CommitId | None, head: CommitId, diffs: dict[str, Diff]) -> None:
        self.base, self.head, self._diffs = base, head, diffs

    def __getitem__(self, name: str) -> Diff:
        if name not in self._diffs:
            raise NotFound.among(
                "dataset", name, self._diffs, where="this diff (datasets that did not change are left out)"
            )
        return self._diffs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._diffs)

    def __len__(self) -> int:
        return len(self._diffs)

    def __repr__(self) -> str:
        lines = [f"  {diff!r}" for diff in self._diffs.values()]
        return "\n".join([f"RepoDiff({(self.base or 'nothing')[:12]} → {self.head[:12]})", *lines])


class Repo:
    """A repository, seen from one of its branches or from a fixed ref.

    Make one with `Repo.init` and open it with `Repo.open`.
    """

    def __init__(
        self, storage: Storage, *, executor: Executor | None = None, progress: Progress = SILENT
    ) -> None:
        self.storage = storage
        self.objects = Objects(storage)
        self.refs = Refs(self.objects)
        self.executor: Executor = executor or LocalExecutor()
        self.progress = progress
        self.author = whoami()
        self.hooks: list[CommitHook] = []
        self.cache = Cache(storage)
        self.remotes = Remotes(storage)
        self.ref: str | None = None
        self.branch_name: str | None = None
        self.start: CommitId | None = None
        self.listeners: list[Listener] = []
        self.passes: CommitId | None = None

    @classmethod
    def init(cls, location: str | Path = ".", *, branch: str = DEFAULT_BRANCH, **options: Any) -> Self:
        """Make a repository in a directory or under a URL.

        Parameters
        ----------
        location : str or Path
            A directory (made if need be) or a URL such as ``s3://bucket/prefix`` or ``memory://``.
        branch : str
            Name of the first branch.
        **options : Any
            Credentials and the like, for object stores.

        Raises
        ------
        UsageError
            If there is a repository already.
        """
        repo = cls(_storage(location, options))
        there = UsageError(
            f"There is a repository at {location} already. Open it instead.", location=str(location)
        )
        if repo.storage.exists("headwater.json"):
            raise there
        # What makes it a repository comes last and once, so that a crash or another `init` leaves none by halves.
        repo.storage.write("HEAD", canonical_json({"branch": branch}))
        facts = canonical_json({"format": _FORMAT, "id": uuid.uuid4().hex})
        if not repo.storage.compare_and_swap("headwater.json", facts, None, is_unique=True):
            raise there
        repo.branch_name = branch
        return repo

    @classmethod
    def open(cls, location: str | Path = ".", **options: Any) -> Self:
        """Open the repository at ``location``, or in the nearest directory above it.

        Where there is none in or above the current directory, it is the one that ``headwater.lock`` names.

        Raises
        ------
        NotFound
            If there is none.
        StorageError
            If it was made by a newer version of Headwater.
        """
        lock = find_lock() if str(location) == "." and not is_around(location) else None
        if lock is not None:
            return cls._open_of_lock(lock, options)
        repo = cls(_storage(_above(location), options))
        try:
            facts = json.loads(repo.storage.read("headwater.json"))
        except ObjectMissing as error:
            where = f"at {location}" if is_url(str(location)) else f"in {Path(location).absolute()} or above"
            raise NotFound(
                f"There is no repository {where}. `hw init` makes one; `hw -C PATH` names another place.",
                kind="repository",
                name=str(location),
            ) from error
        if facts["format"] > _FORMAT:
            raise StorageError(
                f"The repository at {location} has format {facts['format']}; this Headwater reads up to {_FORMAT}. "
                "Install a newer version."
            )
        repo.branch_name = repo.current_branch()
        if repo.remotes.partial is not None:
            repo.objects = objects_of_clone(repo.storage)
            repo.refs = Refs(repo.objects)
        return repo

    @classmethod
    def _open_of_lock(cls, path: Path, options: Mapping[str, Any]) -> Self:
        """Open the repository that a lock file names, or the one which that was cloned from."""
        lock = read_lock(path)
        for place in lock.places(path):
            try:
                return cls.open(place, **options)
            except NotFound as error:
                if error.facts.get("kind") != "repository":
                    raise
        where = lock.origin or lock.repository
        raise NotFound(
            f"There is no repository at {where}, which {path} names. "
            + (
                f"`hw clone {lock.origin} DIR` gets a copy."
                if lock.origin
                else "Ask who wrote it for a copy."
            ),
            kind="repository",
            name=where,
        )

    def current_branch(self) -> str:
        """Return the branch that `switch` made current, for everybody who opens the repository.

        Raises
        ------
        CorruptObject
            If the file that says so is damaged.
        """
        data = self.storage.read("HEAD")
        try:
            return str(json.loads(data)["branch"])
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptObject(
                f'{self.storage.location}/HEAD is damaged. Write {{"branch":"{DEFAULT_BRANCH}"}} into it, or the '
                "name of another branch."
            ) from error

    def __repr__(self) -> str:
        where = f"at {self.ref}" if self.ref else f"on branch {self.branch_name}"
        datasets = ", ".join(f"{name} ({self[name].num_rows:,} rows)" for name in self.datasets())
        return f"Repo({self.storage.location!r}, {where}: {datasets or 'no datasets'})"

    # Where we are

    @property
    def head(self) -> CommitId | None:
        """The commit we are at; None in a repository without commits."""
        if self.ref is not None:
            return self.resolve(self.ref)
        assert self.branch_name is not None
        return self.refs.get("heads", self.branch_name) or self.start

    def resolve(self, ref: str, *, dataset: str | None = None) -> CommitId:
        """Return the commit that a ref expression names; see `headwater.store.revisions.resolve`.

        Parameters
        ----------
        ref : str
            The expression.
        dataset : str, optional
            The dataset whose pin ``PIN`` means; it may be left out where all are pinned at one commit.
        """
        head = (
            self.start
            if self.ref
            else self.refs.get("heads", self.branch_name or DEFAULT_BRANCH) or self.start
        )
        return resolve(
            ref,
            refs=self.refs,
            objects=self.objects,
            head=head,
            pin=lambda: pinned_commit(self, dataset),
        )

    def at(self, ref: str, *, dataset: str | None = None) -> Self:
        """Return the repository as it was at ``ref``, for reading; ``dataset`` as in `resolve`."""
        view = copy.copy(self)
        commit = self.resolve(ref, dataset=dataset)
        view.ref, view.branch_name, view.start = commit, None, commit
        return view

    def branch(self, name: str, start: str | None = None) -> Self:
        """Return the repository at branch ``name``; a new branch starts at ``start``, or here.

        The branch comes to be with its first commit, or with `create_branch`.
        """
        view = copy.copy(self)
        view.start = self.resolve(start) if start else self.head
        view.ref, view.branch_name = None, name
        return view

    def orphan(self, name: str) -> Self:
        """Return the repository at a branch that shares no history with the data; a new one begins empty."""
        view = self.branch(name)
        view.start = None
        return view

    def require_branch(self) -> str:
        """Return the branch we are on.

        Raises
        ------
        UsageError
            If we look at a fixed commit.
        """
        if self.branch_name is None:
            raise UsageError(
                f"This is the repository as it was at {str(self.ref)[:12]}, which cannot change. "
                "Commit to a branch: repo.branch(name)."
            )
        return self.branch_name

    # Datasets

    def datasets(self) -> list[str]:
        """Return the names of the datasets here."""
        head = self.head
        return sorted(self.commit(head).datasets) if head else []

    def __contains__(self, name: object) -> bool:
        return name in self.datasets()

    def __getitem__(self, name: str) -> Dataset:
        head = self.head
        manifest = self.manifest(name, head)
        if manifest is None:
            where = f"commit {self.ref[:12]}" if self.ref else f"branch {self.branch_name!r}"
            raise NotFound.among("dataset", name, self.datasets(), where=where)
        return Dataset(
            name,
            manifest,
            commit=head,
            objects=self.objects,
            executor=self.threads,
            at=lambda ref: self.at(ref, dataset=name)[name],
        )

    def pinned(self, name: str, *, lock: str | Path | None = None) -> Dataset:
        """Return a dataset at the commit at which ``headwater.lock`` pins it, verified by its fingerprint.

        Parameters
        ----------
        name : str
            The dataset.
        lock : str or Path, optional
            The file; the nearest one at or above the current directory by default.

        Raises
        ------
        NotFound
            If there is no lock file, no such pin in it, or the commit is not in this repository.
        UsageError
            If what is there is not what was pinned.
        """
        return self.at(pinned_commit(self, name, None if lock is None else Path(lock)))[name]

    def manifest(self, name: str, commit: CommitId | None) -> Manifest | None:
        """Return the manifest of a dataset at a commit; None if it is not there."""
        if commit is None:
            return None
        found = self.commit(commit).datasets.get(name)
        return None if found is None else load_manifest(found, self.objects)

    # History

    def commit(self, ref: str) -> Commit:
        """Return the commit that ``ref`` names."""
        full = len(ref) == 64
        return load_commit(CommitId(ref) if full else self.resolve(ref), self.objects)

    def log(self, ref: str | None = None) -> Iterator[Commit]:
        """Yield the commits from ``ref`` (here by default) back to the first, newest first."""
        start = self.head if ref is None else self.resolve(ref)
        if start is not None:
            yield from ancestors(start, self.objects)

    def diff(self, base: str | None = None, head: str | None = None) -> RepoDiff:
        """Return what changed from ``base`` (the parent of ``head`` by default) to ``head`` (here)."""
        new = self.commit(self.resolve(head) if head else self._require_head())
        old_id = self.resolve(base) if base else (new.parents[0] if new.parents else None)
        old = self.commit(old_id).datasets if old_id else {}
        diffs = {}
        for name in sorted(old.keys() | new.datasets.keys()):
            if old.get(name) != new.datasets.get(name):
                diff = Diff(
                    name,
                    self.manifest(name, old_id),
                    self.manifest(name, new.id),
                    self.objects,
                    self.threads,
                )
                if diff:
                    diffs[name] = diff
        return RepoDiff(old_id, new.id, diffs)

    @property
    def threads(self) -> LocalExecutor:
        """What reads, writes and compares here, wherever the ``executor`` does the work on chunks.

        Rows on their way to or from this process gain nothing by a way over others.
        """
        return self.executor if isinstance(self.executor, LocalExecutor) else LocalExecutor()

    def notes(self, commit: CommitId) -> Cache:
        """Return what is kept beside a commit: findings, verdicts; they never change its id."""
        return Cache(self.storage, f"notes/{commit}/")

    # Change

    @property
    def workshop(self) -> Workshop:
        """What writing needs."""
        return Workshop(self.objects, self.threads, self.progress)

    def transaction(self, message: str, **options: Any) -> Transaction:
        """Begin a change that becomes one commit; see `headwater.versions.transaction.Transaction`."""
        return Transaction(self, message, **options)

    def run_hooks(self, branch: str, commit: Commit) -> None:
        """Ask every hook whether the commit may be published to the branch."""
        for hook in self.hooks:
            hook(self, branch, commit)

    @property
    def auditor(self) -> Auditor | None:
        """What judges commits for gates; the layers above have one."""
        return None

    @property
    def gates(self) -> Gates:
        """The gates of branches; see `headwater.versions.gate`."""
        return Gates(self)

    @property
    def quarantine(self) -> Quarantine:
        """The commits and files that wait because a gate or an import did not take them."""
        return Quarantine(self)

    def letting_pass(self, commit: CommitId) -> Self:
        """Return the repository as it is, but gates let this commit through."""
        view = copy.copy(self)
        view.passes = commit
        return view

    def tell(self, event: str, *, commit: Commit | None = None, **facts: Any) -> None:
        """Tell every listener what happened."""
        about = {} if commit is None else {"commit": commit.id, "message": commit.message}
        branch = {} if self.branch_name is None else {"branch": self.branch_name}
        heard = {
            "event": event,
            "repository": self.storage.location,
            "time": datetime.now(UTC).isoformat(),
            "author": self.author,
            **branch,
            **about,
            **facts,
        }
        for listener in self.listeners:
            listener(heard)

    def branches(self) -> dict[str, CommitId]:
        """Return the branches with their commits."""
        return self.refs.names("heads")

    def tags(self) -> dict[str, CommitId]:
        """Return the tags with their commits."""
        return self.refs.names("tags")

    def create_branch(self, name: str, start: str | None = None) -> CommitId:
        """Make a branch at ``start`` (here by default).

        Raises
        ------
        UsageError
            If there is such a branch, or the name is not valid.
        """
        return self._create("heads", name, start)

    def create_tag(self, name: str, ref: str | None = None) -> CommitId:
        """Make a tag at ``ref`` (here by default)."""
        return self._create("tags", name, ref)

    def delete_branch(self, name: str, *, force: bool = False) -> CommitId:
        """Delete a branch and return where it was; `undo` brings it back until garbage collection.

        Raises
        ------
        UsageError
            If we are on it, or it has a gate and ``force`` is not given.
        """
        if not force and self.refs.get("gates", name) is not None:
            raise UsageError(
                f"Branch {name!r} has a gate, so others rely on it. Delete it all the same with force=True (--force), "
                f"or take the gate away first: hw gate remove {name}.",
                name=name,
            )
        if name in (self.branch_name, self.current_branch()):
            raise UsageError(f"Branch {name!r} is the one we are on. Switch to another first.", name=name)
        return self._delete("heads", name)

    def delete_tag(self, name: str) -> CommitId:
        """Delete a tag and return where it was."""
        return self._delete("tags", name)

    def switch(self, name: str) -> None:
        """Make ``name`` the repository's current branch, for everybody who opens it."""
        if self.refs.get("heads", name) is None and not (self.head is None and name == self.branch_name):
            raise NotFound.among("branch", name, self.branches())
        self.storage.write("HEAD", canonical_json({"branch": name}))
        self.branch_name, self.ref, self.start = name, None, None

    def merge(
        self,
        source: str,
        *,
        into: str | None = None,
        message: str | None = None,
        fast_forward: bool = True,
        resolve: Resolve | Decisions | None = None,
    ) -> MergeResult:
        """Merge a ref into a branch, by key and cell; see `headwater.versions.combine.merge`."""
        return combine.merge(
            self, source, into=into, message=message, fast_forward=fast_forward, resolve=resolve
        )

    def revert(self, ref: str, *, message: str | None = None) -> CommitId:
        """Undo the change of one commit by a new commit; see `headwater.versions.combine.revert`."""
        return combine.revert(self, ref, message=message)

    def cherry_pick(
        self, ref: str, *, message: str | None = None, resolve: Resolve | Decisions | None = None
    ) -> CommitId:
        """Make the change of one commit here, too; see `headwater.versions.combine.cherry_pick`."""
        return combine.cherry_pick(self, ref, message=message, resolve=resolve)

    def rebase(self, onto: str, *, resolve: Resolve | Decisions | None = None) -> Rebased:
        """Make the commits of our branch anew on top of ``onto``; see `headwater.versions.combine.rebase`."""
        return combine.rebase(self, onto, resolve=resolve)

    def undo(self, branch: str | None = None) -> CommitId | None:
        """Move a branch (the current one by default) back to where it was before its last move.

        Undoing again goes further back. A deleted branch comes back. A state that the branch took since its gate was
        set has passed; an older one is judged.

        Returns
        -------
        CommitId or None
            Where the branch is now; None if it did not exist then.

        Raises
        ------
        UsageError
            If there is no earlier state.
        GateClosed
            If the gate of the branch does not take that state.
        """
        name = branch or self.require_branch()
        moves = self.refs.reflog("heads", name)
        now = self.refs.get("heads", name)
        undone = 0
        for move in moves:
            if move.reason.startswith("undo"):
                undone += 1
            elif undone:
                undone -= 1
            else:
                before = next(moves, None)
                target = before.commit if before else None
                reason = f"undo {move.reason}"
                gate = self.refs.last_move("gates", name)
                is_older = gate is not None and before is not None and before.time < gate.time
                if target is not None and gate is not None and gate.commit is not None and is_older:
                    self._publish(name, target, expected=now, reason=reason)
                else:
                    self.refs.require_move(
                        "heads", name, target, expected=now, reason=reason, author=self.author
                    )
                return target
        raise UsageError(f"Branch {name!r} has no earlier state to go back to.", name=name)

    def reset(self, branch: str, ref: str) -> CommitId:
        """Make a branch point to ``ref``; what it held stays in the reflog."""
        target = self.resolve(ref)
        self._publish(branch, target, expected=self.refs.get("heads", branch), reason=f"reset to {ref}")
        return target

    # Review

    @property
    def proposals(self) -> Proposals:
        """The proposals to bring one branch into another, by number."""
        return Proposals(self)

    # Other repositories

    def fetch(self, remote: str = ORIGIN) -> Fetched:
        """Bring the branches and tags of a remote here; see `headwater.versions.remotes.fetch`."""
        return fetch(self, remote)

    def pull(self, remote: str = ORIGIN, **options: Any) -> Pulled:
        """Fetch, and bring our branch forward; see `headwater.versions.remotes.pull`."""
        return pull(self, remote, **options)

    def push(self, remote: str = ORIGIN, **options: Any) -> Pushed:
        """Bring branches to a remote; see `headwater.versions.remotes.push`."""
        return push(self, remote, **options)

    # Private

    def _publish(self, branch: str, target: CommitId, *, expected: CommitId | None, reason: str) -> None:
        """Move a branch to a commit that is there, through its gate."""
        done = publish(self, branch, self.commit(target), expected=expected, reason=reason, divert=False)
        if done is None:
            raise ConcurrentUpdate(
                f"{branch!r} moved meanwhile. Nothing was changed; run the same command again.", name=branch
            )

    def _require_head(self) -> CommitId:
        return self.head or self.resolve("HEAD")

    def _create(self, kind: RefKind, name: str, start: str | None) -> CommitId:
        target = self.resolve(start) if start else self._require_head()
        noun = "branch" if kind == "heads" else "tag"
        reason = f"{noun}: created"
        if kind == "heads" and self.refs.get(kind, name) is None and valid_name(name):
            there = self.commit(target)
            done = publish(self, name, there, expected=None, reason=reason, divert=False) is not None
        else:
            done = self.refs.move(kind, name, target, expected=None, reason=reason, author=self.author)
        if not done:
            raise UsageError(
                f"There is a {noun} {name!r} already. Delete it first, or choose another name.", name=name
            )
        return target

    def _delete(self, kind: RefKind, name: str) -> CommitId:
        now = self.refs.get(kind, name)
        if now is None:
            raise NotFound.among("branch" if kind == "heads" else "tag", name, self.refs.names(kind))
        self.refs.require_move(kind, name, None, expected=now, reason="deleted", author=self.author)
        return now


def _storage(location: str | Path, options: Mapping[str, Any]) -> Storage:
    text = str(location)
    if text == "memory://":
        return Storage(text, **options)
    return Storage(f"{text.rstrip('/')}/{FOLDER}" if is_url(text) else Path(location) / FOLDER, **options)


def is_around(location: str | Path = ".") -> bool:
    """Say whether a directory, or one above it, holds a repository; of a URL it is taken for granted."""
    return is_url(str(location)) or (Path(_above(location)) / FOLDER / "headwater.json").exists()


def _above(location: str | Path) -> str | Path:
    """Return the nearest directory at or above ``location`` that holds a repository."""
    if is_url(str(location)):
        return location
    here = Path(location).absolute()
    return next(
        (folder for folder in (here, *here.parents) if (folder / FOLDER / "headwater.json").exists()), here
    )
