"""Commands for other repositories: clone, fetch, pull, push, remote."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command, group
from headwater.cli.options import Size, column_names, joined, shell_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.versions.remotes import RefChange
    from headwater.versions.transfer import Transferred

__all__ = ["clone", "fetch", "pull", "push", "remote"]

_remote = click.option(
    "--remote", "name", default="origin", show_default=True, metavar="NAME", help="The remote."
)


@command("clone")
@click.argument("source", metavar="PATH|URL")
@click.argument("target", required=False, metavar="[DIR|URL]")
@click.option(
    "--datasets", type=column_names, multiple=True, metavar="NAME,…", help="Copy the rows of these only."
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="Copy only N commits back from each branch and tag.",
)
@click.option("--lazy", is_flag=True, help="Copy no rows: each is fetched when it is read.")
@click.option(
    "--cache",
    type=Size(),
    default="10GB",
    show_default=True,
    help="How much of what is fetched on reading is kept.",
)
def clone(
    session: Session,
    source: str,
    target: str | None,
    datasets: tuple[tuple[str, ...], ...],
    depth: int | None,
    lazy: bool,
    cache: int,
) -> None:
    """Make a repository with the history of another one.

    Both may be a directory or a URL. The source becomes the remote `origin`. A clone that was cut goes on
    when it is started again. What --datasets, --depth or --lazy leave out is fetched when it is read.

    Examples
    --------
    hw clone s3://bucket/shop
    hw clone s3://bucket/shop work/shop --lazy --cache 2GB
    hw clone . s3://bucket/shop
    """
    from headwater import api

    place = target or re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    if place in (".", "..", ""):
        raise click.UsageError(f"Where to? `hw clone {shell_word(source)} DIR`.")
    repo = api.clone(
        source,
        place,
        datasets=joined(datasets),
        depth=depth,
        lazy=lazy,
        cache_bytes=cache,
        progress=session.progress,
    )
    branches = len(repo.refs.names("remotes"))
    value = {
        "location": repo.storage.location,
        "branch": repo.branch_name,
        "commit": repo.head,
        "branches": branches,
        "tags": len(repo.tags()),
        "partial": repo.remotes.partial is not None,
    }
    partial = " (partial)" if value["partial"] else ""
    session.show(
        value,
        lambda out: out.print(
            f"Cloned {source} to {place}{partial}: {branches} branch(es), {len(repo.tags())} tag(s), on branch "
            f"{repo.branch_name}",
            markup=False,
            soft_wrap=True,
        ),
    )
    session.location = place
    session.next("hw log")


@command("fetch")
@click.argument("name", default="origin", metavar="[REMOTE]")
def fetch(session: Session, name: str) -> None:
    """Bring the branches, tags and proposals of a remote here.

    Its branches are REMOTE/BRANCH here. Your own branches stay where they are: `hw pull` moves them.

    Examples
    --------
    hw fetch
    hw diff main..origin/main
    """
    done = session.repo().fetch(name)
    session.show(asdict(done), lambda out: _draw(out, done.changes, done.copied, f"{name} has nothing new"))
    for tag in done.kept_tags:
        session.say(f"Tag {tag!r} means another commit at {name}. Yours stays.")
    _say_renumbered(session, name, done.renumbered)


@command("pull")
@_remote
@click.option(
    "--merge", "diverged", flag_value="merge", help="Merge by key and cell if both sides have commits."
)
@click.option("--theirs", "diverged", flag_value="theirs", help="Take theirs if both sides have commits.")
def pull(session: Session, name: str, diverged: str | None) -> None:
    """Fetch, and bring your branch forward to that of the remote.

    If both sides have commits of their own, nothing is moved and the exit code is 1, unless you say what
    shall be done. `hw undo` takes a pull back.

    Examples
    --------
    hw pull
    hw pull --merge
    """
    done = session.repo().pull(name, diverged=diverged or "refuse")
    merged = done.merged
    where = f"{name}/{merged.branch}"
    text = {
        "up-to-date": f"{merged.branch} has all of {where} already",
        "fast-forward": f"Moved {merged.branch} to {merged.commit[:12]} (fast-forward)",
        "merge": f"Merged {where} into {merged.branch}: {merged.commit[:12]}",
        "reset": f"{merged.branch} is at {merged.commit[:12]} now, as {where}",
    }[merged.kind]
    session.show(asdict(done), lambda out: out.print(text, markup=False))
    _say_renumbered(session, name, done.fetched.renumbered)
    if merged.kind == "merge":
        session.next("hw push")


@command("push")
@click.argument("branches", nargs=-1, metavar="[BRANCH]...")
@_remote
@click.option("--tags", is_flag=True, help="Push all tags, too.")
@click.option(
    "--force", is_flag=True, help="Move a branch there even if it loses commits that you have fetched."
)
@click.option("-d", "--delete", is_flag=True, help="Delete the branches there instead.")
@click.option("--proposals", "only_proposals", is_flag=True, help="Push the proposals, and no branch.")
def push(
    session: Session,
    branches: Sequence[str],
    name: str,
    tags: bool,
    force: bool,
    delete: bool,
    only_proposals: bool,
) -> None:
    """Bring branches to a remote, with all they need, and proposals.

    Without BRANCH it is the one you are on. What was said about proposals there is joined with yours.

    Examples
    --------
    hw push
    hw push fix-labels --tags
    hw push -d fix-labels
    hw push --proposals
    """
    if only_proposals and (branches or tags or force or delete):
        raise click.UsageError("--proposals pushes no branch and no tag; leave the rest out.")
    if delete and not branches:
        raise click.UsageError("Which branch shall be deleted there? `hw push -d BRANCH`.")
    what: Any = "only" if only_proposals else True
    done = session.repo().push(name, branches=branches, tags=tags, force=force, delete=delete, proposals=what)
    session.show(
        asdict(done), lambda out: _draw(out, done.changes, done.copied, f"{name} has it all already")
    )
    _say_renumbered(session, name, done.renumbered)


@group("remote")
def remote() -> None:
    """List the remotes, or add or remove one.

    Examples
    --------
    hw remote list
    hw remote add origin s3://bucket/shop
    """


@command("list")
def list_(session: Session) -> None:
    """List the remotes with their locations.

    Examples
    --------
    hw remote list
    """
    found = dict(session.repo().remotes)
    session.show(
        [{"name": name, "location": location} for name, location in found.items()],
        lambda out: out.print(
            "\n".join(f"{name}  {location}" for name, location in found.items()) or "There are no remotes.",
            markup=False,
            soft_wrap=True,
        ),
    )


@command("add")
@click.argument("name")
@click.argument("location", metavar="PATH|URL")
def add(session: Session, name: str, location: str) -> None:
    """Give a location a name.

    Examples
    --------
    hw remote add origin s3://bucket/shop
    """
    repo = session.repo()
    repo.remotes.add(name, location)
    place = repo.remotes[name]
    session.show(
        {"name": name, "location": place},
        lambda out: out.print(f"Added the remote {name}, at {place}", markup=False, soft_wrap=True),
    )
    session.next("hw fetch" if name == "origin" else f"hw fetch {shell_word(name)}")


@command("remove")
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Forget a remote; nothing there changes.

    Examples
    --------
    hw remote remove origin
    """
    session.repo().remotes.remove(name)
    session.show({"name": name}, lambda out: out.print(f"Removed the remote {name}", markup=False))


for each in (list_, add, remove):
    remote.add_command(each)


def _say_renumbered(session: Session, remote: str, numbers: Mapping[int, int]) -> None:
    for old, new in numbers.items():
        session.say(f"Your proposal {old} is number {new} now: {remote} has another proposal {old}.")


def _draw(out: Any, changes: Sequence[RefChange], copied: Transferred, nothing: str) -> None:
    if not changes:
        out.print(nothing, markup=False)
        return
    width = max(len(change.name) for change in changes)
    for change in changes:
        before, after = ((commit or "")[:12] for commit in (change.before, change.after))
        what = "gone" if not after else f"{before} → {after}" if before else f"new, at {after}"
        out.print(f"{change.name:<{width}}  {what}", markup=False, highlight=False, soft_wrap=True)
    from headwater.cli.tables import bytes_text

    out.print(
        f"{copied.commits:,} commit(s), {copied.objects:,} file(s), {bytes_text(copied.bytes)} copied",
        markup=False,
        highlight=False,
        style="dim",
    )
