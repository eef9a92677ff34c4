"""The command watch: import what arrives in a folder or a bucket."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_names, joined, reading, reading_options

if TYPE_CHECKING:
    from headwater.versions.watching import WatchEvent

__all__ = ["Duration", "stopping", "watch"]

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class Duration(click.ParamType[float]):
    """A time such as ``30s``, ``5m`` or ``1h``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip())
        if found is None or found[2] not in _UNITS:
            self.fail(f"{value!r} is no time: write 30s, 5m or 1h.", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


@command("watch")
@click.argument("place", metavar="FOLDER|URL")
@click.argument("dataset")
@click.option(
    "--key", type=column_names, metavar="COL,…", multiple=True, help="The key columns of a new dataset."
)
@click.option("--branch", metavar="NAME", help="The branch to import to; the current one by default.")
@click.option(
    "--mode",
    type=click.Choice(["append", "upsert"]),
    help="Files hold further rows, or new and changed ones; upsert by default if there is a key.",
)
@click.option("--once", is_flag=True, help="Import what is there, then end; exit code 1 if something waits.")
@click.option(
    "--every",
    type=Duration(),
    default="30s",
    show_default=True,
    metavar="TIME",
    help="Time between two looks.",
)
@click.option(
    "--settle",
    type=Duration(),
    default="2s",
    show_default=True,
    metavar="TIME",
    help="How long a file must not have changed to pass for complete.",
)
@click.option(
    "--done-folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Move files there; those that cannot be imported to DIR/refused, with the reason.",
)
@click.option(
    "--on-bad-rows",
    type=click.Choice(["error", "quarantine"]),
    default="error",
    show_default=True,
    help="Rows with null or duplicate keys (with --mode append): refuse the file, or keep them apart.",
)
@click.option(
    "--schema-change",
    type=click.Choice(["none", "safe", "any"]),
    default="safe",
    show_default=True,
    help="Changes of the columns to allow.",
)
@reading_options("--format", "--input-format")
def watch(
    session: Session,
    place: str,
    dataset: str,
    key: tuple[tuple[str, ...], ...],
    branch: str | None,
    mode: Any,
    once: bool,
    every: float,
    settle: float,
    done_folder: Path | None,
    on_bad_rows: str,
    schema_change: str,
    **options: Any,
) -> None:
    """Import what arrives in a folder or bucket.

    New and changed files are imported once, as a commit each, through the gate of the branch, when they are complete.
    Which ones were is known from the commits, so a restart imports nothing twice. A file that cannot be read is told,
    set aside with its reason (`hw quarantine`), and the watch goes on. Ctrl-C or SIGTERM ends it after the file at
    hand. With --json each event is a line.

    Examples
    --------
    hw watch incoming reviews --key id
    hw watch incoming events --done-folder done --every 10s --branch staging
    hw watch s3://bucket/incoming reviews --key id --once --json
    """
    from headwater.versions.watching import Watch

    repo = session.repo()
    repo = repo.branch(branch) if branch else repo
    importing: dict[str, Any] = {"schema_change": schema_change, **reading(options)}
    if on_bad_rows != "error":
        importing["on_bad_rows"] = on_bad_rows
    at_work = Watch(
        repo,
        place,
        dataset,
        key=joined(key) or None,
        mode=mode,
        done_folder=done_folder,
        settle_s=settle,
        **importing,
    )
    is_bad = False
    with stopping() as stop:
        for event in at_work.run(every_s=every, once=once, stop=stop):
            is_bad |= event.event in ("quarantined", "refused")
            _show(session, event)
    if once and is_bad:
        click.get_current_context().exit(1)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield what is set when the process is asked to end."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(session: Session, event: WatchEvent) -> None:
    from headwater.cli.console import jsonable

    if session.as_json:
        click.echo(json.dumps(jsonable(event.to_dict()), ensure_ascii=False))
        return
    if event.event == "stopped":
        session.say("Stopped.")
        return
    parts = [event.event, event.path]
    if event.event == "imported":
        parts.append(f"+{event.added:,} ~{event.changed:,}")
        if event.quarantined:
            parts.append(f"{event.quarantined:,} row(s) to quarantine")
    if event.commit:
        parts.append(f"({event.commit[:12]})")
    click.echo("  ".join(part for part in parts if part))
    if event.message:
        click.echo(f"    {event.message}".replace("\n", "\n    "), err=True)
