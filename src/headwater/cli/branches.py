"""Commands for names of commits: branch, switch, tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command

if TYPE_CHECKING:
    from headwater.api import Repo
    from headwater.core.ids import CommitId

__all__ = ["branch", "switch", "tag"]


@command("branch")
@click.argument("name", required=False)
@click.argument("start", required=False, metavar="[REF]")
@click.option("-d", "--delete", is_flag=True, help="Delete branch NAME; `hw undo NAME` brings it back.")
@click.option("--force", is_flag=True, help="Delete it even if it has a gate.")
def branch(session: Session, name: str | None, start: str | None, delete: bool, force: bool) -> None:
    """List the branches, or make or delete one.

    A new branch starts at REF, or where you are. You stay on the branch you are on: `hw switch` changes it.

    Examples
    --------
    hw branch
    hw branch fix-labels
    hw branch hotfix v1
    hw branch -d fix-labels
    """
    repo = session.repo()
    if name is None:
        _list(session, repo, repo.branches(), "branch", delete)
    elif delete:
        _deleted(session, name, repo.delete_branch(name, force=force), "branch")
        session.next(f"hw undo {name}   (brings it back)")
    else:
        _made(session, name, repo.create_branch(name, start), "branch")
        session.next(f"hw switch {name}")


@command("switch")
@click.argument("name")
@click.argument("start", required=False, metavar="[REF]")
@click.option("-c", "--create", is_flag=True, help="Make the branch first, at REF or where you are.")
def switch(session: Session, name: str, start: str | None, create: bool) -> None:
    """Change the repository's current branch.

    A branch that only a remote has is made here, too.

    Examples
    --------
    hw switch main
    hw switch -c fix-labels
    """
    if start and not create:
        raise click.UsageError("REF goes with -c: `hw switch -c NAME REF`.")
    repo = session.repo()
    if create and not (repo.head is None and name == repo.branch_name):
        repo.create_branch(name, start)
    elif name not in repo.branches():
        there = [known for known in repo.refs.names("remotes") if known.partition("/")[2] == name]
        if len(there) == 1:
            repo.create_branch(name, there[0])
            create = True
    repo.switch(name)
    value = {"branch": name, "commit": repo.head, "created": create}
    made = "new " if create else ""
    session.show(value, lambda out: out.print(f"On {made}branch {name}, {_at(repo)}", markup=False))


@command("tag")
@click.argument("name", required=False)
@click.argument("ref", required=False)
@click.option("-d", "--delete", is_flag=True, help="Delete tag NAME.")
def tag(session: Session, name: str | None, ref: str | None, delete: bool) -> None:
    """List the tags, or make or delete one.

    Examples
    --------
    hw tag
    hw tag v1
    hw tag v0 main~2
    """
    repo = session.repo()
    if name is None:
        _list(session, repo, repo.tags(), "tag", delete)
    elif delete:
        _deleted(session, name, repo.delete_tag(name), "tag")
    else:
        _made(session, name, repo.create_tag(name, ref), "tag")


def _list(session: Session, repo: Repo, refs: dict[str, CommitId], noun: str, delete: bool) -> None:
    from headwater.cli.render import draw_refs

    if delete:
        raise click.UsageError(f"Which {noun}? `hw {noun} -d NAME`.")
    rows: list[dict[str, Any]] = []
    for name, commit_id in refs.items():
        commit = repo.commit(commit_id)
        current = noun == "branch" and name == repo.branch_name
        rows.append(
            {
                "name": name,
                "commit": commit_id,
                "time": commit.time,
                "summary": commit.summary,
                "current": current,
            }
        )
    session.show(rows, lambda out: draw_refs(out, rows))
    if not rows:
        session.say(f"There are no {'branches with commits' if noun == 'branch' else 'tags'} yet.")
        session.next("hw import FILE --key COLUMN" if repo.head is None else f"hw {noun} NAME")


def _made(session: Session, name: str, commit: CommitId, noun: str) -> None:
    session.show(
        {noun: name, "commit": commit, "created": True},
        lambda out: out.print(f"Made {noun} {name} at {commit[:12]}", markup=False),
    )


def _deleted(session: Session, name: str, commit: CommitId, noun: str) -> None:
    session.show(
        {noun: name, "commit": commit, "deleted": True},
        lambda out: out.print(f"Deleted {noun} {name}, which was at {commit[:12]}", markup=False),
    )


def _at(repo: Repo) -> str:
    head = repo.head
    return f"at {head[:12]}: {repo.commit(head).summary}" if head else "without commits"
