"""Commands that look back: status, log, show, reflog."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import split_ref

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.reading.dataset import Dataset
    from headwater.store.commit import Commit

__all__ = ["log", "reflog", "show", "status"]


@command("status")
def status(session: Session) -> None:
    """Say where you are: branch, commit, datasets, pins, what waits.

    Examples
    --------
    hw status
    hw -C shop status --json
    """
    from headwater.cli.pin import draw_pins, pin_facts
    from headwater.cli.render import draw_status

    repo = session.repo()
    head = repo.head
    commit = repo.commit(head) if head else None
    value = {
        "location": repo.storage.location,
        "branch": repo.branch_name,
        "commit": commit,
        "datasets": [dataset_facts(repo[name]) for name in repo.datasets()],
        "branches": len(repo.branches()),
        "tags": len(repo.tags()),
        "remotes": _apart(repo),
        "lock": (lock := pin_facts(repo)),
    }

    def draw(out: Any) -> None:
        draw_status(out, value)
        if lock is not None:
            draw_pins(out, lock)

    session.show(value, draw)
    if commit is None:
        session.next("hw import FILE --key COLUMN")


@command("log")
@click.argument("ref", required=False)
@click.option("-n", "limit", type=click.IntRange(min=1), metavar="N", help="The most commits to show.")
@click.option("--dataset", metavar="NAME", help="Only commits that changed this dataset.")
@click.option("--oneline", is_flag=True, help="One line a commit.")
@click.option("--graph", is_flag=True, help="Draw branches and merges beside the commits.")
def log(
    session: Session, ref: str | None, limit: int | None, dataset: str | None, oneline: bool, graph: bool
) -> None:
    """List commits, newest first, from REF or from here back.

    Examples
    --------
    hw log
    hw log fix-labels -n 5 --oneline
    hw log --dataset reviews --json
    """
    from headwater.cli.render import draw_log

    if graph and dataset:
        raise click.UsageError("--graph draws all commits; it does not go with --dataset.")
    repo = session.repo()
    names = ref_names(repo)
    chosen = (commit for commit in repo.log(ref) if dataset is None or dataset in touched(repo, commit))
    entries = [
        {
            **commit.to_dict(),
            "summary": commit.summary,
            "refs": names.get(commit.id, []),
            "changed": touched(repo, commit),
        }
        for commit in islice(chosen, limit)
    ]
    session.show(entries, lambda out: draw_log(out, entries, oneline=oneline, graph=graph))
    if not entries and dataset is None:
        session.say("There are no commits yet.")
        session.next("hw import FILE --key COLUMN")
    elif not entries:
        session.say(f"No commit changed a dataset {dataset!r}.")


@command("show")
@click.argument("what", required=False, default="HEAD", metavar="[REF|DATASET[@REF]]")
@click.option(
    "-n", "rows", type=click.IntRange(min=0), default=5, show_default=True, help="Rows of a dataset to show."
)
def show(session: Session, what: str, rows: int) -> None:
    """Show a commit or a dataset.

    Of a commit: where it came from and what it changed. Of a dataset: its columns and first rows.

    A name that is both a dataset and a branch is taken as the dataset; the branch is then NAME~0.

    Examples
    --------
    hw show
    hw show main~1
    hw show reviews@v1 -n 20
    """
    repo = session.repo()
    name, ref = split_ref(what)
    if name in repo.datasets() or (ref is not None and not ref.startswith("{")):
        _show_dataset(session, repo.dataset(what), rows)
    else:
        _show_commit(session, repo, what)


@command("reflog")
@click.argument("branch", required=False)
@click.option("-n", "limit", type=click.IntRange(min=1), metavar="N", help="The most moves to show.")
def reflog(session: Session, branch: str | None, limit: int | None) -> None:
    """List where a branch has been, newest first.

    `hw undo` takes the last move back.

    Examples
    --------
    hw reflog
    hw reflog fix-labels -n 10
    """
    from headwater.cli.render import draw_reflog

    repo = session.repo()
    name = branch or repo.require_branch()
    moves = [
        {"commit": move.commit, "author": move.author, "time": move.time, "reason": move.reason}
        for move in islice(repo.refs.reflog("heads", name), limit)
    ]
    session.show({"branch": name, "moves": moves}, lambda out: draw_reflog(out, moves))


def _apart(repo: Repo) -> list[dict[str, Any]]:
    """Return how many commits our branch has that its namesakes at the remotes lack, and the other way round."""
    from headwater.versions.remotes import apart

    head = repo.head
    found = []
    for name, theirs in repo.refs.names("remotes").items():
        if head is not None and name.partition("/")[2] == repo.branch_name:
            ahead, behind = (0, 0) if theirs == head else apart(repo, head, theirs)
            found.append({"name": name, "ahead": ahead, "behind": behind})
    return found


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Return what one line about a dataset says."""
    contract = dataset.contract
    return {
        "name": dataset.name,
        "rows": dataset.num_rows,
        "columns": len(dataset.schema.names),
        "key": list(dataset.key),
        "label": contract.label if contract else None,
        "sensitive": list(contract.sensitive) if contract else [],
        "fingerprint": dataset.fingerprint,
    }


def ref_names(repo: Repo) -> dict[str, list[str]]:
    """Return the branches and tags of each commit; the current branch comes first, with an arrow."""
    names: dict[str, list[str]] = {}
    for branch, commit in repo.branches().items():
        here = branch == repo.branch_name
        names.setdefault(commit, []).insert(
            0 if here else len(names[commit]), f"→ {branch}" if here else branch
        )
    for tag, commit in repo.tags().items():
        names.setdefault(commit, []).append(f"tag: {tag}")
    return names


def touched(repo: Repo, commit: Commit) -> list[str]:
    """Return the datasets that differ between a commit and its first parent."""
    before = repo.commit(commit.parents[0]).datasets if commit.parents else {}
    names = before.keys() | commit.datasets.keys()
    return sorted(name for name in names if before.get(name) != commit.datasets.get(name))


def _show_commit(session: Session, repo: Repo, ref: str) -> None:
    from headwater.cli.render import draw_commit

    commit = repo.commit(repo.resolve(ref))
    changes = repo.diff(head=commit.id)
    value = {
        **commit.to_dict(),
        "refs": ref_names(repo).get(commit.id, []),
        "changes": {name: change.stat() for name, change in changes.items()},
    }
    session.show(value, lambda out: draw_commit(out, value))
    if changes and commit.parents:
        session.next(f"hw diff {commit.parents[0][:12]}..{commit.id[:12]}")


def _show_dataset(session: Session, dataset: Dataset, rows: int) -> None:
    from headwater.cli.render import draw_dataset

    head = dataset.head(rows)
    promised = {promise.name: promise for promise in dataset.contract.columns} if dataset.contract else {}
    value = {
        **dataset_facts(dataset),
        "commit": dataset.commit,
        "schema": [
            {
                "name": field.name,
                "type": str(field.type),
                "required": bool(promised.get(field.name) and promised[field.name].required),
                "classification": promised[field.name].classification if field.name in promised else "",
            }
            for field in dataset.schema
        ],
        "head": head,
    }
    session.show(value, lambda out: draw_dataset(out, value, head))
