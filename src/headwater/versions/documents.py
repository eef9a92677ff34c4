"""Three-way merge of what is said about a dataset: its contract and the tags of its columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from headwater.core.contract import Allowance, ColumnPromise, Contract, Rule
from headwater.store.manifest import Manifest

__all__ = ["Disputed", "Documents", "documents", "merge_documents", "named"]

Side = Literal["ours", "theirs"]
Resolver = Callable[[str, str | None], Side | None]

_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Documents:
    """The contract of a dataset, as an ODCS document, and the tags of its columns."""

    contract: Mapping[str, Any] | None
    tags: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disputed:
    """A statement that both sides changed differently, and what each of the three says, as JSON.

    Its name is like ``contract: columns.age.required`` or ``tags: age.unit``; ``column`` is what it is
    about, None where that is the whole dataset.
    """

    name: str
    column: str | None
    base: str | None
    ours: str | None
    theirs: str | None


def documents(manifest: Manifest) -> Documents:
    """Return what a version says of its dataset."""
    return Documents(manifest.contract, manifest.tags)


def merge_documents(
    base: Documents, ours: Documents, theirs: Documents, *, resolve: Resolver | Side | None = None
) -> tuple[Documents, list[Disputed]]:
    """Bring the change from ``base`` to ``theirs`` into ``ours``, statement by statement.

    Each promise about a column, each role and each tag is a statement. Of rules and sensitive features,
    which are lists, both sides may add and remove; where both replaced the same one, that is disputed.

    Parameters
    ----------
    base, ours, theirs : Documents
        The common ancestor and the two sides, columns of one name being the same column in all of them.
    resolve : {"ours", "theirs"} or callable, optional
        Which side wins where both changed a statement; or what says so, given its name and column.

    Returns
    -------
    Documents
        With ours where a statement is disputed and ``resolve`` does not say otherwise.
    list of Disputed
        Empty with ``resolve``.
    """
    disputed: list[Disputed] = []
    sides = [{"contract": _plain(side.contract), "tags": side.tags} for side in (base, ours, theirs)]
    merged = _merged(sides[0], sides[1], sides[2], (), resolve, disputed)
    return Documents(_contract(merged.get("contract", _ABSENT)), merged["tags"]), disputed


def named(contract: Mapping[str, Any] | None, columns: Iterable[str]) -> set[str]:
    """Return those of the columns that a contract says something of."""
    if contract is None:
        return set()
    known = Contract.from_odcs(contract)
    return {column for column in columns if known.without_columns([column]) != known}


def _merged(
    base: Any,
    ours: Any,
    theirs: Any,
    path: tuple[str, ...],
    resolve: Resolver | Side | None,
    disputed: list[Disputed],
) -> Any:
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        before = base if isinstance(base, Mapping) else {}
        values = {}
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            a, b, c = (side.get(name, _ABSENT) for side in (before, ours, theirs))
            values[name] = _merged(a, b, c, (*path, name), resolve, disputed)
        return {name: value for name, value in values.items() if value is not _ABSENT}
    if isinstance(ours, list) and isinstance(theirs, list):
        there = base if isinstance(base, list) else []
        if not _both_replaced(there, ours, theirs):
            kept = [item for item in ours if item in theirs or item not in there]
            return kept + [item for item in theirs if item not in there and item not in ours]
    found = _disputed(path, base, ours, theirs)
    side = resolve(found.name, found.column) if callable(resolve) else resolve
    if side is None:
        disputed.append(found)
    return theirs if side == "theirs" else ours


def _both_replaced(base: Sequence[Any], ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Say whether both sides took an item away and put different ones in its place."""
    gone = any(item not in ours and item not in theirs for item in base)
    mine, yours = ([item for item in side if item not in base] for side in (ours, theirs))
    return gone and mine != yours


def _plain(document: Mapping[str, Any] | None) -> Any:
    """Return a contract as nested mappings whose names say what each statement is about."""
    if document is None:
        return _ABSENT
    plain = asdict(Contract.from_odcs(document))
    plain["columns"] = {column["name"]: column for column in plain["columns"]}
    plain["sensitive"] = list(plain["sensitive"])
    rules: dict[str, dict[str, list[Any]]] = {}
    for rule in plain["rules"]:
        rules.setdefault(rule["column"] or "", {}).setdefault(rule["check"], []).append(rule)
    plain["rules"] = rules
    plain["allowances"] = {f"{one['check']} {one['column'] or ''}": one for one in plain["allowances"]}
    return plain


def _contract(plain: Any) -> dict[str, Any] | None:
    if plain is _ABSENT:
        return None
    rules = (rule for checks in plain["rules"].values() for rules in checks.values() for rule in rules)
    parts = {
        "columns": tuple(ColumnPromise(**column) for column in plain["columns"].values()),
        "sensitive": tuple(plain["sensitive"]),
        "rules": tuple(Rule(**rule) for rule in rules),
        "allowances": tuple(Allowance(**one) for one in plain["allowances"].values()),
    }
    return Contract(**{**plain, **parts}).to_odcs()


def _disputed(path: tuple[str, ...], base: Any, ours: Any, theirs: Any) -> Disputed:
    kind, *rest = path
    about = rest if kind == "tags" else rest[1:] if rest and rest[0] in ("columns", "rules") else []
    column = about[0] if about and about[0] else None
    return Disputed(
        f"{kind}: {'.'.join(part for part in rest if part)}" if rest else kind,
        column,
        *(None if side is _ABSENT else json.dumps(side, ensure_ascii=False) for side in (base, ours, theirs)),
    )
