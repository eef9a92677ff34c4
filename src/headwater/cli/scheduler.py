"""The command scheduler: run pipelines when their triggers say so."""

from __future__ import annotations

import json
from typing import Any

import click

from headwater.cli.app import Session, command
from headwater.cli.watch import Duration, stopping

__all__ = ["scheduler"]


@command("scheduler")
@click.argument("place", required=False, metavar="[FILE.py]", default="")
@click.option(
    "--branch", metavar="NAME", help="The branch to read from and commit to; the current one by default."
)
@click.option("--once", is_flag=True, help="Run what is due, then end; exit code 1 if a run failed.")
@click.option(
    "--every",
    type=Duration(),
    default="30s",
    show_default=True,
    metavar="TIME",
    help="Time between two looks.",
)
def scheduler(session: Session, place: str, branch: str | None, once: bool, every: float) -> None:
    """Run pipelines when a time comes, data change, or files arrive.

    What starts a pipeline stands with it, as in @hw.pipeline(on=hw.Schedule("0 2 * * *")): a Schedule, OnCommit,
    OnDrift, OnFiles. A scheduler may be started twice: one works, the other waits. Ctrl-C or SIGTERM ends it after the
    run at hand; one that was killed goes on where it was when it is started again. With --json each event is a line.

    Examples
    --------
    hw scheduler
    hw scheduler flows/nightly.py --every 1m --branch staging
    hw scheduler --once --json
    """
    from headwater.pipelines.loading import USUAL_FILE, all_pipelines

    repo = session.repo()
    repo = repo.branch(branch) if branch else repo
    at_work = repo.scheduler(all_pipelines(place), file=place or USUAL_FILE)
    is_bad = False
    with stopping() as stop:
        for event in at_work.run(every_s=every, once=once, stop=stop):
            is_bad |= event.event in ("failed", "broken")
            _show(session, event)
    if once and is_bad:
        click.get_current_context().exit(1)


def _show(session: Session, event: Any) -> None:
    if session.as_json:
        click.echo(json.dumps(event.to_dict(), ensure_ascii=False))
        return
    if event.event == "stopped":
        session.say("Stopped.")
        return
    click.echo(
        "  ".join(part for part in (event.event, event.pipeline, event.run, event.commit[:12]) if part)
    )
    if event.message:
        click.echo(f"    {event.message}".replace("\n", "\n    "), err=True)
