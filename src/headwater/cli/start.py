"""Commands to begin with: make a repository."""

from __future__ import annotations

from pathlib import Path

import click

from headwater.cli.app import Session, command
from headwater.cli.templates import TEMPLATES, template_text

__all__ = ["init"]


@command("init")
@click.argument("directory", required=False, metavar="[DIR|URL]")
@click.option("--branch", default="main", show_default=True, metavar="NAME", help="Name of the first branch.")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    help="Also write pipelines.py: a line from data to a model in production.",
)
@click.option("--source", metavar="PATH|URL", help="For the template: what is imported.")
@click.option("--key", metavar="COL", help="For the template: the column that identifies a row.")
@click.option("--label", metavar="COL", help="For the template: the column to predict.")
def init(
    session: Session, directory: str | None, branch: str, template: str | None, **roles: str | None
) -> None:
    """Make a repository in a directory or under a URL.

    Without DIR it is the current directory, or what -C names. The directory is made if need be; the
    repository is the folder .headwater in it, and nothing else is touched.

    Examples
    --------
    hw init
    hw init shop
    hw -C s3://bucket/shop init
    hw init shop --template tabular --source data.csv --key id --label approve
    """
    from headwater import api
    from headwater.pipelines.loading import USUAL_FILE
    from headwater.store.storage import is_url

    location = directory or session.location
    if template and is_url(location):
        raise click.UsageError("A template is written beside the repository: give a directory, not a URL.")
    if not template and any(roles.values()):
        raise click.UsageError("--source, --key and --label are for --template.")
    if not is_url(location):
        Path(location).mkdir(parents=True, exist_ok=True)
    file = Path(location) / USUAL_FILE
    if template and file.exists():
        raise click.UsageError(f"There is a {file} already, and it is left as it is. Move it away first.")
    repo = api.init(location, branch=branch)
    session.location = location
    if template:
        file.write_text(template_text(template, **roles), encoding="utf-8")
    session.show(
        {"location": repo.storage.location, "branch": branch, "file": str(file) if template else None},
        lambda out: out.print(
            f"Made an empty repository in {repo.storage.location}", markup=False, soft_wrap=True
        ),
    )
    if template:
        session.say(f"Wrote {file}: adapt it to your data, then run it")
        session.next("hw run")
    else:
        session.next("hw import FILE --key COLUMN")
