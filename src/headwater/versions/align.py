"""Bring the columns of the two sides of a merge together, before their rows are merged.

Renamed columns are followed by the bytes they stand for: a column of the ancestor that a side shows
under another name is that column still.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from headwater.core.errors import MergeConflict, SchemaError
from headwater.core.schema import widen
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions.columns import rename_columns, set_types

__all__ = ["Sides", "align", "renames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The ancestor and the two sides of a merge; a column of one name is the same column in all of them."""

    base: Manifest
    ours: Manifest
    theirs: Manifest


def align(name: str, base: Manifest | None, ours: Manifest, theirs: Manifest, shop: Workshop) -> Sides:
    """Give the ancestor and both sides of a merge the same names and types of columns.

    Columns that a side added or dropped stay as they are. Columns that both added are in the ancestor
    too, without values.

    Parameters
    ----------
    name : str
        Name of the dataset, for messages.
    base, ours, theirs : Manifest
        The common ancestor, None where there is none, and the two sides.
    shop : Workshop
        How to write.

    Returns
    -------
    Sides

    Raises
    ------
    MergeConflict
        If the keys, names or types of the two sides cannot go together.
    """
    if base is not None:
        base, ours, theirs = _renamed(name, base, ours, theirs, shop)
    if ours.key != theirs.key:
        raise MergeConflict(
            f"Dataset {name!r} has the key {list(ours.key)} on one side and {list(theirs.key)} on the other. "
            "Give both the same key first.",
            dataset=name,
        )
    if base is None or base.key != ours.key:
        said = base or Manifest(schema=pa.schema([]))
        base = Manifest(schema=pa.schema([]), key=ours.key, contract=said.contract, tags=said.tags)
    ours, theirs = _same_types(name, base, ours, theirs, shop)
    both = [
        field
        for field in ours.schema
        if field.name in theirs.schema.names and field.name not in base.schema.names
    ]
    return Sides(base=replace(base, schema=pa.schema([*base.schema, *both])), ours=ours, theirs=theirs)


def renames(old: Manifest, new: Manifest) -> dict[str, str]:
    """Return the columns of ``old`` that ``new`` shows under another name, with that name."""
    gone = {name for name in old.schema.names if name not in new.schema.names}
    fresh = {name for name in new.schema.names if name not in old.schema.names}
    if not gone or not fresh:
        return {}
    shown: dict[tuple[str, str], set[str]] = defaultdict(set)
    for chunk in new.chunks:
        for group in chunk.groups:
            for name, stored in group.columns.items():
                shown[group.object, stored].add(name)
    found: dict[str, set[str]] = defaultdict(set)
    for chunk in old.chunks:
        for group in chunk.groups:
            for name in gone & group.columns.keys():
                found[name] |= shown[group.object, group.columns[name]]
    single = {name: names.pop() for name, names in found.items() if len(names) == 1 and names <= fresh}
    return {name: to for name, to in single.items() if list(single.values()).count(to) == 1}


def _renamed(
    dataset: str, base: Manifest, ours: Manifest, theirs: Manifest, shop: Workshop
) -> tuple[Manifest, Manifest, Manifest]:
    mine, yours = renames(base, ours), renames(base, theirs)
    if not mine and not yours:
        return base, ours, theirs
    for column in mine.keys() & yours.keys():
        if mine[column] != yours[column]:
            raise MergeConflict(
                f"Column {column!r} of dataset {dataset!r} is called {mine[column]!r} on one side and "
                f"{yours[column]!r} on the other. Give it one name first.",
                dataset=dataset,
                column=column,
            )
    return (
        rename_columns(base, {**mine, **yours}, shop),
        _follow(dataset, ours, yours, mine, shop),
        _follow(dataset, theirs, mine, yours, shop),
    )


def _follow(
    dataset: str, side: Manifest, names: Mapping[str, str], done: Mapping[str, str], shop: Workshop
) -> Manifest:
    """Give a side the names that the other side gave to columns."""
    wanted = {old: new for old, new in names.items() if old not in done and old in side.schema.names}
    taken = [new for new in wanted.values() if new in side.schema.names]
    if taken:
        raise MergeConflict(
            f"One side of dataset {dataset!r} renamed a column to {taken[0]!r}, the other added one of that name. "
            "Rename one of them first.",
            dataset=dataset,
            column=taken[0],
        )
    return rename_columns(side, wanted, shop) if wanted else side


def _same_types(
    dataset: str, base: Manifest, ours: Manifest, theirs: Manifest, shop: Workshop
) -> tuple[Manifest, Manifest]:
    mine, yours = ours.schema, theirs.schema
    for column in (name for name in mine.names if name in yours.names):
        a, b = mine.field(column).type, yours.field(column).type
        kind = widen(a, b)
        if kind is None:
            # Where one side alone changed the type, the other follows.
            before = base.schema.field(column).type if column in base.schema.names else None
            kind = b if a == before else a if b == before else None
        if kind is None:
            raise _type_conflict(dataset, column, a, b)
        mine = mine.set(mine.get_field_index(column), pa.field(column, kind))
        yours = yours.set(yours.get_field_index(column), pa.field(column, kind))
    try:
        return _typed(ours, mine, shop), _typed(theirs, yours, shop)
    except SchemaError as error:
        column = error.column
        raise _type_conflict(
            dataset, column, ours.schema.field(column).type, theirs.schema.field(column).type
        ) from error


def _typed(manifest: Manifest, schema: pa.Schema, shop: Workshop) -> Manifest:
    return manifest if schema.equals(manifest.schema) else set_types(manifest, schema, shop)


def _type_conflict(dataset: str, column: str, mine: pa.DataType, yours: pa.DataType) -> MergeConflict:
    return MergeConflict(
        f"Column {column!r} of dataset {dataset!r} is {mine} on one side and {yours} on the other. "
        "Convert one of them first.",
        dataset=dataset,
        column=column,
    )
