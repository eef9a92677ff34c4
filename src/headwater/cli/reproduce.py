"""The command runs reproduce: replay a run in its own environment and compare what it gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command

if TYPE_CHECKING:
    from headwater.pipelines.reproduce import Reproduction, StepVerdict

__all__ = ["reproduce"]

_STYLES = {
    "same": "green",
    "within tolerance": "green",
    "different": "bold red",
    "failed": "bold red",
    "not comparable": "yellow",
    "not run": "yellow",
}
_SHOWN = 12


@command("reproduce")
@click.argument("name", metavar="RUN")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="X",
    help="The relative difference up to which numbers count as equal; by default every bit counts.",
)
@click.option(
    "--here", is_flag=True, help="Use this environment, and list the packages that differ from the record."
)
@click.option(
    "--env",
    "environments",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep environments in this folder; runs with the same packages use them again.",
)
@click.option("--allow-python", is_flag=True, help="Take the nearest Python if the run's is not available.")
@click.option(
    "--all-packages",
    is_flag=True,
    help="Install all packages that were there, not only those that the run used.",
)
@click.option("--pip", "with_pip", is_flag=True, help="Build with venv and pip, though uv is there.")
def reproduce(
    session: Session,
    name: str,
    tolerance: float,
    here: bool,
    environments: Path | None,
    allow_python: bool,
    all_packages: bool,
    with_pip: bool,
) -> None:
    """Replay a run in its environment, on the same commits, and compare.

    Python and the recorded package versions are installed afresh, by uv if it is there, else by venv and pip; the code
    is that of the recorded git revision, or the files kept with the run. Every step runs again and nothing is
    committed. The exit code is 1 if a result differs. The run's code is executed: reproduce runs of people you trust.

    Examples
    --------
    hw runs reproduce last
    hw runs reproduce 20260102T0304 --tolerance 1e-9
    hw runs reproduce last --env ~/.cache/headwater
    hw runs reproduce last --here
    """
    if here and (environments or allow_python or all_packages or with_pip):
        raise click.UsageError("--here uses this environment: leave the options for a fresh one out.")
    found = session.repo().reproduce(
        name,
        tolerance=tolerance,
        here=here,
        environments=environments,
        any_python=allow_python,
        all_packages=all_packages,
        uses_uv=not with_pip,
        tell=session.say,
    )
    session.show(found.to_dict(), lambda out: _draw(out, found))
    if not found.is_reproduced:
        raise click.exceptions.Exit(1)


def _draw(out: Any, found: Reproduction) -> None:
    from rich.text import Text

    from headwater.cli.tables import plain_table, safe

    out.print(found.summary(), markup=False, highlight=False)
    facts = found.environment
    place = "this environment" if facts["made"] == "here" else f"a fresh environment ({facts['made']})"
    revision = f", revision {facts['revision'][:12]}" if facts["revision"] else ""
    out.print(Text(f"Python {facts['python']} in {place}{revision}", style="dim"))
    rows: list[list[Any]] = [
        [
            safe(f"{one.name} → {one.dataset}" if one.dataset else one.name),
            Text(one.state, style=_STYLES.get(one.state, "")),
            _amount(one),
            safe("; ".join(filter(None, (str(one.difference), one.note)))),
        ]
        for one in found.steps
    ]
    out.print(plain_table(["step", "", "largest", ""], rows))
    if facts["packages"]:
        others = [
            [name, versions["recorded"], versions["found"] or "not there"]
            for name, versions in list(facts["packages"].items())[:_SHOWN]
        ]
        out.print(plain_table(["package", "in the run", "now"], others))
        if len(facts["packages"]) > _SHOWN:
            out.print(f"… and {len(facts['packages']) - _SHOWN} more.", style="dim")
    for note in found.notes:
        out.print(note, markup=False, highlight=False)


def _amount(step: StepVerdict) -> str:
    largest = step.difference.largest
    return f"{largest:.1e}" if 0 < largest < float("inf") else ""
