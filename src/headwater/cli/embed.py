"""Commands about embeddings: make them, and find similar rows by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import assignment, column_name, engine_options, importable, shell_word

if TYPE_CHECKING:
    from headwater.transforms.run import TransformResult

__all__ = ["embed", "similar"]


@command("embed")
@click.argument("dataset", required=False)
@click.argument("column", required=False, type=column_name)
@click.option(
    "--encoder",
    metavar="NAME",
    callback=importable,
    help="hash, words, minilm, image or MODULE:FUNCTION; what fits and is installed by default.",
)
@click.option(
    "--into", type=column_name, metavar="COLUMN", help="The column of vectors; COLUMN_embedding by default."
)
@click.option(
    "-p",
    "--parameter",
    "options",
    type=assignment,
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the encoder, such as dimensions=64.",
)
@click.option("--list", "listing", is_flag=True, help="List the encoders.")
@click.option("--branch", metavar="NAME", help="Commit to this branch; a new one starts here.")
@click.option("--dry-run", is_flag=True, help="Encode, say what would change, and commit nothing.")
@click.option("-m", "--message", help="Commit message; says what was done by default.")
@engine_options
def embed(
    session: Session,
    dataset: str | None,
    column: str | None,
    encoder: str | None,
    into: str | None,
    options: tuple[tuple[str, Any], ...],
    listing: bool,
    branch: str | None,
    dry_run: bool,
    message: str | None,
) -> None:
    """Add a column of embeddings as one commit, or bring one up to date.

    Values that have a vector by the same encoder are not encoded again: after a change only new values are. A run that
    was cut off goes on where it was.

    Examples
    --------
    hw embed reviews text
    hw embed reviews text --encoder hash -p dimensions=64 --into text_hash
    hw embed photos bytes --encoder image
    hw embed reviews text --encoder my_model:encode --branch vectors
    """
    if listing:
        _show_encoders(session)
        return
    if dataset is None or column is None:
        raise click.UsageError("Which dataset and which column? `hw embed --list` lists the encoders.")
    repo = session.repo()
    repo.executor = session.executor
    done = repo.embed(
        dataset,
        column,
        encoder=encoder or "",
        into=into or "",
        options=dict(options),
        branch=branch,
        message=message,
        dry_run=dry_run,
    )
    session.show({**done.to_dict(), "change": done.diff.stat()}, lambda out: _draw(out, done))
    if done.is_new:
        session.next(f"hw similar {shell_word(dataset)} --text TEXT")


@command("similar")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option("--key", metavar="KEY", help="Similar to this row, which is left out; its key as JSON.")
@click.option("--text", metavar="TEXT", help="Similar to this text.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Similar to this image.",
)
@click.option(
    "--column",
    type=column_name,
    metavar="COLUMN",
    help="The column of vectors; the only one by default.",
)
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many rows.")
@click.option(
    "--metric",
    type=click.Choice(["cosine", "dot", "l2"]),
    default="cosine",
    show_default=True,
    help="Similarity by angle, by inner product, or Euclidean distance.",
)
@click.option(
    "--exact/--approximate",
    default=None,
    help="Compare with every row, or by an index; by default every row up to some millions.",
)
def similar(
    session: Session,
    dataset: str,
    key: str | None,
    text: str | None,
    file: Path | None,
    column: str | None,
    k: int,
    metric: str,
    exact: bool | None,
) -> None:
    """Find the rows most similar to a row, a text or an image.

    The score is the similarity, 1 for the same direction; with --metric l2 it is the distance, 0 for the same vector.
    A key that is no JSON is text. The index of --approximate is kept for each chunk of rows.

    Examples
    --------
    hw similar reviews --key 17
    hw similar reviews@v1 --text "does not work" -k 5
    hw similar photos --file cat.jpg --column bytes_embedding --json
    """
    if sum(given is not None for given in (key, text, file)) != 1:
        raise click.UsageError("Similar to what? Give exactly one of --key, --text and --file.")
    found = session.repo().similar(
        dataset,
        key=None if key is None else _parsed(key),
        text=text,
        value=None if file is None else file.read_bytes(),
        column=column,
        k=k,
        metric=metric,
        exact=exact,
    )

    def draw(out: Any) -> None:
        from headwater.cli.tables import data_table

        out.print(data_table(found, width=out.width, first=(found.schema.names[0],)))

    session.show(found, lambda out: draw(out) if found.num_rows else None)
    if not found.num_rows:
        session.say("No row has a vector to compare with.")


def _parsed(key: str) -> Any:
    try:
        return json.loads(key)
    except ValueError:
        return key


def _show_encoders(session: Session) -> None:
    from headwater.recipes.encoder import ENCODERS

    facts = [
        {
            "encoder": name,
            "title": kind.title,
            "reads": kind.reads,
            "installed": bool(getattr(kind, "is_installed", lambda: True)()),
        }
        for name, kind in ((name, ENCODERS[name]) for name in ENCODERS)
    ]

    def draw(out: Any) -> None:
        from headwater.cli.tables import plain_table

        rows = [
            (str(f["encoder"]), str(f["reads"]), "yes" if f["installed"] else "no", str(f["title"]))
            for f in facts
        ]
        out.print(plain_table(("encoder", "reads", "installed", "what it is"), rows))

    session.show(facts, draw)


def _draw(out: Any, done: TransformResult) -> None:
    from headwater.cli.tables import safe

    record = done.record
    out.print(safe(done.summary()), markup=False, soft_wrap=not out.is_terminal)
    if record["dimensions"]:
        broken = f", {record['broken']:,} unreadable" if record["broken"] else ""
        line = f"{record['encoded']:,} value(s) encoded by {record['encoder']}, {record['reused']:,} known{broken}."
        out.print(line, markup=False, highlight=False)
    else:
        out.print("There is no value to encode.", markup=False)
