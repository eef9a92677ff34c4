"""Commands about contracts: draft what a dataset may promise, show it, hold the data to it, set it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.answers import answer, answer_options, form_of
from headwater.cli.app import Session, command, group
from headwater.cli.check import fail_on_option
from headwater.cli.options import (
    joined,
    judging_options,
    reading,
    reading_options,
    role_options,
    roles,
    shell_word,
)
from headwater.cli.writing import write_text
from headwater.core.errors import HeadwaterError, NotFound

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.checks.base import Target
    from headwater.core.contract import Contract
    from headwater.reading.dataset import Dataset

__all__ = ["contract"]


@group("contract")
def contract() -> None:
    """Write, show and hold what a dataset promises.

    A contract is an ODCS (Open Data Contract Standard) document in YAML: columns, key, label, sensitive
    features and rules. It is versioned with the data.

    Examples
    --------
    hw contract infer reviews -o contracts/reviews.yaml
    hw contract set reviews contracts/reviews.yaml
    hw contract validate reviews
    """


@command("infer")
@click.argument("what", metavar="FILE|DATASET[@REF]")
@role_options("The columns that identify a row of a file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the YAML to this file."
)
@reading_options("--input-format")
def infer(
    session: Session,
    what: str,
    key: tuple[tuple[str, ...], ...],
    output: Path | None,
    **options: Any,
) -> None:
    """Draft a contract that a dataset or a file keeps.

    Columns, key, label, and sensible rules with some slack, from the data as it is: a first draft for the
    owner to edit.

    Examples
    --------
    hw contract infer reviews
    hw contract infer reviews -o contracts/reviews.yaml
    hw contract infer people.csv --key id --label hired
    """
    from headwater.checks.infer import infer_contract
    from headwater.cli.check import file_name
    from headwater.cli.documents import contract_yaml
    from headwater.cli.places import file_in_memory, here_if_dataset

    repo, name = here_if_dataset(session, what), what
    if repo is None:
        name = file_name(what)
        repo = file_in_memory(session, what, name, key=joined(key), **reading(options))
    elif key:
        raise click.UsageError("--key is for files: a dataset of the repository has its key already.")
    here = repo.dataset(name)
    drafted = infer_contract(_target(repo, here, _usual(here).with_roles(**roles(options))))
    document = drafted.to_odcs()
    if output is None:
        session.show(document, lambda _: click.echo(contract_yaml(drafted), nl=False))
    else:
        _write(session, output, contract_yaml(drafted), drafted, {"contract": document})
        name = shell_word(drafted.dataset)
        session.next(f"hw contract set {name} {shell_word(str(output))}   (after editing)")


@command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["great-expectations", "pandera", "dbt"]),
    help="What it is; known from its content by default.",
)
@click.option("--model", metavar="NAME", help="Which model of a dbt file, or a name for the dataset.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the YAML to this file."
)
def import_(session: Session, file: Path, form: Any, model: str | None, output: Path | None) -> None:
    """Make a contract of what another tool promises.

    Reads suites of Great Expectations (JSON), schemas of pandera (YAML) and the tests of dbt (YAML). What has no
    equivalent is named, and stands in the contract as text.

    Examples
    --------
    hw contract import expectations/reviews.json -o contracts/reviews.yaml
    hw contract import models/schema.yml --model reviews
    """
    from headwater.checks.foreign import read_foreign
    from headwater.cli.documents import document_yaml

    found = read_foreign(file, format=form, model=model)
    document = found.to_odcs()
    facts = {"rules": len(found.contract.rules), "left": list(found.left)}
    if output is None:
        session.show({"contract": document, **facts}, lambda _: click.echo(document_yaml(document), nl=False))
    else:
        _write(session, output, document_yaml(document), found.contract, {"contract": document, **facts})
    for left in found.left:
        session.say(f"No equivalent, kept as text: {left}")
    if output is not None:
        name = shell_word(found.contract.dataset)
        session.next(f"hw contract set {name} {shell_word(str(output))}")


@command("show")
@click.argument("dataset", metavar="DATASET[@REF]")
def show(session: Session, dataset: str) -> None:
    """Print the contract of a dataset as YAML.

    Examples
    --------
    hw contract show reviews
    hw contract show reviews@v1 --json
    """
    from headwater.cli.documents import contract_yaml, strangers_text

    found = _promised(session.repo().dataset(dataset))
    session.show(found.to_odcs(), lambda _: click.echo(contract_yaml(found), nl=False))
    if strange := strangers_text(found.to_odcs()):
        session.say(f"Note: {strange}")


@command("set")
@click.argument("dataset")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-m", "--message", help="Commit message.")
@click.option("--branch", metavar="NAME", help="Commit to this branch; a new one starts here.")
def set_(session: Session, dataset: str, file: Path, message: str | None, branch: str | None) -> None:
    """Give a dataset the contract in a YAML file, as one commit.

    Examples
    --------
    hw contract set reviews contracts/reviews.yaml
    hw contract set reviews contracts/reviews.yaml -m "stars go from 1 to 5" --branch stricter
    """
    from headwater.checks.suite import check_of
    from headwater.cli.documents import read_contract

    wanted = replace(read_contract(file), dataset=dataset)
    for rule in wanted.rules:
        check_of(rule)  # A rule that no check understands is refused here, not when the data are checked.
    repo = session.repo()
    for told in _unfit(repo, dataset, wanted):
        session.say(f"Warning: {told}")
    repo = repo.branch(branch) if branch else repo
    with repo.transaction(message or f"Set the contract of {dataset}") as tx:
        tx.set_contract(dataset, wanted)
    is_new = tx.commit_id != tx.base
    value = {"dataset": dataset, "commit": tx.commit_id, "branch": tx.branch, "is_new": is_new}
    text = f"Set the contract of {dataset}: {str(tx.commit_id)[:12]} on {tx.branch}"
    session.show(
        value, lambda out: out.print(text if is_new else f"{dataset} has this contract already", markup=False)
    )
    session.next(f"hw contract validate {shell_word(f'{dataset}@{branch}' if branch else dataset)}")


@command("validate")
@click.argument("what", metavar="FILE|DATASET[@REF]")
@click.option(
    "--contract", "file", type=click.Path(path_type=Path), metavar="FILE", help="This contract, not its own."
)
@judging_options
@fail_on_option
@answer_options
@reading_options("--input-format")
def validate(
    session: Session,
    what: str,
    file: Path | None,
    limit: int,
    everything: bool,
    fail_on: str,
    form: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Hold a dataset or a file to its contract, and to nothing else.

    A file has no contract of its own: name one. `hw check` holds data to its contract and looks for what
    nobody promised, too. Exit code 1 means a broken promise.

    Examples
    --------
    hw contract validate reviews
    hw contract validate reviews@v1 --contract contracts/reviews.yaml
    hw contract validate new.csv --contract contracts/reviews.yaml
    hw contract validate reviews --format junit -o contract.xml
    """
    from headwater.checks.runner import run
    from headwater.checks.suite import contract_suite
    from headwater.cli.check import exit_code, file_name
    from headwater.cli.documents import read_contract, strangers_text
    from headwater.cli.places import file_in_memory, here_if_dataset

    form = form_of(session, form, output)
    given = read_contract(file) if file else None
    repo, name = here_if_dataset(session, what), what
    is_file = repo is None
    if repo is None:
        if given is None:
            raise click.UsageError(f"{what} is a file: which contract shall it keep? Give --contract FILE.")
        name = file_name(what)
        repo = file_in_memory(session, what, name, contract=given, **reading(options))
    here = repo.dataset(name)
    promised = given or _promised(here)
    if given is None and (strange := strangers_text(promised.to_odcs())):
        session.say(f"Note: {strange}")
    target = _target(repo, here, promised.within(here.schema.names))
    suite = contract_suite(target)
    report = run(target, suite.checks, suite=suite.name)
    report = replace(report, ref=None) if is_file else report

    answer(
        session,
        report,
        dataset=here,
        file=what if is_file else None,
        form=form,
        output=output,
        limit=limit,
        everything=everything,
    )
    if code := exit_code(report, fail_on):
        click.get_current_context().exit(code)


@command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--for",
    "party",
    type=click.Choice(["any", "readers", "writers"]),
    default="any",
    show_default=True,
    help="Whom the change may not break.",
)
def diff(session: Session, old: str, new: str, party: str) -> None:
    """Show what changed between contracts, and what it breaks.

    OLD and NEW are contract files or datasets, each with a ref if you like. A promise taken back or made wider
    breaks readers; one made new or narrower breaks writers. Exit code 1 means a breaking change.

    Examples
    --------
    hw contract diff orders@main orders@stricter
    hw contract diff orders contracts/orders.yaml
    hw contract diff old.yaml new.yaml --for readers
    """
    from headwater.checks.contract_diff import contract_changes

    changes = contract_changes(_either(session, old), _either(session, new))
    broken = [one for one in changes if one.is_breaking and party in ("any", *one.breaks)]
    value = {
        "old": old,
        "new": new,
        "is_breaking": bool(broken),
        "changes": [one.to_dict() for one in changes],
    }

    def draw(out: Any) -> None:
        if not changes:
            out.print("Both contracts promise the same.")
            return
        head = f"{len(changes)} change{'s' * (len(changes) > 1)}, {len(broken) or 'none'} breaking"
        out.print(head, markup=False)
        for one in changes:
            breaks = f"breaks {' and '.join(one.breaks)}" if one.breaks else "compatible"
            out.print(f"\n{one.what}   {breaks}", markup=False, soft_wrap=True)
            told = f"  {_said(one.old)} → {_said(one.new)}" + (f"   {one.reason}" if one.reason else "")
            out.print(told, markup=False, soft_wrap=True, highlight=False)

    session.show(value, draw)
    if broken:
        click.get_current_context().exit(1)


for each in (infer, import_, show, validate, set_, diff):
    contract.add_command(each)


def _write(session: Session, output: Path, text: str, drafted: Contract, value: dict[str, Any]) -> None:
    """Write a contract to a file, and say so."""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(output, text)
    rules = len(drafted.rules)
    told = f"Wrote {output}: {len(drafted.columns)} columns, {rules} rules"
    session.show(
        {"path": str(output), "rules": rules, **value},
        lambda out: out.print(told, markup=False, soft_wrap=True),
    )


def _unfit(repo: Repo, dataset: str, wanted: Contract) -> Iterator[str]:
    """Yield which checks of a contract cannot run on a dataset as it is, and why."""
    from headwater.checks.suite import contract_suite

    if dataset not in repo.datasets():
        return
    here = repo.dataset(dataset)
    target = _target(repo, here, wanted.within(here.schema.names))
    for check in contract_suite(target).checks:
        try:
            for measure in check.measures(target):
                measure.validate(here.schema)
        except HeadwaterError as error:
            yield f"{check.id} cannot run on the data as they are: {error.message}"


def _either(session: Session, what: str) -> Contract | None:
    """Return the contract in a file, or that of a dataset; None where a dataset has none."""
    from headwater.cli.documents import read_contract

    path = Path(what)
    if path.is_file() or path.suffix in (".yaml", ".yml", ".json"):
        return read_contract(path, fits=False)
    return session.repo().dataset(what).contract


def _said(value: Any) -> str:
    """Return a value in one short line."""
    text = (
        "(none)" if value is None else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    )
    return text if len(text) <= 60 else text[:59] + "…"


def _promised(dataset: Dataset) -> Contract:
    found = dataset.contract
    if found is None:
        name = shell_word(dataset.name)
        raise NotFound(
            f"Dataset {dataset.name!r} has no contract. `hw contract infer {name} -o FILE` drafts one, "
            f"`hw contract set {name} FILE` sets it.",
            kind="contract",
            name=dataset.name,
        )
    return found


def _usual(dataset: Dataset) -> Contract:
    """Return a dataset's contract, or one that promises nothing but its key."""
    from headwater.core.contract import Contract

    return dataset.contract or Contract(dataset=dataset.name, key=dataset.key)


def _target(repo: Repo, dataset: Dataset, promised: Contract) -> Target:
    from headwater.checks.base import Target

    return Target(
        dataset=dataset,
        contract=promised,
        executor=repo.executor,
        cache=repo.cache,
        progress=repo.progress,
        beside=repo.at(dataset.commit).__getitem__ if dataset.commit else repo.__getitem__,
    )
