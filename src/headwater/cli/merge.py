"""Commands that bring changes together or take them back: merge, cherry-pick, rebase, revert, undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from headwater.cli.app import Session, command
from headwater.core.errors import MergeConflict, NotFound

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.api import Repo
    from headwater.versions.decisions import Decisions

__all__ = ["cherry_pick", "merge", "rebase", "revert", "undo"]

_ours = click.option(
    "--ours", "resolve", flag_value="ours", help="Where both changed a cell, keep what is here."
)
_theirs = click.option(
    "--theirs", "resolve", flag_value="theirs", help="Where both changed a cell, take what comes in."
)
_CONFLICT_FILES = (".parquet", ".csv")


@command("merge")
@click.argument("source")
@click.option("--into", metavar="BRANCH", help="The branch to merge into; the current one by default.")
@_ours
@_theirs
@click.option(
    "--resolve",
    "decisions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A table of conflicts with a column `choose`: ours or theirs.",
)
@click.option("--ours-in", multiple=True, metavar="DATASET[:COLUMN]", help="There, keep what is here.")
@click.option("--theirs-in", multiple=True, metavar="DATASET[:COLUMN]", help="There, take what comes in.")
@click.option("--no-ff", is_flag=True, help="Make a merge commit even where BRANCH could just move.")
@click.option("-m", "--message", help="Message of the merge commit.")
@click.option(
    "--conflicts",
    "conflicts_file",
    type=click.Path(path_type=Path),
    help="Write conflicts to a .parquet or .csv.",
)
def merge(
    session: Session,
    source: str,
    into: str | None,
    resolve: Literal["ours", "theirs"] | None,
    decisions: Path | None,
    ours_in: tuple[str, ...],
    theirs_in: tuple[str, ...],
    no_ff: bool,
    message: str | None,
    conflicts_file: Path | None,
) -> None:
    """Merge SOURCE into a branch, by key and cell.

    Two branches may change different cells of one row. Where both changed the same cell, nothing is merged:
    the conflicts are listed, and the exit code is 1. --ours and --theirs decide for all of them, --ours-in and
    --theirs-in for a dataset or a column. To decide them one by one, write them to a file, fill in its column
    `choose` with ours or theirs, and merge with --resolve. A row without a key decides for its whole column, one
    without a column, too, for its dataset.

    Examples
    --------
    hw merge fix-labels
    hw merge fix-labels --into main -m "41 labels, reviewed by Ada"
    hw merge fix-labels --theirs
    hw merge fix-labels --ours --theirs-in reviews:label
    hw merge fix-labels --conflicts conflicts.csv
    hw merge fix-labels --resolve conflicts.csv
    """
    if conflicts_file is not None and conflicts_file.suffix not in _CONFLICT_FILES:
        raise click.UsageError(f"Conflicts are written as .parquet or .csv, not as {conflicts_file.name!r}.")
    repo = session.repo()
    try:
        chosen = _decisions(repo, decisions, ours_in, theirs_in, resolve)
        done = repo.merge(source, into=into, message=message, fast_forward=not no_ff, resolve=chosen)
    except MergeConflict as error:
        table = error.facts.get("conflicts")
        if conflicts_file is not None and table is not None:
            _write_conflicts(table, conflicts_file)
            session.say(f"Wrote {table.num_rows:,} conflicts to {conflicts_file}")
        raise
    value = {"kind": done.kind, "commit": done.commit, "branch": done.branch, "source": source}
    text = {
        "up-to-date": f"{done.branch} has everything that {source} has; nothing to merge",
        "fast-forward": f"Moved {done.branch} to {done.commit[:12]} (fast-forward)",
        "merge": f"Merged {source} into {done.branch}: {done.commit[:12]}",
    }[done.kind]
    session.show(value, lambda out: out.print(text, markup=False))
    if done.kind != "up-to-date":
        session.next(f"hw show {done.branch}")


@command("revert")
@click.argument("ref")
@click.option("-m", "--message", help="Message of the new commit.")
def revert(session: Session, ref: str, message: str | None) -> None:
    """Undo the change of one commit by a new commit.

    What came after it stays; where later commits changed the same cells, the conflicts are listed.

    Examples
    --------
    hw revert main~1
    hw revert 3f2a91c07d55 -m "the labels of batch 7 were mixed up"
    """
    repo = session.repo()
    before = repo.head
    commit = repo.revert(ref, message=message)
    value = {"commit": commit, "branch": repo.branch_name, "changed": commit != before}
    text = f"Reverted {ref}: {commit[:12]}" if commit != before else f"The change of {ref} is undone already"
    session.show(value, lambda out: out.print(text, markup=False))
    if commit != before:
        session.next("hw show")


@command("cherry-pick")
@click.argument("ref")
@click.option("-m", "--message", help="Message of the new commit.")
@_ours
@_theirs
def cherry_pick(
    session: Session, ref: str, message: str | None, resolve: Literal["ours", "theirs"] | None
) -> None:
    """Make the change of one commit here, too, as a new commit.

    Where the branch changed the same cells, nothing is done: the conflicts are listed, and the exit code is 1.

    Examples
    --------
    hw cherry-pick fix-labels~1
    hw cherry-pick 3f2a91c07d55 --theirs
    """
    repo = session.repo()
    before = repo.head
    commit = repo.cherry_pick(ref, message=message, resolve=resolve)
    value = {"commit": commit, "branch": repo.branch_name, "changed": commit != before}
    text = f"Picked {ref}: {commit[:12]}" if commit != before else f"The change of {ref} is here already"
    session.show(value, lambda out: out.print(text, markup=False))


@command("rebase")
@click.argument("onto")
@_ours
@_theirs
def rebase(session: Session, onto: str, resolve: Literal["ours", "theirs"] | None) -> None:
    """Make the commits of your branch anew on top of another ref.

    Each keeps its author and message. If one clashes, nothing is done: the conflicts are listed, and the exit
    code is 1. Here --ours is what ONTO has. `hw undo` takes a rebase back.

    Examples
    --------
    hw rebase main
    hw rebase origin/main --theirs
    """
    repo = session.repo()
    done = repo.rebase(onto, resolve=resolve)
    made = sum(new is not None for new in done.commits.values())
    empty = len(done.commits) - made
    text = f"{done.branch}: {made} commit(s) made anew on {onto}, now at {done.commit[:12]}"
    text += f"; {empty} changed nothing there" if empty else ""
    if not done.commits:
        text = f"{done.branch} is on top of {onto} already"
    value = {"branch": done.branch, "commit": done.commit, "commits": done.commits}
    session.show(value, lambda out: out.print(text, markup=False))


@command("undo")
@click.argument("branch", required=False)
def undo(session: Session, branch: str | None) -> None:
    """Move a branch back to where it was before its last move.

    Undoing again goes further back. Nothing is lost: `hw reflog` shows where the branch has been. A deleted
    branch comes back.

    Examples
    --------
    hw undo
    hw undo fix-labels
    """
    repo = session.repo()
    name = branch or repo.require_branch()
    target = repo.undo(name)
    undone = next(repo.refs.reflog("heads", name)).reason.removeprefix("undo ")
    session.show(
        {"branch": name, "commit": target, "undone": undone},
        lambda out: out.print(f"{name} is {_where(repo, target)}", markup=False),
    )


def _where(repo: Repo, target: str | None) -> str:
    return f"back at {target[:12]}: {repo.commit(target).summary}" if target else "without commits again"


def _decisions(
    repo: Repo,
    path: Path | None,
    ours_in: tuple[str, ...],
    theirs_in: tuple[str, ...],
    otherwise: Literal["ours", "theirs"] | None,
) -> Decisions | Literal["ours", "theirs"] | None:
    import pyarrow as pa

    from headwater.formats.read import read_table
    from headwater.versions.decisions import Decisions

    if path is None and not ours_in and not theirs_in:
        return otherwise
    # A key such as 17 is text here, too.
    schema = pa.schema([(name, pa.string()) for name in ("dataset", "key", "column", "choose")])
    rows = []
    for side, places in (("ours", ours_in), ("theirs", theirs_in)):
        for dataset, _, column in (place.partition(":") for place in places):
            if dataset not in repo:
                raise NotFound.among("dataset", dataset, repo.datasets())
            rows.append({"dataset": dataset, "key": None, "column": column or None, "choose": side})
    parts = [pa.Table.from_pylist(rows, schema=schema)]
    if path is not None:
        parts.append(read_table(path, schema=dict.fromkeys(schema.names, "string")))
    return Decisions(pa.concat_tables(parts, promote_options="default"), otherwise)


def _write_conflicts(table: pa.Table, path: Path) -> None:
    """Write conflicts with an empty column to decide them in."""
    import pyarrow as pa

    table = table.append_column("choose", pa.nulls(table.num_rows, pa.string()))
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, path)
    else:
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)
