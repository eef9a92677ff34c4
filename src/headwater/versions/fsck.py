"""Verify a repository: every ref, every object that history needs, every index and fingerprint."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from headwater.core.errors import CorruptObject, HeadwaterError, ObjectMissing
from headwater.core.findings import Finding, Outcome, worst
from headwater.core.hashing import ValueHash, hash_keys
from headwater.core.ids import CommitId, ObjectId, digest
from headwater.core.references import Reference, hash_rows, references
from headwater.store.chunk import Chunk, read_chunk
from headwater.store.commit import load_commit
from headwater.store.manifest import EMPTY, Manifest, fingerprint_chunk, load_manifest
from headwater.store.objects import Objects, object_path
from headwater.store.refs import KINDS
from headwater.store.storage import Storage

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Verified", "repair", "verify"]

logger = logging.getLogger(__name__)

_MOST_NAMED = 5
_NOUN = {
    "heads": "Branch",
    "tags": "Tag",
    "remotes": "Branch of a remote",
    "proposals": "Proposal",
    "gates": "Gate",
    "audit": "Commit in quarantine",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified, and a finding for each fault.

    Parameters
    ----------
    commits, versions, objects, object_bytes, rows : int
        Commits, dataset versions, objects with their size, and stored rows that were verified, each once.
    elsewhere : int
        Objects that a partial clone left at its remote, which are not verified.
    is_shallow : bool
        Whether history ends here at commits whose parents a clone of limited depth left at its remote.
    findings : list of Finding
        The faults: ``store.ref``, ``store.missing``, ``store.damaged``, ``store.index``, ``store.fingerprint``.
    """

    commits: int
    versions: int
    objects: int
    object_bytes: int
    rows: int
    elsewhere: int
    is_shallow: bool
    findings: list[Finding]

    @property
    def outcome(self) -> Outcome:
        """``pass`` or ``fail``."""
        return worst(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return what was verified as JSON-able values."""
        return {
            "outcome": str(self.outcome),
            "commits": self.commits,
            "versions": self.versions,
            "objects": self.objects,
            "object_bytes": self.object_bytes,
            "rows": self.rows,
            "elsewhere": self.elsewhere,
            "is_shallow": self.is_shallow,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(slots=True)
class _History:
    """What the refs reach, as far as it can be read, and the faults met on the way."""

    commits: set[CommitId] = field(default_factory=set)
    manifests: dict[ObjectId, Manifest] = field(default_factory=dict)
    used: dict[ObjectId, dict[tuple[str, CommitId], None]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    is_shallow: bool = False


def verify(repo: Repo, *, data: bool = True) -> Verified:
    """Verify that all of history can be read, and is what its names and fingerprints say.

    Parameters
    ----------
    repo : Repo
        The repository.
    data : bool
        Also hash the stored rows and keys again and compare them with the indexes.

    Returns
    -------
    Verified
        Faults are findings, not errors, so that one does not hide the next.
    """
    # A reader of its own: what others have in memory may be gone from the disk. It fetches nothing.
    objects = Objects(repo.storage)
    partial = repo.remotes.partial
    history = _read_history(repo, objects, is_shallow=partial is not None and partial[1].depth is not None)
    damaged: set[ObjectId] = set()
    sizes = elsewhere = 0
    names = list(history.used)
    chunks = _distinct_chunks(history.manifests.values())
    large = {name for chunk, _ in chunks for name in _large(chunk, objects)}
    values: dict[ObjectId, Reference] = {}

    def read(name: ObjectId) -> tuple[int, str]:
        return _read_value(name, repo.storage, values) if name in large else _read_object(name, repo.storage)

    measured = repo.threads.map(read, names, label="objects", progress=repo.progress)
    for name, (size, fault) in zip(names, measured, strict=True):
        sizes += size
        if fault:
            damaged.add(name)
        if fault == "missing" and partial is not None:
            elsewhere += 1
        elif fault:
            history.findings.append(_finding(fault, name, history.used[name], repo.storage))
    broken: set[ObjectId] = set()
    if data:
        sound = [pair for pair in chunks if damaged.isdisjoint(pair[0].objects())]
        compared = repo.threads.map(
            lambda pair: _compare(*pair, objects, values), sound, label="rows", progress=repo.progress
        )
        for (chunk, _), fault in zip(sound, compared, strict=True):
            if fault:
                broken.add(chunk.row_hashes)
                history.findings.append(_index_finding(fault, chunk, history.used[chunk.row_hashes]))
    for name, manifest in history.manifests.items():
        needed = {one for chunk in manifest.chunks for one in chunk.objects()}
        if needed.isdisjoint(damaged) and needed.isdisjoint(broken):
            history.findings.extend(_compare_fingerprint(name, manifest, history.used[name], objects))
    return Verified(
        commits=len(history.commits),
        versions=len(history.manifests),
        objects=len(names) - elsewhere,
        elsewhere=elsewhere,
        is_shallow=history.is_shallow,
        object_bytes=sizes,
        rows=sum(chunk.rows for chunk, _ in chunks if damaged.isdisjoint(chunk.objects())),
        findings=history.findings,
    )


def repair(repo: Repo, found: Verified) -> list[ObjectId]:
    """Replace missing and damaged objects by those of the first remote that has them whole.

    Parameters
    ----------
    repo : Repo
        The repository.
    found : Verified
        What `verify` found there.

    Returns
    -------
    list of str
        The objects that were replaced; verify again to see what is left.
    """
    wanted = [
        ObjectId(finding.evidence["object"])
        for finding in found.findings
        if finding.check in ("store.missing", "store.damaged")
    ]
    done: list[ObjectId] = []
    for remote in repo.remotes.values() if wanted else ():
        try:
            there = type(repo).open(remote).objects
        except HeadwaterError as error:
            logger.warning("%s cannot be asked: %s", remote, error)
            continue
        for name in [name for name in wanted if name not in done]:
            try:
                repo.objects.put_stream(there.stream(name), name=name)
            except (ObjectMissing, CorruptObject):
                continue
            done.append(name)
    repo.objects.forget()
    return done


def _read_history(repo: Repo, objects: Objects, *, is_shallow: bool) -> _History:
    history = _History()
    waiting: list[CommitId] = []
    for kind in KINDS:
        for name in repo.refs.all_names(kind):
            try:
                waiting.extend(move.commit for move in repo.refs.reflog(kind, name) if move.commit)
            except HeadwaterError as error:
                history.findings.append(
                    Finding(
                        check="store.ref",
                        outcome=Outcome.FAIL,
                        severity=1.0,
                        message=f"{_NOUN[kind]} {name!r} or its reflog cannot be read: "
                        f"{error} Delete refs/{kind}/{name.replace('/', '!')} and make it again from `hw log`.",
                        evidence={"ref": name},
                    )
                )
    tips = set(waiting)
    while waiting:
        commit_id = waiting.pop()
        if commit_id in history.commits:
            continue
        if is_shallow and commit_id not in tips and not objects.is_here(ObjectId(commit_id)):
            history.is_shallow = True
            continue
        history.commits.add(commit_id)
        _use(history, ObjectId(commit_id), "", commit_id)
        try:
            commit = load_commit(commit_id, objects)
        except (ObjectMissing, CorruptObject):
            # Found again, and told, when all objects are read.
            continue
        waiting.extend(commit.parents)
        for dataset, name in commit.datasets.items():
            _use(history, name, dataset, commit_id)
            try:
                manifest = history.manifests.get(name) or load_manifest(name, objects)
            except (ObjectMissing, CorruptObject):
                continue
            parts: set[ObjectId] = set()
            try:
                for chunk in manifest.chunks.unseen(parts):
                    parts.update(chunk.objects())
                    parts.update(_large(chunk, objects))
                history.manifests[name] = manifest
            except (ObjectMissing, CorruptObject):
                # A page of its list of chunks: found again, and told, as well.
                pass
            for part in parts:
                _use(history, part, dataset, commit_id)
    return history


def _large(chunk: Chunk, objects: Objects) -> Iterable[ObjectId]:
    """Return the large values of a chunk, as far as the list of them, which is an object too, can be read."""
    try:
        return chunk.large(objects)
    except (ObjectMissing, CorruptObject):
        return ()


def _use(history: _History, name: ObjectId, dataset: str, commit: CommitId) -> None:
    users = history.used.setdefault(name, {})
    if len(users) < _MOST_NAMED:
        users[dataset, commit] = None


def _read_object(name: ObjectId, storage: Storage) -> tuple[int, str]:
    """Return the size of an object and its fault: ``missing``, ``damaged`` or none."""
    try:
        data = storage.buffer(object_path(name))
    except ObjectMissing:
        return 0, "missing"
    return data.size, "" if digest(memoryview(data)) == name else "damaged"


def _read_value(name: ObjectId, storage: Storage, values: dict[ObjectId, Reference]) -> tuple[int, str]:
    """Do what `_read_object` does for a large value, in pieces; add what a reference to it must say."""
    names, hashes = blake3(), ValueHash()
    size = 0
    try:
        for piece in Objects(storage).stream(name):
            names.update(piece)
            hashes.update(piece)
            size += len(piece)
    except ObjectMissing:
        return 0, "missing"
    if names.hexdigest() != name:
        return size, "damaged"
    values[name] = Reference(name, hashes.value(), size)
    return size, ""


def _distinct_chunks(manifests: Iterable[Manifest]) -> list[tuple[Chunk, Manifest]]:
    """Return each stored chunk once, deletions left out, with a manifest to read it by."""
    found: dict[tuple[Any, ...], tuple[Chunk, Manifest]] = {}
    for manifest in manifests:
        for chunk in manifest.chunks:
            facts = (
                chunk.identity(),
                chunk.row_hashes,
                chunk.keys,
                manifest.key,
                tuple(manifest.schema.names),
            )
            found.setdefault(facts, (chunk, manifest))
    return list(found.values())


def _compare(chunk: Chunk, manifest: Manifest, objects: Objects, values: Mapping[ObjectId, Reference]) -> str:
    """Return what is wrong with the indexes of a chunk; nothing if they fit its rows."""
    try:
        table = read_chunk(chunk, manifest.schema, objects, deleted=True)
        if table.num_rows != chunk.rows:
            return f"it holds {table.num_rows} rows, not {chunk.rows}"
        if not np.array_equal(hash_rows(table), chunk.hashes(objects)):
            return "its row hashes are not those of its rows"
        listed = chunk.large(objects)
        found = [item for column in table.columns for item in references(column).values()] if listed else ()
        if any(item.object not in listed or item != values.get(item.object, item) for item in found):
            return "a reference to a large value is not that of the value"
        if chunk.keys is not None:
            index = chunk.key_index(objects)
            if not np.array_equal(hash_keys(table, manifest.key), index.by_position()):
                return "its key index is not that of its keys"
            if (index.hashes[1:] < index.hashes[:-1]).any():
                return "its key index is not in order"
        vector = chunk.deletion_vector(objects)
        if len(vector) != chunk.deleted_rows or (vector and vector.max() >= chunk.rows):
            return "its deletion vector does not fit its rows"
    except (HeadwaterError, ValueError, IndexError) as error:
        return f"it cannot be read: {error}"
    return ""


def _compare_fingerprint(
    name: ObjectId, manifest: Manifest, users: Mapping[tuple[str, CommitId], None], objects: Objects
) -> Iterator[Finding]:
    found = sum((fingerprint_chunk(chunk, objects) for chunk in manifest.chunks), EMPTY)
    if found != manifest.fingerprint:
        dataset, where = _where(users)
        yield Finding(
            check="store.fingerprint",
            outcome=Outcome.FAIL,
            severity=0.9,
            dataset=dataset,
            message=f"The rows of dataset {dataset!r} are not those that its fingerprint was taken from ({where}). "
            "Import it again, or go back to a version that passes.",
            evidence={"object": name, "expected": str(manifest.fingerprint), "found": str(found)},
        )


def _finding(
    fault: str, name: ObjectId, users: Mapping[tuple[str, CommitId], None], storage: Storage
) -> Finding:
    dataset, where = _where(users)
    path = f"{storage.location}/{object_path(name)}"
    what = "is not there" if fault == "missing" else "is damaged: its bytes do not match its name"
    return Finding(
        check=f"store.{fault}",
        outcome=Outcome.FAIL,
        severity=1.0,
        dataset=dataset,
        message=f"{path} {what}; {where} need(s) it. `hw fsck --repair` takes it from a remote that has it; or "
        "copy the file from a backup of the repository: the name fixes the content, so any copy will do.",
        evidence={"object": name, "path": object_path(name), "commits": [commit for _, commit in users]},
    )


def _index_finding(fault: str, chunk: Chunk, users: Mapping[tuple[str, CommitId], None]) -> Finding:
    dataset, where = _where(users)
    return Finding(
        check="store.index",
        outcome=Outcome.FAIL,
        severity=0.9,
        dataset=dataset,
        message=f"A chunk of {chunk.rows} rows does not fit its index: {fault} ({where}). "
        "Export the dataset and import it again; please report this, for it is a fault of Headwater.",
        evidence={"row_hashes": chunk.row_hashes, "groups": [group.object for group in chunk.groups]},
    )


def _where(users: Mapping[tuple[str, CommitId], None]) -> tuple[str, str]:
    """Return the dataset concerned, and in words the commits that use an object."""
    datasets = sorted({dataset for dataset, _ in users if dataset})
    commits = ", ".join(dict.fromkeys(commit[:12] for _, commit in users))
    return ", ".join(datasets), f"commit {commits}"
