"""The command sql: a query over the datasets of any refs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.writing import write_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["sql"]


@command("sql")
@click.argument("query")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Rows to show; 0 for all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "markdown"]),
    help="Form of the answer.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write all rows to this file.",
)
def sql(session: Session, query: str, limit: int, form: str | None, output: Path | None) -> None:
    """Run a SQL query over the datasets of any refs at once.

    The dialect is DuckDB's. A plain name is the dataset here, NAME@REF the dataset as it was there. The query `-` is
    read from standard input. Other formats than the table hold all rows.

    Examples
    --------
    hw sql "SELECT label, count(*) FROM reviews GROUP BY label"
    hw sql "SELECT * FROM reviews EXCEPT SELECT * FROM reviews@main~1"
    hw sql "SELECT id, text FROM reviews@v1" -o texts.parquet
    hw sql - --format csv < query.sql
    """
    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise click.UsageError("The query is empty.")
    repo = session.repo()
    found = repo.sql(text)
    if output is not None:
        _write(session, found, output)
        return
    if form == "json":
        session.as_json = True
    if session.as_json or form in (None, "table"):
        shown = found if session.as_json or not limit else found.slice(0, limit)
        session.show(
            {"rows": found, "num_rows": found.num_rows}, lambda out: _draw(out, shown, found.num_rows)
        )
    else:
        assert form is not None
        click.echo(_as_text(found, form), nl=False)


def _draw(out: Any, shown: pa.Table, total: int) -> None:
    from headwater.cli.tables import data_table

    out.print(data_table(shown, width=out.width))
    note = (
        f"… {total - shown.num_rows:,} more; --limit 0 shows all, -o FILE keeps them"
        if shown.num_rows < total
        else ""
    )
    out.print(f"{total:,} row{'' if total == 1 else 's'}{note and ' ' + note}", style="dim")


def _as_text(table: pa.Table, form: str) -> str:
    if form == "markdown":
        from headwater.cli.render_markdown import markdown_table

        return markdown_table(table)
    if form == "csv":
        import io

        import pyarrow.csv

        buffer = io.BytesIO()
        pyarrow.csv.write_csv(table, buffer)
        return buffer.getvalue().decode()
    import json

    from headwater.cli.console import jsonable

    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in jsonable(table))


def _write(session: Session, table: pa.Table, output: Path) -> None:
    if output.suffix == ".md":
        write_text(output, _as_text(table, "markdown"))
    else:
        from headwater.formats.write import write

        write(table, table.schema, output)
    value = {"path": str(output), "rows": table.num_rows}
    session.show(
        value,
        lambda out: out.print(f"Wrote {table.num_rows:,} rows to {output}", markup=False, soft_wrap=True),
    )
