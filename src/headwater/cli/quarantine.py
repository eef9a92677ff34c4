"""The command quarantine: rows that an import did not let through, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import shell_word

if TYPE_CHECKING:
    from headwater.api import Repo

__all__ = ["quarantine"]


@command("quarantine")
@click.argument("dataset", required=False)
@click.option(
    "-n", "limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows to show; 0 for all."
)
def quarantine(session: Session, dataset: str | None, limit: int) -> None:
    """List the rows that wait in quarantine, with the reason of each.

    `hw import --on-bad-rows quarantine` puts rows with null or duplicate keys there, as the dataset
    NAME.quarantine. Mend them in a file and bring them back with `hw commit`.

    Examples
    --------
    hw quarantine
    hw quarantine reviews -n 0 --json
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
        out.print(data_table(rows, width=out.width, first=["_reason"]))
        if rows.num_rows < waiting.num_rows:
            out.print(f"… {waiting.num_rows - rows.num_rows:,} more; -n 0 shows all", style="dim")

    session.show({"dataset": dataset, "rows": rows, "num_rows": waiting.num_rows}, draw)
    word = shell_word(dataset)
    # Without the reason, which would become a column of the dataset.
    kept = [column for column in rows.column_names if column != "_reason"]
    columns = ",".join(f'"{column}"' if "," in column else column for column in kept)
    session.next(
        f"hw export {shell_word(name)} waiting.csv --columns {shell_word(columns)}   (mend the rows there)",
        f"hw commit {word} waiting.csv   (bring them back)",
        f"hw commit {shell_word(name)} --remove   (let them go)",
    )


def _list(session: Session, repo: Repo) -> None:
    from headwater.versions.transaction import QUARANTINE

    suffix = QUARANTINE.format("")
    entries: list[dict[str, Any]] = [
        {"dataset": name.removesuffix(suffix), "num_rows": repo[name].num_rows}
        for name in repo.datasets()
        if name.endswith(suffix)
    ]

    def draw(out: Any) -> None:
        from headwater.cli.tables import plain_table

        rows = [[entry["dataset"], f"{entry['num_rows']:,}"] for entry in entries]
        out.print(
            plain_table(["dataset", "rows waiting"], rows, right=["rows waiting"])
            if rows
            else "No rows wait."
        )

    session.show(entries, draw)
    if entries:
        session.next(*(f"hw quarantine {shell_word(entry['dataset'])}" for entry in entries[:3]))
