"""Ref expressions: ``main``, ``v1``, ``main~2``, ``3f2a91c``, ``main@{2026-11-01}``, ``PIN``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from headwater.core.errors import CorruptObject, NotFound, ObjectMissing, UsageError
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import Commit, is_commit, load_commit
from headwater.store.objects import Objects
from headwater.store.refs import NAMED, Refs

__all__ = ["resolve"]

_SUFFIX = re.compile(r"(~\d*|\^\d*|@\{[^}]*\})$")
_HASH = re.compile(r"[0-9a-f]{6,64}")
_WHOLE = 64
_LARGEST_COMMIT = 16 << 20


def resolve(
    expression: str,
    *,
    refs: Refs,
    objects: Objects,
    head: CommitId | None,
    pin: Callable[[], CommitId] | None = None,
) -> CommitId:
    """Return the commit that a ref expression names.

    Parameters
    ----------
    expression : str
        A branch, tag, branch of a remote (``origin/main``) or commit id (at least 6 digits of it), ``HEAD``
        (where we are) or ``PIN`` (what ``headwater.lock`` beside the code pins), followed by any number of
        ``~n`` (n-th first parent), ``^n`` (n-th parent) and ``@{date}`` (newest commit along first parents
        that is not newer than the date, the end of the day where it gives none; UTC unless it says
        otherwise).
    refs, objects : Refs, Objects
        The repository's.
    head : CommitId, optional
        What ``HEAD`` means.
    pin : callable, optional
        Returns what ``PIN`` means; asked if there is need to.

    Raises
    ------
    NotFound
        If a name or commit is not there.
    UsageError
        If a short commit id is ambiguous, or the date cannot be read.
    """
    suffixes: list[str] = []
    name = expression.strip()
    while match := _SUFFIX.search(name):
        suffixes.insert(0, match.group())
        name = name[: match.start()]
    if name == "PIN" and pin is not None:
        commit = load_commit(pin(), objects)
    else:
        commit = load_commit(_named(name or "HEAD", refs, objects, head), objects)
    for suffix in suffixes:
        commit = _step(commit, suffix, expression, objects)
    return commit.id


def _named(name: str, refs: Refs, objects: Objects, head: CommitId | None) -> CommitId:
    if name == "HEAD":
        if head is None:
            raise NotFound(
                "There is no commit yet. `hw import FILE` makes the first.", kind="commit", name=name
            )
        return head
    found = next((commit for kind in NAMED if (commit := refs.get(kind, name))), None)
    if found:
        return found
    if _HASH.fullmatch(name):
        matches = _commits_with_prefix(name, objects)
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(
                f"Commit {name!r} is ambiguous: {', '.join(m[:16] for m in matches)}.", name=name
            )
    raise NotFound.among("ref", name, [known for kind in NAMED for known in refs.names(kind)])


def _commits_with_prefix(prefix: str, objects: Objects) -> list[CommitId]:
    if len(prefix) == _WHOLE:
        try:
            objects.open(ObjectId(prefix))
        except ObjectMissing:
            return []
        return [CommitId(prefix)]
    found = []
    for entry in objects.storage.list(f"objects/{prefix[:2]}"):
        name = ObjectId("".join(entry.path.split("/")[-2:]))
        if name.startswith(prefix) and entry.size <= _LARGEST_COMMIT and _holds_commit(name, objects):
            found.append(CommitId(name))
    return sorted(found)


def _holds_commit(name: ObjectId, objects: Objects) -> bool:
    try:
        data = objects.open(name)
        return bytes(data[:1]) == b"{" and is_commit(objects.get_document(name))
    except (ObjectMissing, CorruptObject):
        # Garbage, removed while we looked, or an object that `hw fsck` will tell about.
        return False


def _step(commit: Commit, suffix: str, expression: str, objects: Objects) -> Commit:
    if suffix.startswith("@"):
        return _as_of(commit, suffix[2:-1], expression, objects)
    count = int(suffix[1:] or 1)
    if suffix.startswith("^"):
        return _parent(commit, count - 1, expression, objects) if count else commit
    for _ in range(count):
        commit = _parent(commit, 0, expression, objects)
    return commit


def _parent(commit: Commit, index: int, expression: str, objects: Objects) -> Commit:
    if index >= len(commit.parents):
        raise NotFound(
            f"{expression!r} reaches past commit {commit.id[:12]}, which has {len(commit.parents)} parent(s).",
            kind="commit",
            name=expression,
        )
    return load_commit(commit.parents[index], objects)


def _as_of(commit: Commit, text: str, expression: str, objects: Objects) -> Commit:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} in {expression!r} is not a date: write 2026-11-01 or 2026-11-01T12:00.",
            name=expression,
        ) from error
    if "T" not in text.upper() and ":" not in text:
        when = when.replace(hour=23, minute=59, second=59, microsecond=999_999)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    while commit.time > when:
        if not commit.parents:
            raise NotFound(
                f"The first commit of {expression!r} is from {commit.time:%Y-%m-%d %H:%M}, after {text}.",
                kind="commit",
                name=expression,
            )
        commit = load_commit(commit.parents[0], objects)
    return commit
