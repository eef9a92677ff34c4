"""The commands models predict, feedback and explain-prediction: what models said, of what, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.serving.explaining import PredictionExplained

__all__ = ["explain_prediction", "feedback", "predict"]


@command("predict")
@click.argument("model")
@click.argument("source", metavar="DATASET|FILE")
@click.option("--into", default="", metavar="COL", help="Of a dataset: the new column; _MODEL by default.")
@click.option("--message", "-m", metavar="TEXT", help="Of a dataset: the message of the commit.")
@click.option("--dry-run", is_flag=True, help="Of a dataset: show what would change, and commit nothing.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Of a file: where the answers go.",
)
@click.option(
    "--log", "is_logged", is_flag=True, help="Of a file: keep the predictions in the prediction log."
)
def predict(
    session: Session,
    model: str,
    source: str,
    into: str,
    message: str | None,
    dry_run: bool,
    out: Path | None,
    is_logged: bool,
) -> None:
    """Predict for a dataset, as new columns, or for a file.

    Of a dataset only what changed since the last time is predicted; --engine ray spreads the work. Of a file the
    answers are written beside its rows to --out, or the first are shown.

    Examples
    --------
    hw models predict sentiment@production reviews
    hw models predict credit new-applications.csv --out answers.parquet
    hw models predict credit new-applications.csv --log --json
    """
    repo = session.repo()
    repo.executor = session.executor if session.is_engine_asked else repo.executor
    if source in repo.datasets():
        result = repo.predict(source, model, into=into, message=message, dry_run=dry_run)
        session.show(result.to_dict(), lambda console: console.print(result.summary(), markup=False))
        if result.is_new:
            session.next(f"hw show {source}")
        return
    _predict_file(session, repo, model, source, out, is_logged)


def _predict_file(
    session: Session, repo: Any, model: str, source: str, out: Path | None, is_logged: bool
) -> None:
    import pyarrow as pa

    from headwater.core.errors import InputError, NotFound
    from headwater.formats.read import read_table
    from headwater.formats.write import write
    from headwater.models.prediction_log import PredictionLog
    from headwater.serving.endpoint import Endpoint

    if not Path(source).exists() and "://" not in source:
        raise NotFound.among("dataset or file", source, repo.datasets())
    endpoint = Endpoint(repo, model, is_logged=False)
    try:
        served = endpoint.primary
        table = read_table(source)
        names = [name for name in table.column_names if name in served.inputs.schema.names]
        read = served.inputs.read_table(table.select(names))
        if read.problems:
            first = read.problems[0]
            raise InputError(
                f"{len({one.row for one in read.problems}):,} of {table.num_rows:,} row(s) of {source} do not fit "
                f"{served.version.id}. The first is row {first.row + 1:,}: {first.field} {first.message}.",
                path=source,
            )
        said = served.model.predict(read.table.select(served.inputs.features.names))
        ids = endpoint.ids(len(said))
        if is_logged:
            from datetime import UTC, datetime

            from headwater.serving.journal import Said

            entry = Said(
                features=read.table,
                said=said,
                signature=served.signature,
                ids=ids,
                version=served.version.version,
                time=datetime.now(UTC),
            )
            PredictionLog(repo, endpoint.name).append(entry.rows(endpoint.mask))
        answers = table.append_column(
            f"_{endpoint.name}",
            pa.array(served.told(said), pa.string() if served.signature.classes else pa.float64()),
        )
        for place, name in enumerate(served.signature.classes):
            answers = answers.append_column(f"_{endpoint.name}_{name}", pa.array(said[:, place]))
        if is_logged:
            answers = answers.append_column("_id", pa.array(ids, pa.string()))
    finally:
        endpoint.close()
    if out is not None:
        write(answers, answers.schema, out)
    shown = answers.slice(0, 20).to_pylist()

    def draw(console: Console) -> None:
        from headwater.cli.tables import plain_table, safe

        if out is not None:
            console.print(
                f"{answers.num_rows:,} row(s) with the answers of {served.version.id} are in {out}.",
                markup=False,
            )
            return
        made = answers.column_names[table.num_columns :]
        titles = [*table.column_names[:4], *made]
        console.print(plain_table(titles, [[safe(str(row[name])) for name in titles] for row in shown]))
        if answers.num_rows > len(shown):
            console.print(f"… {answers.num_rows - len(shown):,} more: write them with --out FILE.")

    session.show(
        {
            "model": served.version.id,
            "rows": answers.num_rows,
            "out": str(out) if out else None,
            "first": shown,
        },
        draw,
    )


@command("feedback")
@click.argument("model")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--id",
    "id_column",
    default="id",
    show_default=True,
    metavar="COL",
    help="The column of predictions' ids.",
)
@click.option(
    "--truth", default="truth", show_default=True, metavar="COL", help="The column of what was true."
)
def feedback(session: Session, model: str, file: Path, id_column: str, truth: str) -> None:
    """Tell the log what turned out to be true.

    FILE has the ids that predictions were answered with, and the true class or number of each.

    Examples
    --------
    hw models feedback credit outcomes.csv
    hw models feedback credit outcomes.csv --id prediction --truth repaid
    """
    import pyarrow as pa

    from headwater.core.schema import require_columns
    from headwater.formats.read import read_table
    from headwater.models.prediction_log import PredictionLog
    from headwater.serving.endpoint import truths

    repo = session.repo()
    version = repo.models[model]
    _, signature = repo.models.load(version.id)
    table = read_table(file)
    require_columns(table.schema, [id_column, truth], where=str(file))
    column = table.column(truth)
    values = (column.cast(pa.string()) if signature.classes else column.cast(pa.float64())).to_pylist()
    kept = PredictionLog(repo, version.name).add_feedback(
        table.column(id_column).cast(pa.string()).to_pylist(), truths(signature, values)
    )
    session.show(
        {"model": version.name, "kept": kept},
        lambda out: out.print(f"{kept:,} truth(s) of {version.name} are kept.", markup=False),
    )


@command("explain-prediction")
@click.argument("id")
@click.option("--model", metavar="NAME", help="The model; all logs are searched by default.")
def explain_prediction(session: Session, id: str, model: str | None) -> None:
    """Say why a prediction was made, and by what training.

    ID is the name that the answer gave the prediction. Told are: what each field adds to the answer (Shapley values);
    how the model was trained, judged and put to use; and on which rows of which commit, with those most like the one
    asked about.

    Examples
    --------
    hw models explain-prediction 19a3c0ffee0d41b2a93f7
    hw models explain-prediction 19a3c0ffee0d41b2a93f7-3 --model credit --json
    """
    found = session.repo().explain_prediction(id, model=model)
    session.show(found.to_dict(), lambda out: _draw(out, found))


def _draw(out: Console, found: PredictionExplained) -> None:
    from headwater.cli.tables import plain_table, safe, when

    said, facts = found.prediction, found.model.facts
    sure = f", probability {max(said['_probability']):.3f}" if said.get("_probability") else ""
    truth = f"; it was {said['_truth']}" if said["_truth"] is not None else ""
    out.print(
        f"{said['_id']}: {found.model.id} said {said['_predicted']}{sure}, {when(said['_time'])}{truth}",
        markup=False,
    )
    out.print("\n1. Why", style="bold")
    if found.why is None:
        out.print(f"Not known: {found.why_not}.", markup=False)
    else:
        rows = [
            [
                safe(one.name),
                safe(str(one.value)),
                f"{one.adds:+.3f}" + (f" ± {one.error:.3f}" if one.error else ""),
            ]
            for one in found.why.parts[:15]
        ]
        out.print(plain_table(["field", "value", "adds"], rows))
        out.print(f"Together with {found.why.base:.3f}, the mean over training rows: {found.why.answer:.3f}.")
    out.print("\n2. How the model was trained", style="bold")
    scores = [one for one in facts.get("scores", ()) if one["kind"] == "all"]
    figures = ", ".join(
        f"{one['metric']} {one['value']:.3f}" for one in scores[:3] if one["value"] is not None
    )
    environment = facts.get("environment") or {}
    out.print(
        f"Recipe {facts.get('recipe')}, seed {facts.get('seed')}, Python {environment.get('python', 'unknown')}; "
        f"registered {when(found.model.time)} by {found.model.author}. On held-out rows: {figures or 'not judged'}.",
        markup=False,
    )
    for one in found.decisions:
        out.print(
            f"{one['from']} → {one['to']}: {one['reason'] or 'gate passed'} ({one['author']})", markup=False
        )
    out.print("\n3. On which rows", style="bold")
    if not facts.get("commit"):
        out.print("It was trained elsewhere.")
        return
    out.print(
        f"{found.learnt_from:,} rows of {facts['dataset']} at commit {facts['commit'][:12]}, kept by the tag "
        f"{found.model.data_tag}.",
        markup=False,
    )
    if found.alike is not None and found.alike.num_rows:
        rows_ = found.alike.to_pylist()
        names = [name for name in found.alike.column_names if name != "_distance"][:6]
        out.print("Those most like it:")
        out.print(
            plain_table(
                [*names, "distance"],
                [
                    [*(safe(str(row[name])[:40]) for name in names), f"{row['_distance']:.3f}"]
                    for row in rows_
                ],
            )
        )
