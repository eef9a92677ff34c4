"""Which commit last changed a row, or each of its cells."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headwater.core.errors import UsageError
from headwater.core.ids import CommitId
from headwater.core.references import hash_values
from headwater.core.schema import require_columns
from headwater.store.commit import Commit
from headwater.store.keytext import parse_keys
from headwater.store.lookup import gather, locate
from headwater.store.manifest import Manifest
from headwater.versions.align import renames

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Blamed", "blame"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """A cell with its value, and the commit that made it so."""

    column: str
    value: Any
    commit: CommitId
    author: str
    time: datetime
    summary: str


def blame(
    repo: Repo, dataset: str, key: str, column: str | None = None, *, ref: str | None = None
) -> list[Blamed]:
    """Say which commit last changed each cell of a row.

    A merge is named only where its result is that of no parent. Renamed columns are followed.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str
        Name of the dataset.
    key : str
        The row's key as JSON text: ``17``, ``"ada"`` or ``["ada", 17]``.
    column : str, optional
        One column; all by default.
    ref : str, optional
        Where to begin; here by default.

    Returns
    -------
    list of Blamed
        One a column, in the dataset's order.

    Raises
    ------
    NotFound
        If there is no such dataset, row or column.
    UsageError
        If the dataset has no key, or the text is no key of it.

    Notes
    -----
    Commits in which the dataset stayed as it was are passed without reading it; of the others one row is
    looked up. The history is followed no further than the oldest of the answers.
    """
    view = repo.at(ref, dataset=dataset) if ref else repo
    here = view[dataset]
    head = view.head
    assert head is not None
    if not here.key:
        raise UsageError(f"Dataset {dataset!r} has no key, so a row cannot be followed.", dataset=dataset)
    require_columns(here.schema, [column] if column else [], where=f"dataset {dataset!r}")
    reader = _Reader(repo, dataset, key)
    values = here.take([key]).to_pylist()[0]
    # At each commit, the columns of the answer whose cells come from there, under the names they have there.
    waiting: dict[CommitId, dict[str, str]] = {
        head: {n: n for n in ([column] if column else here.schema.names)}
    }
    first = repo.commit(head)
    queue = [(-first.time.timestamp(), head, first)]
    found: dict[str, Commit] = {}
    while queue:
        _, _, commit = heapq.heappop(queue)
        wanted = waiting.pop(commit.id)
        for parent, passed in reader.split(commit, wanted):
            if parent is None:
                found.update(dict.fromkeys(passed, commit))
            elif parent.id in waiting:
                waiting[parent.id].update(passed)
            else:
                waiting[parent.id] = passed
                heapq.heappush(queue, (-parent.time.timestamp(), parent.id, parent))
    return [
        Blamed(
            column=name,
            value=values[name],
            commit=found[name].id,
            author=found[name].author,
            time=found[name].time,
            summary=found[name].summary,
        )
        for name in here.schema.names
        if name in found
    ]


class _Reader:
    """Reads one row of a dataset at several commits."""

    def __init__(self, repo: Repo, dataset: str, key: str) -> None:
        self._repo, self._dataset, self._key = repo, dataset, key

    def split(self, commit: Commit, wanted: dict[str, str]) -> list[tuple[Commit | None, dict[str, str]]]:
        """Share columns out among the parents that have the same cells; None is for what ``commit`` made."""
        out: list[tuple[Commit | None, dict[str, str]]] = []
        left = dict(wanted)
        mine = self._manifest(commit)
        cells = None
        for parent in (self._repo.commit(name) for name in commit.parents):
            if not left:
                break
            if parent.datasets.get(self._dataset) == commit.datasets.get(self._dataset):
                return [*out, (parent, left)]
            theirs = self._manifest(parent)
            if theirs is None or mine is None:
                continue
            cells = self.row(mine) if cells is None else cells
            there = self.row(theirs)
            if there is None or cells is None:
                continue
            names = {new: old for old, new in renames(theirs, mine).items()}
            passed = {
                answer: names.get(name, name)
                for answer, name in left.items()
                if there.get(names.get(name, name)) == cells[name]
            }
            left = {answer: name for answer, name in left.items() if answer not in passed}
            if passed:
                out.append((parent, passed))
        return [*out, (None, left)] if left else out

    def row(self, manifest: Manifest) -> dict[str, int] | None:
        """Return the hash of each cell of the row; None if it is not there."""
        schema = manifest.schema
        if not manifest.key:
            return None
        try:
            keys = parse_keys([self._key], pa.schema([schema.field(name) for name in manifest.key]))
        except UsageError:
            # The key had another type then.
            return None
        places = locate(manifest, keys, self._repo.objects, self._repo.threads)
        if not places.found.all():
            return None
        table = gather(manifest, places, self._repo.objects)
        return {name: int(hash_values(table.column(name))[0]) for name in schema.names}

    def _manifest(self, commit: Commit) -> Manifest | None:
        return self._repo.manifest(self._dataset, commit.id)
