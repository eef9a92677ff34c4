"""The command commit: one change of a dataset, from an edit file or by a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import assignment, column_names, joined, reading, reading_options, shell_word

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.formats.base import Source
    from headwater.reading.dataset import Dataset

__all__ = ["commit"]


@command("commit")
@click.argument("dataset")
@click.argument("file", required=False)
@click.option("-m", "--message", help="Why; says what was done by default.")
@click.option("--append", "mode", flag_value="append", help="FILE holds new rows only.")
@click.option("--delete", "mode", flag_value="delete", help="FILE holds the keys of rows to delete.")
@click.option("--add-columns", "mode", flag_value="add-columns", help="FILE holds the key and new columns.")
@click.option(
    "--delete-where", metavar="SQL", help='Delete the rows for which this holds, for example "age < 0".'
)
@click.option(
    "--drop",
    type=column_names,
    metavar="COL,…",
    multiple=True,
    help="Drop columns; older versions keep them.",
)
@click.option("--rename", type=assignment, multiple=True, metavar="OLD=NEW", help="Rename a column.")
@click.option("--remove", is_flag=True, help="Remove the whole dataset; older versions keep it.")
@click.option(
    "--branch",
    metavar="NAME",
    help="Commit to this branch; a new one starts here.",
)
@reading_options("--format", "--input-format")
def commit(
    session: Session,
    dataset: str,
    file: str | None,
    message: str | None,
    mode: str | None,
    delete_where: str | None,
    drop: tuple[tuple[str, ...], ...],
    rename: tuple[tuple[str, Any], ...],
    remove: bool,
    branch: str | None,
    **options: Any,
) -> None:
    """Change a dataset by an edit file or a condition, as one commit.

    FILE holds rows with the key and some or all other columns: rows whose key is there are updated, cells
    that FILE lacks stay, other rows are added. `hw import` is for a whole new version of a dataset.

    Examples
    --------
    hw commit reviews relabelled.csv -m "41 labels, checked by hand"
    hw commit reviews batch7.parquet --append
    hw commit reviews --delete-where "text IS NULL" -m "empty reviews"
    hw commit reviews scores.csv --add-columns --branch with-scores
    hw commit reviews --rename txt=text --drop tmp
    """
    from headwater.cli.render import draw_commit_made

    if not (file or delete_where or drop or rename or remove):
        raise click.UsageError(
            "What should change? Give a FILE, --delete-where, --drop, --rename or --remove."
        )
    if mode and not file:
        raise click.UsageError(f"--{mode} goes with a FILE.")
    repo = session.repo()
    repo = repo.branch(branch) if branch else repo
    before = repo.head
    done = [f"edit {dataset} by {file}"] if file else [f"edit {dataset}"]
    with repo.transaction(message or done[0].capitalize()) as tx:
        here = tx[dataset]
        if rename:
            tx.rename_columns(dataset, {old: str(new) for old, new in rename})
        if drop:
            tx.drop_columns(dataset, joined(drop))
        if delete_where is not None:
            tx.delete(dataset, where=delete_where)
        if file is not None:
            source = _opened(file, here, reading(options))
            if mode == "append":
                tx.append(dataset, source)
            elif mode == "delete":
                tx.delete(dataset, keys=source)
            elif mode == "add-columns":
                tx.add_columns(dataset, source)
            else:
                tx.upsert(dataset, source)
        if remove:
            tx.drop(dataset)
    value = _what_changed(repo, before, tx.commit_id, dataset)
    session.show(value, lambda out: draw_commit_made(out, value))
    if value["is_new"]:
        session.next(
            f"hw diff {before[:12]}..{value['commit'][:12]}" if before else "hw show",
            *_check(dataset, remove, branch),
        )


def _opened(file: str, dataset: Dataset, options: dict[str, Any]) -> Source:
    """Read an edit file in the types that the dataset's columns have."""
    from headwater.formats.read import read

    source = read(file, **options)
    given = options.get("schema", {})
    types = {
        field.name: dataset.schema.field(field.name).type
        for field in source.schema
        if field.name in dataset.schema.names
        and field.name not in given
        and dataset.schema.field(field.name).type != field.type
    }
    return read(file, **{**options, "schema": {**types, **given}}) if types else source


def _what_changed(repo: Repo, before: str | None, after: str | None, dataset: str) -> dict[str, Any]:
    value: dict[str, Any] = {"commit": after, "branch": repo.branch_name, "is_new": after != before}
    change = dict(repo.diff(before, after)).get(dataset) if after and after != before else None
    return {**value, "change": change.stat() if change else None}


def _check(dataset: str, removed: bool, branch: str | None) -> list[str]:
    target = shell_word(f"{dataset}@{branch}" if branch else dataset)
    return [] if removed else [f"hw check {target}"]
