"""Watch a folder or a prefix of a bucket, and import what arrives, each file once.

What was imported is known from the provenance of the commits, those that wait in quarantine included: there is no
other state that could disagree with the data after a crash. The place is polled: that works the same for a folder, a
network share and a bucket, of which only the first could say by itself that something came.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from blake3 import blake3

from headwater.core.errors import (
    ConcurrentUpdate,
    GateClosed,
    HeadwaterError,
    InputError,
    MergeConflict,
    ObjectMissing,
    StorageError,
    UsageError,
)
from headwater.core.ids import CommitId, canonical_json, digest
from headwater.store.storage import Storage, is_url
from headwater.versions.importing import ImportResult, import_data

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Arrival", "Watch", "WatchEvent"]

_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".swp", "~")
_PIECE = 1 << 20
_REFUSED = "refused"

EventKind = Literal["imported", "unchanged", "quarantined", "refused", "resumed", "waiting", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that came: its name below the place, size, and a stamp that changes when it does."""

    name: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """What a watch did: imported a file, found nothing new in it, had it quarantined, refused it, or ended."""

    event: EventKind
    path: str = ""
    commit: str | None = None
    rows: int = 0
    added: int = 0
    changed: int = 0
    quarantined: int = 0
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-able values."""
        names = ("event", "path", "commit", "rows", "added", "changed", "quarantined", "message")
        return {name: getattr(self, name) for name in names} | dict(self.facts)


class Watch:
    """Imports what arrives at a place into a dataset, through the gate of the branch.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    place : str or Path
        A folder, or a URL such as ``s3://bucket/incoming``.
    dataset : str
        The dataset; it is made with the first file.
    key : str or sequence of str, optional
        The key columns of a new dataset.
    mode : {"append", "upsert"}, optional
        Whether files hold further rows, or new and changed ones; ``upsert`` by default if there is a key.
    done_folder : str or Path, optional
        Where files go once they are imported; those that are refused go to ``refused`` below it.
    settle_s : float
        How long a file must not have changed to pass for complete. Objects of a bucket always are.
    clock : callable
        The time in seconds since 1970.
    **importing : Any
        Passed to `headwater.versions.importing.import_data`.

    Raises
    ------
    UsageError
        If the place is no folder, or a bucket shall have a done folder.
    """

    def __init__(
        self,
        repo: Repo,
        place: str | Path,
        dataset: str,
        *,
        key: Any = None,
        mode: Literal["append", "upsert"] | None = None,
        done_folder: str | Path | None = None,
        settle_s: float = 2.0,
        clock: Callable[[], float] = time.time,
        **importing: Any,
    ) -> None:
        self.repo, self.dataset, self.settle_s = repo, dataset, settle_s
        self.branch = repo.require_branch()
        self.is_remote = is_url(str(place))
        self.place = str(place).rstrip("/") if self.is_remote else str(Path(place).absolute())
        self.done = None if done_folder is None else Path(done_folder).absolute()
        if self.is_remote and self.done is not None:
            raise UsageError("A done folder goes with a folder; objects of a bucket stay where they are.")
        if not self.is_remote and not Path(self.place).is_dir():
            raise UsageError(f"There is no folder {self.place} to watch.", path=self.place)
        self._storage = Storage(self.place) if self.is_remote else None
        self._clock = clock
        self._importing = {**importing, **({} if key is None else {"key": key})}
        self._mode = mode
        self._known: dict[str, dict[str, str]] = {}
        self._read_to: CommitId | None = None
        self._seen: dict[str, tuple[str, float]] = {}
        self._refused: set[tuple[str, str]] = set()
        self._has_begun = False

    def run(
        self, *, every_s: float = 30.0, once: bool = False, stop: threading.Event | None = None
    ) -> Iterator[WatchEvent]:
        """Yield what happens until ``stop`` is set, or all that is there was looked at.

        Parameters
        ----------
        every_s : float
            Seconds between two looks.
        once : bool
            End once nothing is left; a file that is still being written is waited for.
        stop : threading.Event, optional
            Ends the watch after the file that is being imported.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            wait_s = min(every_s, self.settle_s) if once else every_s
            try:
                for event in self.look():
                    yield event
                    if stop.is_set():
                        break
            except (StorageError, ConcurrentUpdate, OSError) as error:
                if once:
                    raise
                yield WatchEvent(event="waiting", message=str(error))
            if once and not self._seen:
                break
            stop.wait(wait_s)
        yield WatchEvent(event="stopped")

    def look(self) -> Iterator[WatchEvent]:
        """Look once: import what is new and complete, and yield what came of each file."""
        if not self._has_begun:
            yield from self._resumed()
            self._has_begun = True
        self._learn()
        for arrival in sorted(self._complete(), key=lambda one: (one.stamp, one.name)):
            known = self._known.get(arrival.name, {})
            if arrival.stamp in known.values():
                self._put_away(arrival)
                continue
            try:
                with self._fetched(arrival) as (path, content):
                    if content in known:
                        known[content] = arrival.stamp
                        self._put_away(arrival)
                        continue
                    event = self._import(arrival, path, content)
            except (FileNotFoundError, ObjectMissing):
                continue  # somebody took it away
            self._known.setdefault(arrival.name, {})[content] = arrival.stamp
            if event.event == _REFUSED:
                self._put_away(arrival, refused=event.message)
            else:
                self._put_away(arrival)
            yield event

    def _import(self, arrival: Arrival, path: str, content: str) -> WatchEvent:
        where = f"{self.place}/{arrival.name}"
        facts = {"name": arrival.name, "size": arrival.size, "stamp": arrival.stamp, "hash": content}
        try:
            done: ImportResult = import_data(
                self.repo,
                self.dataset,
                path,
                mode=self._mode_now(),
                origin=where,
                watch=self.place,
                arrival=facts,
                message=f"Import {arrival.name} into {self.dataset}",
                **self._importing,
            )
        except GateClosed as closed:
            return WatchEvent(
                event="quarantined",
                path=where,
                commit=closed.facts.get("commit"),
                message=closed.message,
                facts={"findings": closed.facts.get("findings", [])},
            )
        except (StorageError, ConcurrentUpdate):
            raise
        except (InputError, UsageError, MergeConflict) as error:
            self._refuse(arrival, where, content, error)
            return WatchEvent(event="refused", path=where, message=error.message)
        return WatchEvent(
            event="imported" if done.is_new else "unchanged",
            path=where,
            commit=done.commit,
            rows=done.rows,
            added=done.added,
            changed=done.changed,
            quarantined=done.quarantined,
        )

    def _refuse(self, arrival: Arrival, where: str, content: str, error: HeadwaterError) -> None:
        name = digest(canonical_json([self.place, self.dataset, self.branch, arrival.name, content]))
        facts = {
            "path": where,
            "error": error.message,
            "watch": self.place,
            "dataset": self.dataset,
            "arrival": {"name": arrival.name, "stamp": arrival.stamp, "hash": content},
        }
        self.repo.quarantine.refuse(
            name, branch=self.branch, message=f"Import {arrival.name} into {self.dataset}", facts=facts
        )

    def _mode_now(self) -> Literal["append", "upsert"]:
        if self._mode is not None:
            return self._mode
        there = self.repo.manifest(self.dataset, self.repo.head)
        has_key = bool(self._importing.get("key") if there is None else there.key)
        return "upsert" if has_key else "append"

    # What is known

    def _resumed(self) -> Iterator[WatchEvent]:
        """Bring in the commits of an earlier watch that died before their audit had ended."""
        for one in self.repo.quarantine.waiting(self.branch):
            if one.state != "auditing" or one.commit is None:
                continue
            provenance = self.repo.commit(one.commit).to_dict()["provenance"]
            if not self._is_ours(provenance["parameters"]):
                continue
            path = f"{self.place}/{provenance['record']['arrival']['name']}"
            try:
                done = self.repo.quarantine.release(one.id)
            except GateClosed as closed:
                yield WatchEvent(
                    event="quarantined",
                    path=path,
                    commit=one.commit,
                    message=closed.message,
                    facts={"findings": closed.facts.get("findings", [])},
                )
            else:
                yield WatchEvent(event="resumed", path=path, commit=done)

    def _learn(self) -> None:
        """Read which files were imported from commits that are new since we looked, and from quarantine."""
        head = self.repo.head
        if head is not None and head != self._read_to:
            for commit in self.repo.log():
                if commit.id == self._read_to:
                    break
                self._note(commit.provenance.parameters, commit.provenance.record)
            self._read_to = head
        refused = set()
        for one in self.repo.quarantine.entries():
            if one.branch != self.branch:
                continue
            if one.commit is not None:
                provenance = self.repo.commit(one.commit).provenance
                self._note(provenance.parameters, provenance.record)
            elif "provenance" in one.facts:
                self._note(one.facts["provenance"]["parameters"], one.facts["provenance"]["record"])
            elif self._is_ours(one.facts):
                self._note(one.facts, one.facts)
                refused.add((one.facts["arrival"]["name"], one.facts["arrival"]["hash"]))
        self._forget(refused)

    def _forget(self, refused: set[tuple[str, str]]) -> None:
        """Try files again whose entry among the refused was taken away since."""
        for name, content in self._refused - refused:
            self._known.get(name, {}).pop(content, None)
        self._refused = refused

    def _note(self, parameters: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        if self._is_ours(parameters) and "arrival" in record:
            arrival = record["arrival"]
            self._known.setdefault(arrival["name"], {}).setdefault(arrival["hash"], arrival["stamp"])

    def _is_ours(self, parameters: Mapping[str, Any]) -> bool:
        return parameters.get("watch") == self.place and parameters.get("dataset") == self.dataset

    # The place

    def _complete(self) -> list[Arrival]:
        """Return the files that are there and no longer written to; the others are looked at next time."""
        if self._storage is not None:
            return [
                Arrival(name=entry.path, size=entry.size, stamp=f"{entry.size} {entry.tag or entry.modified}")
                for entry in self._storage.list()
                if _is_wanted(PurePosixPath(entry.path))
            ]
        now = self._clock()
        found, waiting = [], {}
        for arrival, modified in self._files():
            if arrival.stamp in self._known.get(arrival.name, {}).values():
                found.append(arrival)
                continue
            stamp, since = self._seen.get(arrival.name, ("", now))
            since = since if stamp == arrival.stamp else now
            if max(now - modified, now - since) >= self.settle_s:
                found.append(arrival)
            else:
                waiting[arrival.name] = (arrival.stamp, since)
        self._seen = waiting
        return found

    def _files(self) -> Iterator[tuple[Arrival, float]]:
        root = Path(self.place)
        for folder, folders, names in os.walk(root):
            here = Path(folder)
            folders[:] = [
                name for name in folders if not name.startswith((".", "_")) and here / name != self.done
            ]
            for name in names:
                path = here / name
                relative = path.relative_to(root)
                if not _is_wanted(PurePosixPath(relative.as_posix())):
                    continue
                try:
                    facts = path.stat()
                except FileNotFoundError:
                    continue
                stamp = f"{facts.st_size} {facts.st_mtime_ns}"
                yield (
                    Arrival(name=relative.as_posix(), size=facts.st_size, stamp=stamp),
                    facts.st_mtime,
                )

    @contextmanager
    def _fetched(self, arrival: Arrival) -> Iterator[tuple[str, str]]:
        """Yield where the file can be read, and the hash of its content."""
        if self._storage is None:
            path = Path(self.place) / arrival.name
            with path.open("rb") as stream:
                yield str(path), _hash(stream, None)
            return
        with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
            copy = Path(folder) / PurePosixPath(arrival.name).name
            with self._storage.reader(arrival.name) as stream, copy.open("wb") as out:
                content = _hash(stream, out)
            yield str(copy), content

    def _put_away(self, arrival: Arrival, *, refused: str = "") -> None:
        """Move a file to the done folder, if there is one, with the reason beside it if it was refused."""
        if self.done is None:
            return
        source = Path(self.place) / arrival.name
        target = self.done / _REFUSED / arrival.name if refused else self.done / arrival.name
        target.parent.mkdir(parents=True, exist_ok=True)
        number = 0
        while target.exists():
            number += 1
            target = target.with_name(f"{PurePosixPath(arrival.name).name}.{number}")
        try:
            shutil.move(source, target)
        except FileNotFoundError:
            return
        if refused:
            target.with_name(f"{target.name}.reason.txt").write_text(f"{refused}\n", encoding="utf-8")


def _is_wanted(path: PurePosixPath) -> bool:
    """Say whether a file is data: not hidden, and not one that is being written under another name."""
    return not any(part.startswith((".", "_")) for part in path.parts) and not path.name.lower().endswith(
        _UNFINISHED
    )


def _hash(stream: Any, out: Any) -> str:
    hasher = blake3()
    while piece := stream.read(_PIECE):
        hasher.update(piece)
        if out is not None:
            out.write(piece)
    return str(hasher.hexdigest())
