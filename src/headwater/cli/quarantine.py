"""The command quarantine: commits, files and rows that a gate or an import did not let through, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Group, Session, command
from headwater.cli.options import shell_word

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.versions.audit import Waiting

__all__ = ["quarantine"]

_LIST = "list"
_SHORT = 12
_AFTERWARDS = ("_reason", "_check", "_time")


class Listing(Group):
    """A group whose words, where they name none of its commands, mean ``list``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` before a dataset."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


@click.group("quarantine", cls=Listing)
def quarantine() -> None:
    """List what waits in quarantine, release it or let it go.

    Commits wait that the gate of a branch did not let through (`hw gate`), files that a watch could not import
    (`hw watch`), and rows: those with null or duplicate keys of `hw import --on-bad-rows quarantine`, and those that a
    gate diverts. `hw quarantine DATASET` is short for `hw quarantine list DATASET`.

    Examples
    --------
    hw quarantine
    hw quarantine reviews -n 0 --json
    hw quarantine show 3f2a91c
    hw quarantine release 3f2a91c --reason "checked by hand"
    hw quarantine release reviews --rows mended.csv --reason "typing errors"
    hw quarantine drop 3f2a91c
    """


@command(_LIST)
@click.argument("dataset", required=False)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Rows to show; 0 for all.",
)
def list_(session: Session, dataset: str | None, limit: int) -> None:
    """List what waits, or the rows of a dataset.

    Examples
    --------
    hw quarantine
    hw quarantine list reviews -n 0 --json
    """
    from headwater.versions.transaction import QUARANTINE

    repo = session.repo()
    if dataset is None:
        _list(session, repo)
        return
    name = QUARANTINE.format(dataset)
    if name not in repo.datasets():
        repo[dataset]  # a dataset that is not there is an error; one without a quarantine is good news
        session.show(
            {"dataset": dataset, "rows": [], "num_rows": 0},
            lambda out: out.print(f"No rows of {dataset} wait.", markup=False),
        )
        return
    waiting = repo[name]
    rows = waiting.head(limit or waiting.num_rows)

    def draw(out: Any) -> None:
        from headwater.cli.tables import data_table

        out.print(f"{waiting.num_rows:,} row(s) of {dataset} wait in quarantine", markup=False)
        out.print()
        # The reason names what is wrong; check and time are in --json, and in the dataset itself.
        told = [name for name in rows.column_names if name not in _AFTERWARDS[1:]]
        out.print(data_table(rows.select(told), width=out.width, first=["_reason"]))
        if rows.num_rows < waiting.num_rows:
            out.print(f"… {waiting.num_rows - rows.num_rows:,} more; -n 0 shows all", style="dim")

    session.show({"dataset": dataset, "rows": rows, "num_rows": waiting.num_rows}, draw)
    word = shell_word(dataset)
    # Without the reason, which would become a column of the dataset.
    kept = [column for column in rows.column_names if column not in _AFTERWARDS]
    columns = ",".join(f'"{column}"' if "," in column else column for column in kept)
    session.next(
        f"hw export {shell_word(name)} waiting.csv --columns {shell_word(columns)}   (mend the rows there)",
        f"hw commit {word} waiting.csv   (bring them back)",
        f"hw commit {shell_word(name)} --remove   (let them go)",
    )


@command("show")
@click.argument("name", metavar="ID")
def show(session: Session, name: str) -> None:
    """Show a commit or file that waits.

    Who wrote it, when, and what keeps it out.

    Examples
    --------
    hw quarantine show 3f2a91c --json
    """
    repo = session.repo()
    one = repo.quarantine[name]
    session.show(one.to_dict(), lambda out: _draw_one(out, one))
    if one.state == "dropped":
        return
    short = one.id[:_SHORT]
    look = [f"hw diff {one.base[:_SHORT]}..{short}"] if one.base and one.commit else []
    again = "(if the gate takes it now)" if one.commit else "(the watch tries it again)"
    by_hand = [f'hw quarantine release {short} --reason "…"   (as it is)'] if one.commit else []
    session.next(
        *look,
        f"hw quarantine release {short}   {again}",
        *by_hand,
        f"hw quarantine drop {short}   (let it go)",
    )


@command("release")
@click.argument("name", metavar="ID|DATASET")
@click.option("--reason", default="", metavar="TEXT", help="Why; of a commit: publish it as it is.")
@click.option(
    "--rows", "file", type=click.Path(path_type=Path), metavar="FILE", help="Mended rows of DATASET."
)
@click.option("--where", metavar="SQL", help="The rows of DATASET that wait and for which this holds.")
@click.option("--all", "everything", is_flag=True, help="All rows of DATASET that wait.")
def release(
    session: Session, name: str, reason: str, file: Path | None, where: str | None, everything: bool
) -> None:
    """Bring what waits to its branch, through the gate once more.

    A commit is judged anew; with --reason it is published as it is, and the reason is kept in its provenance. Rows come
    back mended (--rows, by key) or as they are (--where, --all), always with a reason and through the gate.

    Examples
    --------
    hw quarantine release 3f2a91c
    hw quarantine release 3f2a91c --reason "checked by hand"
    hw quarantine release reviews --rows mended.csv --reason "typing errors"
    hw quarantine release reviews --where "_check = 'validity.range' and age < 130" --reason "they are that old"
    """
    repo = session.repo()
    ways = [way for way in (file, where, everything or None) if way is not None]
    if not ways:
        one = repo.quarantine[name]
        done = repo.quarantine.release(name, reason=reason)
        text = (
            f"Released {one.id[:_SHORT]} to {one.branch}: {done[:_SHORT]}"
            if done
            else "The watch tries it again"
        )
        value = {"released": one.id, "branch": one.branch, "commit": done, "reason": reason}
    elif len(ways) > 1:
        raise click.UsageError("Give one of --rows, --where and --all.")
    else:
        if not reason.strip():
            raise click.UsageError("Rows are released with a reason: --reason TEXT.")
        which = {"rows": file} if file is not None else {"where": where or "true"}
        before = repo.head
        done = repo.release_rows(name, reason=reason, **which)
        record = repo.commit(done).provenance.record if done != before else {}
        value = {"dataset": name, "commit": done, "reason": reason, **record}
        text = f"Released {record.get('released', 0):,} row(s) of {name}: {done[:_SHORT]}"
    session.show(value, lambda out: out.print(text, markup=False, soft_wrap=True))


@command("drop")
@click.argument("name", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
def drop(session: Session, name: str, reason: str) -> None:
    """Let a commit or file that waits go.

    Its rows go with a later `hw gc`.

    Examples
    --------
    hw quarantine drop 3f2a91c --reason "sent twice"
    """
    one = session.repo().quarantine.drop(name, reason=reason)
    session.show(
        {"dropped": one.id, "reason": reason},
        lambda out: out.print(f"Dropped {one.id[:_SHORT]} ({_about(one)})", markup=False, soft_wrap=True),
    )


for each in (list_, show, release, drop):
    quarantine.add_command(each)


def _list(session: Session, repo: Repo) -> None:
    from headwater.versions.transaction import QUARANTINE

    suffix = QUARANTINE.format("")
    entries: list[dict[str, Any]] = [
        {"dataset": name.removesuffix(suffix), "num_rows": repo[name].num_rows}
        for name in repo.datasets()
        if name.endswith(suffix)
    ]
    held = repo.quarantine.waiting()

    def draw(out: Any) -> None:
        from headwater.cli.tables import plain_table

        if held:
            lines = [[one.id[:_SHORT], one.branch, one.state, _why(one), _about(one)] for one in held]
            titles = ["id", "branch", "state", "findings", "what"]
            out.print(plain_table(titles, lines, wraps=titles[3:]))
        if held and entries:
            out.print()
        rows = [[entry["dataset"], f"{entry['num_rows']:,}"] for entry in entries]
        if rows:
            out.print(plain_table(["dataset", "rows waiting"], rows, right=["rows waiting"]))
        if not (held or rows):
            out.print("No rows wait.")

    session.show([*entries, *(one.to_dict() for one in held)], draw)
    if entries or held:
        session.next(
            *(f"hw quarantine show {one.id[:_SHORT]}" for one in held[:2]),
            *(f"hw quarantine {shell_word(entry['dataset'])}" for entry in entries[:3]),
        )


def _draw_one(out: Any, one: Waiting) -> None:
    out.print(f"{one.id[:_SHORT]}  {one.state}  to {one.branch}, by {one.author}, {one.time:%Y-%m-%d %H:%M}")
    out.print(_about(one), markup=False, soft_wrap=True)
    for name in ("path", "error", "reason"):
        if one.facts.get(name):
            out.print(f"  {name}: {one.facts[name]}", markup=False, soft_wrap=True)
    for finding in one.blocking:
        where = f"{finding['dataset']}.{finding['column']}" if finding.get("column") else finding["dataset"]
        out.print(f"  {finding['outcome']}  {finding['check']}  {where}: {finding['message']}", markup=False)
        if finding["rows"]:
            shown = ", ".join(str(key) for key in finding["rows"][:8])
            more = finding["row_count"] - min(8, len(finding["rows"]))
            out.print(f"        rows {shown}" + (f" and {more:,} more" if more > 0 else ""), markup=False)
    if one.state == "auditing":
        out.print("  Its checks are running, or their process ended before they had.", markup=False)


def _why(one: Waiting) -> str:
    if one.state == "refused":
        return str(one.facts.get("error", ""))[:40]
    checks = list(dict.fromkeys(str(finding["check"]) for finding in one.blocking))
    return ", ".join(checks[:2]) + (f", … ({len(checks)})" if len(checks) > 2 else "")


def _about(one: Waiting) -> str:
    return one.message.partition("\n")[0] or "no message"
