"""Refs: the only things in a repository that change. Each move is one compare-and-swap.

A ref holds its commit and the name of an object with what it held before, so that the reflog is a
chain of objects which can never disagree with the ref. A deleted ref stays as a tombstone, so that
deletion can be undone too.
"""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from headwater.core.errors import ConcurrentUpdate, NotFound, UsageError
from headwater.core.ids import CommitId, ObjectId, canonical_json
from headwater.store.objects import Objects
from headwater.store.storage import Version

__all__ = ["Move", "RefKind", "Refs", "whoami"]

RefKind = Literal["heads", "tags"]

_NAME = re.compile(r"^[\w][\w.+-]*(/[\w][\w.+-]*)*$")
_NOUN = {"heads": "branch", "tags": "tag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry of a reflog: what the ref came to hold, who moved it, when and why."""

    commit: CommitId | None
    author: str
    time: datetime
    reason: str
    previous: ObjectId | None


class Refs:
    """Branches (``heads``) and tags of a repository."""

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
        prefix = f"refs/{kind}/"
        found = {}
        for entry in self._storage.list(prefix.rstrip("/")):
            name = entry.path.removeprefix(prefix)
            commit = self.get(kind, name) if valid_name(name) else None
            if commit:
                found[name] = commit
        return dict(sorted(found.items()))

    def all_names(self, kind: RefKind) -> list[str]:
        """Return the names of all refs of a kind, deleted ones included."""
        prefix = f"refs/{kind}/"
        entries = (entry.path.removeprefix(prefix) for entry in self._storage.list(prefix.rstrip("/")))
        return sorted(name for name in entries if valid_name(name))

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
        version = self._storage.read_version(_path(kind, name))
        if (_decode(version.data).commit if version else None) != expected:
            return False
        return self._swap(kind, name, version, to, reason, author)

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
        """Yield the moves of a ref, newest first.

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
            move = _decode(self._objects.get(move.previous))

    def _swap(
        self, kind: RefKind, name: str, version: Version | None, to: CommitId | None, reason: str, author: str
    ) -> bool:
        body = {
            "commit": to,
            "author": author or whoami(),
            "time": datetime.now(UTC).isoformat(),
            "reason": reason,
            "previous": self._objects.put(version.data) if version else None,
        }
        return self._storage.compare_and_swap(_path(kind, name), canonical_json(body), version)


def whoami() -> str:
    """Return the name of the user, for commits and reflogs."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def valid_name(name: str) -> bool:
    """Say whether a branch or tag may have this name."""
    return bool(_NAME.match(name)) and ".." not in name and not name.endswith((".lock", "."))


def _path(kind: RefKind, name: str) -> str:
    return f"refs/{kind}/{name}"


def _decode(data: bytes) -> Move:
    value = json.loads(data)
    return Move(
        commit=value["commit"],
        author=value["author"],
        time=datetime.fromisoformat(value["time"]),
        reason=value["reason"],
        previous=value["previous"],
    )
