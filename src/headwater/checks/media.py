"""``validity.media``: images, sounds, videos and archives that do not decode, or are not what their name says."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from headwater.checks.base import CHECKS, Check, Cost, Level, States, Target
from headwater.checks.judging import graded, judged, percent
from headwater.core.errors import UsageError
from headwater.core.findings import Finding
from headwater.core.ids import canonical_json, digest
from headwater.core.references import can_refer
from headwater.core.schema import require_columns
from headwater.core.text import clipped
from headwater.formats.media import MAX_PIXELS, MAX_UNPACKED, Fault, can_read_facts, fault_of
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.chunks import DatasetChunk

__all__ = ["Media", "columns_of_files", "require_files"]

_SAID = {
    "broken": "cannot be decoded",
    "mistyped": "of another type than the name says",
    "oversized": "too large once decoded",
}


@dataclass(frozen=True, slots=True)
class _Faulty:
    """A stored row whose file has a fault."""

    position: int
    kind: str
    reason: str
    name: str | None


@CHECKS.register("validity.media")
@dataclass(frozen=True, kw_only=True)
class Media(Check):
    """Images, sounds and videos can be decoded, and are of the type that their name says.

    Each file is decoded once, and again only where rows are new or changed. An image that has more pixels than
    it may, or an archive that unpacks to more than it may, is not decoded but found by its header.

    Parameters
    ----------
    column : str
        The column of bytes.
    name : str
        The column with the files' names, whose endings say the types. Where there is no such column, files are
        taken for what their content begins as.
    max_pixels : int
        The most pixels of an image, or of a frame of a video.
    max_unpacked : int
        The most bytes that an archive may unpack to.
    max_fraction : float
        The share of files with a fault that passes.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Needs the packages of ``headwater[media]``. Files of other kinds than images, sounds, videos and zip archives
    are left alone.
    """

    id = "validity.media"
    title = "Broken media"
    cost: ClassVar[Cost] = "rows"

    column: str = "bytes"
    name: str = "path"
    max_pixels: int = MAX_PIXELS
    max_unpacked: int = MAX_UNPACKED
    max_fraction: float = 0.0
    level: Level = "fail"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for a column of bytes, and the packages."""
        return tuple(cls(column=name) for name in columns_of_files(target))

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Decode what was not decoded before, and count faults."""
        require_files(target, self.column)
        chunks = target.dataset.chunks
        # Odd but harmless facts in headers are told as warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(
                target.executor.map(
                    partial(self._faults, target=target), chunks, label="decode", progress=target.progress
                )
            )
        keys: list[str] = []
        faults: list[_Faulty] = []
        for chunk, faulty in zip(chunks, found, strict=True):
            gone = set(chunk.deleted_positions().tolist()) if faulty else set()
            live = [one for one in faulty if one.position not in gone]
            keys += self._keys(chunk, live[: target.row_limit - len(keys)], target)
            faults += live
        return [self._judged(faults, keys, target)]

    def _judged(self, faults: list[_Faulty], keys: list[str], target: Target) -> Finding:
        total = target.dataset.num_rows
        share = len(faults) / total if total else 0.0
        facts: dict[str, Any] = {"column": self.column, "value": share, "threshold": self.max_fraction}
        if not faults:
            return judged(self, False, f"All {total:,} files can be decoded.", **facts)
        counts = Counter(one.kind for one in faults)
        said = ", ".join(f"{count:,} {_SAID[kind]}" for kind, count in counts.most_common())
        first = faults[0]
        named = f"{clipped(first.name, 60)!r}" if first.name is not None else f"row {clipped(keys[0], 60)}"
        message = (
            f"{len(faults):,} of {total:,} files ({percent(share)}) are faulty: {said}. "
            f"The first is {named}: {first.reason.rstrip('.')}."
        )
        return judged(
            self,
            share > self.max_fraction,
            message,
            severity=graded(0.4, share),
            rows=tuple(keys),
            row_count=len(faults),
            evidence={
                "files": [
                    {"key": key, "kind": one.kind, "reason": one.reason, "name": one.name}
                    for key, one in zip(keys, faults, strict=False)
                ],
                **counts,
            },
            **facts,
        )

    def _faults(self, chunk: DatasetChunk, *, target: Target) -> list[_Faulty]:
        """Return the faults of the stored rows of a chunk, from the cache where they are known."""
        columns = [name for name in dict.fromkeys((self.column, self.name)) if name in target.schema.names]
        facts = [
            *(self.id, self.version, chunk.identity(columns), columns),
            *(self.max_pixels, self.max_unpacked),
        ]
        path = f"{chunk.cache_prefix([self.column])}/media-{digest(canonical_json(facts))[:24]}"
        kept = None if target.cache is None else target.cache.get(path)
        if kept is not None:
            return [_Faulty(**one) for one in json.loads(kept)]
        faults = self._decoded(chunk, columns)
        if target.cache is not None:
            target.cache.put(path, json.dumps([asdict(one) for one in faults]).encode())
        return faults

    def _decoded(self, chunk: DatasetChunk, columns: list[str]) -> list[_Faulty]:
        table = chunk.read_stored(columns, deleted=True)
        has_names = self.name in columns and kind_of(table.schema.field(self.name).type) is Kind.TEXT
        names = table.column(self.name).to_pylist() if has_names else [None] * table.num_rows
        faults = []
        for position, (value, name) in enumerate(zip(table.column(self.column), names, strict=True)):
            if not value.is_valid:
                continue
            with chunk.open_value(value) as file:
                fault: Fault | None = fault_of(
                    file, name, max_pixels=self.max_pixels, max_unpacked=self.max_unpacked
                )
            if fault is not None:
                faults.append(_Faulty(position, fault.kind, fault.reason, name))
        return faults

    def _keys(self, chunk: DatasetChunk, faults: list[_Faulty], target: Target) -> list[str]:
        if not faults:
            return []
        positions = np.array([one.position for one in faults], np.int64)
        return target.dataset.keys_of(chunk.read_rows(positions, list(target.dataset.key) or None))


def columns_of_files(target: Target) -> list[str]:
    """Return the columns that may hold files; none where the packages that read them are missing."""
    if not can_read_facts():
        return []
    columns = target.columns_of(Kind.BINARY)
    return [name for name in columns if can_refer(target.schema.field(name).type) and name not in target.key]


def require_files(target: Target, column: str) -> None:
    """Raise a `UsageError` where a column cannot hold files."""
    require_columns(target.schema, [column], where=f"dataset {target.dataset.name!r}")
    kind = target.schema.field(column).type
    if not can_refer(kind):
        raise UsageError(f"Column {column!r} is {kind}; files are in columns of bytes.", column=column)
