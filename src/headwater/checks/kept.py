"""Findings and rows kept by content: what was found in the same rows, by the same check, is not looked for again.

States of the shared scan are kept by chunk (`headwater.profile.cache`). This is for what is not a state:
the findings of checks that read rows or train models, and the keys of offending rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pyarrow as pa

import headwater
from headwater.checks.base import Check, Target
from headwater.core.findings import FINDINGS_SCHEMA, Finding, Outcome, findings_from_table, findings_to_table
from headwater.core.ids import canonical_json, digest
from headwater.reading.dataset import Dataset

__all__ = ["content_of", "keep_findings", "keep_rows", "kept_findings", "kept_rows"]


def content_of(dataset: Dataset) -> str:
    """Return a name for the rows of a dataset in their order; equal names, equal rows."""
    parts = tuple((chunk.identity(), chunk.deleted_id) for chunk in dataset.chunks)
    return _content(parts, dataset.schema.serialize().to_pybytes(), dataset.key)


def kept_findings(check: Check, target: Target) -> list[Finding] | None:
    """Return what the check found in these rows before; None if that is not known."""
    stored = _load(_findings_path(check, target), target)
    if stored is None:
        return None
    return findings_from_table(pa.Table.from_pylist(stored, schema=FINDINGS_SCHEMA))


def keep_findings(check: Check, target: Target, findings: list[Finding]) -> None:
    """Keep what a check found; not if it broke."""
    if all(finding.outcome is not Outcome.ERROR for finding in findings):
        _save(_findings_path(check, target), findings_to_table(findings).to_pylist(), target)


def kept_rows(wanted: Mapping[int, str], target: Target) -> dict[int, tuple[str, ...]] | None:
    """Return the keys that were found for these conditions in these rows before."""
    stored = _load(_rows_path(wanted, target), target)
    return None if stored is None else {int(number): tuple(keys) for number, keys in stored}


def keep_rows(wanted: Mapping[int, str], found: Mapping[int, tuple[str, ...]], target: Target) -> None:
    """Keep the keys that were found."""
    _save(_rows_path(wanted, target), [[number, list(keys)] for number, keys in found.items()], target)


def _findings_path(check: Check, target: Target) -> str:
    baseline = None if target.baseline is None else content_of(target.baseline)
    facts = [
        check.id,
        check.version,
        repr(check),
        # What is put up with changes no finding: that is looked at afterwards.
        replace(target.contract, allowances=()).to_odcs(),
        baseline,
        target.seed,
        target.row_limit,
        check.depends_on(target),
    ]
    return _path("findings", facts, target)


def _rows_path(wanted: Mapping[int, str], target: Target) -> str:
    return _path("rows", [sorted(wanted.items()), target.row_limit], target)


def _path(kind: str, facts: list[Any], target: Target) -> str:
    version = headwater.__version__
    name = digest(canonical_json([version, content_of(target.dataset), *facts]))
    return f"kept/{kind}/{name}"


def _load(path: str, target: Target) -> Any:
    data = None if target.cache is None else target.cache.get(path)
    return None if data is None else json.loads(data)


def _save(path: str, value: Any, target: Target) -> None:
    if target.cache is not None:
        target.cache.put(path, json.dumps(value, ensure_ascii=False).encode())


@lru_cache(maxsize=64)
def _content(parts: tuple[tuple[str, str | None], ...], schema: bytes, key: tuple[str, ...]) -> str:
    return digest(canonical_json([parts, schema.hex(), list(key)]))
