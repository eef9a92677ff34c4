"""What a transform proposes, one change a row, and the part of it that a reviewer accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import MergeConflict, SchemaError, UsageError
from headwater.core.hashing import U64, hash_array, hash_columns
from headwater.core.schema import require_columns
from headwater.core.types import type_name
from headwater.transforms.base import Edit
from headwater.transforms.changes import Changes
from headwater.transforms.training_rows import take_rows
from headwater.versions.diff import as_text

__all__ = ["PROPOSED", "Proposals", "is_accepted", "keep_accepted"]

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

PROPOSED = pa.schema(
    [
        *((name, pa.string()) for name in ("change", "key", "column", "old", "new", "reason")),
        ("alike", pa.int64()),
        ("accept", pa.string()),
    ]
)
"""The columns of a review: what changes (``cell``, ``type``, ``column``, ``drop``, ``delete``, ``quarantine`` or
``add``), in which row and column, from what to what and why; how many cells of the column change in the same way; and
the decision, ``yes`` or ``no``."""

_YES = ("yes", "y", "true", "1", "x", "accept", "accepted")
_NO = ("no", "n", "false", "0", "", "reject", "rejected")
_SHOWN = 200
_LISTED = 5
_MATCHED = ["change", "key", "column"]
_PLACE, _AT = "_place", "_at"


@dataclass(frozen=True)
class Proposals:
    """All that the changes of a transform come to, one row for each cell, row, column or type.

    Parameters
    ----------
    changes : Changes
        What is planned.
    """

    changes: Changes

    @cached_property
    def table(self) -> pa.Table:
        """The proposals in the columns of `PROPOSED`: by column, the most frequent kind of change first."""
        return self._ordered.select(PROPOSED.names)

    @cached_property
    def _ordered(self) -> pa.Table:
        """The table, with the piece of the plan and the place in it where each change is."""
        parts = [
            *self._cells(),
            *self._columns(),
            *self._rows("delete"),
            *self._rows("add"),
        ]
        whole = pa.concat_tables([_no_proposals(), *parts])
        counted = _counted(whole)
        names = [*self.changes.source.schema.names, *self.changes.new_columns()]
        rank = pc.fill_null(pc.index_in(counted.column("column"), value_set=pa.array(names, pa.string())), -1)
        order = pa.table(
            {
                "kind": pc.equal(counted.column("change"), "cell"),
                "rank": rank,
                "alike": pc.negate(counted.column("alike")),
                "old": counted.column("old"),
                "new": counted.column("new"),
                "at": pa.array(np.arange(counted.num_rows)),
            }
        ).sort_by([(name, "ascending") for name in ("kind", "rank", "alike", "old", "new", "at")])
        return counted.take(order.column("at"))

    def _cells(self) -> list[pa.Table]:
        changes, source = self.changes, self.changes.source
        old, retyped = changes.old_columns(), changes.retyped()
        parts = []
        for place, (rows, values) in enumerate(zip(changes.rows, changes.values, strict=True)):
            if not old:
                break
            needed = [*dict.fromkeys([*(source.key or source.schema.names), *old])]
            before = take_rows(source, rows, needed)
            keys = pa.array(source.dataset.keys_of(before), pa.string())
            for name in old:
                was, now = as_text(before.column(name)), as_text(values.column(name))
                differs = _differs(was, now) if name in retyped else _changed(before, values, name)
                at = np.flatnonzero(differs)
                index = pa.array(at)
                why = changes.why[place].get(name)
                parts.append(
                    _part(
                        "cell",
                        keys.take(index),
                        name,
                        was.take(index),
                        now.take(index),
                        changes.transform.title.lower() if why is None else why.take(index),
                        (place, at),
                    )
                )
        return parts

    def _columns(self) -> list[pa.Table]:
        changes, parts = self.changes, []
        title = changes.transform.title.lower()
        for name in changes.retyped():
            was, now = (
                type_name(kind)
                for kind in (
                    changes.source.schema.field(name).type,
                    changes.values[0].schema.field(name).type,
                )
            )
            parts.append(_part("type", [None], name, [was], [now], title))
        for name in changes.drop:
            kind = type_name(changes.source.schema.field(name).type)
            parts.append(_part("drop", [None], name, [kind], None, title))
        for name in changes.new_columns():
            kind = next(
                table.schema.field(name).type
                for table in (*changes.values, *changes.append)
                if name in table.schema.names
            )
            parts.append(_part("column", [None], name, [None], [type_name(kind)], title))
        return parts

    def _rows(self, change: str) -> list[pa.Table]:
        changes, source = self.changes, self.changes.source
        title, parts = changes.transform.title.lower(), []
        if change == "add":
            for place, table in enumerate(changes.append):
                names = [name for name in source.schema.names if name in table.schema.names]
                keys = source.dataset.keys_of(table)
                at = np.arange(table.num_rows)
                parts.append(_part("add", keys, None, None, _told(table.select(names)), title, (place, at)))
            return parts
        for place, (rows, reasons) in enumerate(zip(changes.delete, changes.divert, strict=True)):
            order = np.argsort(rows, kind="stable")
            gone = take_rows(source, rows[order])
            why = reasons.take(pa.array(order))
            kinds = pc.if_else(why.is_valid(), "quarantine", "delete")
            keys = source.dataset.keys_of(gone)
            parts.append(
                _part(
                    kinds, keys, None, _told(gone), None, pc.coalesce(why, pa.scalar(title)), (place, order)
                )
            )
        return parts


def keep_accepted(changes: Changes, decisions: pa.Table) -> Changes:
    """Take out of planned changes all that a reviewer did not accept; what was decided becomes part of the record.

    Parameters
    ----------
    changes : Changes
        What is planned now.
    decisions : pyarrow.Table
        The table that `Proposals` gave, with the column ``accept`` filled in. Rows may be left out: what no row
        accepts is not done.

    Returns
    -------
    Changes
        The same object.

    Raises
    ------
    MergeConflict
        If something that was accepted is not what is proposed now: the cell has another value, or would get one.
        ``conflicts`` lists them all.
    UsageError
        If a decision cannot be read, one row is both accepted and refused, or a change of type is accepted in part.
    """
    proposals = Proposals(changes)._ordered
    given = _as_decisions(decisions)
    said = is_accepted(given.column("accept"))
    wanted = given.filter(pa.array(said))
    _require_fresh(proposals, wanted)
    accepted = _among(hash_columns(proposals, _MATCHED), hash_columns(wanted, _MATCHED))
    refused = given.filter(pa.array(~said))
    torn = accepted & _among(hash_columns(proposals, _MATCHED), hash_columns(refused, _MATCHED))
    if torn.any():
        which = proposals.slice(int(np.flatnonzero(torn)[0]), 1).to_pylist()[0]
        raise UsageError(
            f"The change of {_named(which)} is both accepted and refused in the review. Say one of them."
        )
    _keep_cells(changes, proposals, accepted)
    _keep_columns(changes, proposals, accepted, _among(_hashes(proposals), _hashes(refused)))
    _keep_rows(changes, proposals, accepted)
    columns = proposals.filter(pa.array(accepted)).column("column").drop_null()
    changes.facts["review"] = {
        "proposed": proposals.num_rows,
        "accepted": int(accepted.sum()),
        "refused": int(_among(_hashes(proposals), _hashes(refused)).sum()),
        "by_column": {item["values"]: item["counts"] for item in pc.value_counts(columns).to_pylist()},
    }
    return changes


def is_accepted(decisions: pa.ChunkedArray | pa.Array) -> Mask:
    """Return which decisions say yes.

    Raises
    ------
    UsageError
        If one says neither yes nor no; the message names its row, counted from 1.
    """
    texts = decisions.cast(pa.string())
    words = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), "")
    yes, no = (
        np.asarray(pc.is_in(words, value_set=pa.array(known))).astype(np.bool_) for known in (_YES, _NO)
    )
    strange = np.flatnonzero(~(yes | no))
    if len(strange):
        row = int(strange[0])
        raise UsageError(
            f"Row {row + 1} of the review says {texts[row].as_py()!r} in the column 'accept'. Write yes or no.",
            row=row + 1,
        )
    return np.asarray(yes, np.bool_)


def _keep_cells(changes: Changes, proposals: pa.Table, accepted: Mask) -> None:
    """Give cells that were not accepted their old value back, and leave out rows without any change."""
    retyped = changes.retyped()
    names = [name for name in changes.old_columns() if name not in retyped]
    columns = np.asarray(
        pc.fill_null(pc.index_in(proposals.column("column"), value_set=pa.array(names, pa.string())), -1)
    )
    places, at = (np.asarray(proposals.column(name)) for name in (_PLACE, _AT))
    mine = accepted & (columns >= 0) & np.asarray(pc.equal(proposals.column("change"), "cell"))
    codes = (places * max(len(names), 1) + columns)[mine]
    order = np.argsort(codes, kind="stable")
    codes, at = codes[order], at[mine][order]
    retypes, spared = bool(retyped), bool(retyped or changes.new_columns())
    changes.cells.update(dict.fromkeys(names, 0))
    for place, rows in enumerate(changes.rows):
        values = changes.values[place]
        before = take_rows(changes.source, rows, names)
        touched = np.full(len(rows), retypes)
        for number, name in enumerate(names):
            low, high = np.searchsorted(codes, [code := place * len(names) + number, code + 1])
            mask = np.zeros(len(rows), np.bool_)
            mask[at[low:high]] = True
            kind = values.schema.field(name).type
            mixed = pc.if_else(pa.array(mask), values.column(name), before.column(name).cast(kind))
            values = values.set_column(values.schema.get_field_index(name), name, mixed)
            touched |= mask
            changes.cells[name] += int(mask.sum())
        changes.updated[place] = int(touched.sum())
        touched |= spared
        keep = pa.array(touched)
        changes.rows[place], changes.values[place] = rows[touched], values.filter(keep)
        changes.why[place] = {name: texts.filter(keep) for name, texts in changes.why[place].items()}


def _keep_columns(changes: Changes, proposals: pa.Table, accepted: Mask, refused: Mask) -> None:
    """Leave out new columns and changes of type that were not accepted; they are accepted as a whole."""
    kinds, columns = proposals.column("change").to_numpy(), proposals.column("column").to_numpy()
    gone = []
    for name in changes.retyped():
        mine = columns == name
        whole = bool((accepted & mine & (kinds == "type")).any())
        if not whole and (accepted & mine & (kinds == "cell")).any():
            refused = refused | (mine & (kinds == "type"))
        if (refused & mine).any() and (accepted & mine).any():
            raise UsageError(
                f"Column {name!r} would get another type, so all of its cells change or none. Accept its change of "
                "type and refuse none of its cells, or refuse them all.",
                column=name,
            )
        if not whole:
            gone.append(name)
    gone += [
        name
        for name in changes.new_columns()
        if not (accepted & (columns == name) & (kinds == "column")).any()
    ]
    if gone:
        changes.values = [
            table.drop_columns([n for n in gone if n in table.schema.names]) for table in changes.values
        ]
        changes.append = [
            table.drop_columns([n for n in gone if n in table.schema.names]) for table in changes.append
        ]
        for name in gone:
            changes.cells.pop(name, None)
        _drop_untouched(changes)
    kept = [place for place, rows in enumerate(changes.rows) if len(rows)]
    changes.rows = [changes.rows[place] for place in kept]
    changes.values = [changes.values[place] for place in kept]
    changes.why = [changes.why[place] for place in kept]
    changes.updated = [changes.updated[place] for place in kept]


def _drop_untouched(changes: Changes) -> None:
    """Leave out rows without a new cell, now that columns are gone."""
    source = changes.source
    for place, rows in enumerate(changes.rows):
        values = changes.values[place]
        if not values.num_columns:
            changes.rows[place], changes.why[place], changes.updated[place] = rows[:0], {}, 0
            changes.values[place] = values
            continue
        there = [name for name in values.schema.names if name in source.schema.names]
        again = Edit.between(take_rows(source, rows, there), values, rows=rows, why=changes.why[place])
        changes.rows[place], changes.values[place], changes.why[place] = again.rows, again.values, again.why
        changes.updated[place] = again.updated or 0


def _keep_rows(changes: Changes, proposals: pa.Table, accepted: Mask) -> None:
    kinds = proposals.column("change").to_numpy()
    places, at = (np.asarray(proposals.column(name)) for name in (_PLACE, _AT))
    drops = set(proposals.column("column").filter(pa.array(accepted & (kinds == "drop"))).to_pylist())
    changes.drop = [name for name in changes.drop if name in drops]
    goes = accepted & ((kinds == "delete") | (kinds == "quarantine"))
    for place, rows in enumerate(changes.delete):
        chosen = np.sort(at[goes & (places == place)])
        changes.delete[place], changes.divert[place] = (
            rows[chosen],
            changes.divert[place].take(pa.array(chosen)),
        )
    comes = accepted & (kinds == "add")
    for place, table in enumerate(changes.append):
        changes.append[place] = table.take(pa.array(np.sort(at[comes & (places == place)])))
    kept = [place for place, rows in enumerate(changes.delete) if len(rows)]
    changes.delete, changes.divert = (
        [of[place] for place in kept] for of in (changes.delete, changes.divert)
    )
    changes.append = [table for table in changes.append if table.num_rows]


def _as_decisions(table: pa.Table) -> pa.Table:
    """Return decisions with the columns that are needed, as text; null where the value is empty."""
    require_columns(table.schema, ["key", "column", "old", "new", "accept"], where="the review")
    if "change" not in table.schema.names:
        table = table.append_column("change", pa.array(["cell"] * table.num_rows, pa.string()))
    columns = {}
    for name in [*_MATCHED, "old", "new", "accept"]:
        try:
            columns[name] = table.column(name).cast(pa.string())
        except pa.ArrowException as error:
            raise SchemaError(f"Column {name!r} of the review is no text: {error}", column=name) from error
    columns["accept"] = pc.fill_null(columns["accept"], "")
    for name in ("key", "column"):
        columns[name] = pc.if_else(pc.equal(columns[name], ""), pa.scalar(None, pa.string()), columns[name])
    return pa.table(columns)


def _require_fresh(proposals: pa.Table, wanted: pa.Table) -> None:
    """Raise unless all that was accepted is proposed now, from the same value to the same value."""
    sought, found = (hash_columns(one, _MATCHED) for one in (wanted, proposals))
    order = np.argsort(found, kind="stable")
    at = np.searchsorted(found[order], sought)
    at[at == len(found)] = 0
    known = found[order][at] == sought if len(found) else np.zeros(len(sought), np.bool_)
    now = proposals.take(pa.array(order[at] if len(found) else at[:0]))
    same = known.copy()
    if len(found):
        for name in ("old", "new"):
            same &= ~_differs(_bare(wanted.column(name)), _bare(now.column(name)))
    stale = np.flatnonzero(~same)
    if not len(stale):
        return
    index = pa.array(stale)
    said = wanted.take(index)
    present = (
        {
            name: pc.if_else(
                pa.array(known[stale]), now.column(name).take(index), pa.scalar(None, pa.string())
            )
            for name in ("old", "new")
        }
        if len(found)
        else {name: pa.nulls(len(stale), pa.string()) for name in ("old", "new")}
    )
    conflicts = said.drop_columns(["accept"])
    for name, texts in present.items():
        conflicts = conflicts.append_column(f"{name}_now", texts)
    conflicts = conflicts.append_column("is_proposed", pa.array(known[stale]))
    listed = [_named(row) for row in said.slice(0, _LISTED).to_pylist()]
    more = f" and {len(stale) - _LISTED:,} more" if len(stale) > _LISTED else ""
    raise MergeConflict(
        f"{len(stale):,} of {wanted.num_rows:,} accepted changes are not what the transform proposes now, as the data "
        f"or the parameters are others than in the review: {', '.join(listed)}{more}. Nothing was committed. Review "
        "again, or refuse these.",
        conflicts=conflicts,
    )


def _named(row: dict[str, Any]) -> str:
    parts = [f"column {row['column']!r}" if row["column"] else "", f"row {row['key']}" if row["key"] else ""]
    return " of ".join(part for part in parts if part) or row["change"]


def _hashes(table: pa.Table) -> U64:
    return hash_columns(table, _MATCHED)


def _among(hashes: U64, known: U64) -> Mask:
    return np.isin(hashes, known)


def _bare(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts as they come back from a spreadsheet: null is empty, and all line ends are alike."""
    return pc.replace_substring(pc.fill_null(texts, ""), "\r\n", "\n")


def _differs(one: Any, two: Any) -> Mask:
    both = np.asarray(pc.fill_null(pc.not_equal(one, two), False)).astype(np.bool_)
    lacks: Mask = np.asarray(one.is_null()) != np.asarray(two.is_null())
    return np.asarray(both | lacks, np.bool_)


def _changed(before: pa.Table, after: pa.Table, name: str) -> Mask:
    different: Mask = hash_array(before.column(name)) != hash_array(after.column(name))
    return different


def _told(rows: pa.Table) -> pa.Array:
    """Return rows as texts for people: ``name=value`` of each column, cut to size."""
    texts = [
        pc.binary_join_element_wise(pa.scalar(name), pc.fill_null(as_text(rows.column(name)), "null"), "=")
        for name in rows.schema.names
    ]
    return pc.utf8_slice_codeunits(pc.binary_join_element_wise(*texts, "; "), 0, _SHOWN)


def _part(
    change: Any,
    keys: Any,
    column: str | None,
    old: Any,
    new: Any,
    reason: Any,
    where: tuple[int, I64] | None = None,
) -> pa.Table:
    keys = _text(keys, len(keys))
    rows = len(keys)
    place, at = where if where is not None else (-1, np.full(rows, -1, np.int64))
    texts = [_text(item, rows) for item in (change, keys, column, old, new, reason)]
    return pa.table(
        [
            *texts,
            pa.array(np.ones(rows, np.int64)),
            _text("yes", rows),
            pa.array(np.full(rows, place)),
            pa.array(at),
        ],
        schema=_no_proposals().schema,
    )


def _text(item: Any, rows: int) -> pa.Array:
    if item is None or isinstance(item, str):
        return pa.repeat(pa.scalar(item, pa.string()), rows)
    if isinstance(item, Sequence):
        return pa.array(item, pa.string())
    flat = item.combine_chunks() if isinstance(item, pa.ChunkedArray) else item
    return flat.cast(pa.string())


def _no_proposals() -> pa.Table:
    return pa.schema([*PROPOSED, (_PLACE, pa.int64()), (_AT, pa.int64())]).empty_table()


def _counted(table: pa.Table) -> pa.Table:
    """Return the table with the number of changes of the same kind."""
    kinds = hash_columns(table, ["change", "column", "old", "new"])
    _, inverse, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    alike = pa.array(counts[inverse].astype(np.int64))
    return table.set_column(table.schema.get_field_index("alike"), "alike", alike)
