"""The command diff: what changed between two commits, as counts, rows or cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from headwater.cli.app import Session, command
from headwater.cli.writing import write_text
from headwater.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.versions.diff import Diff
    from headwater.versions.repo import RepoDiff

__all__ = ["Level", "diff"]

Level = Literal["all", "stat", "rows", "cells"]

_LIMITS = {"text": 20, "markdown": 50, "json": 1000, "html": 1000}


@command("diff")
@click.argument("what", nargs=-1, metavar="[BASE[..HEAD]] [DATASET]")
@click.option("--stat", "level", flag_value="stat", help="Only how many rows and which columns changed.")
@click.option("--rows", "level", flag_value="rows", help="The rows that differ.")
@click.option("--cells", "level", flag_value="cells", help="The cells that differ, before → after.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="Rows of each kind, 0 for all. By default 20 in text, 50 in Markdown, 1000 in JSON and HTML.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "parquet", "html", "markdown"]),
    help="Form of the answer.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def diff(
    session: Session,
    what: tuple[str, ...],
    level: Level | None,
    limit: int | None,
    form: str | None,
    output: Path | None,
) -> None:
    """Show what changed between two commits, by row and cell.

    BASE..HEAD compares two refs, BASE... with three dots compares HEAD with where it left BASE; BASE alone
    compares it with where you are; without either it is what the last commit changed. The suffix of the
    output file says the format. Parquet holds the differing rows of one dataset (or cells, with --cells).

    Examples
    --------
    hw diff
    hw diff main..fix-labels reviews --cells
    hw diff v1 --stat
    hw diff v1..v2 -o changes.html
    hw diff v1..v2 reviews --limit 0 -o changes.parquet
    """
    repo = session.repo()
    base, head, dataset = _parsed(repo, what)
    found = repo.diff(base, head)
    diffs = _chosen(repo, found, dataset)
    form = form or _form_of(output) or ("json" if session.as_json else "text")
    most = (_LIMITS.get(form) if limit is None else limit) or None
    if form == "parquet":
        _write_parquet(session, diffs, level or "all", most, output)
        return
    if form == "json":
        session.as_json = session.as_json or output is None
    _answer(session, found, diffs, level or "all", most, form, output)
    if found.base is None and not diffs:
        session.say("There is nothing before the first commit.")


def _parsed(repo: Repo, what: tuple[str, ...]) -> tuple[str | None, str | None, str | None]:
    """Return base, head and dataset; one word alone may be a range, a dataset or a base."""
    if len(what) > 2:
        raise click.UsageError("At most a range and a dataset: hw diff BASE..HEAD DATASET.")
    words = list(what)
    dataset = words.pop() if len(words) == 2 else None
    if not words:
        return None, None, dataset
    (word,) = words
    if "..." in word:
        left, _, right = word.partition("...")
        return _fork(repo, left or "HEAD", right or "HEAD"), right or None, dataset
    if ".." in word:
        left, _, right = word.partition("..")
        return left or "HEAD", right or None, dataset
    if dataset is None and word in _datasets_lately(repo):
        return None, None, word
    try:
        repo.resolve(word)
    except NotFound as error:
        known = [*repo.branches(), *repo.tags(), *(repo.datasets() if dataset is None else ())]
        raise NotFound.among("ref" if dataset else "ref or dataset", word, known) from error
    return word, None, dataset


def _fork(repo: Repo, left: str, right: str) -> str:
    from headwater.store.graph import merge_base

    base = merge_base(repo.resolve(left), repo.resolve(right), repo.objects)
    if base is None:
        raise UsageError(f"{left!r} and {right!r} have no commit in common. Compare the two: {left}..{right}")
    return base


def _datasets_lately(repo: Repo) -> set[str]:
    """Return the datasets here and one commit before, so that one just removed is known."""
    head = repo.head
    parents = repo.commit(head).parents if head else ()
    return {*repo.datasets(), *(repo.commit(parents[0]).datasets if parents else ())}


def _chosen(repo: Repo, found: RepoDiff, dataset: str | None) -> dict[str, Diff]:
    diffs = dict(found)
    if dataset is None:
        return diffs
    if dataset in diffs:
        return {dataset: diffs[dataset]}
    known = {*repo.commit(found.head).datasets, *(repo.commit(found.base).datasets if found.base else ())}
    if dataset not in known:
        raise NotFound.among(
            "dataset", dataset, known, where=f"{(found.base or found.head)[:12]} or {found.head[:12]}"
        )
    return {}


def _answer(
    session: Session,
    found: RepoDiff,
    diffs: dict[str, Diff],
    level: Level,
    limit: int | None,
    form: str,
    output: Path | None,
) -> None:
    if form == "text" and output is None:
        from headwater.cli.render_diff import draw_diff

        session.show(None, lambda out: draw_diff(out, found, diffs, level=level, limit=limit))
    elif form == "json" and output is None:
        session.show(to_dict(found, diffs, level, limit), lambda out: None)
    else:
        text = _text(found, diffs, level, limit, form)
        if output is None:
            click.echo(text, nl=False)
        else:
            write_text(output, text)
            session.show(
                {"path": str(output), "format": form}, lambda out: out.print(f"Wrote {output}", markup=False)
            )


def _text(found: RepoDiff, diffs: dict[str, Diff], level: Level, limit: int | None, form: str) -> str:
    if form == "json":
        import json

        from headwater.cli.console import jsonable

        return json.dumps(jsonable(to_dict(found, diffs, level, limit)), indent=2, ensure_ascii=False) + "\n"
    if form == "text":
        from rich.console import Console

        from headwater.cli.render_diff import draw_diff

        paper = Console(width=200, no_color=True, highlight=False, emoji=False)
        with paper.capture() as captured:
            draw_diff(paper, found, diffs, level=level, limit=limit)
        return captured.get()
    from headwater.cli.render_html import diff_html
    from headwater.cli.render_markdown import diff_markdown

    make = diff_html if form == "html" else diff_markdown
    return make(found, diffs, level=level, limit=limit)


def to_dict(found: RepoDiff, diffs: dict[str, Diff], level: Level, limit: int | None) -> dict[str, Any]:
    """Return a diff as JSON-able values."""
    datasets: dict[str, Any] = {}
    for name, change in diffs.items():
        datasets[name] = change.stat()
        if level in ("rows", "all"):
            datasets[name]["rows"] = change.rows(limit)
        if level in ("cells", "all"):
            datasets[name]["cells"] = change.cells(limit).slice(0, limit)
    return {"base": found.base, "head": found.head, "limit": limit, "datasets": datasets}


def _write_parquet(
    session: Session, diffs: dict[str, Diff], level: Level, limit: int | None, output: Path | None
) -> None:
    import pyarrow.parquet as pq

    if output is None:
        raise click.UsageError("Parquet goes to a file: -o changes.parquet")
    if len(diffs) != 1:
        raise click.UsageError(
            "Nothing changed, so there is nothing to write."
            if not diffs
            else f"Parquet holds one dataset; these changed: {', '.join(diffs)}. Name one: hw diff BASE..HEAD DATASET."
        )
    (change,) = diffs.values()
    table = change.cells(limit).slice(0, limit) if level == "cells" else change.rows(limit)
    pq.write_table(table, output)
    value = {"path": str(output), "format": "parquet", "dataset": change.name, "rows": table.num_rows}
    session.show(value, lambda out: out.print(f"Wrote {table.num_rows:,} rows to {output}", markup=False))


def _form_of(output: Path | None) -> str | None:
    if output is None:
        return None
    forms = {".json": "json", ".parquet": "parquet", ".html": "html", ".md": "markdown", ".txt": "text"}
    if output.suffix not in forms:
        raise click.UsageError(
            f"{output.name!r}: the suffix says the format ({', '.join(forms)}), or --format does."
        )
    return forms[output.suffix]
