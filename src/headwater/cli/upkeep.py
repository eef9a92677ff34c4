"""Commands that look after the repository itself: gc, fsck."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.versions.fsck import Verified
    from headwater.versions.gc import Collected

__all__ = ["fsck", "gc"]

_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SAFE_GRACE = timedelta(hours=1)


class Duration(click.ParamType[timedelta]):
    """A length of time: ``90s``, ``15m``, ``12h``, ``30d``, ``2w`` or ``0``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the text."""
        match = re.fullmatch(r"(\d{1,6})([smhdw]?)", str(value).strip())
        if match is None or (match[2] == "" and int(match[1])):
            self.fail(f"{value!r} is not a length of time: write 15m, 12h, 30d or 0.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


@command("gc")
@click.option(
    "--grace", type=Duration(), default="1d", show_default=True, help="Keep garbage younger than this."
)
@click.option(
    "--keep-reflog",
    type=Duration(),
    default="30d",
    show_default=True,
    help="Keep the states that branches and tags had during this time, for `hw undo`.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; only say what would be.")
def gc(session: Session, grace: timedelta, keep_reflog: timedelta, dry_run: bool) -> None:
    """Remove what no branch, tag or recent state of one needs.

    Others may read and write meanwhile: what they are writing is younger than the grace.

    Examples
    --------
    hw gc --dry-run
    hw gc
    hw gc --grace 2h --keep-reflog 7d
    """
    done = session.repo().gc(grace=grace, keep_reflog=keep_reflog, dry_run=dry_run)
    session.show(asdict(done), lambda out: _draw_collected(out, done))
    if grace < _SAFE_GRACE and not dry_run:
        session.say(
            "With a grace under an hour, what somebody was writing meanwhile may be gone. `hw fsck` tells."
        )


@command("fsck")
@click.option(
    "--no-data", is_flag=True, help="Do not hash all rows again: only files, refs and fingerprints."
)
@click.option("--repair", "mend", is_flag=True, help="Take missing and damaged files from the remotes.")
def fsck(session: Session, no_data: bool, mend: bool) -> None:
    """Verify every ref, file, index and fingerprint of the repository.

    Each file is held against its name, each index against its rows, each version against its fingerprint.

    Exit code 1 if something is damaged. It changes nothing, unless --repair is given.

    Examples
    --------
    hw fsck
    hw -C s3://bucket/shop fsck --no-data --json
    """
    repo = session.repo()
    found = repo.fsck(data=not no_data)
    if mend and found.findings:
        from headwater.versions.fsck import repair

        mended = repair(repo, found)
        session.say(
            f"Took {len(mended)} of {len(found.findings)} damaged or missing file(s) from the remotes."
        )
        found = repo.fsck(data=not no_data)
    session.show(found.to_dict(), lambda out: _draw_verified(out, found))
    if found.findings:
        click.get_current_context().exit(1)


def _draw_collected(out: Console, done: Collected) -> None:
    from headwater.cli.tables import bytes_text

    verb = "Would remove" if done.dry_run else "Removed"
    lines = [
        f"{verb} {done.removed:,} file(s), {bytes_text(done.removed_bytes)}",
        f"Kept {done.kept:,} file(s), {bytes_text(done.kept_bytes)}",
    ]
    if done.young:
        lines.append(f"Left {done.young:,} young file(s), {bytes_text(done.young_bytes)}, for a later time")
    if done.moves:
        lines.append(f"{verb} {done.moves:,} old reflog entr{'y' if done.moves == 1 else 'ies'}")
    out.print("\n".join(lines), markup=False, highlight=False)


def _draw_verified(out: Console, found: Verified) -> None:
    from rich.text import Text

    from headwater.cli.render_findings import badge
    from headwater.cli.tables import bytes_text

    out.print(
        badge(found.outcome),
        Text(
            f"{found.commits:,} commit(s), {found.versions:,} dataset version(s), {found.objects:,} file(s) of "
            f"{bytes_text(found.object_bytes)}, {found.rows:,} stored row(s); {len(found.findings):,} fault(s)"
        ),
        soft_wrap=True,
    )
    if found.elsewhere:
        out.print(f"{found.elsewhere:,} file(s) are at the remote only, and were not verified", markup=False)
    if found.is_shallow:
        out.print(
            "History ends here: older commits are at the remote only (a clone with --depth)", markup=False
        )
    for finding in found.findings:
        out.print(badge(finding.outcome), Text(f"{finding.check}  {finding.message}"), soft_wrap=True)
