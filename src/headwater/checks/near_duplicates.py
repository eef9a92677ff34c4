"""Rows that stand for the same as others: nearly equal texts, pictures, vectors and rows, and entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.findings import Finding, Fix
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.numbered import keys_at
from headwater.recipes.alike import clusters
from headwater.recipes.duplicate_rows import By, duplicate_pairs, searched_columns

__all__ = [
    "EntityDuplicates",
    "NearDuplicateImages",
    "NearDuplicateRows",
    "NearDuplicateTexts",
    "NearDuplicateVectors",
]

_PAIRS_SHOWN = 20


@CHECKS.register("duplicates.near_text")
@dataclass(frozen=True, kw_only=True)
class NearDuplicateTexts(Check):
    """No text is nearly the same as another.

    Parameters
    ----------
    column : str
        The column of texts; the only one by default.
    threshold : float
        The Jaccard similarity, of runs of five bytes, from which two texts are nearly the same.
    maximum : float
        The share of surplus rows that passes, from 0 to 1. Of a cluster all rows but one are surplus.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    MinHash finds candidates, their runs decide; signatures and pairs are kept by chunk, so that new rows alone are
    compared with the others. Case, accents and blanks do not count.

    References
    ----------
    Broder (1997). On the resemblance and containment of documents. doi:10.1109/SEQUEN.1997.666900
    """

    id = "duplicates.near_text"
    title = "Nearly equal texts"
    cost: ClassVar[Cost] = "rows"

    column: str = ""
    threshold: float = 0.8
    maximum: float = 0.0
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for rows that are a text each: a name or a category beside others is meant to come again."""
        spared = {*target.key, target.label}
        said = [
            field
            for field in target.schema
            if field.name not in spared
            and not field.name.startswith("_")
            and kind_of(field.type) is not Kind.VECTOR
        ]
        is_text = len(said) == 1 and kind_of(said[0].type) is Kind.TEXT
        return (cls(column=said[0].name),) if is_text else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count rows in clusters."""
        columns = (self.column,) if self.column else ()
        return [_judged(self, "text", columns, target, {"threshold": self.threshold})]


@CHECKS.register("duplicates.near_image")
@dataclass(frozen=True, kw_only=True)
class NearDuplicateImages(Check):
    """No picture is nearly the same as another: equal, or a copy at another size or quality.

    Parameters
    ----------
    column : str
        The column of bytes; the only one by default.
    bits : int
        In how many of 64 bits each of the two perceptual hashes may differ, from 0 to 7.
    maximum : float
        The share of surplus rows that passes.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Needs Pillow. Pictures of one colour, and those that cannot be read, are left out.

    References
    ----------
    Norouzi, Punjani, Fleet (2012). Fast search in Hamming space with multi-index hashing.
    doi:10.1109/CVPR.2012.6248043
    """

    id = "duplicates.near_image"
    title = "Nearly equal pictures"
    cost: ClassVar[Cost] = "rows"

    column: str = ""
    bits: int = 5
    maximum: float = 0.0
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count rows in clusters."""
        return [_judged(self, "image", (self.column,) if self.column else (), target, {"bits": self.bits})]


@CHECKS.register("duplicates.embedding")
@dataclass(frozen=True, kw_only=True)
class NearDuplicateVectors(Check):
    """No row has nearly the same vector as another.

    Parameters
    ----------
    column : str
        The column of vectors; the only one by default.
    threshold : float
        The cosine from which two vectors are nearly the same, from 0.5 to 1.
    maximum : float
        The share of surplus rows that passes.
    level : {"warn", "fail"}
        The outcome above it.

    References
    ----------
    Charikar (2002). Similarity estimation techniques from rounding algorithms. doi:10.1145/509907.509965
    """

    id = "duplicates.embedding"
    title = "Nearly equal vectors"
    cost: ClassVar[Cost] = "rows"

    column: str = ""
    threshold: float = 0.95
    maximum: float = 0.0
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count rows in clusters."""
        columns = (self.column,) if self.column else ()
        return [_judged(self, "embedding", columns, target, {"threshold": self.threshold})]


@CHECKS.register("duplicates.near_rows")
@dataclass(frozen=True, kw_only=True)
class NearDuplicateRows(Check):
    """No row repeats another but for case, accents, blanks and small differences of numbers and times.

    Parameters
    ----------
    columns : tuple of str
        The columns that must agree; by default all plain ones but the key.
    relative : float
        How far numbers may differ, as a share of the larger one.
    absolute : float
        How far they may differ beside that.
    days : float
        How far dates and times may differ.
    maximum : float
        The share of surplus rows that passes.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "duplicates.near_rows"
    title = "Nearly equal rows"
    cost: ClassVar[Cost] = "rows"

    columns: tuple[str, ...] = ()
    relative: float = 1e-6
    absolute: float = 0.0
    days: float = 0.0
    maximum: float = 0.0
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count rows in clusters."""
        options = {"relative": self.relative, "absolute": self.absolute, "days": self.days}
        return [_judged(self, "rows", self.columns, target, options)]


@CHECKS.register("duplicates.entities")
@dataclass(frozen=True, kw_only=True)
class EntityDuplicates(Check):
    """No two rows stand for the same thing, by how well their fields agree.

    Nothing has to be labelled or set: weights of the fields and the threshold are learnt from the rows.

    Parameters
    ----------
    columns : tuple of str
        The fields, two at least; by default all plain columns but the key.
    maximum : float
        The share of surplus rows that passes.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Candidates are nearest rows by runs of three letters; the model of Fellegi and Sunter, fitted by expectation
    maximisation, tells matches from others. ``hw link`` lists all pairs.

    References
    ----------
    Fellegi, Sunter (1969). A theory for record linkage. doi:10.1080/01621459.1969.10501049
    """

    id = "duplicates.entities"
    title = "Rows for the same thing"
    cost: ClassVar[Cost] = "model"

    columns: tuple[str, ...] = ()
    maximum: float = 0.0
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Count rows in clusters."""
        return [_judged(self, "entities", self.columns, target, {})]


_LOOKS_AT: Mapping[str, Kind] = {"text": Kind.TEXT, "image": Kind.BINARY, "embedding": Kind.VECTOR}

_SAY = {
    "text": "nearly repeat another text",
    "image": "are nearly the same picture as another",
    "embedding": "have nearly the vector of another row",
    "rows": "nearly repeat another row",
    "entities": "stand for what another row stands for",
}


def _judged(
    check: Any, by: By, columns: tuple[str, ...], target: Target, options: Mapping[str, Any]
) -> Finding:
    dataset = target.dataset
    if not columns and by in _LOOKS_AT and not target.columns_of(_LOOKS_AT[by]):
        return judged(
            check, False, f"There is no column of {_LOOKS_AT[by]} to compare.", threshold=check.maximum
        )
    chosen = searched_columns(dataset, by, columns)
    pairs = duplicate_pairs(
        dataset, by, chosen, **options, cache=target.cache, executor=target.executor, progress=target.progress
    )
    rows = dataset.num_rows
    cluster = clusters(pairs, rows)
    sizes = np.bincount(cluster, minlength=rows)
    involved = np.flatnonzero(sizes[cluster] > 1)
    groups = int((sizes > 1).sum())
    surplus = len(involved) - groups
    share = surplus / rows if rows else 0.0
    broken = share > check.maximum
    where = f" in {', '.join(chosen)}" if columns or len(chosen) == 1 else ""
    facts: dict[str, Any] = {
        "column": ", ".join(chosen) if where else None,
        "value": share,
        "threshold": check.maximum,
    }
    if not surplus:
        return judged(check, broken, f"No rows {_SAY[by]}{where}.", **facts)
    message = (
        f"{rows_text(surplus)} of {rows:,} ({percent(share)}) {_SAY[by]}{where}, in {rows_text(groups, 'cluster')}; "
        f"the largest has {rows_text(int(sizes.max()))}."
    )
    if not broken:
        return judged(check, broken, message, evidence={"surplus_rows": surplus, "clusters": groups}, **facts)
    listed = involved[np.lexsort((involved, cluster[involved]))][: target.row_limit]
    best = np.lexsort((pairs.right, pairs.left, -pairs.score))[:_PAIRS_SHOWN]
    left, right = keys_at(dataset, pairs.left[best]), keys_at(dataset, pairs.right[best])
    fix = Fix(transform="clean.deduplicate", parameters={"by": by, "columns": list(chosen), **options})
    return judged(
        check,
        broken,
        message,
        severity=graded(0.35, share),
        rows=keys_at(dataset, listed),
        row_count=len(involved),
        evidence={
            "surplus_rows": surplus,
            "clusters": groups,
            "pairs": [
                {"left": a, "right": b, "score": round(float(score), 4)}
                for a, b, score in zip(left, right, pairs.score[best], strict=True)
            ],
        },
        fix=fix,
        **facts,
    )
