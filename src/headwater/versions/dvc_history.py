"""Import the history of a DVC repository: each of its commits that changed data becomes one of ours."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from headwater.core.errors import InputError, NotFound, SchemaError, UsageError, require_choice
from headwater.core.ids import CommitId
from headwater.formats.dvc import DvcRepo, Output, Version
from headwater.formats.read import read
from headwater.store.commit import Provenance
from headwater.store.refs import valid_name
from headwater.versions.incoming import incoming

if TYPE_CHECKING:
    from headwater.versions.repo import Repo
    from headwater.versions.transaction import Transaction

__all__ = ["DvcImport", "OnMissing", "import_dvc"]

OnMissing = Literal["stop", "skip"]

MARK = "dvc_commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DvcImport:
    """What an import of a DVC repository did.

    Parameters
    ----------
    commits : tuple of tuple of str
        The git commits that became ours, the oldest first: theirs and ours.
    datasets : mapping of str to str
        The datasets, each with the path that DVC tracks.
    known : int
        Commits that an import before this one had brought.
    problems : tuple of str
        Versions that were left out, with the reason.
    others : tuple of str
        Paths that are no data, such as models, and were left out.
    """

    commits: tuple[tuple[str, CommitId], ...] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)
    known: int = 0
    problems: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "commits": [{"git": theirs, "commit": ours} for theirs, ours in self.commits],
            "datasets": dict(self.datasets),
            "known": self.known,
            "problems": list(self.problems),
            "others": list(self.others),
        }


def import_dvc(
    repo: Repo,
    source: str | Path,
    *,
    outputs: Sequence[str] = (),
    key: Sequence[str] | str | None = None,
    ref: str = "HEAD",
    cache: str | Path | None = None,
    on_missing: OnMissing = "stop",
) -> DvcImport:
    """Import the versions of data that a DVC repository has, with author, time and message of each.

    Commits that an import before this one brought are not brought again, so it can be repeated, and goes on
    where it was cut.

    Parameters
    ----------
    repo : Repo
        The repository, at a branch.
    source : str or Path
        The git repository in which DVC tracks data.
    outputs : sequence of str
        Paths that DVC tracks, to import only these; all that can be read by default.
    key : str or sequence of str, optional
        The key columns, for each dataset.
    ref : str
        The git commit to go up to.
    cache : str or Path, optional
        DVC's cache, where it is not ``.dvc/cache``.
    on_missing : {"stop", "skip"}
        What a version does whose bytes are not in the cache, or cannot be read: it ends the import (before the
        first commit, if bytes are missing), or the dataset stays as it was, and the result says so.

    Returns
    -------
    DvcImport

    Raises
    ------
    InputError
        If the repository or a version cannot be read.
    NotFound
        If an output is not tracked.
    """
    require_choice("on_missing", on_missing, get_args(OnMissing))
    theirs = DvcRepo(Path(source).expanduser(), cache=Path(cache).expanduser() if cache is not None else None)
    versions = theirs.versions(ref)
    names, others = _named(versions, outputs, theirs.root.name)
    known, state = _brought(repo)
    # An older version that was left out then would undo what came after it.
    newest = max((at for at, version in enumerate(versions, start=1) if version.commit in known), default=0)
    waiting = versions[newest:]
    if on_missing == "stop":
        _require_bytes(theirs, waiting, names)
    keys = (key,) if isinstance(key, str) else key
    commits: list[tuple[str, CommitId]] = []
    problems: list[str] = []
    for version in waiting:
        tx = repo.transaction(
            version.message or f"DVC commit {version.commit[:7]}", author=version.author, time=version.time
        )
        for path, name in names.items():
            output = version.outputs.get(path)
            if (output.md5 if output else None) == state.get(path):
                continue
            try:
                _bring(tx, theirs, name, output, keys)
            except (InputError, SchemaError) as error:
                if on_missing == "stop":
                    raise _at(error, version, path) from error
                problems.append(f"{version.commit[:7]}: {path}: {error}")
                continue
            if output is None:
                state.pop(path, None)
            else:
                state[path] = output.md5
        if not tx.is_empty:
            facts = {MARK: version.commit, "outputs": dict(state)}
            tx.provenance = Provenance(kind="import", id=str(source), parameters=facts)
            made = tx.commit()
            assert made is not None, "a transaction that is not empty makes a commit"
            commits.append((version.commit, made))
    return DvcImport(
        commits=tuple(commits),
        datasets={name: path for path, name in names.items()},
        known=len(versions) - len(waiting),
        problems=tuple(problems),
        others=others,
    )


def _bring(
    tx: Transaction, theirs: DvcRepo, name: str, output: Output | None, keys: Sequence[str] | None
) -> None:
    """Make a dataset what the output is."""
    if output is None:
        if name in tx:
            tx.drop(name)
        return
    with theirs.laid_out(output) as place:
        source = read(place)
        wanted = tuple(keys) if keys else (source.key or None)
        tx.overwrite(name, incoming(source), key=None if name in tx else wanted, schema_change="any")


def _named(
    versions: Iterable[Version], wanted: Sequence[str], place: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the paths to import, each with the name of its dataset, and those that are no data."""
    found = {path: output for version in versions for path, output in version.outputs.items()}
    chosen = [posixpath.normpath(path) for path in wanted]
    for path in chosen:
        if path not in found:
            raise NotFound.among("output", path, found, where=place)
    paths = chosen or [path for path, output in found.items() if output.is_data]
    short = {path: _dataset(posixpath.basename(path)) for path in paths}
    often = Counter(short.values())
    names = {path: name if often[name] == 1 and name else _dataset(path) for path, name in short.items()}
    twice = [name for name, count in Counter(names.values()).items() if count > 1 or not valid_name(name)]
    if twice:
        alike = [path for path, name in names.items() if name == twice[0]]
        raise UsageError(
            f"The paths {', '.join(alike)} would both become the dataset {twice[0]!r}, or one that cannot be named "
            "so; import them apart with --output.",
            paths=alike,
        )
    return names, () if chosen else tuple(path for path, output in found.items() if not output.is_data)


def _dataset(path: str) -> str:
    stem = re.sub(r"(\.\w{1,8}){1,2}$", "", path) or path
    return re.sub(r"[^\w.+-]+", "_", stem).strip("_.+-")


def _brought(repo: Repo) -> tuple[set[str], dict[str, str]]:
    """Return the git commits that our branch has from before, and what was brought last."""
    known: set[str] = set()
    state: dict[str, str] | None = None
    for commit in repo.log() if repo.head else ():
        facts = commit.provenance.parameters
        if commit.provenance.kind == "import" and MARK in facts:
            known.add(str(facts[MARK]))
            state = dict(facts["outputs"]) if state is None else state
    return known, state or {}


def _require_bytes(theirs: DvcRepo, versions: Iterable[Version], names: Mapping[str, str]) -> None:
    wanted = {(path, o.md5): o for v in versions for path, o in v.outputs.items() if path in names}
    lost = [said for output in wanted.values() if (said := theirs.missing(output))]
    if lost:
        more = f", and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise InputError(
            f"{theirs.root.name}: {'; '.join(lost[:5])}{more}. Nothing was imported. Fetch them with "
            "`dvc fetch --all-commits`, or leave these versions out with --on-missing skip.",
            missing=lost,
        )


def _at(error: InputError | SchemaError, version: Version, path: str) -> InputError:
    return InputError(
        f"{path} at git commit {version.commit[:7]}: {error} The commits before it were imported; mend it and "
        "import again, or leave such versions out with --on-missing skip.",
        commit=version.commit,
        path=path,
    )
