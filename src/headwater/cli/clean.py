"""The command clean: run a transform on a dataset as one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import assignment, column_names, seed_option, shell_word
from headwater.cli.places import require_datasets

if TYPE_CHECKING:
    from headwater.transforms.run import TransformResult

__all__ = ["as_declared", "clean", "draw_transform"]


@command("clean")
@click.argument("dataset", required=False)
@click.argument("transform", required=False)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=assignment,
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter; the value is read as JSON where it is JSON. NAME=@FILE reads a .json or .csv file.",
)
@click.option("--list", "listing", is_flag=True, help="List the transforms.")
@click.option("--branch", metavar="NAME", help="Commit to this branch; a new one starts here.")
@click.option("--dry-run", is_flag=True, help="Show what would change; commit nothing.")
@click.option(
    "--review",
    is_flag=False,
    flag_value="-",
    metavar="[FILE.csv]",
    help="Decide on each change: in the terminal, or write all to FILE.csv with a column accept.",
)
@click.option(
    "--accept",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.csv",
    help="Make only the changes that a review accepts.",
)
@seed_option("Seed of all randomness.")
@click.option("-m", "--message", help="Commit message; says what was done by default.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Rows to show of a dry run.",
)
def clean(
    session: Session,
    dataset: str | None,
    transform: str | None,
    parameters: tuple[tuple[str, Any], ...],
    listing: bool,
    branch: str | None,
    dry_run: bool,
    review: str | None,
    accept: str | None,
    seed: int,
    message: str | None,
    limit: int,
) -> None:
    """Run a transform on a dataset, as one commit.

    Cleaning, relabelling, deduplicating, augmenting and anonymising are all transforms. `hw transforms`
    lists them, `hw transforms ID` explains one with its parameters. Nothing is changed in place: `hw diff`
    shows what a transform did, `hw undo` takes it back.

    With --review each change is looked at first: like changes together, from old to new value, with the reason. What
    is accepted becomes one commit, and its record says how many of how many that were.

    Examples
    --------
    hw clean --list
    hw clean reviews clean.deduplicate --dry-run
    hw clean people clean.values -p columns=city -p trim=true --branch tidy
    hw clean loans clean.missing -p columns='["income", "age"]' -m "fill incomes"
    hw clean people clean.categories -p columns=city --review
    hw clean people clean.categories -p columns=city --review review.csv
    hw clean people clean.categories -p columns=city --accept review.csv
    hw clean people clean.categories -p columns=city -p mapping=@abbreviations.csv
    """
    if listing:
        from headwater.cli.catalog import show_catalog

        show_catalog(session, "transform")
        return
    if dataset is None or transform is None:
        raise click.UsageError("Which dataset and which transform? `hw clean --list` lists the transforms.")
    given = as_declared(transform, [(name, _from_file(value)) for name, value in parameters])
    if review is not None and accept is not None:
        raise click.UsageError("First --review, then --accept what was decided.")
    if review is not None and review != "-" and not review.lower().endswith(".csv"):
        raise click.UsageError(f"--review goes last, or with a file that ends in .csv, not {review!r}.")
    repo = require_datasets(session, dataset, instead="")
    if review is not None:
        planned = repo.transform(dataset, transform, given, branch=branch, seed=seed, dry_run=True)
        if review != "-" or dry_run:
            _write(session, planned, review, (dataset, transform))
            return
        decisions: Any = _decided(session, planned)
        if decisions is None:
            session.show(
                {**planned.to_dict(), "proposed": 0}, lambda out: draw_transform(out, planned, limit)
            )
            return
    else:
        decisions = accept
    before = repo.branches().get(branch, repo.head) if branch else repo.head
    done = repo.transform(
        dataset,
        transform,
        given,
        branch=branch,
        seed=seed,
        message=message,
        dry_run=dry_run,
        accept=decisions,
    )
    value = {**done.to_dict(), "change": done.diff.stat()}
    if dry_run and session.as_json:
        value |= {"cells": done.diff.cells(limit or None), "rows": done.diff.rows(limit or None)}
    session.show(value, lambda out: draw_transform(out, done, limit or None))
    if done.is_new and before is not None:
        span = f"{before[:12]}..{done.commit[:12]}"
        session.next(f"hw diff {span}", f"hw check {shell_word(f'{dataset}@{done.branch}')}")


def _decided(session: Session, planned: TransformResult) -> Any:
    """Return the decisions of whoever sits at the terminal; None if there is nothing to decide."""
    from headwater.cli.review import decided

    proposed = planned.changes()
    return decided(session, proposed) if proposed.num_rows else None


def _write(session: Session, planned: TransformResult, file: str, words: tuple[str, str]) -> None:
    """Write what is proposed to a file, and say how to go on."""
    from headwater.transforms.review_file import write_review

    proposed = planned.changes()
    if file == "-":
        raise click.UsageError("--review asks what to do; with --dry-run name a file: --review FILE.csv.")
    write_review(proposed, file)
    value = {**planned.to_dict(), "proposed": proposed.num_rows, "file": file}
    session.show(
        value,
        lambda out: out.print(
            f"Wrote {proposed.num_rows:,} proposed changes to {file}.", markup=False, soft_wrap=True
        ),
    )
    place = " ".join(shell_word(word) for word in words)
    session.next(
        f"hw clean {place} … --accept {shell_word(file)}   (write no in the column accept where it is wrong)"
    )


def _from_file(value: Any) -> Any:
    """Return what the file holds that ``@FILE`` names: JSON, or a mapping of the first column of CSV to the second."""
    if not (isinstance(value, str) and value.startswith("@") and value.lower().endswith((".json", ".csv"))):
        return value
    import csv
    import json
    from pathlib import Path

    from headwater.core.errors import InputError

    path = Path(value[1:])
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise InputError(f"{path} is no JSON: {error}.", path=str(path)) from error
    rows = [row for row in csv.reader(text.splitlines()) if row]
    short = [number for number, row in enumerate(rows, 1) if len(row) < 2]
    if short:
        raise InputError(
            f"Line {short[0]} of {path} has one column; a mapping has two: the old value and the new one.",
            path=str(path),
        )
    return {row[0]: row[1] for row in rows[1:]}


def as_declared(transform: str, parameters: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return parameters in the form that the transform declares.

    ``-p columns=city,age``, ``-p columns=city -p columns=age`` and ``-p columns='["city", "age"]'`` are the same. And
    ``-p action=null`` is the word, where the parameter cannot be missing.

    Raises
    ------
    click.UsageError
        If a parameter comes twice, or a mapping is none.
    """
    from dataclasses import fields

    from headwater.transforms.base import TRANSFORMS

    kinds = {item.name: str(item.type) for item in fields(TRANSFORMS[transform])}  # type: ignore[arg-type]
    out: dict[str, Any] = {}
    for name, value in parameters:
        kind = kinds.get(name, "Any")
        if kind.startswith("tuple["):
            out[name] = [*out.get(name, []), *_listed(value, kind)]
            continue
        if name in out:
            raise click.UsageError(f"The parameter {name} is given twice, and has one value.")
        if kind.startswith("Mapping[") and not isinstance(value, Mapping):
            raise click.UsageError(
                f"The parameter {name} is a mapping, and {value!r} is none. Write it as JSON in quotes: "
                f'-p {name}=\'{{"from": "to"}}\', or -p {name}=@FILE with a .json or .csv file.'
            )
        if value is None and "None" not in kind and "Any" not in kind:
            value = "null"
        out[name] = value
    return out


def _listed(value: Any, kind: str) -> list[Any]:
    if isinstance(value, list):
        return value
    return list(column_names(value)) if isinstance(value, str) and "str" in kind else [value]


def draw_transform(out: Any, done: TransformResult, limit: int | None) -> None:
    """Draw what a transform did; of a dry run also the rows that would change."""
    from headwater.cli.render_diff import draw_change
    from headwater.cli.render_plan import draw_plan, pairs_rows
    from headwater.cli.tables import safe

    out.print(safe(done.summary()), markup=False, soft_wrap=not out.is_terminal)
    guarantee = done.record.get("guarantee")
    if guarantee:
        out.print(f"Guarantee: {guarantee}", markup=False)
    if done.dry_run and done.diff and pairs_rows(done):
        draw_plan(out, done, limit=limit)
    elif done.dry_run and done.diff:
        draw_change(out, done.diff, level="all", limit=limit)
