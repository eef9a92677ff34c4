"""Commands to begin with: make a repository."""

from __future__ import annotations

from pathlib import Path

import click

from headwater.cli.app import Session, command

__all__ = ["init"]


@command("init")
@click.argument("directory", required=False, metavar="[DIR|URL]")
@click.option("--branch", default="main", show_default=True, metavar="NAME", help="Name of the first branch.")
def init(session: Session, directory: str | None, branch: str) -> None:
    """Make a repository in a directory or under a URL.

    Without DIR it is the current directory, or what -C names. The directory is made if need be; the
    repository is the folder .headwater in it, and nothing else is touched.

    Examples
    --------
    hw init
    hw init shop
    hw -C s3://bucket/shop init
    """
    from headwater import api
    from headwater.store.storage import is_url

    location = directory or session.location
    if not is_url(location):
        Path(location).mkdir(parents=True, exist_ok=True)
    repo = api.init(location, branch=branch)
    session.location = location
    session.show(
        {"location": repo.storage.location, "branch": branch},
        lambda out: out.print(
            f"Made an empty repository in {repo.storage.location}", markup=False, soft_wrap=True
        ),
    )
    session.next("hw import FILE --key COLUMN")
