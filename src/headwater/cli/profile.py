"""The command profile: describe every column of a dataset, or of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import engine_options, label_option, reading, reading_options, shell_word
from headwater.cli.writing import write_text

__all__ = ["profile"]


@command("profile")
@click.argument("what", metavar="FILE|DATASET[@REF]")
@label_option("The column that a model learns to predict; the contract's by default.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a report for a browser.",
)
@engine_options
@reading_options("--input-format")
def profile(session: Session, what: str, label: str | None, html: Path | None, **options: Any) -> None:
    """Describe every column: type, missing, distinct, spread, values.

    Works on a dataset at any version, and on any readable file without a repository. Summaries are kept per
    chunk, so profiling again after a small change costs as much as the change.

    Examples
    --------
    hw profile reviews
    hw profile reviews@v1 --html profile.html
    hw profile people.csv --label hired --json
    """
    from headwater.cli.check import file_name
    from headwater.cli.places import file_in_memory, here_if_dataset
    from headwater.cli.render_profile import draw_profile

    repo = here_if_dataset(session, what)
    if repo is not None:
        found = repo.profile(what, label=label)
    else:
        name = file_name(what)
        repo = file_in_memory(session, what, name, **reading(options))
        found = replace(repo.profile(name, label=label), ref=None)
    if html is not None:
        write_text(html, found.to_html())
    session.show(found.to_dict(), lambda out: draw_profile(out, found))
    if html is not None:
        session.say(f"Wrote {html}")
    session.next(f"hw check {shell_word(what)}" + (f" --label {shell_word(label)}" if label else ""))
