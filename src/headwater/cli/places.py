"""What a word on the command line means: a dataset of the repository, or a file read into memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.cli.app import Session
from headwater.cli.options import shell_word, split_ref
from headwater.core.errors import InvalidKeys, NotFound, UsageError

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.core.contract import Contract

__all__ = [
    "BASELINE",
    "file_in_memory",
    "has_repository",
    "here_if_dataset",
    "looks_like_file",
    "require_datasets",
]

BASELINE = "baseline"
"""The branch of a repository in memory that holds the file to compare with."""


def looks_like_file(word: str) -> bool:
    """Say whether a word names a file: it is there, or is a URL or a pattern."""
    return "://" in word or Path(word).exists() or re.search(r"[*?\[]", word) is not None


def here_if_dataset(session: Session, word: str) -> Repo | None:
    """Return the repository here if the word names one of its datasets; None if it names a file.

    Raises
    ------
    NotFound
        If it names neither.
    """
    from headwater.versions.repo import is_around

    name, ref = split_ref(word)
    if looks_like_file(word) and not is_around(session.location):
        # A file that is here does not ask the repository that headwater.lock names, which may be far away.
        return None
    try:
        repo = session.repo()
    except NotFound as error:
        if looks_like_file(word):
            return None
        raise NotFound(
            f"There is no file {word!r}, and no repository here that could hold such a dataset.",
            kind="file",
            name=word,
        ) from error
    there = (
        repo.at(ref, dataset=name) if ref and not Path(word).exists() and not looks_like_file(word) else repo
    )
    if name in there.datasets():
        repo.executor = session.executor
        return repo
    if looks_like_file(word):
        return None
    where = f"{ref or repo.branch_name}, and there is no such file"
    raise NotFound.among("dataset", name, there.datasets(), where=where)


def require_datasets(session: Session, *words: str | None, instead: str) -> Repo:
    """Return the repository here; a file where a dataset is asked for gets a hint.

    Parameters
    ----------
    session : Session
        Where we are.
    *words : str, optional
        The words that name datasets.
    instead : str
        What to do with a file, where something can be done without a dataset.

    Raises
    ------
    UsageError
        If a word names a file.
    """
    files = [word for word in words if word and looks_like_file(word)]
    try:
        repo = session.repo()
    except NotFound:
        if not files:
            raise
        start, known = "hw init && ", set[str]()
    else:
        start, known = "", {*repo.datasets()}
    for word in files:
        if split_ref(word)[0] not in known:
            raise UsageError(
                f"{word!r} is a file; a dataset of a repository is needed here. "
                f"`{start}hw import {shell_word(word)}` makes it one.{' ' * bool(instead)}{instead}",
                file=word,
            )
    return repo


def has_repository(session: Session) -> bool:
    """Say whether there is a repository here, or a lock file that names one."""
    from headwater.versions.pins import find_lock
    from headwater.versions.repo import is_around

    if not is_around(session.location):
        return session.location == "." and find_lock() is not None
    try:
        session.repo()
    except NotFound:
        return False
    return True


def file_in_memory(
    session: Session,
    source: str,
    name: str,
    *,
    key: Sequence[str] = (),
    contract: Contract | None = None,
    baseline: str | None = None,
    **reading: Any,
) -> Repo:
    """Import a file into a repository in memory, so that there is one code path for files and datasets.

    Scores and findings are kept by content in the repository around, if there is one in this file system.

    Parameters
    ----------
    session : Session
        For the progress, and for what the reader has to say.
    source : str
        The file.
    name : str
        Name of the dataset.
    key : sequence of str
        Its key; that of the contract by default. If it repeats, or if the contract's is not there, the dataset
        gets a content key: a check says what is wrong.
    contract : Contract, optional
        What is promised of it.
    baseline : str, optional
        Another file, imported to the branch `BASELINE`.
    **reading : Any
        How to read the files.
    """
    from headwater import api
    from headwater.engine.local import LocalExecutor
    from headwater.store.storage import is_url
    from headwater.versions.repo import is_around

    if session.engine != "local" and session.is_engine_asked:
        raise UsageError(
            f"{source!r} is read into the memory of this process, where no other machine reaches it. Import it with "
            "`hw import`, and give the name of the dataset.",
            engine=session.engine,
        )
    repo = api.init("memory://")
    repo.executor = LocalExecutor(session.workers)
    repo.progress = session.progress
    if is_around(session.location) and not is_url(session.location):
        # What is worked out of a file is kept in the repository around, so that the same file is not judged twice.
        repo.cache = api.open(session.location).cache
    for place, at in ((baseline, repo.branch(BASELINE)), (source, repo)):
        if place is None:
            continue
        wanted = tuple(key) or (contract.key if contract else ())
        if place is source:
            known = _promised_types(contract) if contract else {}
            if baseline is not None:
                there = repo.at(BASELINE)[name].schema
                known = {**dict(zip(there.names, there.types, strict=True)), **known}
            reading = {"guide": known, **reading}
        try:
            done = at.import_(name, place, key=wanted or None, **reading)
        except InvalidKeys:
            done = at.import_(name, place, **reading)
        except NotFound as error:
            if key or error.facts.get("kind") != "column":
                raise
            done = at.import_(name, place, **reading)
        for note in done.notes:
            session.say(f"Note: {note}")
    return repo


def _promised_types(contract: Contract) -> dict[str, Any]:
    """Return the types that a contract promises, those that are types here."""
    from headwater.core.types import parse_type

    out = {}
    for column in contract.columns:
        if column.type:
            with suppress(UsageError):
                out[column.name] = parse_type(column.type)
    return out
