"""Refs: the only things in a repository that change. Each move is one compare-and-swap.

A ref holds its commit and the name of an object with what it held before, so that the reflog is a
chain of objects which can never disagree with the ref. A deleted ref stays as a tombstone, so that
deletion can be undone too; garbage collection ends old chains and removes old tombstones.

A slash in a name is a ``!`` in the path, so that ``fix`` and ``fix/labels`` can both be branches.
"""

from __future__ import annotations

import getpass
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from headwater.core.errors import ConcurrentUpdate, CorruptObject, NotFound, ObjectMissing, UsageError
from headwater.core.ids import CommitId, ObjectId, canonical_json
from headwater.store.objects import Objects
from headwater.store.storage import Version

__all__ = ["KINDS", "NAMED", "Move", "RefKind", "Refs", "whoami"]

RefKind = Literal["heads", "tags", "remotes", "proposals", "gates", "audit"]
KINDS: tuple[RefKind, ...] = ("heads", "tags", "remotes", "proposals", "gates", "audit")
NAMED: tuple[RefKind, ...] = ("heads", "tags", "remotes")
"""The kinds that a ref expression may name; proposals, gates and what waits have commands of their own."""

_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")
_LONGEST_NAME = 200
_RESERVED = ("HEAD", "PIN")
_NOUN = {
    "heads": "branch",
    "tags": "tag",
    "remotes": "branch of a remote",
    "proposals": "proposal",
    "gates": "gate",
    "audit": "commit in quarantine",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry of a reflog: what the ref came to hold, who moved it, when and why."""

    commit: CommitId | None
    author: str
    time: datetime
    reason: str
    previous: ObjectId | None


class Refs:
    """Branches (``heads``), tags, proposals, gates, what waits in quarantine, and branches of remotes as last seen."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._storage = objects.storage

    def get(self, kind: RefKind, name: str) -> CommitId | None:
        """Return the commit a ref holds; None if there is no such ref."""
        move = self.last_move(kind, name)
        return move.commit if move else None

    def last_move(self, kind: RefKind, name: str) -> Move | None:
        """Return the latest entry of a ref's reflog, deletion included; None if it never was."""
        version = self._storage.read_version(_path(kind, name))
        return None if version is None else _decode(version.data)

    def names(self, kind: RefKind) -> dict[str, CommitId]:
        """Return all refs of a kind with their commits, by name."""
        found = {name: self.get(kind, name) for name in self.all_names(kind)}
        return {name: commit for name, commit in found.items() if commit}

    def all_names(self, kind: RefKind) -> list[str]:
        """Return the names of all refs of a kind, deleted ones included."""
        names = (_name(kind, entry.path) for entry in self._storage.list(f"refs/{kind}"))
        return sorted(name for name in names if name is not None)

    def move(
        self,
        kind: RefKind,
        name: str,
        to: CommitId | None,
        *,
        expected: CommitId | None,
        reason: str,
        author: str = "",
    ) -> bool:
        """Move a ref from ``expected`` to ``to`` (None: there is none yet; delete it).

        Returns
        -------
        bool
            False if the ref held something other than ``expected``; it stays as it was.

        Raises
        ------
        UsageError
            If the name is not a valid ref name.
        """
        if not valid_name(name):
            raise UsageError(
                f"{name!r} is not a valid {_NOUN[kind]} name: use letters, digits, and . _ + - / between them.",
                name=name,
            )
        while True:
            version = self._storage.read_version(_path(kind, name))
            if (_decode(version.data).commit if version else None) != expected:
                return False
            # Somebody may have moved it away and back, or removed its tombstone: then it is as expected still.
            if self._swap(kind, name, version, to, reason, author):
                return True

    def require_move(
        self,
        kind: RefKind,
        name: str,
        to: CommitId | None,
        *,
        expected: CommitId | None,
        reason: str,
        author: str = "",
    ) -> None:
        """Move a ref as `move` does.

        Raises
        ------
        ConcurrentUpdate
            If it held something other than ``expected``.
        """
        if not self.move(kind, name, to, expected=expected, reason=reason, author=author):
            raise ConcurrentUpdate(
                f"{name!r} moved meanwhile. Nothing was changed; run the same command again.", name=name
            )

    def update(
        self,
        kind: RefKind,
        name: str,
        step: Callable[[CommitId | None], CommitId | None],
        *,
        reason: str,
        author: str = "",
        attempts: int = 100,
    ) -> CommitId | None:
        """Move a ref to ``step(where it is)``, computing the step again whenever somebody was faster.

        Raises
        ------
        ConcurrentUpdate
            If somebody was faster ``attempts`` times.
        """
        for _ in range(attempts):
            now = self.get(kind, name)
            target = step(now)
            if target == now or self.move(kind, name, target, expected=now, reason=reason, author=author):
                return target
        raise ConcurrentUpdate(
            f"{_NOUN[kind].capitalize()} {name!r} moved under us {attempts} times. Nothing was lost; try again.",
            name=name,
        )

    def reflog(self, kind: RefKind, name: str) -> Iterator[Move]:
        """Yield the moves of a ref, newest first, as far back as garbage collection kept them.

        Raises
        ------
        NotFound
            If there never was such a ref.
        """
        move = self.last_move(kind, name)
        if move is None:
            raise NotFound.among(_NOUN[kind], name, self.names(kind))
        while True:
            yield move
            if move.previous is None:
                return
            try:
                move = _decode(self._objects.get(move.previous))
            except ObjectMissing:
                return

    def forget(self, kind: RefKind, name: str, *, before: datetime) -> bool:
        """Remove the tombstone of a ref that was deleted before that time, and with it the ref's reflog.

        Returns
        -------
        bool
            Whether it was removed; never on storage that cannot delete on a condition.
        """
        version = self._storage.read_version(_path(kind, name))
        if version is None:
            return False
        move = _decode(version.data)
        if move.commit is not None or move.time >= before:
            return False
        return self._storage.compare_and_delete(_path(kind, name), version)

    def _swap(
        self, kind: RefKind, name: str, version: Version | None, to: CommitId | None, reason: str, author: str
    ) -> bool:
        body = {
            "commit": to,
            "author": author or whoami(),
            "time": datetime.now(UTC).isoformat(),
            "reason": reason,
            "previous": self._objects.put(version.data) if version else None,
            # No two moves are the same bytes, so that each knows its own.
            "nonce": uuid.uuid4().hex,
        }
        return self._storage.compare_and_swap(
            _path(kind, name), canonical_json(body), version, is_unique=True
        )


def whoami() -> str:
    """Return the name of the user, for commits and reflogs."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def valid_name(name: str) -> bool:
    """Say whether a branch or tag may have this name."""
    return (
        _NAME.fullmatch(name) is not None
        and ".." not in name
        and not name.endswith((".lock", "."))
        and name not in _RESERVED
        and len(name.encode()) <= _LONGEST_NAME
    )


def _path(kind: RefKind, name: str) -> str:
    return f"refs/{kind}/{name.replace('/', '!')}"


def _name(kind: RefKind, path: str) -> str | None:
    """Return the name of the ref kept at a path; None if none is."""
    name = path.removeprefix(f"refs/{kind}/").replace("!", "/")
    return name if valid_name(name) and _path(kind, name) == path else None


def _decode(data: bytes) -> Move:
    try:
        value = json.loads(data)
        return Move(
            commit=value["commit"],
            author=value["author"],
            time=datetime.fromisoformat(value["time"]),
            reason=value["reason"],
            previous=value["previous"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptObject(f"This is no entry of a reflog: {data[:80]!r}. Run `hw fsck`.") from error
