"""A dry run on rows without a key: no diff can pair such rows, but the transform that would change them can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.text import Text

from headwater.cli.render import change_text
from headwater.cli.tables import data_table

if TYPE_CHECKING:
    from headwater.transforms.run import TransformResult

__all__ = ["draw_plan", "pairs_rows"]


def pairs_rows(done: TransformResult) -> bool:
    """Say whether a transform knows which new row is which old one, where a diff does not."""
    from headwater.transforms.changes import Changes

    new = done.diff.new
    keyless = new is not None and not new.key
    return keyless and isinstance(done.planned, Changes) and bool(done.record["updated"])


def draw_plan(out: Console, done: TransformResult, *, limit: int | None) -> None:
    """Draw the rows that would change, before and after, the columns that change first; then rows that go or come.

    Parameters
    ----------
    out : Console
        Where to.
    done : TransformResult
        A dry run for which `pairs_rows` holds.
    limit : int, optional
        The most rows of each kind.
    """
    from headwater.transforms.changes import Changes

    plan = done.planned
    assert isinstance(plan, Changes)
    count, gone, come = done.record["updated"], done.record["deleted"], done.record["added"]
    stat = done.diff.stat()
    told = {"changed": count, "removed": gone, "added": come}
    out.print(change_text({**stat, **told}), soft_wrap=True)
    most = limit if limit is not None else sum(map(len, plan.rows))
    before, after = plan.pairs(most)
    changed = [name for name in done.record["cells"] if name in before.column_names]
    both = pa.concat_tables([before, after.select(before.column_names)])
    number = before.num_rows
    # Each row, then the same row after.
    order = np.arange(2 * number).reshape(2, number).T.ravel()
    signs = pa.array(["−", "+"] * number, pa.string())
    shown = both.take(pa.array(order)).add_column(0, " ", signs)
    out.print()
    out.print(Text("Rows before and after", style="bold"))
    styles = ["red", "green"] * number
    out.print(data_table(shown, width=out.width, first=[" ", *changed], styles=styles))
    _say_rest(out, number, count)
    for title, rows, whole in (
        ("Rows removed", plan.gone(most), gone),
        ("Rows added", plan.come(most), come),
    ):
        if rows.num_rows:
            out.print()
            out.print(Text(title, style="bold"))
            out.print(data_table(rows, width=out.width))
            _say_rest(out, rows.num_rows, whole)


def _say_rest(out: Console, shown: int, whole: int) -> None:
    if shown < whole:
        out.print(Text(f"… {whole - shown:,} more; --limit 0 shows all", style="dim"))
