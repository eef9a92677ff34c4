"""The command backtest: how a model would have done in production."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_name, column_names, importable, joined, label_option, seed_option

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.models.backtest_report import Backtest

__all__ = ["backtest"]

_SPARKS = "▁▂▃▄▅▆▇█"


def _windows(text: str) -> str | int:
    return int(text) if text.isdigit() else text


def _delay(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


@command("backtest")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option(
    "--time", type=column_name, metavar="COL", help="When a row happened; the contract's time column."
)
@click.option(
    "--window",
    type=_windows,
    default="12",
    show_default=True,
    metavar="N|SPAN",
    help="How many windows, or as 7d.",
)
@click.option(
    "--start",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Windows the first model learns from.",
)
@click.option(
    "--delay",
    type=_delay,
    default="0",
    metavar="SPAN",
    help="How long after a row its label is known, as 14d.",
)
@click.option(
    "--recipe",
    metavar="NAME",
    callback=importable,
    help="As for `hw train`; what fits the columns by default.",
)
@label_option("The column to predict; the contract's label by default.")
@click.option(
    "--exclude", type=column_names, metavar="COL,…", multiple=True, help="Columns not to learn from."
)
@click.option("--weight", type=column_name, metavar="COL", help="The column with the weight of each row.")
@click.option("--metric", metavar="NAME", help="The metric; for two classes roc_auc by default.")
@click.option("--use-sensitive", is_flag=True, help="Learn from the sensitive features, too.")
@seed_option("Seed of all randomness.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write a page."
)
def backtest(
    session: Session, dataset: str, exclude: tuple[tuple[str, ...], ...], html: Path | None, **options: Any
) -> None:
    """Train on the past and judge on what followed, as in production.

    At the end of each window a model is trained on what was known then, and asked about all later windows: how fast a
    model decays, which columns drift first, and how often training again pays. Differences above 0 are better.

    Examples
    --------
    hw backtest orders --time ordered_at --window 7d --delay 2d
    hw backtest prices --time period --window 20 --html backtest.html
    """
    found = session.repo().backtest(dataset, exclude=joined(exclude), **options)
    session.show(found.to_dict(), lambda out: _draw(out, found))
    if html is not None:
        from headwater.cli.writing import write_text

        write_text(html, found.to_html())
        session.say(f"Wrote {html}")


def _draw(out: Console, found: Backtest) -> None:
    from rich.text import Text

    from headwater.cli.tables import plain_table, safe

    out.print(Text.assemble((safe(found.dataset), "bold"), f" in the order of {safe(found.time)}"))
    out.print(found.summary(), markup=False)
    out.print()
    for name, values in (
        ("trained once", [one.once for one in found.windows]),
        ("every window", [one.expanding for one in found.windows]),
    ):
        out.print(Text.assemble(f"{found.metric} {name:13} ", (_spark(values, found), "cyan")))
    out.print(Text(f"from {found.windows[0].name} to {found.windows[-1].name}", style="dim"))
    out.print()
    ways = [
        [one.name, f"{one.value:.4f}", _signed(one.gain), _span(one.interval), str(one.trainings)]
        for one in found.strategies
    ]
    titles = ["training again", found.metric, "gain", "95 % interval", "trainings"]
    out.print(plain_table(titles, ways, right=(found.metric, "gain", "trainings"), wraps="training again"))
    if found.decay:
        out.print()
        ages = [
            [str(one.windows), _signed(one.difference), _span(one.interval), str(one.of)]
            for one in found.decay
        ]
        out.print(plain_table(["age in windows", "behind fresh", "95 % interval", "of"], ages, right=("of",)))
    if found.drifts:
        out.print()
        drifts = [
            [safe(one.column), one.since, f"{one.distance:.2f}", f"{one.share:.0%}"] for one in found.drifts
        ]
        out.print(plain_table(["drifts", "since", "distance", "of windows since"], drifts, wraps="drifts"))
    for note in found.notes:
        out.print(Text(f"Note: {note}", style="dim"))


def _spark(values: list[float], found: Backtest) -> str:
    both = [v for one in found.windows for v in (one.once, one.expanding) if not math.isnan(v)]
    low, high = (min(both), max(both)) if both else (0.0, 1.0)
    scale = (len(_SPARKS) - 1) / ((high - low) or 1.0)
    return "".join(" " if math.isnan(v) else _SPARKS[round((v - low) * scale)] for v in values)


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.4f}"


def _span(interval: tuple[float, float]) -> str:
    return "" if math.isnan(interval[0]) else f"{interval[0]:+.4f} to {interval[1]:+.4f}"
