"""The command link: which rows stand for the same thing, across two datasets or inside one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_names, joined, shell_word
from headwater.cli.places import require_datasets

__all__ = ["link"]


@command("link")
@click.argument("left", metavar="DATASET[@REF]")
@click.argument("right", metavar="[DATASET[@REF]]", required=False)
@click.option(
    "--columns",
    type=column_names,
    multiple=True,
    metavar="COL,…",
    help="Compare by these fields; by default by all but the key that both have.",
)
@click.option("--into", metavar="DATASET", help="Commit the pairs as a dataset.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the pairs to a file, such as .csv or .parquet.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The most pairs to show; 0 shows all. Files, datasets and --json get all.",
)
def link(
    session: Session,
    left: str,
    right: str | None,
    columns: tuple[tuple[str, ...], ...],
    into: str | None,
    output: Path | None,
    limit: int,
) -> None:
    """Find rows that stand for the same thing, without labels.

    With two datasets, each row is in one pair at most; with one, its duplicates are found. Each pair has a probability,
    the fields that agree, and how alike each field is. `hw clean DATASET clean.deduplicate -p by=entities` makes one
    row of duplicates.

    Examples
    --------
    hw link customers leads
    hw link customers leads --columns name,city,phone -o pairs.csv
    hw link customers --into duplicates
    """
    found = require_datasets(session, left, right, instead="").link(
        left, right, columns=joined(columns), into=into
    )
    if output is not None:
        from headwater.formats.write import write

        write(found, found.schema, output)

    def draw(out: Any) -> None:
        from headwater.cli.tables import data_table

        shown = [name for name in found.schema.names if not name.startswith("similarity_")]
        out.print(f"{found.num_rows:,} {'pair' if found.num_rows == 1 else 'pairs'}", highlight=False)
        if found.num_rows:
            table = found.select(shown).slice(0, limit or found.num_rows)
            out.print(data_table(table, width=out.width, first=(shown[0],)))

    session.show(found, draw)
    if output is not None:
        session.say(f"Wrote {output}")
    if into is not None:
        session.next(f"hw diff HEAD~1..HEAD {shell_word(into)}")
