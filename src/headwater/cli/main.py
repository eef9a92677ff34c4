"""The command `hw`: its parts, and where each command lives."""

from __future__ import annotations

import click
from click.core import ParameterSource

from headwater.cli.app import Root, Session

__all__ = ["hw", "main"]

_SECTIONS = {
    "Start": {
        "init": "headwater.cli.start:init",
        "demo": "headwater.cli.demo:demo",
        "check": "headwater.cli.check:check",
    },
    "Version": {
        "import": "headwater.cli.data:import_",
        "import-dvc": "headwater.cli.dvc:import_dvc",
        "export": "headwater.cli.data:export",
        "commit": "headwater.cli.edit:commit",
        "datasets": "headwater.cli.data:datasets",
        "sql": "headwater.cli.sql:sql",
        "status": "headwater.cli.history:status",
        "log": "headwater.cli.history:log",
        "show": "headwater.cli.history:show",
        "diff": "headwater.cli.diff:diff",
        "branch": "headwater.cli.branches:branch",
        "switch": "headwater.cli.branches:switch",
        "tag": "headwater.cli.branches:tag",
        "merge": "headwater.cli.merge:merge",
        "propose": "headwater.cli.propose:propose",
        "proposals": "headwater.cli.propose:proposals",
        "cherry-pick": "headwater.cli.merge:cherry_pick",
        "rebase": "headwater.cli.merge:rebase",
        "revert": "headwater.cli.merge:revert",
        "undo": "headwater.cli.merge:undo",
        "reflog": "headwater.cli.history:reflog",
        "clone": "headwater.cli.remotes:clone",
        "fetch": "headwater.cli.remotes:fetch",
        "pull": "headwater.cli.remotes:pull",
        "push": "headwater.cli.remotes:push",
        "remote": "headwater.cli.remotes:remote",
        "pin": "headwater.cli.pin:pin",
        "hook": "headwater.cli.hook:hook",
        "split": "headwater.cli.split:split",
        "blame": "headwater.cli.blame:blame",
        "bisect": "headwater.cli.blame:bisect",
        "gc": "headwater.cli.upkeep:gc",
        "fsck": "headwater.cli.upkeep:fsck",
    },
    "Quality": {
        "profile": "headwater.cli.profile:profile",
        "contract": "headwater.cli.contract:contract",
        "drift": "headwater.cli.drift:drift",
        "errors": "headwater.cli.wrong_cells:errors",
        "clean": "headwater.cli.clean:clean",
        "gate": "headwater.cli.gate:gate",
        "link": "headwater.cli.link:link",
        "quarantine": "headwater.cli.quarantine:quarantine",
        "allow": "headwater.cli.gate:allow",
        "watch": "headwater.cli.watch:watch",
        "checks": "headwater.cli.catalog:checks",
        "transforms": "headwater.cli.catalog:transforms",
    },
    "Diversity": {
        "embed": "headwater.cli.embed:embed",
        "similar": "headwater.cli.embed:similar",
        "select": "headwater.cli.value:select",
    },
    "Operations": {
        "run": "headwater.cli.run:run",
        "runs": "headwater.cli.run:runs",
        "scheduler": "headwater.cli.scheduler:scheduler",
        "lineage": "headwater.cli.run:lineage",
        "train": "headwater.cli.operations:train",
        "backtest": "headwater.cli.backtest:backtest",
        "impact": "headwater.cli.operations:impact",
        "value": "headwater.cli.value:value",
        "models": "headwater.cli.models:models",
        "promote": "headwater.cli.models:promote",
        "serve": "headwater.cli.serve:serve",
    },
}

_HABITS = {
    "add": "There is nothing to stage: `hw import FILE` and `hw commit DATASET FILE` make a commit at once.",
    "checkout": "`hw switch BRANCH` changes the branch; `hw export DATASET@REF FILE` writes an older version.",
    "ls": "`hw datasets` lists the datasets, `hw branch` the branches.",
    "list": "`hw datasets` lists the datasets, `hw branch` the branches.",
    "reset": "`hw undo` takes a branch back to where it was; `hw revert REF` undoes one commit by a new one.",
    "query": "Did you mean 'hw sql'?",
    "validate": "`hw check DATASET` runs the checks; `hw contract validate DATASET` only those of the contract.",
    "help": "`hw --help` lists the commands, `hw COMMAND --help` explains one.",
}


@click.group(
    "hw",
    cls=Root,
    sections=_SECTIONS,
    habits=_HABITS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-C",
    "location",
    metavar="PATH|URL",
    default=".",
    envvar="HEADWATER_REPO",
    help="The repository: a directory or a URL such as s3://bucket/shop. The nearest one above here by default.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
@click.option("--debug", is_flag=True, help="Print the traceback of an error.")
@click.version_option(package_name="headwater", prog_name="hw", message="%(prog)s %(version)s")
@click.pass_context
def hw(context: click.Context, location: str, quiet: bool, debug: bool) -> None:
    """Git and CI for machine learning data: version it, check it, fix it, and prove what the fix did.

    Exit codes: 0 passed, 1 findings at fail (or conflicts), 2 wrong usage, 3 the tool broke.
    Every command takes --json.

    Examples
    --------
    hw check reviews.csv --label sentiment       look at a file; no repository needed
    hw init shop                                 make a repository
    hw -C shop import reviews.csv --key id       bring data in, as a commit
    hw -C shop diff main..fix-labels             see which cells a branch changed
    """
    session: Session = context.obj
    session.location, session.quiet, session.debug = location, quiet, debug
    session.is_named = context.get_parameter_source("location") is not ParameterSource.DEFAULT


main = hw

if __name__ == "__main__":
    main()
