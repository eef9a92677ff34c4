"""Commands about models: train a fixed recipe, and measure what a change of the data does to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import (
    Command,
    column_name,
    column_names,
    importable,
    joined,
    label_option,
    seed_option,
    shell_word,
)

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.api import Repo

__all__ = ["impact", "train"]


def training_options(function: Command) -> Command:
    """Add the options that say how a model is trained and judged."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--recipe",
            metavar="NAME",
            callback=importable,
            help="tabular, text, image, or MODULE:FUNCTION; tabular(leaves=16) sets parameters. What fits by default.",
        ),
        label_option("The column to predict; the contract's label by default."),
        click.option(
            "--exclude", type=column_names, metavar="COL,…", multiple=True, help="Columns not to learn from."
        ),
        click.option(
            "--weight", type=column_name, metavar="COL", help="The column with the weight of each row."
        ),
        click.option(
            "--groups",
            type=column_names,
            metavar="COL,…",
            multiple=True,
            help="Columns whose groups are judged apart; the sensitive features by default.",
        ),
        click.option(
            "--slice",
            "slices",
            multiple=True,
            metavar="SQL",
            help='Rows to judge apart, for example "age < 30".',
        ),
        click.option(
            "--holdout",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.25,
            show_default=True,
            help="Share of keys held out.",
        ),
        click.option(
            "--use-sensitive",
            is_flag=True,
            help="Learn from the sensitive features, too; they are left out by default.",
        ),
        seed_option("Seed of all randomness."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command("train")
@click.argument("dataset", metavar="DATASET[@REF]")
@training_options
@click.option("--full", is_flag=True, help="Show confusions, classes, calibration and residuals, too.")
@click.option("--register", metavar="NAME", help="Keep the model under this name; see `hw models`.")
@click.option("--note", default="", metavar="TEXT", help="What is to be said about the model that is kept.")
@click.option(
    "--trust",
    multiple=True,
    metavar="TYPE",
    help="A type outside scikit-learn that your recipe's model is made of.",
)
@click.option(
    "--class-weight", metavar="WEIGHTS", help="balanced, or the weight of each class: spam=3,ham=1."
)
@click.option(
    "--group-weight", type=column_name, metavar="COL", help="Give each group the same weight in all."
)
@click.option(
    "--reweigh", type=column_name, metavar="COL", help="Weigh so that the label is independent of COL."
)
@click.option(
    "--annotator-weight",
    metavar="COL",
    help="Weigh annotators by agreement with others, or as said: COL:anna=1,bob=0.5.",
)
def train(
    session: Session,
    dataset: str,
    full: bool,
    register: str | None,
    note: str,
    trust: tuple[str, ...],
    exclude: tuple[tuple[str, ...], ...],
    groups: tuple[tuple[str, ...], ...],
    slices: tuple[str, ...],
    **options: Any,
) -> None:
    """Train a fixed recipe and evaluate it on held-out rows.

    Rows are held out by their key, so the same ones are in every version. Metrics come with 95 % intervals,
    overall, by slice and by group. `hw impact` compares two versions.

    Examples
    --------
    hw train reviews
    hw train loans@v1 --label approve --exclude reject --groups race,sex
    hw train reviews --slice "length(text) < 20" --json
    hw train reviews --register sentiment --note "with the labels of May"
    hw train loans --recipe "tabular(iterations=300, leaves=16)" --class-weight balanced
    """
    from headwater.cli.render_detail import draw_detail
    from headwater.cli.render_models import draw_trained

    def draw(out: Console) -> None:
        draw_trained(out, done)
        if full:
            draw_detail(out, done.detail)

    repo = session.repo()
    done = repo.train(
        dataset, exclude=joined(exclude), groups=joined(groups) or None, slices=slices, **options
    )
    kept = repo.models.register(done, register, note=note, trust=trust) if register else None
    session.show({**done.to_dict(), "model": kept.id if kept else None}, draw)
    if kept:
        session.say(f"Registered {kept.id}, a candidate")
        session.next(f"hw promote {shell_word(kept.id)}")


@command("impact")
@click.argument("span", metavar="BASE[..HEAD]")
@click.option("--dataset", metavar="NAME", help="The dataset; the only one that differs by default.")
@training_options
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often each side is trained.",
)
@click.option("--metric", metavar="NAME", help="The metric that decides; for two classes roc_auc by default.")
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="RULE",
    help='Exit with 1 unless the difference obeys, as "accuracy >= -0.002" or "lower(accuracy) >= -0.01".',
)
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), help="Form of the answer.")
def impact(
    session: Session,
    span: str,
    dataset: str | None,
    exclude: tuple[tuple[str, ...], ...],
    groups: tuple[tuple[str, ...], ...],
    slices: tuple[str, ...],
    gates: tuple[str, ...],
    form: str | None,
    **options: Any,
) -> None:
    """Measure what a change of the data does to a model.

    The same recipe is trained on both versions, on the same keys with the same seeds, and judged on the same
    held-out rows. The differences come with 95 % intervals, overall, by slice and by group.

    Examples
    --------
    hw impact main..fix-labels
    hw impact v1..v2 --dataset loans --groups race,sex --seeds 10
    hw impact main..fix-labels --gate "accuracy >= -0.002" --format markdown
    """
    from headwater.cli.render_models import draw_impact
    from headwater.models.metric_rules import MetricRule

    rules = [MetricRule.parse(gate) for gate in gates]
    base, _, head = span.partition("..")
    if not base:
        raise click.UsageError("Which two versions? hw impact BASE..HEAD")
    repo = session.repo()
    name = dataset or _changed_dataset(repo, base, head or "HEAD")
    found = repo.impact(
        name,
        base=base,
        head=head or "HEAD",
        exclude=joined(exclude),
        groups=joined(groups) or None,
        slices=slices,
        **options,
    )
    held = [rule.judge(found.differences()) for rule in rules]
    judged = [{"gate": one.rule, "difference": one.value, "passed": one.passed} for one in held]
    if form == "json":
        session.as_json = True
    if form == "markdown" and not session.as_json:
        click.echo(found.to_markdown(), nl=False)
    else:
        session.show({**found.to_dict(), "gates": judged}, lambda out: draw_impact(out, found, judged))
    if not all(one.passed for one in held):
        click.get_current_context().exit(1)
    if found.verdict != "worse" and head in repo.branches():
        session.next(f"hw merge {shell_word(head)}")


def _changed_dataset(repo: Repo, base: str, head: str) -> str:
    there = repo.at(head).datasets()
    if len(there) == 1:
        return there[0]
    changed = [
        name
        for name in repo.diff(base, head)
        if name in there and not name.endswith((".quarantine", ".confirmed"))
    ]
    if len(changed) != 1:
        names = ", ".join(changed or there) or "none"
        raise click.UsageError(f"Which dataset? Name one with --dataset: {names}.")
    return changed[0]
