"""Commands that look for a commit: blame, bisect."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import split_ref
from headwater.core.errors import NotFound

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.store.commit import Commit
    from headwater.versions.bisect import Look

__all__ = ["bisect", "blame"]

_CANNOT_RUN = (126, 127)


@command("blame")
@click.argument("what", metavar="DATASET[@REF]")
@click.argument("key")
@click.argument("column", required=False)
def blame(session: Session, what: str, key: str, column: str | None) -> None:
    """Say which commit last changed a row, cell by cell.

    KEY is written as JSON, as findings and diffs show it: 17, '"ada"' or '["ada", 17]'; a plain word is text.

    Examples
    --------
    hw blame reviews 17
    hw blame reviews@v1 17 sentiment
    """
    from dataclasses import asdict

    from headwater.cli.render import SHORT
    from headwater.cli.tables import safe, when
    from headwater.versions.blame import blame as blamed

    repo = session.repo()
    name, ref = split_ref(what)
    lines = blamed(repo, name, _as_json(key), column, ref=ref or None)

    def table() -> Any:
        from rich.table import Table

        drawn = Table(box=None, header_style="dim", pad_edge=False)
        for heading in ("column", "value", "commit", "author", "time", "message"):
            drawn.add_column(heading, overflow="ellipsis", no_wrap=heading != "message")
        for line in lines:
            facts = (
                line.column,
                "null" if line.value is None else str(line.value),
                line.commit[:SHORT],
                line.author,
                when(line.time),
                line.summary,
            )
            drawn.add_row(*(safe(fact) for fact in facts))
        return drawn

    session.show([asdict(line) for line in lines], lambda out: out.print(table()))


@command("bisect")
@click.argument("dataset")
@click.option("--good", required=True, metavar="REF", help="A commit where all was well.")
@click.option(
    "--bad", default="HEAD", show_default=True, metavar="REF", help="A commit after it where it is not."
)
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="ID",
    help="Bad is where this check, or family, warns or fails.",
)
@click.option(
    "--metric", metavar="NAME", help="Bad is where this metric of a model is worse by more than --by."
)
@click.option(
    "--by", type=click.FloatRange(min=0), default=0.01, show_default=True, help="How much worse is bad."
)
@click.option(
    "--label", metavar="COLUMN", help="What the model predicts, where the contract does not say it."
)
@click.option(
    "--run", metavar="COMMAND", help="Bad is where this command fails; HEADWATER_REF names the commit."
)
def bisect(
    session: Session,
    dataset: str,
    good: str,
    bad: str,
    checks: tuple[str, ...],
    metric: str | None,
    by: float,
    label: str | None,
    run: str | None,
) -> None:
    """Find the commit that broke a check, a metric or a test.

    About log2 of the number of commits are looked at, along first parents.

    Examples
    --------
    hw bisect reviews --good v1 --check labels.balance
    hw bisect reviews --good v1 --metric accuracy --by 0.02
    hw bisect reviews --good main~20 --run "python test_data.py"
    """
    from headwater.cli.render import SHORT
    from headwater.versions.bisect import bisect as search

    if bool(checks) + bool(metric) + bool(run) != 1:
        raise click.UsageError("What is bad? Give exactly one of --check, --metric and --run.")
    repo = session.repo()
    if checks:
        is_bad = _by_check(repo, dataset, checks, label)
    elif metric:
        is_bad = _by_metric(repo, dataset, good, metric, by, label)
    else:
        is_bad = _by_command(session, str(run))

    def told(look: Look) -> None:
        session.say(f"{look.commit[:SHORT]}  {'bad' if look.is_bad else 'good'}")

    found = search(repo, is_bad, good=good, bad=bad, dataset=dataset, told=told)
    value = {
        "first_bad": found.first_bad.to_dict(),
        "last_good": found.last_good,
        "looks": [{"commit": look.commit, "is_bad": look.is_bad} for look in found.looks],
    }
    first = found.first_bad
    session.show(
        value,
        lambda out: out.print(
            f"{first.id[:SHORT]} by {first.author} is the first bad commit: {first.summary}", markup=False
        ),
    )
    session.next(f"hw show {first.id[:SHORT]}", f"hw revert {first.id[:SHORT]}")


def _by_check(
    repo: Repo, dataset: str, checks: tuple[str, ...], label: str | None
) -> Callable[[Commit], bool]:
    def is_bad(commit: Commit) -> bool:
        report = repo.check(f"{dataset}@{commit.id}", only=checks, label=label)
        if report.counts()["error"]:
            broken = next(finding for finding in report.findings if finding.outcome == "error")
            raise click.ClickException(f"Check {broken.check} broke at {commit.id[:12]}: {broken.message}")
        return report.counts()["fail"] + report.counts()["warn"] > 0

    return is_bad


def _by_metric(
    repo: Repo, dataset: str, good: str, metric: str, by: float, label: str | None
) -> Callable[[Commit], bool]:
    from headwater.models.metrics import METRICS

    def measured(ref: str) -> float:
        scores = repo.train(f"{dataset}@{ref}", label=label).scores
        known = {score.metric: score.value for score in scores if score.kind == "all"}
        if metric not in known:
            raise NotFound.among("metric", metric, known)
        return known[metric]

    before = measured(repo.resolve(good))
    worse = -1 if METRICS[metric].higher_is_better else 1
    return lambda commit: worse * (measured(commit.id) - before) > by


def _by_command(session: Session, line: str) -> Callable[[Commit], bool]:
    def is_bad(commit: Commit) -> bool:
        environment = {**os.environ, "HEADWATER_REF": commit.id, "HEADWATER_REPO": session.location}
        code = subprocess.run(line, check=False, shell=True, env=environment, stdout=2).returncode
        if code in _CANNOT_RUN:
            raise click.UsageError(f"{line!r} cannot be run.")
        return code != 0

    return is_bad


def _as_json(key: str) -> str:
    """Return a key as JSON text; what is no JSON is text."""
    import json

    try:
        json.loads(key)
    except ValueError:
        return json.dumps(key)
    return key
