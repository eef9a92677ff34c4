"""The command that brings the history of a DVC repository: import-dvc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_names, joined, shell_word

if TYPE_CHECKING:
    from headwater.versions.dvc_history import OnMissing

__all__ = ["import_dvc"]


@command("import-dvc")
@click.argument("source", type=click.Path(path_type=Path), metavar="REPOSITORY")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="PATH",
    help="Only this path that DVC tracks; all that can be read, by default.",
)
@click.option(
    "--key", type=column_names, multiple=True, metavar="COL,…", help="The columns that identify a row."
)
@click.option("--ref", default="HEAD", show_default=True, help="The git commit to go up to.")
@click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="DVC's cache; .dvc/cache by default."
)
@click.option(
    "--on-missing",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Versions whose bytes are missing or cannot be read: stop, or leave them out and say which.",
)
def import_dvc(
    session: Session,
    source: Path,
    outputs: tuple[str, ...],
    key: tuple[tuple[str, ...], ...],
    ref: str,
    cache: Path | None,
    on_missing: OnMissing,
) -> None:
    """Bring the history of a DVC repository: each version a commit.

    Every git commit that changed what DVC tracks becomes a commit here, with its author, time and message. DVC
    need not be installed; the bytes come from its cache. Run it again, and only what is new is brought.

    Examples
    --------
    hw import-dvc ../old-project
    hw import-dvc ../old-project --output data/people.csv --key id
    hw import-dvc ../old-project --on-missing skip
    """
    from headwater.versions import dvc_history

    repo = session.repo()
    done = dvc_history.import_dvc(
        repo, source, outputs=outputs, key=joined(key) or None, ref=ref, cache=cache, on_missing=on_missing
    )

    def draw(out: object) -> None:
        from rich.console import Console

        assert isinstance(out, Console)
        names = ", ".join(done.datasets)
        before = f"; {done.known:,} were here already" if done.known else ""
        out.print(f"Brought {len(done.commits):,} commit(s) of {names or 'no dataset'}{before}", markup=False)

    session.show(done.to_dict(), draw)
    for problem in done.problems:
        session.say(f"Left out {problem}")
    if done.others:
        session.say(f"Left out what is no data: {', '.join(done.others)}")
    if done.commits:
        session.next("hw log", f"hw diff {shell_word(next(iter(done.datasets)))}")
