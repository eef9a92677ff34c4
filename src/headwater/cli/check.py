"""The command check: judge a dataset of the repository, or any file without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.answers import answer, answer_options, form_of
from headwater.cli.app import Session, command
from headwater.cli.options import (
    column_names,
    engine_options,
    joined,
    judging_options,
    reading,
    reading_options,
    role_options,
    roles,
    seed_option,
    shell_word,
)
from headwater.cli.writing import write_text

if TYPE_CHECKING:
    from headwater.checks.report import Report
    from headwater.core.contract import Contract
    from headwater.reading.dataset import Dataset

__all__ = ["check", "exit_code", "fail_on_option", "file_name"]


fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["fail", "warn", "never"]),
    default="fail",
    show_default=True,
    help="The outcome from which on the exit code is 1.",
)


@command("check")
@click.argument("what", metavar="FILE|DATASET[@REF]")
@role_options("The columns that identify a row of a file.")
@click.option(
    "--against", metavar="REF|FILE", help="Compare with this: drift, schema and volume are checked too."
)
@click.option(
    "--only",
    type=column_names,
    metavar="ID,…",
    multiple=True,
    help="Only these checks, or families of checks.",
)
@click.option(
    "--contract",
    "contract_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A contract to hold it to.",
)
@judging_options
@fail_on_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a report for a browser.",
)
@answer_options
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Keys of rows to list for each finding; 0 for all. Files and --json have them.",
)
@seed_option("Seed of checks that train models.")
@engine_options
@reading_options("--input-format")
def check(
    session: Session,
    what: str,
    contract_file: Path | None,
    limit: int,
    everything: bool,
    fail_on: str,
    html: Path | None,
    form: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Check a file or a dataset, with no configuration needed.

    Checks of quality, labels, duplicates, leakage, bias and privacy follow from the columns' types and
    roles, and from the contract if there is one. A file needs no repository; where there is one around, what was
    worked out is kept there for the next time. Exit code 1 means that something is at fail (or at what --fail-on
    says), 3 that a check broke.

    Examples
    --------
    hw check reviews.csv --label sentiment
    hw check people.parquet --key id --label hired --sensitive sex,race --html report.html
    hw check new.csv --against old.csv
    hw check reviews@v1
    hw check reviews --against main~1 --format sarif -o findings.sarif
    hw check reviews --only labels,duplicates.exact --all
    hw check reviews@fix-labels --fail-on warn
    hw check reviews --only outliers --rows 0 --json
    hw check reviews --engine ray://cluster:10001
    """
    from headwater.cli.documents import read_contract

    form = form_of(session, form, output)
    contract = read_contract(contract_file) if contract_file else None
    dataset, report, is_file = _run(session, what, contract, options)
    if html is not None:
        from headwater.checks.html import to_html

        write_text(html, to_html(report))

    answer(
        session,
        report,
        dataset=dataset,
        file=what if is_file else None,
        form=form,
        output=output,
        limit=limit,
        everything=everything,
    )
    if html is not None:
        session.say(f"Wrote {html}")
    if not options["only"] and (costly := _left_out(dataset, contract, options)):
        session.say(
            f"Not run on {dataset.num_rows:,} rows unless asked for: {', '.join(costly)}   "
            f"(--only {','.join(costly)})"
        )
    _suggest(session, what, report, is_file, options, html)
    if code := exit_code(report, fail_on):
        click.get_current_context().exit(code)


def _run(
    session: Session, what: str, contract: Contract | None, options: Mapping[str, Any]
) -> tuple[Dataset, Report, bool]:
    """Check, and return the dataset, the report, and whether it was a file."""
    from dataclasses import replace

    from headwater.cli.places import BASELINE, file_in_memory, here_if_dataset
    from headwater.core.contract import Contract

    asked: dict[str, Any] = {
        "only": joined(options["only"]),
        "rows": options["rows"] or None,
        "seed": options["seed"],
        **roles(options),
    }
    key, against = joined(options["key"]), options["against"]
    repo = here_if_dataset(session, what)
    if repo is not None:
        if key:
            raise click.UsageError("--key is for files: a dataset of the repository has its key already.")
        return repo.dataset(what), repo.check(what, against=against, contract=contract, **asked), False
    name = file_name(what)
    repo = file_in_memory(
        session, what, name, key=key, contract=contract, baseline=against, **reading(options)
    )
    contract = contract or Contract(dataset=name, key=key)
    report = repo.check(name, against=BASELINE if against else None, contract=contract, **asked)
    return repo[name], replace(report, ref=None), True


def file_name(path: str) -> str:
    """Return the name of the dataset that a file is checked as."""
    from headwater.cli.data import dataset_name

    try:
        return dataset_name((path,))
    except click.UsageError:
        return "data"


def exit_code(report: Report, fail_on: str = "fail") -> int:
    """Return 1 if something is at what ``--fail-on`` says, 3 if a check broke, else 0."""
    counts = report.counts()
    bad = {"fail": counts["fail"], "warn": counts["fail"] + counts["warn"], "never": 0}
    return 1 if bad[fail_on] else 3 if counts["error"] else 0


def _left_out(dataset: Dataset, contract: Contract | None, options: Mapping[str, Any]) -> list[str]:
    """Return the ids of checks that fit the dataset, but cost too much to be run unasked."""
    from headwater.checks.base import Target
    from headwater.checks.suite import LARGE_ROWS, suite_for
    from headwater.core.contract import Contract

    if dataset.num_rows <= LARGE_ROWS:
        return []
    promised = contract or dataset.contract or Contract(dataset=dataset.name, key=dataset.key)
    promised = promised.within(dataset.schema.names).with_roles(**roles(options))
    target = Target(dataset=dataset, contract=promised)
    return [check.id for check in suite_for(target).left_out]


def _suggest(
    session: Session, what: str, report: Report, is_file: bool, options: Mapping[str, Any], html: Path | None
) -> None:
    """Say what to do next: look closer, or bring the file under version control."""
    problems = report.problems()
    if not is_file:
        if any(finding.fix for finding in problems):
            session.next("run a fix from above, with --branch NAME to review it first")
        return
    flags = [f"--{name} {shell_word(options[name])}" for name in ("label", "time") if options[name]]
    flags += [
        f"--{name} {shell_word(','.join(joined(options[name])))}"
        for name in ("key", "sensitive")
        if options[name]
    ]
    words = " ".join([shell_word(what), *flags])
    steps = [f"hw check {words} --html report.html"] if problems and html is None else []
    from headwater.cli.places import has_repository

    start = "" if has_repository(session) else "hw init && "
    session.next(*steps, f"{start}hw import {words}   (to {'fix' if problems else 'keep'} it with a record)")
