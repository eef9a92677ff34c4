"""The commands gate and allow: what a branch takes, and what is put up with for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Group, Session, command
from headwater.cli.options import column_name, column_names, joined, shell_word

if TYPE_CHECKING:
    from headwater.versions.gate import Gate

__all__ = ["allow", "gate"]

_NO_BASELINE = "none"


def _names(text: str) -> tuple[str, ...]:
    """Return names separated by commas; none of an empty text, which takes away what was set."""
    return column_names(text) if text.strip() else ()


class _Gates(Group):
    """A group that lists the gates where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``show`` where nothing stands, or an option alone."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("gate", cls=_Gates)
def gate() -> None:
    """Say what must pass before a branch takes a commit.

    Whatever is written to a branch with a gate, by import, commit, transform, merge, revert, pull or push, is checked
    first: the branch moves if it passes; otherwise the commit waits in quarantine, and the exit code is 1. The gate is
    kept in the repository, for everybody who writes there; clones get it with fetch.

    Examples
    --------
    hw gate
    hw gate set main --suite contract
    hw gate set main --divert validity.range:age,completeness.null_fraction:email
    hw gate remove main
    """


@command("set")
@click.argument("branch")
@click.option(
    "--suite",
    type=click.Choice(["default", "contract"]),
    help="All checks that `hw check` runs (default), or those alone that the contract asks for.",
)
@click.option(
    "--only",
    type=_names,
    metavar="ID,…",
    multiple=True,
    help="Only these checks, or families of checks; '' for all again.",
)
@click.option(
    "--blocks",
    type=click.Choice(["fail", "warn"]),
    help="The outcome from which on a commit is kept out; fail by default.",
)
@click.option(
    "--floor",
    type=click.FloatRange(0, 1),
    metavar="SEVERITY",
    help="Findings of a lower severity keep nothing out; 0 by default.",
)
@click.option(
    "--against",
    metavar="REF",
    help="The baseline: `branch` for the branch as it was (default), a ref, or `none`.",
)
@click.option(
    "--datasets",
    type=_names,
    metavar="NAME,…",
    multiple=True,
    help="Only these datasets, or patterns as 'web_*'; '' for all again.",
)
@click.option(
    "--divert",
    type=_names,
    metavar="ID[:COL],…",
    multiple=True,
    help="Checks whose rows go to NAME.quarantine, while the rest is published; '' for none again.",
)
@click.option(
    "--force", is_flag=True, help="Take names of branches, datasets and columns that are yet to come."
)
def set_(session: Session, branch: str, force: bool, **options: Any) -> None:
    """Give a branch a gate, or change the one it has.

    Options that are not given stay as they are. Names that are not there are refused, for such a gate would stop
    nothing.

    Examples
    --------
    hw gate set main
    hw gate set main --suite contract --blocks warn --floor 0.3
    hw gate set release --only schema,uniqueness.key --against v1
    hw gate set main --divert validity.range:age
    hw gate set main --divert ''
    hw gate set release-3 --datasets 'web_*' --force
    """
    given: dict[str, Any] = {n: options[n] for n in ("suite", "blocks", "floor") if options[n] is not None}
    given |= {n: joined(options[n]) for n in ("only", "datasets", "divert") if options[n]}
    if options["against"] is not None:
        given["against"] = None if options["against"] == _NO_BASELINE else options["against"]
    made = session.repo().set_gate(branch, force=force, **given)
    session.show(made.to_dict(), lambda out: out.print(_line(made), markup=False, soft_wrap=True))


@command("show")
@click.argument("branch", required=False)
def show(session: Session, branch: str | None) -> None:
    """Show the gate of a branch, or all gates.

    Examples
    --------
    hw gate show
    hw gate show main --json
    """
    gates = session.repo().gates
    found = [gates[branch]] if branch else list(gates.values())

    def draw(out: Any) -> None:
        for one in found:
            out.print(_line(one), markup=False, soft_wrap=True)

    session.show([one.to_dict() for one in found], draw)
    if not found:
        session.say("No branch has a gate.")
        session.next("hw gate set main --suite contract")


@command("remove")
@click.argument("branch")
def remove(session: Session, branch: str) -> None:
    """Take the gate of a branch away; what waits stays in quarantine.

    Examples
    --------
    hw gate remove main
    """
    gone = session.repo().gates.remove(branch)
    session.show(
        gone.to_dict(), lambda out: out.print(f"{branch} has no gate any more", markup=False, soft_wrap=True)
    )


for each in (set_, show, remove):
    gate.add_command(each)


@command("allow")
@click.argument("dataset")
@click.argument("check")
@click.option("--column", type=column_name, metavar="COL", help="The column that the finding is about.")
@click.option(
    "--until", required=True, metavar="DAY", help="The last day that it holds, as 2027-01-31 (UTC)."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept, with your name and the day.")
def allow(session: Session, dataset: str, check: str, column: str | None, until: str, reason: str) -> None:
    """Put up with what a check finds until a day.

    The finding is reported as allowed, and stops neither gates nor `hw check`. After that day it does again, and the
    report says that the allowance has expired. It is part of the contract, so it is versioned, merged and reviewed
    with the data. Another allowance of the same check and column takes the place of this one.

    Examples
    --------
    hw allow people validity.range --column age --until 2027-01-31 --reason "the old system has 999"
    """
    repo = session.repo()
    commit = repo.allow(dataset, check, until=until, reason=reason, column=column)
    what = f"{check} of {dataset}.{column}" if column else f"{check} of {dataset}"
    session.show(
        {
            "commit": commit,
            "dataset": dataset,
            "check": check,
            "column": column,
            "until": until,
            "reason": reason,
        },
        lambda out: out.print(f"Allowed {what} until {until} ({commit[:12]})", markup=False, soft_wrap=True),
    )
    session.next(f"hw check {shell_word(dataset)}")


def _line(one: Gate) -> str:
    checks = ", ".join(one.only) if one.only else "all checks" if one.suite == "default" else "the contract"
    parts = [f"{one.branch}: {checks}"]
    if one.only and one.suite == "contract":
        parts.append("of the contract")
    parts.append(f"{one.blocks} keeps out" if one.blocks == "fail" else "warn and fail keep out")
    if one.floor:
        parts.append(f"from severity {one.floor:g}")
    against = {"branch": "the branch itself", None: "nothing"}.get(one.against, one.against)
    parts.append(f"compared with {against}")
    if one.datasets:
        parts.append(f"datasets {', '.join(one.datasets)}")
    if one.divert:
        parts.append(f"rows diverted by {', '.join(one.divert)}")
    return "; ".join(parts)
