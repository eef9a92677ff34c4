"""What version-control commands show in a terminal: status, log, refs, commits, datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from rich.console import Console, RenderableType
from rich.text import Text

from headwater.cli.tables import data_table, plain_table, safe, when

if TYPE_CHECKING:
    from headwater.versions.importing import ImportResult

__all__ = [
    "SHORT",
    "Gutter",
    "change_text",
    "commit_graph",
    "draw_commit",
    "draw_commit_made",
    "draw_dataset",
    "draw_datasets",
    "draw_import",
    "draw_log",
    "draw_reflog",
    "draw_refs",
    "draw_status",
]

SHORT = 12
"""Digits of a commit id that people see."""


def draw_status(out: Console, status: Mapping[str, Any]) -> None:
    """Draw where the repository stands."""
    commit = status["commit"]
    line = Text.assemble("On branch ", (str(status["branch"]), "bold green"))
    if commit is None:
        line.append(", no commits yet")
    out.print(line)
    if commit is not None:
        out.print(Text.assemble((commit.id[:SHORT], "yellow"), f"  {safe(commit.summary)}"))
        out.print(Text(f"{when(commit.time)}, {commit.author}", style="dim"))
    for remote in status["remotes"]:
        ways = [f"{remote[way]:,} commit(s) {way}" for way in ("ahead", "behind") if remote[way]]
        out.print(
            Text(f"{' and '.join(ways) or 'level with'} {'of ' if ways else ''}{remote['name']}", style="dim")
        )
    if status["datasets"]:
        out.print()
        draw_datasets(out, status["datasets"])
    waiting = [entry for entry in status["datasets"] if entry["name"].endswith(".quarantine")]
    for entry in waiting:
        name = entry["name"].removesuffix(".quarantine")
        out.print(
            Text(
                f"{entry['rows']:,} row(s) of {name} wait in quarantine: hw quarantine {name}", style="yellow"
            )
        )


def draw_datasets(out: Console, datasets: Sequence[Mapping[str, Any]]) -> None:
    """Draw a line for each dataset."""
    rows: list[list[RenderableType]] = [
        [
            Text(entry["name"], style="bold"),
            f"{entry['rows']:,}",
            f"{entry['columns']:,}",
            Text(", ".join(entry["key"]) or "content", style="" if entry["key"] else "dim"),
            Text(entry["label"] or ""),
            Text(", ".join(entry["sensitive"])),
        ]
        for entry in datasets
    ]
    titles = ["dataset", "rows", "columns", "key", "label", "sensitive"]
    out.print(plain_table(titles, rows, right=("rows", "columns")))


def draw_log(out: Console, entries: Sequence[Mapping[str, Any]], *, oneline: bool, graph: bool) -> None:
    """Draw commits, newest first."""
    gutters = list(commit_graph(entries)) if graph else [Gutter()] * len(entries)
    for number, (entry, gutter) in enumerate(zip(entries, gutters, strict=True)):
        for line in gutter.joins:
            out.print(line, markup=False)
        refs = Text.assemble(" (", (", ".join(entry["refs"]), "bold green"), ")") if entry["refs"] else Text()
        name = Text.assemble(gutter.commit, (entry["id"][:SHORT], "yellow"), refs)
        if oneline:
            out.print(name.append(f" {safe(entry['summary'])}"), overflow="ellipsis", no_wrap=True)
            if gutter.fork:
                out.print(gutter.fork, markup=False)
            continue
        if number and not graph:
            out.print()
        out.print(name, soft_wrap=True)
        stamp = f"{entry['time'].replace('T', ' ')[:16]} UTC, {entry['author']}"
        out.print(Text.assemble(gutter.fork or gutter.rest, (stamp, "dim")), soft_wrap=True)
        for text in entry["message"].splitlines():
            out.print(Text(f"{gutter.rest}{safe(text)}"), soft_wrap=True)
        source = source_text(entry)
        if source:
            out.print(Text.assemble(gutter.rest, (source, "dim")), soft_wrap=True)
        if graph and number + 1 < len(entries):
            out.print(gutter.rest.rstrip(), markup=False)


def source_text(entry: Mapping[str, Any]) -> str:
    """Return in one line where a commit's change came from and what it touched."""
    provenance = entry["provenance"]
    parts = []
    if provenance["kind"] == "transform":
        parts.append(f"transform {provenance['id']} {provenance['version']}".rstrip())
    elif provenance["kind"] not in ("edit", "merge", "revert"):
        parts.append(f"{provenance['kind']} {provenance['id']}".rstrip())
    if entry["changed"]:
        parts.append(", ".join(entry["changed"]))
    counts = [f"{provenance['record'][name]:,} {name}" for name in _COUNTS if provenance["record"].get(name)]
    return safe(" · ".join([*parts, *([", ".join(counts)] if counts else [])]))


_COUNTS = ("added", "removed", "changed", "updated", "deleted")


class Gutter(NamedTuple):
    """What is drawn to the left of a commit: lines before it, and the starts of its first, second and other lines."""

    joins: tuple[str, ...] = ()
    commit: str = ""
    fork: str = ""
    rest: str = ""


def commit_graph(entries: Sequence[Mapping[str, Any]]) -> Iterator[Gutter]:
    """Yield what to draw beside each commit.

    Parameters
    ----------
    entries : sequence of mapping
        Commits with ``id`` and ``parents``, a child before its parents.
    """
    lanes: list[str | None] = []
    for entry in entries:
        if entry["id"] not in lanes:
            lanes.append(entry["id"])
        at = lanes.index(entry["id"])
        joins = []
        for other in range(len(lanes) - 1, at, -1):
            if lanes[other] == entry["id"]:
                joins.append(_arms(lanes, at, {other: "╯"}).rstrip())
                lanes[other] = None
        _trim(lanes)
        commit = _gutter(lanes, at)
        parents = list(entry["parents"])
        lanes[at] = parents[0] if parents else None
        new = range(len(lanes), len(lanes) + len(parents[1:]))
        lanes += parents[1:]
        fork = _arms(lanes, at, {lane: "╮" if lane == new[-1] else "┬" for lane in new}) if new else ""
        yield Gutter(tuple(joins), commit, fork, _gutter(lanes))
        _trim(lanes)


def _gutter(lanes: Sequence[str | None], at: int = -1) -> str:
    marks = ["●" if index == at else "│" if lane else " " for index, lane in enumerate(lanes)]
    return " ".join(marks) + " "


def _arms(lanes: Sequence[str | None], at: int, ends: Mapping[int, str]) -> str:
    """Return a line that leads from one lane to others on its right."""
    line = list(_gutter(lanes))
    line[2 * at] = "├"
    for index in range(2 * at + 1, 2 * max(ends)):
        line[index] = "┼" if line[index] == "│" else "─"
    for lane, end in ends.items():
        line[2 * lane] = end
    return "".join(line)


def _trim(lanes: list[str | None]) -> None:
    while lanes and lanes[-1] is None:
        lanes.pop()


def draw_refs(out: Console, refs: Sequence[Mapping[str, Any]]) -> None:
    """Draw branches or tags with their commits; the current branch has an arrow."""
    rows: list[list[RenderableType]] = [
        [
            Text("→" if ref["current"] else " ", style="green"),
            Text(ref["name"], style="bold green" if ref["current"] else ""),
            Text(ref["commit"][:SHORT], style="yellow"),
            Text(when(ref["time"]), style="dim"),
            Text(safe(ref["summary"])),
        ]
        for ref in refs
    ]
    if rows:
        table = plain_table(["", "", "", "", " "], rows)
        table.show_header = False
        out.print(table)


def draw_reflog(out: Console, moves: Sequence[Mapping[str, Any]]) -> None:
    """Draw where a branch has been."""
    rows: list[list[RenderableType]] = [
        [
            Text(move["commit"][:SHORT] if move["commit"] else "(none)", style="yellow"),
            Text(when(move["time"]), style="dim"),
            Text(move["author"], style="dim"),
            Text(safe(move["reason"])),
        ]
        for move in moves
    ]
    table = plain_table(["", "", "", " "], rows)
    table.show_header = False
    out.print(table)


def draw_commit(out: Console, commit: Mapping[str, Any]) -> None:
    """Draw one commit with what it changed."""
    refs = Text.assemble(" (", (", ".join(commit["refs"]), "bold green"), ")") if commit["refs"] else Text()
    out.print(Text.assemble("commit ", (commit["id"], "yellow"), refs), soft_wrap=True)
    facts = [("author", commit["author"]), ("time", commit["time"].replace("T", " ")[:16] + " UTC")]
    facts += [("parent", parent[:SHORT]) for parent in commit["parents"]]
    facts += list(_provenance(commit["provenance"]))
    for name, text in facts:
        out.print(Text.assemble((f"{name:<8} ", "dim"), safe(text)), soft_wrap=True)
    out.print()
    for line in commit["message"].splitlines():
        out.print(Text(f"  {safe(line)}"), soft_wrap=True)
    if commit["changes"]:
        out.print()
    for stat in commit["changes"].values():
        out.print(change_text(stat), soft_wrap=True)


def change_text(stat: Mapping[str, Any]) -> Text:
    """Return the statistics of one dataset's change in a line, and a line for each column that came or went."""
    text = Text(stat["dataset"], style="bold")
    counts = [
        (f"+{stat['added']:,} added", "green", stat["added"]),
        (f"−{stat['removed']:,} removed", "red", stat["removed"]),
        (f"~{stat['changed']:,} changed", "yellow", stat["changed"]),
        (f"{stat['unchanged']:,} unchanged", "dim", True),
    ]
    for words, style, count in counts:
        if count:
            text.append("  ").append(words, style=f"not bold {style}")
    for name, style in (("added", "green"), ("dropped", "red"), ("retyped", "yellow")):
        for column in stat["columns"][name]:
            text.append(f"\n  column {name}: ", style="not bold").append(
                safe(column), style=f"not bold {style}"
            )
    if stat["contract_changed"]:
        text.append("\n  contract changed", style="not bold yellow")
    return text


def draw_dataset(out: Console, dataset: Mapping[str, Any], head: pa.Table) -> None:
    """Draw a dataset: what it is, its columns, its first rows."""
    commit = f" at {dataset['commit'][:SHORT]}" if dataset["commit"] else ""
    out.print(Text.assemble((dataset["name"], "bold"), f"{commit}: {dataset['rows']:,} rows"), soft_wrap=True)
    roles = {name: ["key"] for name in dataset["key"]}
    if dataset["label"]:
        roles.setdefault(dataset["label"], []).append("label")
    for name in dataset["sensitive"]:
        roles.setdefault(name, []).append("sensitive")
    if not dataset["key"]:
        out.print(Text("no key: a row is named by its content", style="dim"))
    out.print()
    rows: list[list[RenderableType]] = []
    for column in dataset["schema"]:
        facts = [*roles.get(column["name"], ()), *(["required"] if column["required"] else [])]
        facts += [column["classification"]] if column["classification"] else []
        rows.append(
            [Text(safe(column["name"]), style="bold"), column["type"], Text(", ".join(facts), style="dim")]
        )
    out.print(plain_table(["column", "type", ""], rows))
    if head.num_rows:
        out.print()
        out.print(data_table(head, width=out.width, first=dataset["key"]))
        more = dataset["rows"] - head.num_rows
        if more:
            out.print(Text(f"… {more:,} more row(s)", style="dim"))


def _provenance(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if provenance["kind"] == "edit" and not provenance["id"]:
        return
    version = f" {provenance['version']}" if provenance["version"] else ""
    yield provenance["kind"], f"{provenance['id']}{version}"
    if provenance["parameters"]:
        yield "with", ", ".join(f"{name}={value}" for name, value in provenance["parameters"].items())
    if provenance["seed"] is not None:
        yield "seed", str(provenance["seed"])
    if provenance["record"]:
        yield "record", ", ".join(f"{name}={value}" for name, value in provenance["record"].items())
    if provenance["code"]:
        yield "code", provenance["code"]


def draw_import(out: Console, done: ImportResult, branch: str | None) -> None:
    """Draw what an import did."""
    if not done.is_new:
        out.print(Text.assemble((done.dataset, "bold"), f" holds exactly these {done.rows:,} rows already"))
    else:
        counts = [f"{count:,} {word}" for word, count in _import_counts(done) if count]
        out.print(
            Text.assemble(
                (done.dataset, "bold"), f": {', '.join(counts) or 'no row changed'}; {done.rows:,} rows now"
            )
        )
        out.print(Text.assemble("Commit ", (done.commit[:SHORT], "yellow"), f" on {branch}"))
    if done.quarantined:
        out.print(Text(f"{done.quarantined:,} row(s) went to {done.dataset}.quarantine", style="yellow"))
    for note in done.notes:
        out.print(Text(f"Note: {safe(note)}", style="dim"))


def _import_counts(done: ImportResult) -> list[tuple[str, int]]:
    return [("added", done.added), ("removed", done.removed), ("changed", done.changed)]


def draw_commit_made(out: Console, value: Mapping[str, Any]) -> None:
    """Draw what a commit did, or that there was nothing to do."""
    if not value["is_new"]:
        out.print("Nothing to commit: the dataset holds all this already.")
        return
    out.print(Text.assemble("Commit ", (value["commit"][:SHORT], "yellow"), f" on {value['branch']}"))
    if value["change"]:
        out.print(change_text(value["change"]), soft_wrap=True)
