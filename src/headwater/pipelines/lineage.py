"""Where data come from: datasets, the commits that made them, and what these read, back to the first sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headwater.core.errors import NotFound
from headwater.core.ids import CommitId
from headwater.store.commit import Commit
from headwater.versions.repo import Repo

__all__ = ["Lineage", "LineageEdge", "LineageNode", "lineage"]

_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageNode:
    """A dataset as a commit made it, or a source outside of the repository.

    Parameters
    ----------
    id : str
        ``NAME@COMMIT``, or the location of a source.
    kind : {"dataset", "source"}
        Which of the two.
    name : str
        The dataset, or the location.
    commit : str
        The commit that made this version.
    time, message : str
        Of the commit.
    """

    id: str
    kind: Literal["dataset", "source"]
    name: str
    commit: str = ""
    time: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge:
    """What made one version of another.

    Parameters
    ----------
    start, end : str
        Ids of what was read, and of what was made.
    by : str
        The kind of change and its name: ``transform clean.missing``, ``run nightly: double``.
    run : str
        The run, for pipelines.
    columns : mapping of str to tuple of str
        For each column of ``end`` the columns of ``start`` that it is made of; empty where it is not known.
    """

    start: str
    end: str
    by: str
    run: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A graph of versions, the asked for one first.

    Parameters
    ----------
    nodes : tuple of LineageNode
        The versions and sources.
    edges : tuple of LineageEdge
        What made them.
    is_cut : bool
        Whether there is more behind.
    """

    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    is_cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as JSON-able values."""
        return {
            "nodes": [asdict(one) for one in self.nodes],
            "edges": [
                {**asdict(one), "columns": {k: list(v) for k, v in one.columns.items()}} for one in self.edges
            ],
            "is_cut": self.is_cut,
        }

    def before(self, node: str) -> list[LineageEdge]:
        """Return the edges that end at a node."""
        return [edge for edge in self.edges if edge.end == node]

    def of_column(self, column: str) -> Lineage:
        """Return the part that a column of the first dataset comes from, as far as columns are known.

        Raises
        ------
        NotFound
            If columns are known, and this is none.
        """
        wanted = {self.nodes[0].id: {column}}
        kept: list[LineageEdge] = []
        waiting = [self.nodes[0].id]
        while waiting:
            end = waiting.pop(0)
            for edge in self.before(end):
                if not edge.columns:
                    columns = wanted[end]
                else:
                    columns = {one for name in wanted[end] for one in edge.columns.get(name, ())}
                    if end == self.nodes[0].id and column not in edge.columns:
                        raise NotFound.among("column", column, edge.columns, where=self.nodes[0].name)
                if not columns:
                    continue
                known = {name: edge.columns[name] for name in wanted[end] if name in edge.columns}
                kept.append(
                    LineageEdge(start=edge.start, end=edge.end, by=edge.by, run=edge.run, columns=known)
                )
                if edge.start not in wanted:
                    waiting.append(edge.start)
                wanted.setdefault(edge.start, set()).update(columns)
        nodes = tuple(node for node in self.nodes if node.id in wanted)
        return Lineage(nodes=nodes, edges=tuple(kept), is_cut=self.is_cut)


def lineage(repo: Repo, dataset: str, *, limit: int = _MOST) -> Lineage:
    """Follow a dataset back to where it comes from.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str
        Name, or ``NAME@REF``.
    limit : int
        The most commits to look at.

    Returns
    -------
    Lineage

    Raises
    ------
    NotFound
        If there is no such dataset or ref.

    Notes
    -----
    What is known is what commits say: imports their source, transforms and runs what they read, merges their parents.
    Columns are known of steps by rows that say which columns they read.
    """
    name, _, ref = dataset.partition("@")
    here = repo.at(ref) if ref else repo
    if here.head is None or name not in here.commit(here.head).datasets:
        raise NotFound.among("dataset", name, here.datasets(), where=f"ref {ref or 'HEAD'!r}")
    nodes: dict[str, LineageNode] = {}
    edges: dict[tuple[str, str, str], LineageEdge] = {}
    waiting, seen = [(name, here.head)], 0
    while waiting and seen < limit:
        wanted, start = waiting.pop(0)
        made = _made(here, wanted, start)
        seen += 1
        if made is None:
            continue
        node = _node(wanted, made)
        if node.id in nodes:
            continue
        nodes[node.id] = node
        for origin, edge in _origins(here, wanted, made, node.id):
            if isinstance(origin, LineageNode):
                nodes.setdefault(origin.id, origin)
                found = origin.id
            else:
                before = _made(here, *origin)
                if before is None:
                    continue
                found = f"{origin[0]}@{before.id[:12]}"
                waiting.append(origin)
            known = LineageEdge(start=found, end=edge.end, by=edge.by, run=edge.run, columns=edge.columns)
            edges.setdefault((found, edge.end, edge.by), known)
    return Lineage(nodes=tuple(nodes.values()), edges=tuple(edges.values()), is_cut=bool(waiting))


def _made(repo: Repo, dataset: str, start: CommitId) -> Commit | None:
    """Return the commit that made the version of a dataset that is there at ``start``; None if there is none."""
    commit = repo.commit(start)
    held = commit.datasets.get(dataset)
    if held is None:
        return None
    while True:
        older = next(
            (parent for parent in commit.parents if repo.commit(parent).datasets.get(dataset) == held), None
        )
        if older is None:
            return commit
        commit = repo.commit(older)


def _node(dataset: str, commit: Commit) -> LineageNode:
    return LineageNode(
        id=f"{dataset}@{commit.id[:12]}",
        kind="dataset",
        name=dataset,
        commit=commit.id,
        time=commit.time.isoformat(),
        message=commit.summary,
    )


Origin = LineageNode | tuple[str, CommitId]


def _origins(repo: Repo, dataset: str, commit: Commit, end: str) -> Iterator[tuple[Origin, LineageEdge]]:
    """Yield what a commit made a version of, each with its edge."""
    said = commit.provenance
    before = [parent for parent in commit.parents if dataset in repo.commit(parent).datasets]
    if said.kind == "run":
        facts = said.record.get("datasets", {}).get(dataset)
        if facts is not None:
            by = f"run {said.id}: {facts['step']}"
            for source in facts["from"]:
                at = next(
                    (CommitId(one) for one in said.inputs if source in repo.commit(CommitId(one)).datasets),
                    None,
                )
                if at is not None:
                    columns = _of_source(facts.get("columns") or {}, source)
                    run = str(said.record.get("run", ""))
                    yield (source, at), LineageEdge(start="", end=end, by=by, run=run, columns=columns)
            return
    if said.kind == "import":
        place = LineageNode(id=said.id, kind="source", name=said.id)
        yield place, LineageEdge(start="", end=end, by="import")
        if said.parameters.get("mode", "replace") == "replace":
            return
    by = " ".join(word for word in (said.kind, said.id if said.kind == "transform" else "") if word)
    for parent in before:
        yield (dataset, parent), LineageEdge(start="", end=end, by=by)


def _of_source(columns: Mapping[str, Iterable[str]], source: str) -> dict[str, tuple[str, ...]]:
    """Return the columns that come from one dataset, without its name."""
    start = f"{source}."
    return {
        name: tuple(one.removeprefix(start) for one in origins if one.startswith(start))
        for name, origins in columns.items()
    }
