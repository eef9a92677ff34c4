"""The command drift: compare the distributions of two versions, or follow them over a history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.check import exit_code, fail_on_option
from headwater.cli.options import column_name, column_names, joined, seed_option, shell_word, split_ref
from headwater.cli.places import looks_like_file, require_datasets
from headwater.cli.writing import write_text

if TYPE_CHECKING:
    from headwater.api import Repo

__all__ = ["drift"]


@command("drift")
@click.argument("what", metavar="DATASET[@REF]")
@click.argument("span", metavar="[REF..REF]", required=False)
@click.option("--against", metavar="REF", help="Compare with this version; the same as REF..DATASET's.")
@click.option("--history", is_flag=True, help="Follow what each commit brought; so it is without REF..REF.")
@click.option(
    "--window",
    metavar="SPAN|ROWS",
    help="Follow spans of time (7d, 1h) or so many rows (1000) of one version instead of commits.",
)
@click.option(
    "--time", type=column_name, metavar="COL", help="The column of times; the contract's by default."
)
@click.option(
    "--columns", type=column_names, multiple=True, metavar="COL,…", help="Follow these columns alone."
)
@click.option(
    "--commits",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="The most commits to follow, the newest.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="The most columns to show; 0 shows all.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a report for a browser.",
)
@fail_on_option
@seed_option("Seed of checks that train models.")
def drift(
    session: Session,
    what: str,
    span: str | None,
    against: str | None,
    history: bool,
    window: str | None,
    time: str | None,
    columns: tuple[tuple[str, ...], ...],
    commits: int,
    limit: int,
    html: Path | None,
    fail_on: str,
    seed: int,
) -> None:
    """Compare the distributions of two versions, or follow a history.

    With two versions, all drift checks run: each column by effect and significance, the label, all columns together,
    vectors. Over a history each column is named none, sudden, gradual or recurring, with the commit or window where
    it changed; what a commit appended is known from what checks and profiles kept.

    Examples
    --------
    hw drift reviews                              what each commit brought
    hw drift reviews v1..main                     two versions
    hw drift reviews --against main~1 --fail-on warn
    hw drift reviews v1..main --history --html drift.html
    hw drift sensors --window 7d --time measured
    hw drift sensors --window 1000
    """
    name, ref = split_ref(what)
    start, end = _ends(span, against, ref)
    other = against if against is not None and looks_like_file(against) else None
    instead = f"`hw check {shell_word(what)} --against {shell_word(other or 'OLD')}` compares two files."
    repo = require_datasets(session, what, other, instead=instead)
    follows = history or window is not None or start is None
    if follows and against is not None:
        raise click.UsageError(
            "--against compares two versions; to follow what came since, write REF.. instead."
        )
    if not follows and (columns or time):
        raise click.UsageError("--columns and --time are for a history: add --history or --window.")
    if follows:
        if window is not None and start is not None:
            raise click.UsageError("--window looks at one version: write DATASET@REF.")
        at = f"{name}@{end}" if end else name
        options = {"time": time, "columns": joined(columns), "limit": commits}
        found = repo.drift(at, window=window, since=start, **options)
        text = found.to_html() if html is not None else ""
        from headwater.cli.render_drift import draw_history

        session.show(found.to_dict(), lambda out: draw_history(out, found, limit=limit or None))
        _write(session, html, text)
        if html is None and not session.as_json and found.changed():
            session.next(f"hw drift {shell_word(what)} --html drift.html")
        return
    assert start is not None
    _compare(session, repo, f"{name}@{end}" if end else name, start, limit, html, fail_on, seed)


def _compare(
    session: Session,
    repo: Repo,
    what: str,
    start: str,
    limit: int,
    html: Path | None,
    fail_on: str,
    seed: int,
) -> None:
    from headwater.cli.render_drift import draw_comparison

    report = repo.check(what, against=start, only=["drift"], seed=seed)
    text = ""
    if html is not None:
        from headwater.checks.html import to_html

        text = to_html(report, title=f"Drift of {report.dataset}")
    session.show(report.to_dict(), lambda out: draw_comparison(out, report, limit=limit or None))
    _write(session, html, text)
    if code := exit_code(report, fail_on):
        click.get_current_context().exit(code)


def _ends(span: str | None, against: str | None, ref: str | None) -> tuple[str | None, str | None]:
    """Return the version to compare with, and the one to look at."""
    if span is None:
        return against, ref
    if against is not None:
        raise click.UsageError("REF..REF and --against say the same: give one of them.")
    start, dots, end = span.partition("..")
    if not dots or not start:
        raise click.UsageError(f"{span!r} is no REF..REF, for example main~1..main.")
    if ref and end:
        raise click.UsageError("DATASET@REF and REF..REF both say which version: give one of them.")
    return start, end or ref


def _write(session: Session, html: Path | None, text: str) -> Any:
    if html is not None:
        write_text(html, text)
        session.say(f"Wrote {html}")
