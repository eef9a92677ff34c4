"""Going through the changes that a transform proposes, in a terminal: like with like, one key for each decision."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from headwater.cli.app import Session

__all__ = ["decided", "decisions"]

Ask = Callable[[str, str], str]
"""Takes a question and the letters that answer it, and returns one of them."""

_GROUP = "y yes · n no · e each row · a all the rest of this column · d none of it · q stop here"
_ONE = "y yes · n no · a all the rest of these · d none of these · q stop here"
_KEYS = 5


@dataclass(frozen=True)
class _Group:
    """Proposals that change the same value of a column in the same way."""

    start: int
    rows: int
    change: str
    column: str
    old: str | None
    new: str | None
    reason: str
    keys: list[str]


def decided(session: Session, proposed: pa.Table) -> pa.Table:
    """Ask for a decision on everything that is proposed, and return the table with ``yes`` or ``no`` in it.

    Raises
    ------
    click.UsageError
        If nobody can be asked, as output or input is no terminal.
    """
    if session.as_json or not _is_terminal():
        raise click.UsageError(
            "There is no terminal to ask in. Write the proposals to a file with --review FILE.csv, decide there, and "
            "give it back with --accept FILE.csv."
        )
    session.say(f"{proposed.num_rows:,} changes are proposed. Those you leave undecided are not made.")
    return decisions(proposed, ask=_ask, tell=session.say)


def decisions(proposed: pa.Table, *, ask: Ask, tell: Callable[[str], None]) -> pa.Table:
    """Return proposals with the answers in the column ``accept``; what is not asked about any more is refused.

    Parameters
    ----------
    proposed : pyarrow.Table
        As `headwater.transforms.review.Proposals` gives it: changes of one kind stand together.
    ask : callable
        Takes a question and the letters that answer it.
    tell : callable
        Shows a line.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    says = np.zeros(proposed.num_rows, np.bool_)
    whole: dict[tuple[bool, str], bool] = {}
    retyped = set(proposed.filter(pc.equal(proposed.column("change"), "type")).column("column").to_pylist())
    tell(_GROUP)
    for group in _groups(proposed):
        mine = slice(group.start, group.start + group.rows)
        about = (group.change in ("cell", "type"), group.column)
        if about not in whole:
            tell(_said(group))
            may_split = group.rows > 1 and group.change != "type" and group.column not in retyped
            answer = ask("Accept?", "yneadq" if may_split else "ynadq")
            if answer == "q":
                break
            if answer == "e":
                if not _each(proposed, group, says, ask=ask, tell=tell):
                    break
                continue
            says[mine] = answer in "ya"
            # The cells of a column that gets another type go with it.
            if answer in "ad" or group.change == "type":
                whole[about] = answer in "ya"
        else:
            says[mine] = whole[about]
    texts = pa.array(np.where(says, "yes", "no"))
    return proposed.set_column(proposed.schema.get_field_index("accept"), "accept", texts)


def _each(
    proposed: pa.Table, group: _Group, says: NDArray[np.bool_], *, ask: Ask, tell: Callable[[str], None]
) -> bool:
    """Ask about each row of a group; say whether to go on."""
    tell(_ONE)
    keys = proposed.column("key")
    for place in range(group.start, group.start + group.rows):
        tell(f"  row {keys[place].as_py()}")
        answer = ask("  Accept?", "ynadq")
        if answer == "q":
            return False
        if answer in "ad":
            says[place : group.start + group.rows] = answer == "a"
            return True
        says[place] = answer == "y"
    return True


def _groups(proposed: pa.Table) -> Iterator[_Group]:
    """Yield runs of like proposals; changes of the same value stand together."""
    import numpy as np

    from headwater.core.hashing import hash_columns

    if not proposed.num_rows:
        return
    kinds = hash_columns(proposed, ["change", "column", "old", "new"])
    starts = np.concatenate([[0], np.flatnonzero(kinds[1:] != kinds[:-1]) + 1, [len(kinds)]])
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        rows = proposed.slice(start, min(stop - start, _KEYS)).to_pylist()
        first = rows[0]
        yield _Group(
            start=start,
            rows=stop - start,
            change=first["change"],
            column=first["column"] or "",
            old=first["old"],
            new=first["new"],
            reason=first["reason"],
            keys=[row["key"] for row in rows if row["key"]],
        )


def _said(group: _Group) -> str:
    many = f"{group.rows:,} row{'s' if group.rows > 1 else ''}"
    keys = ", ".join(group.keys) + (", …" if group.rows > len(group.keys) else "")
    where = f"  (row{'s' if group.rows > 1 else ''} {keys})" if keys else ""
    if group.change in ("cell", "type"):
        what = f"{many}: {group.column}: {_shown(group.old)} → {_shown(group.new)}"
        if group.change == "type":
            what = f"column {group.column}: {group.old} → {group.new}, all of its cells"
    elif group.change == "column":
        what = f"new column {group.column}: {group.new}"
    elif group.change == "drop":
        what = f"drop column {group.column}: {group.old}"
    else:
        what = f"{group.change} {_shown(group.new if group.change == 'add' else group.old)}"
    return f"{what}  [{group.reason}]{where}"


def _shown(text: str | None) -> str:
    from headwater.core.text import clipped

    return "null" if text is None else repr(clipped(text))


def _is_terminal() -> bool:
    return bool(sys.stdin.isatty())


def _ask(question: str, letters: str) -> str:
    """Ask until one of the letters comes; the end of input stops the review."""
    while True:
        try:
            answer: str = click.prompt(f"{question} [{letters}]", prompt_suffix=" ", type=str, err=True)
        except click.Abort:
            return "q"
        if answer.strip().lower()[:1] in tuple(letters):
            return answer.strip().lower()[:1]
