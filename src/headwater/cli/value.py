"""The commands value and select: what training rows are worth, and keeping some of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import (
    column_name,
    column_names,
    importable,
    joined,
    label_option,
    seed_option,
    shell_word,
)

__all__ = ["select", "value"]


@command("value")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option("--by", type=column_name, metavar="COL", help="Value groups of rows: leave each out in turn.")
@label_option("The column to predict; the contract's label by default.")
@click.option(
    "--exclude", type=column_names, metavar="COL,…", multiple=True, help="Columns not to learn from."
)
@click.option("-k", "neighbours", type=click.IntRange(min=1), help="Neighbours that vote; 10 by default.")
@click.option(
    "--recipe",
    metavar="NAME",
    callback=importable,
    help="tabular, text or MODULE:FUNCTION; what fits the columns by default.",
)
@click.option("--metric", metavar="NAME", help="With --by: the metric that decides.")
@click.option("--seeds", type=click.IntRange(min=1), help="With --by: trainings of each model; 5 by default.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all values to a file, such as .csv or .parquet.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The most rows to show; 0 shows all. Files and --json get all.",
)
@seed_option("Seed of all randomness.")
def value(
    session: Session,
    dataset: str,
    by: str | None,
    label: str | None,
    exclude: tuple[tuple[str, ...], ...],
    neighbours: int | None,
    recipe: str | None,
    metric: str | None,
    seeds: int | None,
    output: Path | None,
    limit: int,
    seed: int,
) -> None:
    """Say which training rows help a model, and which harm it.

    Each row gets its exact Shapley value for a vote among the rows that look alike to the recipe, the least
    valuable first: wrong labels and odd rows have negative values. Rows that recipes hold out take no part. With
    --by, each group of rows is left out of the training in turn, and the recipe's models are compared on the same
    held-out rows.

    Examples
    --------
    hw value reviews
    hw value reviews -o values.csv
    hw value loans --by branch
    hw value loans --by source --recipe tabular --seeds 10 --json
    """
    repo = session.repo()
    options: dict[str, Any] = {"label": label, "exclude": joined(exclude), "seed": seed}
    given = {"metric": metric, "seeds": seeds}
    if by is not None:
        if neighbours is not None or output is not None:
            raise click.UsageError("-k and --output are for the values of rows: leave --by out.")
        from headwater.cli.render_models import draw_influence

        chosen = {name: one for name, one in given.items() if one is not None}
        groups = repo.influence(dataset, by=by, recipe=recipe, **options, **chosen)
        session.show(groups.to_dict(), lambda out: draw_influence(out, groups))
        return
    for name, one in given.items():
        if one is not None:
            raise click.UsageError(f"--{name} is for groups of rows: add --by COLUMN.")
    found = repo.value(dataset, recipe=recipe or "", k=neighbours or 10, **options)
    if output is not None:
        from headwater.formats.write import write

        write(found, found.schema, output)
    session.show(_summary(dataset, found), lambda out: _draw(out, found, limit))
    if output is not None:
        session.say(f"Wrote {output}")
    session.next(f"hw select {shell_word(dataset.partition('@')[0])} --by value --branch selected")


@command("select")
@click.argument("dataset")
@click.option(
    "--by",
    type=click.Choice(["value", "diverse", "random"]),
    default="value",
    show_default=True,
    help="What the rows that stay are chosen by.",
)
@click.option("--count", type=click.IntRange(min=1), help="How many training rows to keep.")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), help="Or what share of the training rows."
)
@label_option("The column to predict; the contract's label by default.")
@click.option("--recipe", metavar="NAME", callback=importable, help="The recipe that rows are valued for.")
@click.option(
    "--exclude", type=column_names, metavar="COL,…", multiple=True, help="Columns not to learn from."
)
@click.option(
    "--columns",
    type=column_names,
    metavar="COL,…",
    multiple=True,
    help="What makes rows alike; all but key and label by default.",
)
@click.option(
    "--holdout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.25,
    show_default=True,
    help="The share of keys held out, which stay; 0 chooses among all rows.",
)
@click.option("--branch", metavar="NAME", help="Commit to this branch; a new one starts here.")
@click.option("--dry-run", is_flag=True, help="Show what would change; commit nothing.")
@seed_option("Seed of all randomness.")
@click.option("-m", "--message", help="Commit message; says what was done by default.")
def select(
    session: Session,
    dataset: str,
    by: str,
    count: int | None,
    share: float | None,
    label: str | None,
    recipe: str | None,
    exclude: tuple[tuple[str, ...], ...],
    columns: tuple[tuple[str, ...], ...],
    holdout: float,
    branch: str | None,
    dry_run: bool,
    seed: int,
    message: str | None,
) -> None:
    """Keep the training rows that are worth the most, as one commit.

    By value, rows of the lowest values go (see `hw value`): without --count or --share, as many as makes the recipe
    clearly better in cross-validation, which may be none. By diversity, rows stay that stand for all others. Rows
    that recipes hold out always stay, so that `hw impact` can say what the smaller dataset does to a model.

    Examples
    --------
    hw select reviews --branch selected
    hw select reviews --by diverse --count 500 --branch small
    hw select reviews --by diverse --columns text_embedding --share 0.2 --branch small
    hw select reviews --by random --share 0.2 --branch baseline
    """
    from headwater.cli.clean import draw_transform

    parameters = {
        "by": by,
        "count": count,
        "share": share,
        "label": label or "",
        "recipe": recipe or "",
        "exclude": joined(exclude),
        "columns": joined(columns),
        "holdout": holdout,
    }
    done = session.repo().transform(
        dataset, "select.rows", parameters, branch=branch, seed=seed, message=message, dry_run=dry_run
    )
    session.show(
        {**done.to_dict(), "change": done.diff.stat()}, lambda out: draw_transform(out, done, limit=10)
    )
    if done.is_new and branch:
        session.next(f"hw impact HEAD..{shell_word(branch)} --dataset {shell_word(dataset)}")


def _summary(dataset: str, found: Any) -> dict[str, Any]:
    import pyarrow.compute as pc

    return {
        "dataset": dataset,
        "rows": found.num_rows,
        "worth": pc.mean(found["value"]).as_py(),
        "harmful": pc.sum(pc.less(found["value"], 0.0)).as_py(),
        "values": found,
    }


def _draw(out: Any, found: Any, limit: int) -> None:
    from headwater.cli.tables import data_table

    facts = _summary("", found)
    out.print(
        f"{facts['rows']:,} training rows; of the neighbours' votes {facts['worth']:.1%} are right. "
        f"{facts['harmful']:,} rows have a negative value.",
        highlight=False,
    )
    table = found.slice(0, limit or found.num_rows)
    out.print(data_table(table, width=out.width, first=(found.schema.names[0],)))
