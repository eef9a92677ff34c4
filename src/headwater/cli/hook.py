"""The command hook: check the data that a git commit brings, on this machine and in CI."""

from __future__ import annotations

import fnmatch
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command, group
from headwater.cli.check import exit_code, fail_on_option, file_name
from headwater.cli.options import column_names, joined
from headwater.cli.writing import write_text
from headwater.core.errors import HeadwaterError, InputError, UsageError

if TYPE_CHECKING:
    from headwater.checks.report import Report
    from headwater.cli.worktree import WorkTree
    from headwater.versions.pins import Pin

__all__ = ["hook"]

_MARK = "# Written by `hw hook install`; `hw hook uninstall` removes it."
_SUFFIXES = {".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".arrow", ".feather", ".xlsx", ".xls"}
_PACKED = {".gz", ".zst"}
_SHORT = 12
_USAGE = 2

_only = click.option(
    "--only",
    type=column_names,
    metavar="ID,…",
    multiple=True,
    help="Only these checks, or families of checks.",
)
_files = click.option(
    "--files",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Only data files whose path from the top of the work tree fits, as 'data/*'.",
)


@dataclass(frozen=True)
class Target:
    """Something to check: a file, with where its content lies; or a dataset, at its pin if it has one."""

    name: str
    file: Path | None = None
    dataset: str = ""
    pin: Pin | None = None
    is_named: bool = False


@dataclass(frozen=True)
class Broken:
    """Why a target could not be checked, and the exit code that this makes."""

    message: str
    code: int


@group("hook")
def hook() -> None:
    """Check the data that a git commit brings.

    Examples
    --------
    hw hook install
    hw hook run --since origin/main --report report.md
    """


@command("install")
@_only
@_files
@fail_on_option
def install(
    session: Session, only: tuple[tuple[str, ...], ...], patterns: tuple[str, ...], fail_on: str
) -> None:
    """Make git check data before each commit.

    The hook runs `hw hook run` with the same options: a commit whose data fail is stopped; `git commit
    --no-verify` lets it through. A hook of your own is never overwritten.

    Examples
    --------
    hw hook install
    hw hook install --files 'data/*' --only schema,uniqueness,privacy
    """
    from headwater.cli.worktree import WorkTree

    path = WorkTree.require().hooks() / "pre-commit"
    words = ["hw", "hook", "run", *_words("--only", joined(only)), *_words("--files", patterns)]
    words += _words("--fail-on", [] if fail_on == "fail" else [fail_on])
    line = shlex.join(words)
    if _is_there(path) and not _is_ours(path):
        raise UsageError(
            f"There is a pre-commit hook already, {path}, which stays as it is. Add this line to it: {line}",
            path=str(path),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{_MARK}\nexec {line}\n", encoding="utf-8", newline="\n")
    path.chmod(0o755)
    session.show(
        {"path": str(path), "command": line},
        lambda out: out.print(
            f"git runs `{line}` before each commit now ({path})", markup=False, soft_wrap=True
        ),
    )


@command("uninstall")
def uninstall(session: Session) -> None:
    """Remove the hook that `hw hook install` wrote.

    Examples
    --------
    hw hook uninstall
    """
    from headwater.cli.worktree import WorkTree

    path = WorkTree.require().hooks() / "pre-commit"
    if not _is_there(path):
        raise UsageError(f"There is no hook {path}.", path=str(path))
    if not _is_ours(path):
        raise UsageError(f"{path} is a hook of your own, and stays as it is.", path=str(path))
    path.unlink()
    session.show({"path": str(path)}, lambda out: out.print(f"Removed {path}", markup=False, soft_wrap=True))


@command("run")
@click.argument("what", nargs=-1, metavar="[FILE|DATASET]...")
@click.option(
    "--since", metavar="GITREF", help="What changed since our history left that of GITREF, as in CI."
)
@_only
@_files
@fail_on_option
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report as Markdown, for a review.",
)
def run(
    session: Session,
    what: tuple[str, ...],
    since: str | None,
    only: tuple[tuple[str, ...], ...],
    patterns: tuple[str, ...],
    fail_on: str,
    report_file: Path | None,
) -> None:
    """Check the data files and pins that are staged, or that changed.

    Files are checked as they are staged, each against contracts/NAME.yaml where there is one. Of headwater.lock
    the datasets whose pin changed are checked, at their pin. FILE and DATASET name what to check instead.

    Examples
    --------
    hw hook run
    hw hook run --since origin/main --report report.md
    hw hook run data/orders.csv reviews@PIN
    """
    if what and since:
        raise click.UsageError("Name what to check, or say since when with --since; not both.")
    with _targets(what, since, patterns) as targets:
        results = [(target, _check(session, target, joined(only))) for target in targets]
    reports = [result for _, result in results if not isinstance(result, Broken)]
    codes = [
        result.code if isinstance(result, Broken) else exit_code(result, fail_on) for _, result in results
    ]
    text = _markdown(results)
    if report_file is not None:
        write_text(report_file, text)
    value = {
        "checked": [target.name for target, _ in results],
        "outcome": "fail" if 1 in codes else "error" if any(codes) else "pass",
        "reports": [report.to_dict() for report in reports],
        "errors": {target.name: result.message for target, result in results if isinstance(result, Broken)},
    }
    session.show(value, lambda out: _draw(out, results))
    if not results:
        session.say("There are no changed data files or pins to check.")
    if code := (1 if 1 in codes else max(codes, default=0)):
        click.get_current_context().exit(code)


for each in (install, uninstall, run):
    hook.add_command(each)


@contextmanager
def _targets(what: Sequence[str], since: str | None, patterns: Sequence[str]) -> Iterator[list[Target]]:
    """Yield what to check; files that are taken out of git's index lie in a folder that goes afterwards."""
    from headwater.cli.worktree import WorkTree

    if what:
        yield [target for word in what if _fits(word, patterns) for target in _named(word)]
        return
    tree = WorkTree.require()
    if since is not None:
        paths = tree.changed_since(since)
        files = [Target(path, tree.top / path) for path in _data(paths, patterns)]
        yield files + _changed_pins(tree, paths, tree.fork(since), staged=False)
        return
    paths = tree.staged()
    with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
        names = _data(paths, patterns)
        if names:
            tree.write_staged(names, Path(folder))
        files = [Target(path, Path(folder) / path) for path in names]
        yield files + _changed_pins(tree, paths, "HEAD", staged=True)


def _named(word: str) -> list[Target]:
    """Return what a word means: all pins of a lock file, another file that is there, or a dataset."""
    from headwater.versions.pins import LOCK, read_lock

    path = Path(word)
    if path.name == LOCK and path.is_file():
        return _pins(read_lock(path).pins, {})
    if path.is_file():
        return [Target(word, path, is_named=True)]
    return [Target(word, dataset=word, is_named=True)]


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _data(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return the paths of data files."""
    found = []
    for path in paths:
        pure = PurePosixPath(path.lower())
        suffix = PurePosixPath(pure.stem).suffix if pure.suffix in _PACKED else pure.suffix
        if suffix in _SUFFIXES and _fits(path, patterns):
            found.append(path)
    return found


def _changed_pins(tree: WorkTree, paths: Sequence[str], base: str, *, staged: bool) -> list[Target]:
    """Return the datasets whose pin differs between ``base`` and what is staged, or lies in the work tree."""
    from headwater.versions.pins import LOCK, parse_lock

    targets: list[Target] = []
    for path in paths:
        if PurePosixPath(path).name != LOCK:
            continue
        now = tree.content(path) if staged else (tree.top / path).read_bytes()
        new = parse_lock(now or b"", path).pins
        targets += _pins(new, _old_pins(tree.content(path, base), path))
    return targets


def _pins(new: Mapping[str, Pin], old: Mapping[str, Pin]) -> list[Target]:
    """Return the datasets whose pin is new."""
    return [
        Target(f"{name}@{entry.commit[:_SHORT]}", dataset=name, pin=entry)
        for name, entry in sorted(new.items())
        if old.get(name) != entry
    ]


def _old_pins(data: bytes | None, path: str) -> dict[str, Pin]:
    """Return the pins of an earlier lock file; none where there was none, or it was damaged."""
    from headwater.versions.pins import parse_lock

    if data is None:
        return {}
    try:
        return dict(parse_lock(data, path).pins)
    except InputError:
        return {}


def _check(session: Session, target: Target, only: Sequence[str]) -> Report | Broken:
    """Return the report of one target, or why it could not be checked."""
    from headwater import api
    from headwater.versions.pins import pin_state

    try:
        if target.file is not None:
            name = file_name(target.name)
            report = api.check_file(target.file, dataset=name, contract=_contract(name), only=only)
        elif target.pin is not None:
            repo = session.repo()
            state = pin_state(repo, target.dataset, target.pin)
            if state.state != "current":
                return Broken(state.message, 1)
            report = repo.check(f"{target.dataset}@{target.pin.commit}", only=only)
        else:
            report = session.repo().check(target.dataset, only=only)
        return replace(report, dataset=target.name, ref=None)
    except HeadwaterError as error:
        is_bad_data = isinstance(error, InputError) or (error.exit_code == _USAGE and not target.is_named)
        return Broken(error.message, 1 if is_bad_data else error.exit_code)


def _contract(name: str) -> Any:
    """Return the contract of a file: ``contracts/NAME.yaml`` at the top of the work tree; None without one."""
    from headwater.cli.documents import read_contract
    from headwater.cli.worktree import find_work_tree

    tree = find_work_tree()
    top = tree.top if tree else Path.cwd()
    path = next(
        (p for p in (top / "contracts" / f"{name}{s}" for s in (".yaml", ".yml")) if p.is_file()), None
    )
    return read_contract(path) if path else None


def _markdown(results: Sequence[tuple[Target, Report | Broken]]) -> str:
    from headwater.checks.outputs import to_markdown

    parts = [
        f"## 💥 error: `{target.name}`\n\n{result.message}\n"
        if isinstance(result, Broken)
        else to_markdown(result)
        for target, result in results
    ]
    return "\n".join(parts) or "No data files or pins changed.\n"


def _draw(out: Any, results: Sequence[tuple[Target, Report | Broken]]) -> None:
    """Draw a line for what passes, and what was found in the rest."""
    from headwater.cli.render_findings import badge, draw_findings
    from headwater.core.findings import Outcome

    for target, result in results:
        if isinstance(result, Broken):
            out.print(badge(Outcome.ERROR), end="")
            out.print(f" {target.name}: {result.message}", markup=False, soft_wrap=True)
        elif not result.problems():
            out.print(badge(result.outcome), end="")
            out.print(f" {target.name}: {len(result.findings)} pass", markup=False, soft_wrap=True)
        else:
            draw_findings(out, result, limit=None, everything=False, fixes=False, examples=lambda _: None)


def _words(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_ours(path: Path) -> bool:
    return path.is_file() and _MARK in path.read_text(encoding="utf-8", errors="replace")
