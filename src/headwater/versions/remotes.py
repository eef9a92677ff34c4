"""Other repositories that this one exchanges history with: clone, fetch, pull, push.

A remote is a name for a location. What its branches held when we last looked is kept under ``refs/remotes``, so
that ``origin/main`` is a ref like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from headwater.core.errors import (
    ConcurrentUpdate,
    CorruptObject,
    Diverged,
    NotFound,
    UsageError,
    require_choice,
)
from headwater.core.ids import CommitId, ObjectId, canonical_json
from headwater.core.progress import SILENT, Progress
from headwater.store.graph import compare, merge_base
from headwater.store.lazy import CACHE_BYTES, LazyObjects
from headwater.store.objects import Objects
from headwater.store.reachable import keep_alive
from headwater.store.refs import KINDS, valid_name
from headwater.store.storage import Storage, is_url
from headwater.versions.exchange import Exchanged, bring_proposals, send_proposals
from headwater.versions.gate import bring_gates
from headwater.versions.publish import publish
from headwater.versions.transfer import EVERYTHING, Part, Transferred, copy_history

if TYPE_CHECKING:
    from headwater.versions.repo import MergeResult, Repo

__all__ = [
    "ORIGIN",
    "Fetched",
    "OnDiverged",
    "Pulled",
    "Pushed",
    "RefChange",
    "Remotes",
    "apart",
    "clone",
    "fetch",
    "objects_of_clone",
    "pull",
    "push",
]

OnDiverged = Literal["refuse", "merge", "theirs"]

R = TypeVar("R", bound="Repo")

ORIGIN = "origin"
"""The remote that a clone came from."""

_PATH = "remotes.json"
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RefChange:
    """A ref that a transfer moved: its name, where it was and where it is; None where it is not."""

    name: str
    before: CommitId | None
    after: CommitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch brought: refs that moved, tags that differ from ours and stay, and what was copied.

    ``renumbered`` are proposals of ours whose number was taken there: old number to new.
    """

    remote: str
    changes: tuple[RefChange, ...] = ()
    kept_tags: tuple[str, ...] = ()
    renumbered: dict[int, int] = field(default_factory=dict)
    copied: Transferred = field(default_factory=Transferred)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull did: the fetch, and the merge into the branch."""

    fetched: Fetched
    merged: MergeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push brought to the remote: the refs that moved there, and what was copied.

    ``renumbered`` are proposals of ours whose number was taken there: old number to new.
    """

    remote: str
    changes: tuple[RefChange, ...] = ()
    renumbered: dict[int, int] = field(default_factory=dict)
    copied: Transferred = field(default_factory=Transferred)


class Remotes(Mapping[str, str]):
    """The remotes of a repository: locations by name.

    Credentials are not kept: they come from the environment, as for every location.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getitem__(self, name: str) -> str:
        found = self._read()["remotes"]
        if name not in found:
            raise NotFound.among("remote", name, found)
        return str(found[name])

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._read()["remotes"]))

    def __len__(self) -> int:
        return len(self._read()["remotes"])

    def add(self, name: str, location: str | Path) -> None:
        """Give a location a name.

        Raises
        ------
        UsageError
            If the name is taken or not valid.
        """
        if not valid_name(name) or "/" in name:
            raise UsageError(f"{name!r} is not a valid name of a remote: use letters, digits, and . _ + -.")
        place = str(location) if is_url(str(location)) else str(Path(location).absolute())

        def step(facts: dict[str, Any]) -> None:
            if name in facts["remotes"]:
                raise UsageError(
                    f"There is a remote {name!r} already, at {facts['remotes'][name]}. Remove it first, or choose "
                    "another name.",
                    name=name,
                )
            facts["remotes"][name] = place

        self._change(step)

    def remove(self, name: str) -> None:
        """Forget a remote."""
        self[name]
        self._change(lambda facts: facts["remotes"].pop(name, None))

    @property
    def partial(self) -> tuple[str, Part, int] | None:
        """The remote that a partial clone fetches from when reading, what it holds, and how much it caches."""
        found = self._read().get("partial")
        if found is None:
            return None
        part = {**found["part"], "datasets": tuple(found["part"]["datasets"])}
        return found["remote"], Part(**part), found["cache_bytes"]

    def set_partial(self, remote: str, part: Part, cache_bytes: int) -> None:
        """Note that this is a partial clone."""
        value = {"remote": remote, "part": asdict(part), "cache_bytes": cache_bytes}
        self._change(lambda facts: facts.update(partial=value))

    def _read(self) -> dict[str, Any]:
        version = self._storage.read_version(_PATH)
        return {"remotes": {}} if version is None else self._decoded(version.data)

    def _change(self, step: Any) -> None:
        for _ in range(_ATTEMPTS):
            version = self._storage.read_version(_PATH)
            facts = {"remotes": {}} if version is None else self._decoded(version.data)
            step(facts)
            if self._storage.compare_and_swap(_PATH, canonical_json(facts), version):
                return
        raise ConcurrentUpdate("The list of remotes changed under us. Nothing was lost; try again.")

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            facts = json.loads(data)
            return {**facts, "remotes": dict(facts["remotes"])}
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptObject(
                f"{self._storage.location}/{_PATH} is damaged. Remove it, and add the remotes again."
            ) from error


def objects_of_clone(storage: Storage) -> Objects:
    """Return the objects of a repository, those left out of a partial clone included."""
    from headwater.versions.repo import Repo

    remotes = Remotes(storage)
    partial = remotes.partial
    if partial is None:
        return Objects(storage)
    remote, _, cache_bytes = partial
    return LazyObjects(storage, lambda: Repo.open(remotes[remote]).objects, cache_bytes=cache_bytes)


def clone(
    kind: type[R],
    source: str | Path,
    target: str | Path,
    *,
    datasets: Sequence[str] = (),
    depth: int | None = None,
    lazy: bool = False,
    cache_bytes: int = CACHE_BYTES,
    progress: Progress = SILENT,
    **options: Any,
) -> R:
    """Make a repository with the history of another one.

    A clone that was cut goes on when it is started again.

    Parameters
    ----------
    kind : type
        The class of the repository, `headwater.versions.repo.Repo` or one below it.
    source, target : str or Path
        Locations: directories or URLs, in any combination.
    datasets : sequence of str
        Copy the rows of these only.
    depth : int, optional
        Copy only so many commits back from each branch and tag.
    lazy : bool
        Copy no rows. In a partial clone what is left out is fetched when it is read.
    cache_bytes : int
        How much of what is fetched on reading is kept.
    progress : Progress
        Told of each object.
    **options : Any
        For the target, as for `Repo.init`.

    Raises
    ------
    NotFound
        If there is no repository at the source, or no such dataset in it.
    UsageError
        If there is another repository at the target.
    """
    if depth is not None and depth < 1:
        raise UsageError(f"A clone has at least one commit of each branch: depth is {depth}.")
    there = kind.open(source)
    where = str(source) if is_url(str(source)) else str(Path(source).absolute())
    part = Part(datasets=tuple(datasets), depth=depth, rows=not lazy)
    branch = there.current_branch()
    known = sorted(
        {name for commit in there.refs.names("heads").values() for name in there.commit(commit).datasets}
    )
    for name in datasets:
        if name not in known:
            raise NotFound.among("dataset", name, known, where=where)
    try:
        repo = kind.init(target, branch=branch, **options)
    except UsageError:
        repo = kind.open(target, **options)
        if repo.refs.all_names("heads") or dict(repo.remotes) not in ({}, {ORIGIN: where}):
            raise
    repo.progress = progress
    if ORIGIN not in repo.remotes:
        repo.remotes.add(ORIGIN, where)
    if part != EVERYTHING:
        repo.remotes.set_partial(ORIGIN, part, cache_bytes)
        repo = kind.open(target, **options)
        repo.progress = progress
    fetch(repo)
    head = repo.refs.get("remotes", f"{ORIGIN}/{branch}")
    if head is not None:
        repo.refs.move(
            "heads", branch, head, expected=None, reason=f"clone: from {where}", author=repo.author
        )
    return repo


def fetch(repo: Repo, remote: str = ORIGIN) -> Fetched:
    """Bring the branches and tags of a remote here, as ``REMOTE/BRANCH``; our own branches stay.

    Proposals come along, and what was said on both sides is joined. Branches that are gone there go here, too. A tag
    that means another commit here stays as it is.
    """
    began = monotonic()
    there = _opened(repo, remote)
    heads, tags = there.refs.names("heads"), there.refs.names("tags")
    held = {name.partition("/")[2]: commit for name, commit in repo.refs.names("remotes").items()
            if name.startswith(f"{remote}/")}  # fmt: skip
    ours = repo.refs.names("tags")
    fresh_tags = {name: commit for name, commit in tags.items() if name not in ours}
    moved = {name: commit for name, commit in heads.items() if held.get(name) != commit}
    copied = copy_history(
        list(dict.fromkeys([*moved.values(), *fresh_tags.values()])),
        there.objects,
        repo.objects,
        known=_all_refs(repo),
        part=_part(repo, remote),
        progress=repo.progress,
    )
    for commit in {*moved.values(), *fresh_tags.values()}:
        keep_alive(repo.commit(commit), repo.objects, began)
    changes = [
        RefChange(name=f"{remote}/{name}", before=held.get(name), after=to) for name, to in moved.items()
    ]
    changes += [
        RefChange(name=f"{remote}/{name}", before=commit, after=None)
        for name, commit in held.items()
        if name not in heads
    ]
    for change in changes:
        _track(repo, change.name, change.after, f"fetch: from {remote}")
    for name, commit in fresh_tags.items():
        if repo.refs.move(
            "tags", name, commit, expected=None, reason=f"fetch: from {remote}", author=repo.author
        ):
            changes.append(RefChange(name=name, before=None, after=commit))
    kept = tuple(sorted(name for name, commit in tags.items() if ours.get(name, commit) != commit))
    said = bring_proposals(repo, there, part=_part(repo, remote))
    bring_gates(repo, there)
    return Fetched(
        remote=remote,
        changes=(*changes, *_said(said)),
        kept_tags=kept,
        renumbered=said.renumbered,
        copied=copied + said.copied,
    )


def pull(repo: Repo, remote: str = ORIGIN, *, diverged: OnDiverged = "refuse") -> Pulled:
    """Fetch, and bring the branch we are on forward to that of the remote.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    remote : str
        Which one.
    diverged : {"refuse", "merge", "theirs"}
        What to do where both sides have commits of their own: nothing; merge by key and cell; or take theirs,
        which `Repo.undo` takes back.

    Raises
    ------
    Diverged
        If both sides have commits of their own, and ``diverged`` is "refuse".
    MergeConflict
        If both changed the same cell.
    """
    from headwater.versions.repo import MergeResult

    require_choice("diverged", diverged, get_args(OnDiverged))
    branch = repo.require_branch()
    fetched = fetch(repo, remote)
    name = f"{remote}/{branch}"
    theirs, ours = repo.refs.get("remotes", name), repo.refs.get("heads", branch)
    if theirs is None:
        raise NotFound.among("branch", branch, _branches_of(repo, remote), where=f"remote {remote!r}")
    if ours is None:
        repo.reset(branch, name)
        return Pulled(fetched=fetched, merged=MergeResult(kind="fast-forward", commit=theirs, branch=branch))
    if diverged != "merge" and merge_base(ours, theirs, repo.objects) not in (ours, theirs):
        if diverged == "theirs":
            repo.reset(branch, name)
            return Pulled(fetched=fetched, merged=MergeResult(kind="reset", commit=theirs, branch=branch))
        here, at_remote = apart(repo, ours, theirs)
        raise Diverged(
            f"{branch} and {name} have diverged: {here} commit(s) here, {at_remote} there. `hw pull --merge` merges "
            f"them by key and cell; `hw pull --theirs` takes theirs; `hw diff {name}..{branch}` shows how they differ.",
            branch=branch,
            here=here,
            there=at_remote,
        )
    return Pulled(fetched=fetched, merged=repo.merge(name, into=branch))


def push(
    repo: Repo,
    remote: str = ORIGIN,
    *,
    branches: Sequence[str] = (),
    tags: bool = False,
    force: bool = False,
    delete: bool = False,
    proposals: bool | Literal["only"] = True,
) -> Pushed:
    """Bring branches to a remote, with all they need, and the proposals.

    Parameters
    ----------
    repo : Repo
        The repository.
    remote : str
        Where to.
    branches : sequence of str
        Which; the one we are on by default.
    tags : bool
        All tags, too.
    force : bool
        Move branches there even if commits there are lost from them; the reflog there keeps them for a while.
        Not if they have moved since we last fetched.
    delete : bool
        Delete these branches there instead.
    proposals : bool or "only"
        Bring the proposals there as well, after what was said there was joined into them; or these alone.

    Raises
    ------
    Diverged
        If a branch there has commits that the one here lacks. Nothing is moved.
    GateClosed
        If the gate of a branch there kept the commit out; it waits in quarantine there.
    ConcurrentUpdate
        If somebody else pushed at the same moment.
    """
    there = _opened(repo, remote)
    if proposals == "only":
        said = send_proposals(repo, there, part=_part(repo, remote))
        return Pushed(remote=remote, changes=_said(said), renumbered=said.renumbered, copied=said.copied)
    names = list(branches) or [repo.require_branch()]
    now = there.refs.names("heads")
    wanted: dict[str, CommitId | None] = dict.fromkeys(names)
    ours = now if delete else repo.refs.names("heads")
    for name in names:
        if name not in ours:
            raise NotFound.among("branch", name, ours, where=f"remote {remote!r}" if delete else "")
        wanted[name] = None if delete else ours[name]
    moves = {name: to for name, to in wanted.items() if now.get(name) != to}
    for name, to in moves.items():
        _refuse_loss(repo, remote, name, now.get(name), to, force=force or delete)
    fresh_tags: dict[str, CommitId] = {}
    if tags:
        theirs = there.refs.names("tags")
        fresh_tags = {name: to for name, to in repo.refs.names("tags").items() if theirs.get(name) != to}
        taken = sorted(fresh_tags.keys() & theirs.keys())
        if taken:
            raise UsageError(
                f"Tag {taken[0]!r} means another commit at {remote!r}. Delete or rename one of them."
            )
    began = monotonic()
    roots = list(dict.fromkeys([*(to for to in moves.values() if to), *fresh_tags.values()]))
    copied = copy_history(
        roots,
        repo.objects,
        there.objects,
        known=_all_refs(there),
        progress=repo.progress,
    )
    changes = []
    for root in roots:
        keep_alive(there.commit(root), there.objects, began)
    for kind, refs in (("heads", moves), ("tags", fresh_tags)):
        for name, to in refs.items():
            before = now.get(name) if kind == "heads" else None
            reason = "push: deleted" if to is None else f"push: {repo.commit(to).summary}"
            if not _moved(there, kind, name, before, to, reason, repo.author):
                raise ConcurrentUpdate(
                    f"{name!r} moved at {remote!r} meanwhile. Nothing was lost: fetch, and push again.",
                    name=name,
                )
            changes.append(RefChange(name=name, before=before, after=to))
            if kind == "heads":
                _track(repo, f"{remote}/{name}", to, f"push: to {remote}")
    said = send_proposals(repo, there, part=_part(repo, remote)) if proposals and not delete else Exchanged()
    return Pushed(
        remote=remote,
        changes=(*changes, *_said(said)),
        renumbered=said.renumbered,
        copied=copied + said.copied,
    )


def _moved(
    there: Repo, kind: str, name: str, before: CommitId | None, to: CommitId | None, reason: str, author: str
) -> bool:
    """Move a ref of a remote, a branch through its gate there.

    Rows are not diverted: the commit that goes there shall be the one that is here.
    """
    if kind == "tags" or to is None:
        return there.refs.move(kind, name, to, expected=before, reason=reason, author=author)  # type: ignore[arg-type]
    commit = there.commit(to)
    return (
        publish(there, name, commit, expected=before, reason=reason, divert=False, author=author) is not None
    )


def apart(repo: Repo, ours: CommitId, theirs: CommitId) -> tuple[int, int]:
    """Return how many commits each of two has that the other lacks."""
    found = compare(ours, theirs, repo.objects)
    return len(found.left), len(found.right)


def _said(exchanged: Exchanged) -> tuple[RefChange, ...]:
    return tuple(
        RefChange(name=f"proposal {number}", before=before, after=after)
        for number, before, after in exchanged.changes
    )


def _track(repo: Repo, name: str, to: CommitId | None, reason: str) -> None:
    """Note what a branch of a remote holds."""
    repo.refs.update("remotes", name, lambda _: to, reason=reason, author=repo.author)


def _refuse_loss(
    repo: Repo, remote: str, branch: str, there: CommitId | None, to: CommitId | None, *, force: bool
) -> None:
    """Refuse to take commits away from a branch of a remote, unless forced to, and we know them."""
    if there is None:
        return
    known = repo.refs.get("remotes", f"{remote}/{branch}") == there
    readable = to is not None and (known or repo.objects.is_here(ObjectId(there)))
    if to is not None and readable and merge_base(to, there, repo.objects) == there:
        return
    if force and known:
        return
    why = "has commits that are not here" if not known else "has commits that yours lacks"
    raise Diverged(
        f"Branch {branch!r} at {remote!r} {why}. `hw pull` brings them here first (`hw fetch` only looks)"
        + ("; --force lets them go from the branch there." if known else "."),
        branch=branch,
    )


def _opened(repo: Repo, remote: str) -> Repo:
    location = repo.remotes[remote]
    # A gate there is held by what opens it: the same kind of repository as ours.
    try:
        there = type(repo).open(location)
        there.author = repo.author
        return there
    except NotFound as error:
        raise NotFound(
            f"There is no repository at {location}, the remote {remote!r}. `hw clone . {location}` makes one with "
            f"this history; `hw remote remove {remote}` forgets it.",
            kind="repository",
            name=location,
        ) from error


def _all_refs(repo: Repo) -> list[CommitId]:
    return [commit for kind in KINDS for commit in repo.refs.names(kind).values()]


def _branches_of(repo: Repo, remote: str) -> list[str]:
    start = f"{remote}/"
    return [name.removeprefix(start) for name in repo.refs.names("remotes") if name.startswith(start)]


def _part(repo: Repo, remote: str) -> Part:
    partial = repo.remotes.partial
    return partial[1] if partial and partial[0] == remote else EVERYTHING
