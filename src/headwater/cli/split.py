"""The command split: say how a dataset falls into parts, and show how it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_name, shell_word

if TYPE_CHECKING:
    from headwater.reading.dataset import Dataset

__all__ = ["split"]


def _parts(text: str) -> dict[str, float]:
    """Return names and shares of ``train=0.8,test=0.2``."""
    parts: dict[str, float] = {}
    for item in text.split(","):
        name, equals, size = item.partition("=")
        try:
            known = name.strip() in parts
            parts[name.strip()] = float(size)
        except ValueError as error:
            raise click.BadParameter(f"{item!r} is no NAME=SHARE, such as train=0.8.") from error
        if known or not equals:
            raise click.BadParameter(f"The part {name.strip()!r} comes twice.")
    return parts


@command("split")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option("--into", type=_parts, metavar="NAME=SHARE,…", help="The parts; their shares sum to 1.")
@click.option("--by", type=column_name, metavar="COLUMN", help="Rows equal in this column stay together.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other rows.")
@click.option("--drop", is_flag=True, help="Forget the split.")
@click.option("-m", "--message", help="Commit message.")
def split(
    session: Session,
    dataset: str,
    into: dict[str, float] | None,
    by: str | None,
    seed: int,
    drop: bool,
    message: str | None,
) -> None:
    """Split a dataset into train, test and so on, by the key of rows.

    Which part a row is in depends on its key alone: new rows never move old ones. With --by, a whole group is
    in one part. Without --into, shows the split with the rows in each part.

    Examples
    --------
    hw split reviews --into train=0.8,validation=0.1,test=0.1
    hw split scans --into train=0.75,test=0.25 --by patient
    hw split reviews
    """
    from headwater.reading.splits import set_split

    repo = session.repo()
    name, _, ref = dataset.partition("@")
    if drop and into:
        raise click.UsageError("Either --into or --drop.")
    if by is not None and not into:
        raise click.UsageError("--by goes with --into.")
    commit = None
    if into or drop:
        if ref:
            raise click.UsageError("A split is declared on a branch: leave out @REF, or `hw switch` first.")
        with repo.transaction(message or (f"split {name}" if into else f"forget the split of {name}")) as tx:
            set_split(tx, name, into, by=by, seed=seed)
        commit = tx.commit_id
    found = (repo.at(ref) if ref else repo)[name]
    parts = [part.to_dict() for part in found.measure_split()]
    said = found.splits
    value = {"dataset": name, "commit": commit, "split": said.to_dict() if said else None, "parts": parts}
    session.show(value, lambda out: _draw(out, found, parts))
    if said is None:
        session.next(f"hw split {shell_word(name)} --into train=0.8,test=0.2")
    else:
        session.next(f'repo["{name}"].split("{said.names[0]}") reads one part in Python')


def _draw(out: Any, dataset: Dataset, parts: list[dict[str, Any]]) -> None:
    from headwater.cli.tables import grid, safe

    said = dataset.splits
    if said is None:
        out.print(f"Dataset {safe(dataset.name)} has no split.", markup=False)
        return
    kind = "groups" if said.is_grouped else "keys"
    out.print(f"{safe(dataset.name)} by {safe(', '.join(said.by))}, seed {said.seed}", markup=False)
    table = grid()
    table.add_column("part")
    for title in ("rows", kind, "asked", "is", "by chance"):
        table.add_column(title, justify="right")
    for part in parts:
        table.add_row(
            safe(part["name"]),
            f"{part['rows']:,}",
            f"{part['groups']:,}",
            f"{part['asked']:.1%}",
            f"{part['share']:.2%}",
            f"±{part['expected_deviation']:.2%}",
        )
    out.print(table)
