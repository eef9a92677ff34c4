"""The command pin: which version of which dataset the code uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import shell_word
from headwater.core.errors import NotFound

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.versions.pins import Lock, Pin, PinState

__all__ = ["draw_pins", "pin", "pin_facts"]

_SHORT = 12
_WORDS = {"staged": "is staged", "changed": "has changes that are not staged", "untracked": "is not in git yet",
          "ignored": "is ignored by git"}  # fmt: skip


@command("pin")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--ref", metavar="REF", help="The version; by default the newest of the current branch.")
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit with 1 unless REF is what is pinned."
)
@click.option("--drop", is_flag=True, help="Take the datasets out of the file.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; headwater.lock by default.",
)
def pin(
    session: Session,
    datasets: tuple[str, ...],
    ref: str | None,
    only_check: bool,
    drop: bool,
    path: Path | None,
) -> None:
    """Write into headwater.lock which data the code uses.

    The file lies beside the code, at the top of the git work tree, and is committed with it; so `git checkout`
    names the data, too. Wherever a REF is read, PIN is what it says: `hw export reviews@PIN reviews.csv`.

    Without DATASET it is all that are pinned, and at first all there are. Where no repository is around, commands
    use the one that the file names.

    Examples
    --------
    hw pin
    hw pin reviews --ref v1
    hw pin --check
    hw pin reviews --drop
    """
    from headwater.versions.pins import find_lock, new_lock_path

    if drop and (ref or only_check or not datasets):
        raise click.UsageError("--drop goes with the names of datasets, and with nothing else.")
    there = path.absolute() if path else find_lock()
    if only_check:
        _check(session, there, datasets, ref)
    else:
        _write(session, there or new_lock_path(), datasets, ref, drop=drop)


def pin_facts(repo: Repo) -> dict[str, Any] | None:
    """Return how the pins beside the code stand, for `hw status`; None without a lock file."""
    from headwater.cli.worktree import find_work_tree
    from headwater.versions.pins import compare, find_lock, read_lock

    path = find_lock()
    if path is None:
        return None
    lock = read_lock(path)
    tree = find_work_tree(path.parent)
    return {
        "lock": str(path),
        "git": tree.state(path) if tree else None,
        "pins": [_facts(state) for state in compare(repo, lock)],
    }


def draw_pins(out: Any, facts: dict[str, Any]) -> None:
    """Draw how the pins stand: a line for the file, a line for each dataset that is not as it is pinned."""
    from rich.text import Text

    pins = facts["pins"]
    behind = [entry for entry in pins if entry["state"] != "current"]
    line = f"headwater.lock pins {len(pins)} dataset(s), {'all' if not behind else len(pins) - len(behind)} as here"
    word = _WORDS.get(facts["git"] or "")
    out.print(Text(line + (f"; the file {word}" if word else ""), style="yellow" if word else "dim"))
    for entry in behind:
        out.print(Text(f"  {entry['message']}", style="yellow"), soft_wrap=True)


def _check(session: Session, path: Path | None, datasets: Sequence[str], ref: str | None) -> None:
    from headwater.versions.pins import LOCK, compare, read_lock

    if path is None:
        raise NotFound(
            f"There is no {LOCK} in {Path.cwd()} or above. `hw pin` writes one.", kind="lock", name=LOCK
        )
    lock = read_lock(path)
    repository = lock.repository
    try:
        repo = session.repo()
    except NotFound as error:
        if error.facts.get("kind") != "repository":
            raise
        states, reason = [], error.message
    else:
        states, reason = compare(repo, lock, datasets, ref=ref), ""
    wrong = [state for state in states if state.state != "current"]
    passed = not wrong and not reason
    value = {
        "lock": str(path),
        "repository": repository,
        "outcome": "pass" if passed else "fail",
        "message": reason,
        "pins": [_facts(state) for state in states],
    }

    def draw(out: Any) -> None:
        lines = [reason] if reason else [state.message for state in wrong]
        lines = lines or [f"{len(states)} pinned dataset(s), all as {ref or repo.branch_name} has them"]
        out.print("\n".join(lines), markup=False, soft_wrap=True)

    session.show(value, draw)
    if not passed:
        apart = [state.dataset for state in wrong if state.state == "differs"]
        if apart:
            session.next(
                *(f"hw diff {s.pin.commit[:_SHORT]} {shell_word(s.dataset)}" for s in wrong[:1]), "hw pin"
            )
        click.get_current_context().exit(1)


def _write(session: Session, path: Path, datasets: Sequence[str], ref: str | None, *, drop: bool) -> None:
    from headwater.versions.pins import Lock, pin, place_of, read_lock

    before = read_lock(path) if path.exists() else None
    repo = session.repo()
    named = session.is_named or before is None
    if drop:
        old = before or Lock(repository="")
        pins = {name: entry for name, entry in old.pins.items() if name not in datasets}
        for name in datasets:
            old[name]
        lock = replace(old, pins=pins)
    else:
        wanted = datasets or (before and sorted(before.pins)) or _all(repo, ref)
        try:
            fresh = pin(repo, wanted, ref=ref)
        except NotFound as error:
            raise _gone(error, datasets) from error
        lock = Lock(
            repository=place_of(repo, path) if named or before is None else before.repository,
            origin=_origin(repo) or ("" if named or before is None else before.origin),
            pins={**(before.pins if before else {}), **fresh},
        )
    if lock != before:
        lock.write(path)
    _tell(session, repo, path, before, lock)


def _all(repo: Repo, ref: str | None) -> list[str]:
    names = (repo.at(ref) if ref else repo).datasets()
    return [name for name in names if not name.endswith(".quarantine")]


def _origin(repo: Repo) -> str:
    """Return the URL that the repository was cloned from; nothing if that is a path of this machine."""
    from headwater.store.storage import is_url

    place = repo.remotes.get("origin", "")
    return place if is_url(place) and not place.startswith(("file:", "memory:")) else ""


def _gone(error: NotFound, datasets: Sequence[str]) -> NotFound:
    if datasets or error.facts.get("kind") != "dataset":
        return error
    name = error.facts["name"]
    return NotFound(
        f"{error.message} It is pinned, but is not there any more: `hw pin {shell_word(name)} --drop` takes it out.",
        **error.facts,
    )


def _tell(session: Session, repo: Repo, path: Path, before: Lock | None, lock: Lock) -> None:
    old = before.pins if before else {}
    changed = sorted(name for name in {*old, *lock.pins} if old.get(name) != lock.pins.get(name))
    value = {
        "lock": str(path),
        "changed": lock != before,
        "repository": lock.repository,
        "origin": lock.origin,
        "pins": [{"dataset": name, **asdict(entry)} for name, entry in sorted(lock.pins.items())],
    }

    def draw(out: Any) -> None:
        for name in changed:
            out.print(_line(name, old.get(name), lock.pins.get(name)), markup=False, soft_wrap=True)
        same = "" if lock != before else ": nothing to change"
        out.print(f"{path.name} pins {len(lock.pins)} dataset(s){same}", markup=False, soft_wrap=True)

    session.show(value, draw)
    for name in _unshared(repo, lock):
        session.say(f"Note: what is pinned of {name} is not at origin yet. `hw push` brings it there.")
    if lock != before:
        session.next(f"git add {shell_word(path.name)}   (and commit it with the code)")


def _line(name: str, old: Pin | None, new: Pin | None) -> str:
    if new is None:
        return f"{name}  no longer pinned"
    here = f"{new.commit[:_SHORT]}, {new.rows:,} row(s)"
    return f"{name}  {f'{old.commit[:_SHORT]}, {old.rows:,} row(s) → ' if old else ''}{here}"


def _unshared(repo: Repo, lock: Lock) -> list[str]:
    """Return the datasets whose pinned commit no branch of origin had when we last looked; none without origin."""
    from headwater.store.reachable import commits_from

    tips = [commit for name, commit in repo.refs.names("remotes").items() if name.startswith("origin/")]
    if not tips or "origin" not in repo.remotes:
        return []
    wanted = {entry.commit for entry in lock.pins.values()} - set(tips)
    for commit in commits_from(tips, repo.objects) if wanted else ():
        wanted.discard(commit.id)
        if not wanted:
            break
    return sorted(name for name, entry in lock.pins.items() if entry.commit in wanted)


def _facts(state: PinState) -> dict[str, Any]:
    return {"dataset": state.dataset, "state": state.state, "message": state.message, **asdict(state.pin)}
