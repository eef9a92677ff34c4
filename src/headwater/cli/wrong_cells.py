"""The command errors: list the cells that are probably wrong, confirm some, repair them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_names, joined, seed_option, shell_word
from headwater.cli.places import require_datasets

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["errors"]


@command("errors")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option(
    "--columns", type=column_names, metavar="COL,…", multiple=True, help="Judge only these columns."
)
@click.option(
    "--ask", type=click.IntRange(min=1), metavar="N", help="Give the N rows most useful to confirm."
)
@click.option(
    "--confirmed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Learn from these rows, put right by you; kept as NAME.confirmed.",
)
@click.option("--repair", is_flag=True, help="Write the suggestions, as one commit.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="How sure a suggestion must be to be written.",
)
@click.option("--branch", metavar="NAME", help="Commit the repair to this branch; a new one starts here.")
@click.option("--dry-run", is_flag=True, help="Show what --repair would change; commit nothing.")
@seed_option("Seed of the rows that dependencies are first tried on.")
@click.option("-m", "--message", help="Commit message; says what was done by default.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all to a file.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Cells to show; 0 for all.",
)
def errors(
    session: Session,
    dataset: str,
    columns: tuple[tuple[str, ...], ...],
    ask: int | None,
    confirmed: Path | None,
    repair: bool,
    min_confidence: float,
    branch: str | None,
    dry_run: bool,
    seed: int,
    message: str | None,
    output: Path | None,
    limit: int,
) -> None:
    """List the cells that are probably wrong, and why.

    No rule is needed: forms, placeholders, units, misspellings, far numbers, dependencies between columns and
    values that do not go together are found from the data. To make it surer, write the most useful rows to a
    file with --ask, put wrong values right there, and give the file back with --confirmed.

    Examples
    --------
    hw errors beers
    hw errors beers -o wrong.csv
    hw errors beers --ask 20 -o check-these.csv
    hw errors beers --confirmed check-these.csv
    hw errors beers --repair --branch repaired
    """
    if repair and (ask or output):
        raise click.UsageError("--repair makes a commit; --ask and --output go without it.")
    if (branch or dry_run) and not repair:
        raise click.UsageError("--branch and --dry-run go with --repair.")
    instead = f"`hw check {shell_word(dataset)}` looks for wrong cells in a file, too."
    repo = require_datasets(session, dataset, instead=instead)
    names = joined(columns)
    if confirmed is not None:
        repo.confirm_errors(dataset, confirmed, message=None if repair else message)
    if repair:
        _repair(
            session,
            dataset,
            columns=names,
            min_confidence=min_confidence,
            branch=branch,
            dry_run=dry_run,
            seed=seed,
            message=message,
        )
        return
    asked = repo.ask_errors(dataset, ask, columns=names, seed=seed) if ask else None
    found = asked if asked is not None else repo.errors(dataset, columns=names, seed=seed)
    word = shell_word(dataset)
    if output is not None:
        from headwater.formats.write import write

        write(found, found.schema, output)
        value = {"dataset": dataset, "path": str(output), "rows": found.num_rows}
        what = "rows to confirm" if ask else "cells"
        session.show(
            value,
            lambda out: out.print(
                f"Wrote {found.num_rows:,} {what} to {output}", markup=False, soft_wrap=True
            ),
        )
        if ask:
            session.next(f"hw errors {word} --confirmed {output}   (after putting wrong values right there)")
        return
    if ask:
        session.show({"dataset": dataset, "ask": found}, lambda out: _draw_rows(out, found))
        session.next(f"hw errors {word} --ask {ask} -o rows.csv   (to put wrong values right)")
        return
    shown = found if session.as_json or not limit else found.slice(0, limit)
    session.show(
        {"dataset": dataset, "cells": found, "num_cells": found.num_rows},
        lambda out: _draw(out, shown, found),
    )
    if found.num_rows:
        session.next(f"hw errors {word} --ask 20 -o rows.csv", f"hw errors {word} --repair --branch repaired")


def _repair(session: Session, dataset: str, **options: Any) -> None:
    from headwater.cli.clean import draw_transform

    done = session.repo().repair_errors(dataset, **options)
    value = {**done.to_dict(), "change": done.diff.stat()}
    if options["dry_run"] and session.as_json:
        value |= {"cells": done.diff.cells(None), "rows": done.diff.rows(None)}
    session.show(value, lambda out: draw_transform(out, done, 10))


def _draw(out: Any, shown: pa.Table, found: pa.Table) -> None:
    from headwater.cli.tables import data_table

    if not found.num_rows:
        out.print("No cell looks wrong.", markup=False)
        return
    counts = found.column("column").value_counts().to_pylist()
    counts.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    named = ", ".join(f"{entry['values']} {entry['counts']:,}" for entry in counts)
    noun = "cell looks" if found.num_rows == 1 else "cells look"
    out.print(f"{found.num_rows:,} {noun} wrong: {named}", markup=False)
    out.print()
    columns = ["key", "column", "value", "suggestion", "confidence", "reason"]
    out.print(data_table(shown.select(columns), width=out.width))
    if shown.num_rows < found.num_rows:
        out.print(
            f"… {found.num_rows - shown.num_rows:,} more; -n 0 shows all, -o FILE keeps them", style="dim"
        )


def _draw_rows(out: Any, rows: pa.Table) -> None:
    from headwater.cli.tables import data_table

    out.print(data_table(rows, width=out.width))
