"""The commands run, runs and lineage: pipelines, what they did, and where data come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Group, Session, command
from headwater.cli.options import assignment, engine_options, shell_word
from headwater.cli.reproduce import reproduce

if TYPE_CHECKING:
    from headwater.pipelines.lineage import Lineage, LineageEdge
    from headwater.pipelines.records import RunRecord, StepRecord

__all__ = ["lineage", "run", "runs"]

_STYLES = {"done": "green", "reused": "cyan", "failed": "bold red", "skipped": "yellow", "running": "blue"}
_STATES = {
    "succeeded": "green",
    "failed": "bold red",
    "running": "blue",
    "interrupted": "yellow",
    "stopped": "yellow",
}


@command("run")
@click.argument("pipeline", required=False, metavar="[FILE.py:NAME]", default="")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=assignment,
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the pipeline.",
)
@click.option("--branch", metavar="NAME", help="Read from and commit to this branch; a new one starts here.")
@click.option("--until", metavar="STEP", help="Run this step and what it needs; commit nothing.")
@click.option(
    "--force", multiple=True, metavar="STEP", help="Run this step even if its result is known; * is all."
)
@click.option("--resume", metavar="RUN", help="Go on with this run: the same parameters, the same commits.")
@click.option("--steps", type=click.IntRange(min=1), default=4, show_default=True, help="Steps at once.")
@click.option("--list", "listing", is_flag=True, help="List the pipelines of the file.")
@engine_options
def run(
    session: Session,
    pipeline: str,
    parameters: tuple[tuple[str, Any], ...],
    branch: str | None,
    until: str | None,
    force: tuple[str, ...],
    resume: str | None,
    steps: int,
    listing: bool,
) -> None:
    """Run a pipeline; what is known is not run again.

    A pipeline is a function with @hw.pipeline that calls functions with @hw.step. It is looked for in pipelines.py
    unless a file or module is named. The datasets that its steps make become one commit, if all steps succeed. A run
    that was killed goes on where it was: run it again.

    Examples
    --------
    hw run
    hw run nightly -p days=7 --branch staging
    hw run flows/train.py:train --until clean
    hw run --force fit
    hw run --resume last
    """
    from headwater.pipelines.loading import load_pipeline

    if listing:
        _list(session, pipeline)
        return
    found, file = load_pipeline(pipeline)
    repo = session.repo()
    done = repo.run(
        found,
        dict(parameters),
        branch=branch,
        until=until,
        force=force,
        resume=resume,
        workers=steps,
        executor=session.executor if session.is_engine_asked else None,
        file=file,
        listener=lambda one: _tell(session, one),
    )
    session.show(done.record.to_dict(), lambda out: _draw_run(out, done.record, done.summary()))
    if done.is_new:
        made = next(iter(done.record.outputs))
        session.next(f"hw diff HEAD~1..HEAD {shell_word(made)}", f"hw lineage {shell_word(made)}")


class _Runs(Group):
    """A group whose words, where they name none of its commands, mean ``show``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``show`` before a run."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("runs", cls=_Runs)
def runs() -> None:
    """List the runs of pipelines, show one, or reproduce one.

    `hw runs RUN` is short for `hw runs show RUN`. A run is named by its id, the beginning of one, or last.

    Examples
    --------
    hw runs
    hw runs last
    hw runs last --log clean
    hw runs reproduce last
    """


@command("show")
@click.argument("name", required=False, metavar="[RUN]")
@click.option("--log", "step", metavar="STEP", help="Show what a step printed and logged.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="The most runs to list; 0 lists all.",
)
@click.option("--openlineage", is_flag=True, help="The run as events of OpenLineage, a line each.")
def show(session: Session, name: str | None, step: str | None, limit: int, openlineage: bool) -> None:
    """List the runs of pipelines, or show one with its steps.

    Examples
    --------
    hw runs show
    hw runs show last
    hw runs show last --log clean
    hw runs show last --openlineage > events.jsonl
    """
    from itertools import islice

    repo = session.repo()
    records = repo.runs
    if name is None:
        if step is not None or openlineage:
            raise click.UsageError("Which run? hw runs RUN --log STEP, with last for the newest.")
        found = list(islice(records, limit or None))
        session.show([one.to_dict() for one in found], lambda out: _draw_runs(out, found))
        return
    record = records.get(name)
    if openlineage:
        from headwater.pipelines.openlineage import Events

        for event in Events(repo).all_of(record):
            click.echo(json.dumps(event))
        return
    if step is None:
        session.show(record.to_dict(), lambda out: _draw_run(out, record, ""))
        return
    if step not in record.steps:
        from headwater.core.errors import NotFound

        raise NotFound.among("step", step, record.steps, where=f"run {record.id}")
    text = records.log(record.id, step)
    session.show(
        {"run": record.id, "step": step, "log": text},
        lambda out: out.print(
            text.rstrip() or "It said nothing.", markup=False, highlight=False, soft_wrap=True
        ),
    )


runs.add_command(show)
runs.add_command(reproduce)


@command("lineage")
@click.argument("dataset", metavar="DATASET[@REF]")
@click.option("--column", metavar="COL", help="Follow one column, where columns are known.")
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw the graph into a file.",
)
def lineage(session: Session, dataset: str, column: str | None, svg: Path | None) -> None:
    """Show where a dataset comes from, back to its sources.

    Examples
    --------
    hw lineage features
    hw lineage features --column age
    hw lineage features@v1 --svg lineage.svg
    """
    found = session.repo().lineage(dataset)
    found = found.of_column(column) if column else found
    session.show(found.to_dict(), lambda out: _draw_lineage(out, found))
    if svg is not None:
        from headwater.cli.writing import write_text
        from headwater.pipelines.drawing import to_svg

        write_text(svg, to_svg(found))
        session.say(f"Wrote {svg}")


def _list(session: Session, place: str) -> None:
    from headwater.pipelines.loading import USUAL_FILE, all_pipelines

    found = all_pipelines(place)
    value = [
        {
            "name": one.name,
            "parameters": [str(parameter) for parameter in one.parameters.values()],
            "summary": (one.__doc__ or "").strip().partition("\n")[0],
        }
        for one in found
    ]

    def draw(out: Any) -> None:
        from headwater.cli.tables import plain_table

        rows = [[str(one["name"]), ", ".join(one["parameters"]), str(one["summary"])] for one in value]
        out.print(plain_table(["pipeline", "parameters", ""], rows))

    session.show(value, draw)
    if not value:
        session.say(f"There is no pipeline in {place or USUAL_FILE}.")


def _tell(session: Session, step: StepRecord) -> None:
    """Say that a step begins or has ended."""
    if session.quiet or session.as_json:
        return
    from rich.text import Text

    if step.state == "running":
        session.err.print(Text.assemble(("… ", "dim"), step.name), highlight=False)
        return
    line = Text.assemble(
        (f"{step.state:8}", _STYLES.get(step.state, "")), f"{step.name}", (f"  {_work(step)}", "dim")
    )
    session.err.print(line, highlight=False)


def _work(step: StepRecord) -> str:
    parts = [f"{step.seconds:.1f} s"] if step.state in ("done", "failed") else []
    if step.called_rows:
        parts.append(f"{step.called_rows:,} rows, {step.known_rows:,} known")
    elif step.rows is not None and step.state in ("done", "reused"):
        parts.append(f"{step.rows:,} rows")
    if step.attempts > 1:
        parts.append(f"{step.attempts} attempts")
    return ", ".join(parts)


def _draw_run(out: Any, record: RunRecord, summary: str) -> None:
    from rich.text import Text

    from headwater.cli.tables import plain_table, safe

    if summary:
        out.print(summary, markup=False, highlight=False)
    else:
        head = Text.assemble(
            (record.state, _STATES.get(record.state, "")), f"  {record.pipeline}  {record.id}"
        )
        out.print(head)
        facts = [
            f"began {record.began[:19]} UTC",
            f"{record.seconds:.1f} s",
            f"branch {record.branch}",
            record.trigger,
        ]
        out.print(Text(", ".join(facts), style="dim"))
    rows: list[list[Any]] = [
        [
            safe(one.name),
            Text(one.state, style=_STYLES.get(one.state, "dim")),
            _work(one),
            safe(one.error or "; ".join(str(found["message"]) for found in one.findings)),
        ]
        for one in record.steps.values()
    ]
    out.print(plain_table(["step", "", "work", ""], rows))


def _draw_runs(out: Any, records: list[RunRecord]) -> None:
    from rich.text import Text

    from headwater.cli.tables import plain_table, safe

    if not records:
        out.print("There is no run yet. `hw run` runs a pipeline.")
        return
    rows: list[list[Any]] = [
        [
            one.id,
            safe(one.pipeline),
            Text(one.state, style=_STATES.get(one.state, "")),
            f"{one.seconds:.1f} s",
            f"{sum(step.state == 'reused' for step in one.steps.values())} of {len(one.steps)}",
            (one.commit or "")[:12],
        ]
        for one in records
    ]
    out.print(
        plain_table(["run", "pipeline", "", "took", "reused", "commit"], rows, right=("took", "reused"))
    )


def _draw_lineage(out: Any, found: Lineage) -> None:
    from rich.text import Text
    from rich.tree import Tree

    by_id = {node.id: node for node in found.nodes}
    drawn: set[str] = set()

    def label(name: str, edge: LineageEdge | None) -> Text:
        node = by_id[name]
        text = Text(node.name, style="bold" if node.kind == "dataset" else "cyan")
        if node.commit:
            text.append(f" {node.commit[:12]}", style="yellow").append(f" {node.message}", style="dim")
        if edge is not None:
            text = Text(f"{edge.by} ← ", style="dim").append_text(text)
            known = [
                f"{one} ← {', '.join(of)}" for one, of in edge.columns.items() if list(of) != [one] and of
            ]
            if known:
                text.append(f"\n{'; '.join(known)}", style="dim italic")
        return text

    def grow(tree: Any, name: str) -> None:
        if name in drawn:
            return
        drawn.add(name)
        for edge in found.before(name):
            grow(tree.add(label(edge.start, edge)), edge.start)

    tree = Tree(label(found.nodes[0].id, None))
    grow(tree, found.nodes[0].id)
    out.print(tree)
    if found.is_cut:
        out.print("… and more behind.", style="dim")
