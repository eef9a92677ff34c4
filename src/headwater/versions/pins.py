"""Pins: the file ``headwater.lock`` beside the code says which version of which dataset the code uses.

It is TOML, sorted, a line a fact, so that a change of the data shows in the diff of the code. Paths are relative to
the file; what else one machine has that another lacks is not in it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headwater.core.errors import InputError, NotFound, ObjectMissing, UsageError
from headwater.core.ids import CommitId
from headwater.store.storage import is_url

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = [
    "LOCK",
    "Lock",
    "Pin",
    "PinState",
    "compare",
    "find_lock",
    "new_lock_path",
    "parse_lock",
    "pin",
    "pin_state",
    "pinned_commit",
    "place_of",
    "read_lock",
]

LOCK = "headwater.lock"
"""The file's name."""

_VERSION = 1
_HEADER = "# The data that this code uses. `hw pin` writes this file; commit it with the code.\n"
_COMMIT = re.compile(r"[0-9a-f]{64}")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The version of a dataset that the code uses: the commit to read it at, and what is to be found there."""

    commit: CommitId
    fingerprint: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What ``headwater.lock`` says.

    Parameters
    ----------
    repository : str
        Where the repository is: a URL, or a path relative to the file.
    origin : str
        The URL that the repository was cloned from, for those who have no copy yet; may be empty.
    pins : mapping of str to Pin
        The version of each dataset.
    """

    repository: str
    origin: str = ""
    pins: Mapping[str, Pin] = field(default_factory=dict)

    def __getitem__(self, dataset: str) -> Pin:
        if dataset not in self.pins:
            raise NotFound.among("pin", dataset, self.pins, where=f"{LOCK} (`hw pin` adds one)")
        return self.pins[dataset]

    def to_text(self) -> str:
        """Return the file's text; equal locks have equal texts."""
        lines = [_HEADER + f"version = {_VERSION}", f"repository = {_quoted(self.repository)}"]
        if self.origin:
            lines.append(f"origin = {_quoted(self.origin)}")
        for name in sorted(self.pins):
            pinned = self.pins[name]
            lines += [
                f"\n[datasets.{name if _BARE.fullmatch(name) else _quoted(name)}]",
                f"commit = {_quoted(pinned.commit)}",
                f"fingerprint = {_quoted(pinned.fingerprint)}",
                f"rows = {pinned.rows}",
            ]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write the file, all or nothing."""
        half = path.with_name(f".{path.name}.{os.getpid()}")
        half.write_text(self.to_text(), encoding="utf-8")
        half.replace(path)

    def places(self, path: Path) -> Iterator[str]:
        """Yield where the repository may be found, given where the file is."""
        for place in filter(None, (self.repository, self.origin)):
            yield place if is_url(place) else os.path.normpath(path.parent.absolute() / place)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinState:
    """How a pin stands against the repository.

    ``state`` is ``current``, ``differs`` (the branch holds another version), ``gone`` (the branch holds no such
    dataset), ``missing`` (the pinned commit is not in the repository) or ``damaged`` (what it holds there is not
    what the fingerprint says).
    """

    dataset: str
    pin: Pin
    state: Literal["current", "differs", "gone", "missing", "damaged"]
    message: str


def find_lock(start: Path | None = None) -> Path | None:
    """Return the ``headwater.lock`` in a folder (the current one by default), or the nearest one above it.

    The search ends at the top of the git work tree, if the folder is in one.
    """
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / LOCK).is_file():
            return folder / LOCK
        if (folder / ".git").exists():
            return None
    return None


def new_lock_path(start: Path | None = None) -> Path:
    """Return where a new ``headwater.lock`` belongs: at the top of the git work tree, or in the folder."""
    here = (start or Path.cwd()).absolute()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here) / LOCK


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises
    ------
    NotFound
        If it is not there.
    InputError
        If it is no lock file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no {path.name} in {path.parent}. `hw pin` writes one.", kind="lock", name=str(path)
        ) from error
    return parse_lock(data, str(path))


def parse_lock(data: bytes, name: str = LOCK) -> Lock:
    """Read the text of a lock file; ``name`` is what errors call it.

    Raises
    ------
    InputError
        If it is damaged, holds the marks of an unfinished merge, or is of a newer version.
    """
    if re.search(rb"^(<{7}|>{7}) ", data, re.MULTILINE):
        raise InputError(
            f"{name} holds both sides of an unfinished merge. Keep one of them, or run `git checkout --ours` on it "
            "and then `hw pin`.",
            path=name,
        )
    try:
        value = tomllib.loads(data.decode())
        version = value["version"]
        if isinstance(version, int) and version > _VERSION:
            raise InputError(
                f"{name} has version {version}; this Headwater reads up to {_VERSION}. Install a newer version.",
                path=name,
            )
        pins = {dataset: _pin(facts) for dataset, facts in value.get("datasets", {}).items()}
        return Lock(repository=_text(value["repository"]), origin=_text(value.get("origin", "")), pins=pins)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{name} cannot be read: {reason}. `git checkout` brings an earlier one back; removed, `hw pin` "
            "writes it anew.",
            path=name,
        ) from error


def pin(repo: Repo, datasets: Collection[str], *, ref: str | None = None) -> dict[str, Pin]:
    """Return pins of datasets as they are at a ref, here by default.

    Raises
    ------
    NotFound
        If there is no such dataset.
    UsageError
        If there is no commit to pin.
    """
    there = repo.at(ref) if ref else repo
    commit = there.head
    if commit is None:
        raise UsageError("There is no commit to pin yet. `hw import FILE` makes the first.")
    pins = {}
    for name in datasets:
        dataset = there[name]
        pins[name] = Pin(commit=commit, fingerprint=dataset.fingerprint, rows=dataset.num_rows)
    return pins


def compare(
    repo: Repo, lock: Lock, datasets: Collection[str] = (), *, ref: str | None = None
) -> list[PinState]:
    """Hold pins against what a ref (here by default) holds now.

    Parameters
    ----------
    repo : Repo
        The repository.
    lock : Lock
        The pins.
    datasets : collection of str
        Those to compare; all by default.
    ref : str, optional
        What to compare with.
    """
    there = repo.at(ref) if ref else repo
    where = ref or repo.branch_name or "HEAD"
    return [pin_state(repo, name, lock[name], there, where) for name in (datasets or sorted(lock.pins))]


def pin_state(repo: Repo, name: str, pinned: Pin, there: Repo | None = None, where: str = "") -> PinState:
    """Hold one pin against the commit that it names, and against what ``there`` has, which is called ``where``."""

    def state(kind: Literal["current", "differs", "gone", "missing", "damaged"], message: str) -> PinState:
        return PinState(dataset=name, pin=pinned, state=kind, message=message)

    short = pinned.commit[:_SHORT]
    try:
        manifest = repo.manifest(name, pinned.commit)
    except ObjectMissing:
        return state(
            "missing",
            f"Commit {short}, at which {LOCK} pins {name!r}, is not in {repo.storage.location}. `hw fetch` brings "
            "what others have pushed; `hw pin` pins what is here.",
        )
    if manifest is None or str(manifest.fingerprint) != pinned.fingerprint or manifest.rows != pinned.rows:
        return state(
            "damaged",
            f"Dataset {name!r} at commit {short} is not what {LOCK} says it is. The file was edited, or merged, by "
            f"hand: `hw pin {name} --ref REF` pins it anew.",
        )
    now = None if there is None else there.manifest(name, there.head)
    if there is None:
        return state("current", f"{name} is pinned at {short}.")
    if now is None:
        return state("gone", f"{where} has no dataset {name!r} any more, which is pinned at {short}.")
    facts = [(m.fingerprint, m.schema, m.key, m.contract, dict(m.tags)) for m in (manifest, now)]
    if facts[0] == facts[1]:
        return state("current", f"{name} is pinned at {short}, as {where} has it.")
    if manifest.fingerprint == now.fingerprint:
        what = "the same rows, but other columns, another key or contract"
    else:
        what = f"{now.rows:,} row(s), other than these {manifest.rows:,}"
    return state("differs", f"{name} is pinned at {short}; {where} has {what}.")


def pinned_commit(repo: Repo, dataset: str | None, lock: Path | None = None) -> CommitId:
    """Return the commit at which ``headwater.lock`` pins a dataset, or, without one, all of its datasets.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str, optional
        Its name.
    lock : Path, optional
        The file; the nearest one at or above the current directory by default.

    Raises
    ------
    NotFound
        If there is no lock file, no such pin in it, or the commit is not in the repository.
    UsageError
        If the datasets are pinned at different commits, or what is there is not what was pinned.
    """
    path = lock or find_lock()
    if path is None:
        raise NotFound(
            f"There is no {LOCK} in {Path.cwd()} or above. `hw pin` writes one.", kind="lock", name=LOCK
        )
    found = read_lock(path)
    if dataset is None:
        commits = {entry.commit for entry in found.pins.values()}
        if len(commits) == 1:
            return pinned_commit(repo, min(found.pins), path)
        listed = ", ".join(f"{name}@PIN" for name in sorted(found.pins))
        reason = "pins datasets at different commits. Name one" if commits else "pins nothing. Pin one"
        raise UsageError(f"{path.name} {reason}: {listed or '`hw pin DATASET`'}.", path=str(path))
    state = pin_state(repo, dataset, found[dataset])
    if state.state == "missing":
        raise NotFound(state.message, kind="commit", name=state.pin.commit)
    if state.state == "damaged":
        raise UsageError(state.message, dataset=dataset)
    return state.pin.commit


def place_of(repo: Repo, lock: Path) -> str:
    """Return how a lock file names a repository: by its URL, or by the path from the file to it."""
    root = repo.storage.root
    if root is None:
        return repo.storage.location.rpartition("/")[0]
    return Path(os.path.relpath(root.parent, lock.parent)).as_posix()


def _pin(facts: Mapping[str, Any]) -> Pin:
    commit, rows = _text(facts["commit"]), facts["rows"]
    if not _COMMIT.fullmatch(commit):
        raise TypeError(f"{commit!r} is no commit id of 64 digits")
    if type(rows) is not int or rows < 0:
        raise TypeError(f"{rows!r} is no number of rows")
    return Pin(commit=CommitId(commit), fingerprint=_text(facts["fingerprint"]), rows=rows)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _quoted(text: str) -> str:
    """Return a text as TOML writes it: as JSON does, but for one control character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} is no Unicode text, and cannot be written to {LOCK}.") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
