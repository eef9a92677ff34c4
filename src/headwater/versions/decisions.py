"""Conflicts decided one by one: which side wins for a cell, a row, a column or a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pyarrow as pa

from headwater.core.errors import MergeConflict, UsageError
from headwater.core.references import hash_values
from headwater.store.lookup import Places, gather, live_places, locate
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions.columns import add_columns, drop_columns
from headwater.versions.diff import key_names, row_changes
from headwater.versions.documents import Side, documents, merge_documents
from headwater.versions.edit import delete_places, upsert
from headwater.versions.incoming import Rows, fit

__all__ = ["Decisions", "mixed"]

_NEEDED = ("dataset", "key", "column", "choose")


class Decisions:
    """Which side wins where.

    Parameters
    ----------
    table : pyarrow.Table
        A table of conflicts, as `MergeConflict` carries it, with a further column ``choose`` of ``ours`` or
        ``theirs``. Where ``key`` is null a row decides for all rows of its column; where ``column`` is null,
        too, for all of its dataset. What is more particular counts first.
    otherwise : {"ours", "theirs"}, optional
        The side that wins where the table says nothing.

    Raises
    ------
    UsageError
        If a column is missing, or a choice is neither side.
    """

    def __init__(self, table: pa.Table, otherwise: Side | None = None) -> None:
        self._otherwise = otherwise
        lacking = [name for name in _NEEDED if name not in table.schema.names]
        if lacking:
            raise UsageError(
                f"The table of decisions has no column {lacking[0]!r}. It is a table of conflicts "
                "(`hw merge --conflicts FILE`) with a further column 'choose' of 'ours' or 'theirs'."
            )
        self._sides: dict[tuple[str, str | None, str | None], Side] = {}
        for row in table.select(list(_NEEDED)).to_pylist():
            choose = (row["choose"] or "").strip()
            if choose not in ("ours", "theirs", ""):
                raise UsageError(f"A choice is 'ours' or 'theirs', not {choose!r} (key {row['key']}).")
            if choose:
                place = (row["dataset"], row["key"] or None, row["column"] or None)
                self._sides[place] = cast(Side, choose)

    def side(self, dataset: str, key: str | None, column: str | None) -> Side | None:
        """Return which side wins; None if that is not decided."""
        places = ((dataset, key, column), (dataset, None, column), (dataset, None, None))
        return next((self._sides[place] for place in places if place in self._sides), self._otherwise)

    def undecided(self, conflicts: pa.Table) -> pa.Table:
        """Return the conflicts that are not decided."""
        rows = conflicts.select(["dataset", "key", "column"]).to_pylist()
        left = [self.side(row["dataset"], row["key"], row["column"]) is None for row in rows]
        return conflicts.filter(pa.array(left, pa.bool_()))


def mixed(
    name: str,
    sides: Sequence[Manifest | None],
    ours: Manifest,
    theirs: Manifest,
    decisions: Decisions,
    conflicts: pa.Table,
    shop: Workshop,
) -> Manifest:
    """Return the merge in which each conflict goes to the side that was decided for it.

    The two merges that give every conflict to one side differ in the conflicts alone, so that is where
    each is looked up.

    Parameters
    ----------
    name : str
        The dataset's name.
    sides : sequence of Manifest
        The ancestor and the two sides; None where the dataset is not there.
    ours, theirs : Manifest
        The merges in which our, and their, side always wins.
    decisions : Decisions
        What was decided; all of ``conflicts`` are.
    conflicts : pyarrow.Table
        The conflicts.
    shop : Workshop
        How to write.

    Raises
    ------
    MergeConflict
        If there is no key to tell rows by, or the cells of a column that one side dropped go to both sides.
    """
    chosen = {
        decisions.side(row["dataset"], row["key"], row["column"])
        for row in conflicts.select(["dataset", "key", "column"]).to_pylist()
    }
    if len(chosen) == 1:
        return ours if chosen == {"ours"} else theirs
    if not ours.key:
        raise MergeConflict(
            f"Dataset {name!r} has no key, so its conflicts can only all go to one side.", conflicts=conflicts
        )
    result = _with_columns(name, sides[0], ours, theirs, decisions, conflicts, shop)
    changes = row_changes(ours, theirs, shop.objects, shop.executor)
    result = _with_rows(name, result, theirs, changes.added, decisions, shop)
    gone = gather(ours, changes.removed, shop.objects, columns=ours.key, executor=shop.executor)
    wanted = _chosen(name, gone, None, decisions)
    places = locate(result, gone.filter(wanted), shop.objects, shop.executor)
    result = delete_places(result, places[places.found], shop)
    result = _with_cells(name, result, ours, theirs, (changes.before, changes.after), decisions, shop)

    def side(statement: str, column: str | None) -> Side | None:
        return decisions.side(name, statement, column)

    nothing = Manifest(schema=pa.schema([]))
    base, mine, yours = (documents(one or nothing) for one in sides)
    merged, _ = merge_documents(base, mine, yours, resolve=side)
    tags = {column: value for column, value in merged.tags.items() if column in result.schema.names}
    return replace(result, contract=merged.contract, tags=tags)


def _with_columns(
    name: str,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    decisions: Decisions,
    conflicts: pa.Table,
    shop: Workshop,
) -> Manifest:
    """Take columns that only one of the merges has as was decided for them."""
    result = ours
    for column in set(ours.schema.names) ^ set(theirs.schema.names):
        rows = [row for row in conflicts.to_pylist() if row["column"] == column]
        found = {decisions.side(name, row["key"], column) for row in rows}
        if len(found) != 1:
            raise MergeConflict(
                f"Column {column!r} of dataset {name!r} was dropped on one side: its conflicts must all go to one.",
                conflicts=conflicts,
            )
        if found == {"ours"}:
            continue
        if column in ours.schema.names:
            result = drop_columns(result, [column], shop)
        else:
            table = _column(result, (theirs, base), column, shop)
            result = add_columns(
                result, Rows(table.schema, table.to_batches(), is_stored=True), shop, name=name
            )
    return result


def _column(manifest: Manifest, sources: Sequence[Manifest | None], column: str, shop: Workshop) -> pa.Table:
    """Return a column for the rows of a manifest, each from the first source that has the row."""
    key = list(manifest.key)
    left = gather(
        manifest, live_places(manifest, shop.objects), shop.objects, columns=key, executor=shop.executor
    )
    parts: list[pa.Table] = []
    for source in sources:
        if source is None or not {*key, column} <= set(source.schema.names):
            continue
        keys = fit(left, pa.schema([source.schema.field(name) for name in key]))
        places = locate(source, keys, shop.objects, shop.executor)
        found = gather(
            source, places[places.found], shop.objects, columns=[*key, column], executor=shop.executor
        )
        parts.append(fit(found, parts[0].schema) if parts else found)
        left = left.filter(pa.array(~places.found))
    return pa.concat_tables(parts)


def _with_rows(
    name: str, result: Manifest, theirs: Manifest, added: Places, decisions: Decisions, shop: Workshop
) -> Manifest:
    shared = [column for column in result.schema.names if column in theirs.schema.names]
    table = gather(theirs, added, shop.objects, columns=shared, executor=shop.executor)
    table = table.filter(_chosen(name, table.select(list(theirs.key)), None, decisions))
    if not table.num_rows:
        return result
    return upsert(result, Rows(table.schema, table.to_batches(), is_stored=True), shop, name=name)


def _with_cells(
    name: str,
    result: Manifest,
    ours: Manifest,
    theirs: Manifest,
    places: tuple[Places, Places],
    decisions: Decisions,
    shop: Workshop,
) -> Manifest:
    key = list(ours.key)
    shared = [
        column
        for column in result.schema.names
        if column in theirs.schema.names and column in ours.schema.names
    ]
    mine, yours = (
        gather(side, where, shop.objects, columns=shared, executor=shop.executor)
        for side, where in zip((ours, theirs), places, strict=True)
    )
    for column in (column for column in shared if column not in key):
        differs = hash_values(mine.column(column)) != hash_values(yours.column(column))
        rows = yours.select([*key, column]).filter(pa.array(differs))
        rows = rows.filter(_chosen(name, rows.select(key), column, decisions))
        if rows.num_rows:
            result = upsert(result, Rows(rows.schema, rows.to_batches(), is_stored=True), shop, name=name)
    return result


def _chosen(name: str, keys: pa.Table, column: str | None, decisions: Decisions) -> pa.Array:
    """Say for which rows it is decided that theirs wins."""
    texts = key_names(keys).to_pylist()
    return pa.array([decisions.side(name, text, column) == "theirs" for text in texts], pa.bool_())
