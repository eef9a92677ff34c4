"""``outliers.rows``: rows that are unlike the rest, and the columns why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, number_text, percent, rows_text
from headwater.core.arrays import to_python
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.hashing import hash_columns
from headwater.core.ids import canonical_json, digest
from headwater.core.schema import plain_type, require_columns
from headwater.core.text import clipped
from headwater.methods.outlier_scores import Columns, Detector, Groups
from headwater.methods.pii_kinds import classify_name
from headwater.profile.codec import decode, encode
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.chunks import DatasetChunk
from headwater.reading.numbered import keys_at, rows_at

__all__ = ["Outliers"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_LEAST_ROWS = 50
_REASONS = 3
_LEAST_Z = 3.0
_LONGEST = 40


@dataclass(frozen=True, eq=False)
class _Usual:
    """What was learnt of the rows: how columns become numbers, what groups are like, and what is usual."""

    columns: Columns
    groups: Groups | None
    detector: Detector

    def numbers(self, table: pa.Table, by: str) -> F64:
        values = self.columns.numbers(table)
        return values if self.groups is None else self.groups.within(values, _flat(table, by))


@CHECKS.register("outliers.rows")
@dataclass(frozen=True, kw_only=True)
class Outliers(Check):
    """Rows are not unlike all others.

    Three views make one score: a forest of random cuts, distances to samples of rows, and distances that know how
    columns go together. The threshold follows from the scores, so that no share of outliers has to be guessed. For
    each outlier the columns are named in which it lies farthest from the middle.

    Parameters
    ----------
    columns : tuple of str
        The columns to look at, two at least; by default all but the key and the label. Of text and other
        categories the rarity of a value counts.
    by : str
        Judge rows within the groups of this column: what is usual for one may be odd for another.
    maximum : float
        The share of outliers that passes, from 0 to 1.
    deviations : float
        How far above the median score an outlier lies, in robust standard deviations.
    rows : int
        The most rows that what is usual is learnt from, spread evenly.
    level : {"warn", "fail"}
        The outcome above the maximum.

    Notes
    -----
    Being unlike the rest is no fault by itself: it may be an error, a fraud, or the most interesting row.

    What is usual is learnt from the first 1, 2, 4, 8, … chunks, as many as there are; scores are kept by chunk. So
    further rows cost what they are, until the dataset has doubled.

    References
    ----------
    Liu, Ting, Zhou (2008). Isolation forest. doi:10.1109/ICDM.2008.17
    Sugiyama, Borgwardt (2013). Rapid distance-based outlier detection via sampling. NeurIPS.
    Kriegel, Kröger, Schubert, Zimek (2011). Interpreting and unifying outlier scores. doi:10.1137/1.9781611972818.2
    """

    id = "outliers.rows"
    title = "Unusual rows"
    cost: ClassVar[Cost] = "model"

    columns: tuple[str, ...] = ()
    by: str = ""
    maximum: float = 0.0
    deviations: float = 2.5
    rows: int = 50_000
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for two columns of numbers at least, and scikit-learn."""
        numbers = [name for name in _usual(target) if kind_of(target.schema.field(name).type).is_ordered]
        return (cls(),) if len(numbers) > 1 and find_spec("sklearn") else ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Score rows, and name those beyond the threshold."""
        asked = [*self.columns, *([self.by] if self.by else [])]
        require_columns(target.schema, asked, where=f"dataset {target.dataset.name!r}")
        columns = self.columns or tuple(name for name in _usual(target) if name != self.by)
        if not columns:
            raise UsageError("There is no column to look at: the dataset is all key and label.")
        total = target.dataset.num_rows
        if total < _LEAST_ROWS:
            return [self._finding(False, f"{rows_text(total)}: too few to tell which are unusual.")]
        chunks = target.dataset.chunks
        learnt = self._learnt(chunks, columns, target)
        if learnt is None:
            return [self._finding(False, "No column has a value: there is nothing to tell rows apart by.")]
        name, usual = learnt
        task = partial(self._scores, name=name, usual=usual, target=target)
        stored = target.executor.map(task, chunks, label="score", progress=target.progress)
        live = [part[chunk.live_positions()] for part, chunk in zip(stored, chunks, strict=True)]
        scores = np.concatenate(live)
        far = np.flatnonzero(scores > usual.detector.threshold)
        far = far[np.lexsort((far, -scores[far]))]
        return [self._judged(far, scores, usual, target)]

    def _judged(self, far: I64, scores: F64, usual: _Usual, target: Target) -> Finding:
        share = len(far) / len(scores)
        if not len(far):
            return self._finding(False, f"No row of {len(scores):,} is unlike the rest.", value=0.0)
        names = usual.columns.names
        rows = rows_at(target.dataset, far, list(dict.fromkeys([*names, *([self.by] if self.by else [])])))
        found = usual.detector.reasons(usual.numbers(rows, self.by), _REASONS)
        listed = self._listed(far, rows, found.columns, found.z, scores, usual, target)
        first = np.bincount(found.columns[:, 0], minlength=len(names))
        often = [
            f"{names[at]!r} ({first[at]:,})" for at in np.argsort(-first, kind="stable")[:3] if first[at]
        ]
        verb = "is" if len(far) == 1 else "are"
        rest = f"the rest of their {self.by}" if self.by else "the rest"
        why = f", because {listed[0]['why']}" if listed[0]["why"] else ""
        return self._finding(
            share > self.maximum,
            f"{rows_text(len(far))} of {len(scores):,} ({percent(share)}) {verb} unlike {rest}, most often in "
            f"{', '.join(often)}. The farthest is row {listed[0]['key']}{why}.",
            severity=graded(0.25, share),
            value=share,
            rows=tuple(str(item["key"]) for item in listed),
            row_count=len(far),
            evidence={
                "score_threshold": round(usual.detector.threshold, 4),
                "outliers": listed,
                "columns": {names[at]: int(first[at]) for at in np.flatnonzero(first)},
            },
        )

    def _listed(
        self,
        far: I64,
        rows: pa.Table,
        columns: I64,
        deviations: F64,
        scores: F64,
        usual: _Usual,
        target: Target,
    ) -> list[dict[str, Any]]:
        """Return the first outliers with the values that set them apart."""
        names = usual.columns.names
        secret = {name for name in names if _is_personal(name, target)}
        out = []
        for place, key in enumerate(keys_at(target.dataset, far[: target.row_limit])):
            named = [
                (names[column], to_python(rows.column(names[column]).slice(place, 1))[0], float(z))
                for column, z in zip(columns[place], deviations[place], strict=True)
                if abs(z) >= _LEAST_Z
            ]
            out.append(
                {
                    "key": key,
                    "score": round(float(scores[far[place]]), 4),
                    "why": " and ".join(
                        f"{name} = {'…' if name in secret else _shown(value)}" for name, value, _ in named
                    ),
                    "columns": {name: round(z, 1) for name, _, z in named},
                }
            )
        return out

    def _learnt(
        self, chunks: Sequence[DatasetChunk], columns: tuple[str, ...], target: Target
    ) -> tuple[str, _Usual] | None:
        """Return what is usual with a name for it, from the cache where it is there; None if there is no value."""
        first = chunks[: 1 << (len(chunks).bit_length() - 1)]
        read = list(dict.fromkeys([*columns, *([self.by] if self.by else [])]))
        facts = [
            *(self.id, self.version, list(columns), self.by, self.deviations, self.rows, target.seed),
            [chunk.identity(read) for chunk in first],
            [str(target.schema.field(column).type) for column in read],
        ]
        name = digest(canonical_json(facts))[:24]
        path = f"scores/outliers/{name}"
        kept = None if target.cache is None else target.cache.get(path)
        if kept is not None:
            return name, _decoded(kept)
        step = -(-sum(chunk.rows for chunk in first) // self.rows)
        parts, before = [], 0
        for chunk in first:
            stored = chunk.whole(chunk.read_stored(read, deleted=True), apart=True)
            parts.append(stored.take(pa.array(np.arange(-before % step, stored.num_rows, step))))
            before += chunk.rows
        sample = pa.concat_tables(parts)
        # Trees grow on rows drawn by place: sorting by content makes the order of the rows irrelevant.
        sample = sample.take(pa.array(np.argsort(hash_columns(sample), kind="stable")))
        found = Columns.of(sample.select(list(columns)))
        if not found.names:
            return None
        values = found.numbers(sample)
        groups = Groups.of(values, _flat(sample, self.by)) if self.by else None
        within = values if groups is None else groups.within(values, _flat(sample, self.by))
        detector = Detector.of(within, seed=target.seed, deviations=self.deviations)
        usual = _Usual(found, groups, detector)
        if target.cache is not None:
            target.cache.put(path, _encoded(usual))
        return name, usual

    def _scores(self, chunk: DatasetChunk, *, name: str, usual: _Usual, target: Target) -> F64:
        """Return the scores of the stored rows of a chunk, from the cache where they are known."""
        read = list(dict.fromkeys([*usual.columns.names, *([self.by] if self.by else [])]))
        path = f"{chunk.cache_prefix(read)}/outliers-{name}-{digest(chunk.identity(read).encode())[:16]}"
        kept = None if target.cache is None else target.cache.get(path)
        if kept is not None:
            known: F64 = decode("scores", 1, kept)["scores"]
            return known
        table = chunk.whole(chunk.read_stored(read, deleted=True), apart=True)
        scores = usual.detector.scores(usual.numbers(table, self.by))
        if target.cache is not None:
            target.cache.put(path, encode("scores", 1, {"scores": scores}))
        return scores

    def _finding(self, broken: bool, message: str, **facts: Any) -> Finding:
        column = ", ".join(self.columns) or None
        return judged(self, broken, message, column=column, threshold=self.maximum, **facts)


def _encoded(usual: _Usual) -> bytes:
    rarities = [[name, entry[2]] for name, entry in usual.columns.rarities.items()]
    fields: dict[str, Any] = {"names": list(usual.columns.names), "unseen": rarities}
    for place, (values, rarity, _) in enumerate(usual.columns.rarities.values()):
        fields |= {f"values{place}": values, f"rarity{place}": rarity}
    if usual.groups is not None:
        groups = usual.groups
        fields |= {"groups": groups.names, "centres": groups.centres, "spreads": groups.spreads}
    fields |= {f"detector {name}": array for name, array in usual.detector.arrays().items()}
    return encode("usual", 1, fields)


def _decoded(data: bytes) -> _Usual:
    fields = decode("usual", 1, data)
    rarities = {
        name: (fields[f"values{place}"], fields[f"rarity{place}"], unseen)
        for place, (name, unseen) in enumerate(fields["unseen"])
    }
    groups = Groups(fields["groups"], fields["centres"], fields["spreads"]) if "groups" in fields else None
    arrays = {
        name.removeprefix("detector "): field for name, field in fields.items() if name[:9] == "detector "
    }
    return _Usual(Columns(tuple(fields["names"]), rarities), groups, Detector.from_arrays(arrays))


def _flat(table: pa.Table, column: str) -> pa.Array:
    values = table.column(column)
    return values.cast(plain_type(values.type)).combine_chunks()


def _usual(target: Target) -> tuple[str, ...]:
    spared = {*target.key, target.label}
    return tuple(
        field.name
        for field in target.schema
        if field.name not in spared
        and not field.name.startswith("_")
        and kind_of(field.type) not in (Kind.LIST, Kind.VECTOR, Kind.STRUCT, Kind.BINARY, Kind.NULL)
    )


def _is_personal(column: str, target: Target) -> bool:
    """Say whether values of a column are not for a report, by its name or the contract."""
    declared = any(promise.name == column and promise.classification for promise in target.contract.columns)
    return declared or classify_name(column) is not None


def _shown(value: Any) -> str:
    return clipped(number_text(value), _LONGEST)
