"""The commands models and promote: the registry of trained models, and how they come into production."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Group, Session, command
from headwater.cli.options import column_names, joined, shell_word
from headwater.cli.predictions import explain_prediction, feedback, predict

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.models.registered import Decision, ModelVersion, Stage

__all__ = ["models", "promote"]

_STAGE = click.Choice(["candidate", "staging", "production", "archived"])
_trust_option = click.option(
    "--trust", multiple=True, metavar="TYPE", help="A type outside scikit-learn that the file may make."
)


class _Models(Group):
    """A group that lists the models where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` where nothing stands, or an option alone."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("models", cls=_Models)
def models() -> None:
    """Keep trained models with versions, stages and aliases.

    MODEL is a name as spam, or one version of it: spam@3, spam@production (a stage), spam@best (an alias). A name
    alone is the version in production, or else the newest. The registry is on the branch `models`, so each change is
    a commit, and it is pushed and pulled as data are.

    Examples
    --------
    hw train reviews --register sentiment
    hw models
    hw models show sentiment@2
    hw promote sentiment --to production
    hw models rollback sentiment
    """


@command("list")
@click.argument("name", required=False)
def list_(session: Session, name: str | None) -> None:
    """List the models, or the versions of one.

    Examples
    --------
    hw models list
    hw models list sentiment --json
    """
    registry = session.repo().models
    found = [registry[one] for one in registry]
    if name:
        found = registry.versions(name) or [registry[name]]

    def draw(out: Console) -> None:
        from rich.text import Text

        from headwater.cli.tables import plain_table, safe, when

        table = [
            [
                Text(one.id, style="bold"),
                one.stage,
                ", ".join(one.aliases),
                _headline(one),
                safe(_data(one)),
                when(one.time),
            ]
            for one in found
        ]
        titles = ["model", "stage", "aliases", "evaluation", "trained on", "registered"]
        out.print(plain_table(titles, table, wraps=("evaluation", "trained on")))

    if found or session.as_json:
        session.show([one.to_dict() for one in found], draw)
    else:
        session.say("No model is registered.")
        session.next("hw train DATASET --register NAME")


@command("show")
@click.argument("model")
@click.option("--card", is_flag=True, help="As a model card in Markdown.")
def show(session: Session, model: str, card: bool) -> None:
    """Show a model version, with its figures, data and decisions.

    Examples
    --------
    hw models show sentiment
    hw models show sentiment@2 --card > card.md
    """
    from headwater.models.card import model_card

    registry = session.repo().models
    found = registry[model]
    decisions = [one for one in registry.decisions(found.name) if one.version == found.version]
    text = model_card(found, decisions)

    def draw(out: Console) -> None:
        from rich.markdown import Markdown

        if card:
            click.echo(text, nl=False)
        else:
            out.print(Markdown(text))

    session.show({**found.to_dict(), "decisions": [one.to_dict() for one in decisions], "card": text}, draw)


@command("register")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--inputs", type=column_names, multiple=True, metavar="COL,…", help="Names of the features, in order."
)
@click.option("--label", default="label", show_default=True, metavar="COL", help="What it predicts.")
@click.option("--classes", type=column_names, multiple=True, metavar="NAME,…", help="The classes, in order.")
@click.option("--note", default="", metavar="TEXT", help="What is to be said about it.")
@_trust_option
def register(
    session: Session,
    name: str,
    file: Path,
    inputs: tuple[tuple[str, ...], ...],
    classes: tuple[tuple[str, ...], ...],
    **options: Any,
) -> None:
    """Register a model file from elsewhere.

    That is an ONNX file, or one that `hw models export` wrote. Pickles are not read: they run what their maker wrote.

    Examples
    --------
    hw models register credit credit.onnx --inputs income,debt --label approve --classes no,yes
    """
    found = session.repo().models.register_file(
        name, file.read_bytes(), inputs=joined(inputs), classes=joined(classes), **options
    )
    _say_registered(session, found)


@command("export")
@click.argument("model")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(session: Session, model: str, file: Path) -> None:
    """Write the file of a model version.

    Examples
    --------
    hw models export sentiment@2 sentiment.model
    """
    registry = session.repo().models
    found = registry[model]
    data = registry.file(found.id)
    file.write_bytes(data)
    facts = {"model": found.id, "file": str(file), "bytes": len(data)}
    session.show(facts, lambda out: out.print(f"{found.id} in {file}, {len(data):,} bytes", markup=False))


@command("alias")
@click.argument("model")
@click.argument("alias")
@click.option("--remove", is_flag=True, help="Take the alias away.")
def alias(session: Session, model: str, alias: str, remove: bool) -> None:
    """Let a name point to a model version, or take it away.

    Examples
    --------
    hw models alias sentiment@2 best
    hw models alias sentiment best --remove
    """
    registry = session.repo().models
    if remove:
        registry.drop_alias(model, alias)
        line = f"{model} has no alias {alias} any more"
    else:
        registry.set_alias(model, alias)
        line = f"{model.partition('@')[0]}@{alias} is {registry[model].id}"
    session.show(
        {"model": model, "alias": alias, "removed": remove}, lambda out: out.print(line, markup=False)
    )


@command("remove")
@click.argument("model")
def remove(session: Session, model: str) -> None:
    """Remove a model version; one in production stays.

    Examples
    --------
    hw models remove sentiment@1
    """
    registry = session.repo().models
    if "@" not in model:
        raise click.UsageError(f"Which version? hw models remove {model}@1")
    found = registry[model]
    registry.remove(found.id)
    session.show({"removed": found.id}, lambda out: out.print(f"{found.id} is removed", markup=False))


@command("gate")
@click.argument("name")
@click.option("--to", "stage", type=_STAGE, default="production", show_default=True, help="The stage.")
@click.option(
    "--require",
    "rules",
    multiple=True,
    metavar="RULE",
    help='As "accuracy >= 0.9", "recall[age < 30] >= 0.8" or "lower(change(roc_auc)) >= -0.01".',
)
@click.option(
    "--checks",
    type=column_names,
    multiple=True,
    metavar="ID,…",
    help="Checks of its data that must not fail; all.",
)
@click.option(
    "--against", metavar="STAGE|ALIAS", help="What it must not be worse than; production by default."
)
@click.option(
    "--may-use", type=column_names, multiple=True, metavar="COL,…", help="Personal columns it may learn from."
)
def gate(session: Session, name: str, stage: Stage, rules: tuple[str, ...], **options: Any) -> None:
    """Say what a version must pass to come to a stage, or show it.

    Without a gate of your own the model must say again what was measured, not be clearly worse than the one in
    production (overall, by slice, by group and by gap), its training data must pass their checks, and it must learn
    from no classified column. Rules come on top of that.

    Examples
    --------
    hw models gate sentiment --require "accuracy >= 0.9" --require "selection_rate_gap[sex] <= 0.1"
    hw models gate sentiment --checks schema,uniqueness,leakage
    hw models gate sentiment
    """
    from headwater.models.trial import PromotionGate

    registry = session.repo().models
    before = PromotionGate.from_dict(registry.gate(name, stage) or {}).to_dict()
    given: dict[str, Any] = {key: joined(options[key]) for key in ("checks", "may_use") if options[key]}
    if rules:
        given["rules"] = rules
    if options["against"] is not None:
        given["against"] = "" if options["against"] == "none" else options["against"]
    settings = PromotionGate.from_dict({**before, **given}).to_dict()
    if given:
        registry.set_gate(name, stage, settings)

    def draw(out: Console) -> None:
        parts = [*settings["rules"], f"checks: {', '.join(settings['checks']) or 'all'}"]
        parts.append(f"compared with {settings['against'] or 'nothing'}")
        if settings["may_use"]:
            parts.append(f"may learn from {', '.join(settings['may_use'])}")
        out.print(f"{name} to {stage}: {'; '.join(parts)}", markup=False, soft_wrap=True)

    session.show({"model": name, "stage": stage, **settings}, draw)


@command("rollback")
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept.")
def rollback(session: Session, name: str, reason: str) -> None:
    """Bring back into production what was there before.

    No gate is asked.

    Examples
    --------
    hw models rollback sentiment --reason "complaints since noon"
    """
    from headwater.models.promotion import rollback as go_back

    _show_decision(session, go_back(session.repo(), name, reason=reason))


for each in (
    list_,
    show,
    register,
    export,
    alias,
    remove,
    gate,
    rollback,
    predict,
    feedback,
    explain_prediction,
):
    models.add_command(each)


@command("promote")
@click.argument("model")
@click.option("--to", "stage", type=_STAGE, default="production", show_default=True, help="The stage.")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept.")
@click.option("--force", is_flag=True, help="Overrule the gate; this needs a reason.")
def promote(session: Session, model: str, stage: Stage, reason: str, force: bool) -> None:
    """Bring a model version to a stage, if its gate lets it through.

    The gate asks whether the file says again what was measured, whether the rules hold, whether it is clearly worse
    than the version in production on rows that neither learnt from, whether the checks of its data pass, which
    columns it reads, and how it stands missing values. The decision is recorded either way; exit code 1 if it stays.
    A name alone is the newest version.

    Examples
    --------
    hw promote sentiment
    hw promote sentiment@3 --to staging
    hw promote sentiment@3 --force --reason "the one in production reads a column that went"
    """
    from headwater.core.errors import GateClosed

    try:
        decision = session.repo().promote(model, stage, reason=reason, force=force)
    except GateClosed as error:
        decision = error.facts["decision"]
    _show_decision(session, decision)
    if not decision.moved:
        session.say("Mend what fails and train again, or overrule the gate: --force --reason TEXT")
        click.get_current_context().exit(1)
    if decision.after == "production":
        session.next(f"hw models rollback {shell_word(decision.model)}")


def _show_decision(session: Session, decision: Decision) -> None:
    def draw(out: Console) -> None:
        from rich.padding import Padding
        from rich.text import Text

        from headwater.cli.render_findings import badge
        from headwater.cli.tables import safe
        from headwater.core.findings import Outcome

        name = f"{decision.model}@{decision.version}"
        moved = (
            f"{name}: {decision.before} → {decision.after}"
            if decision.moved
            else f"{name} stays {decision.before}"
        )
        out.print(Text(moved, style="bold green" if decision.moved else "bold red"))
        for one in decision.results:
            head = Text.assemble(badge(Outcome(one["outcome"])), " ", (one["check"], "bold"))
            out.print(head)
            out.print(Padding(Text(safe(one["message"])), (0, 0, 0, 8), expand=False))
        if decision.moved and not decision.passed:
            out.print(Text(f"The gate was overruled: {safe(decision.reason)}", style="yellow"))

    session.show(decision.to_dict(), draw)


def _say_registered(session: Session, found: ModelVersion) -> None:
    session.show(found.to_dict(), lambda out: out.print(f"Registered {found.id}, a candidate", markup=False))
    session.next(f"hw promote {shell_word(found.id)}")


def _headline(one: ModelVersion) -> str:
    from headwater.models.metrics import default_metric
    from headwater.models.registered import scores_of
    from headwater.recipes.base import Labels

    classes = tuple(one.facts.get("classes") or ())
    name = default_metric(Labels(values=[], classes=classes))  # type: ignore[arg-type]
    found = [score for score in scores_of(one.facts) if score.kind == "all" and score.metric == name]
    return f"{name} {found[0].value:.4f}" if found else ""


def _data(one: ModelVersion) -> str:
    facts = one.facts
    if not facts.get("commit"):
        return "elsewhere"
    return f"{facts['train_rows']:,} rows of {facts['dataset']} at {facts['commit'][:12]}"
