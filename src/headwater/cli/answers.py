"""Answers of commands that judge: shown, or written to a file in the form that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session
from headwater.cli.writing import write_text

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.checks.report import Report
    from headwater.core.findings import Finding
    from headwater.reading.dataset import Dataset

__all__ = ["answer", "answer_options", "form_of"]

Command = Callable[..., Any]

_EXAMPLES = 3
_FORMS = {".json": "json", ".xml": "junit", ".sarif": "sarif", ".md": "markdown", ".txt": "text"}


def answer_options(function: Command) -> Command:
    """Add the options that say in which form an answer is given, and where: ``form`` and ``output``."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["text", *sorted({*_FORMS.values()} - {"text"})]),
        help="Form of the answer.",
    )
    output = click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the answer to this file.",
    )
    return form(output(function))


def form_of(session: Session, form: str | None, output: Path | None) -> str:
    """Return the form of an answer: the one given, else that of the file it goes to.

    Raises
    ------
    click.UsageError
        If the suffix of the file stands for none.
    """
    return form or _form_of(output) or ("json" if session.as_json else "text")


def answer(
    session: Session,
    report: Report,
    *,
    dataset: Dataset,
    file: str | None,
    form: str,
    output: Path | None,
    limit: int,
    everything: bool,
) -> None:
    """Show a report, or write it to a file.

    Parameters
    ----------
    session : Session
        Where it is shown.
    report : Report
        What was found.
    dataset : Dataset
        The data.
    file : str, optional
        The file or URL that was checked, if it was one.
    form : str
        The form; see `form_of`.
    output : Path, optional
        The file to write to.
    limit : int
        How many findings to show; 0 for all.
    everything : bool
        Whether those that pass are shown, too.
    """
    from headwater.cli.render_findings import draw_findings

    def draw(out: Any) -> None:
        draw_findings(
            out,
            report,
            limit=limit or None,
            everything=everything,
            fixes=file is None,
            examples=_rows_in_full(dataset),
        )

    if form == "text" and output is None:
        session.show(report.to_dict(), draw)
    else:
        _put(session, _text(report, form, draw, file if file and "://" not in file else None), output)


def _text(report: Report, form: str, draw: Callable[[Any], None], file: str | None) -> str:
    if form == "json":
        import json

        from headwater.cli.console import jsonable

        return json.dumps(jsonable(report.to_dict()), indent=2, ensure_ascii=False) + "\n"
    if form == "text":
        from rich.console import Console

        paper = Console(width=120, no_color=True, highlight=False, emoji=False)
        with paper.capture() as captured:
            draw(paper)
        return captured.get()
    from headwater.checks.outputs import OUTPUTS, to_sarif

    if form == "sarif":
        return to_sarif(report, file=file and _from_here(file))
    return OUTPUTS[form](report)


def _from_here(file: str) -> str:
    """Return the path of a file as code hosts know it: relative to where we are, if it is below."""
    path = Path(file)
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else file


def _put(session: Session, text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)
        session.show(
            {"path": str(output)}, lambda out: out.print(f"Wrote {output}", markup=False, soft_wrap=True)
        )


def _rows_in_full(dataset: Dataset) -> Callable[[Finding], pa.Table | None]:
    """Return what gives the first rows of a finding, where their keys would say nothing to a reader."""
    return lambda finding: (
        dataset.take(finding.rows[:_EXAMPLES]) if finding.rows and not dataset.key else None
    )


def _form_of(output: Path | None) -> str | None:
    if output is None:
        return None
    if output.suffix == ".html":
        raise click.UsageError(
            f"A report for a browser is written by `hw check … --html {output.name}`, beside the answer."
        )
    if output.suffix not in _FORMS:
        raise click.UsageError(
            f"{output.name!r}: the suffix says the format ({', '.join(_FORMS)}), or --format does."
        )
    return _FORMS[output.suffix]
