"""Commands that bring data in and out: import, export, datasets."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import (
    Size,
    column_names,
    joined,
    reading,
    reading_options,
    role_options,
    roles,
    shell_word,
)

if TYPE_CHECKING:
    from headwater.core.schema import SchemaChange
    from headwater.versions.importing import ImportMode, ImportResult
    from headwater.versions.transaction import OnBadRows

__all__ = ["dataset_name", "datasets", "export", "import_"]


@command("import")
@click.argument("sources", nargs=-1, required=True, metavar="FILE…")
@click.option("--dataset", metavar="NAME", help="Name of the dataset; that of the file by default.")
@role_options("The columns that identify a row; its content, by default.")
@click.option("-m", "--message", help="Commit message.")
@click.option(
    "--mode",
    type=click.Choice(["replace", "append", "upsert"]),
    default="replace",
    show_default=True,
    help="FILE is the whole dataset (only differences are stored), further rows, or changed rows.",
)
@reading_options("--format", "--input-format")
@click.option(
    "--metadata/--no-metadata",
    default=None,
    help="Make columns of what headers of media say; by default, if the dataset has them or is new.",
)
@click.option(
    "--on-bad-rows",
    type=click.Choice(["error", "quarantine"]),
    default="error",
    show_default=True,
    help="Rows with null or duplicate keys: refuse the import, or keep them in NAME.quarantine.",
)
@click.option(
    "--schema-change",
    type=click.Choice(["none", "safe", "any"]),
    default="safe",
    show_default=True,
    help="Changes of the columns to allow: none, new columns and wider types, or any.",
)
def import_(
    session: Session,
    sources: tuple[str, ...],
    dataset: str | None,
    key: tuple[tuple[str, ...], ...],
    message: str | None,
    mode: ImportMode,
    metadata: bool | None,
    on_bad_rows: OnBadRows,
    schema_change: SchemaChange,
    **options: Any,
) -> None:
    """Import files, folders, URLs or a query as one commit.

    Reads CSV and TSV (also .gz and .zst), JSON Lines, JSON, Parquet, Arrow, Excel, a query on SQLite or
    PostgreSQL, and a folder of files of any kind, one row each, where a folder for each class gives the label;
    of these, only files that changed are read again. Hugging Face datasets, Delta, Lance and Iceberg tables, and
    WebDataset shards are known by what lies in their folder. Types are inferred over the whole file. Importing a
    newer file of the same dataset stores only what differs.

    Examples
    --------
    hw import reviews.csv.gz --key id --label sentiment
    hw import part-*.parquet --dataset events --key user,time
    hw import photos/
    hw import new-rows.csv --dataset reviews --mode append -m "batch 7"
    hw import people.csv --schema zip:string,born:date --sensitive sex,race
    hw import shop.sqlite --query "SELECT * FROM orders" --dataset orders --key id
    hw import warehouse/orders --key id          a Delta, Lance or Iceberg table, a Hugging Face dataset
    hw import "shards/*.tar" --dataset photos --key __key__
    """
    from headwater.cli.render import draw_import

    repo = session.repo()
    name = dataset or dataset_name(sources)
    done = repo.import_(
        name,
        sources[0] if len(sources) == 1 else list(sources),
        key=joined(key) or None,
        message=message,
        mode=mode,
        on_bad_rows=on_bad_rows,
        schema_change=schema_change,
        **roles(options),
        **reading(options),
        **({} if metadata is None else {"metadata": metadata}),
    )
    session.show(
        {**done.to_dict(), "branch": repo.branch_name}, lambda out: draw_import(out, done, repo.branch_name)
    )
    session.next(*_next_steps(done))


@command("export")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    help="csv, tsv, jsonl, parquet, arrow, folder, huggingface, delta, lance, iceberg, webdataset or "
    "croissant; TARGET's suffix says it.",
)
@click.option(
    "--overwrite", is_flag=True, help="Write into a folder that holds something; other files in it stay."
)
@click.option("--where", metavar="SQL", help='Only rows for which this holds, for example "age >= 18".')
@click.option(
    "--columns", type=column_names, metavar="COL,…", multiple=True, help="Only these columns, in this order."
)
@click.option(
    "--shard-size",
    type=Size(),
    metavar="SIZE",
    default="256MB",
    show_default=True,
    help="Where formats of several files begin a new one, such as 1GB.",
)
def export(
    session: Session,
    dataset: str,
    target: Path,
    form: str | None,
    overwrite: bool,
    where: str | None,
    columns: tuple[tuple[str, ...], ...],
    shard_size: int,
) -> None:
    """Write a dataset, as it is or was, to a file or folder.

    The target appears whole or not at all. A dataset made from a folder becomes that folder again. Where a format
    lacks a type, the column gets the nearest that loses nothing, and a note says so; where there is none, nothing
    is written.

    Examples
    --------
    hw export reviews reviews.csv
    hw export reviews@v1 reviews-v1.parquet
    hw export photos@v1 photos-v1/
    hw export reviews spam.jsonl.gz --where "label = 'spam'" --columns id,text
    hw export reviews reviews-delta --format delta
    hw export photos shards --format webdataset --shard-size 1GB
    hw export reviews reviews-croissant --format croissant
    """
    repo = session.repo()
    written = repo.export(
        dataset,
        target,
        format=form,
        columns=joined(columns) or None,
        where=where,
        overwrite=overwrite,
        shard_bytes=shard_size,
        note=session.say,
    )
    size = written.stat().st_size if written.is_file() else None
    value = {"dataset": dataset, "path": str(written), "size_bytes": size}

    def draw(out: Any) -> None:
        from headwater.cli.tables import bytes_text

        out.print(
            f"Wrote {dataset} to {written}" + (f" ({bytes_text(size)})" if size is not None else ""),
            markup=False,
            soft_wrap=True,
        )

    session.show(value, draw)


@command("datasets")
@click.argument("ref", required=False)
def datasets(session: Session, ref: str | None) -> None:
    """List the datasets, here or at REF.

    Examples
    --------
    hw datasets
    hw datasets v1 --json
    """
    from headwater.cli.history import dataset_facts
    from headwater.cli.render import draw_datasets

    repo = session.repo()
    there = repo.at(ref) if ref else repo
    facts = [dataset_facts(there[name]) for name in there.datasets()]
    session.show(facts, lambda out: draw_datasets(out, facts) if facts else None)
    if not facts:
        session.say("There are no datasets.")
        session.next("hw import FILE --key COLUMN")


def dataset_name(sources: tuple[str, ...]) -> str:
    """Return the name of the dataset that files make: that of the only file, without its suffixes.

    Raises
    ------
    click.UsageError
        If there are several files, or the name says nothing.
    """
    from headwater.store.refs import valid_name

    path = re.sub(r"[?#].*$", "", sources[0]) if "://" in sources[0] else sources[0]
    stem = PurePosixPath(path.replace("\\", "/").rstrip("/")).name
    stem = re.sub(r"(\.\w{1,8}){1,2}$", "", stem) or stem
    name = re.sub(r"[^\w.+-]+", "_", stem).strip("_.+-")
    is_pattern = re.search(r"[*?\[]", path) is not None and not Path(path).exists()
    if len(sources) > 1 or is_pattern or not valid_name(name):
        raise click.UsageError("Say which dataset these files are: --dataset NAME.")
    return name


def _next_steps(done: ImportResult) -> list[str]:
    steps = [f"hw check {shell_word(done.dataset)}"]
    if done.is_new and (done.removed or done.changed):
        steps.append(f"hw diff {shell_word(done.dataset)}")
    if done.quarantined:
        steps.append(f"hw quarantine {shell_word(done.dataset)}")
    return steps
