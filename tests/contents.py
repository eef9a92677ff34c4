"""Compare what datasets hold, apart from the order of rows and of columns; every NaN equal to every other."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.hashing import hash_columns, hash_keys
from headwater.reading.dataset import Dataset
from headwater.store.chunk import live_mask, read_chunk
from headwater.store.commit import Commit, Provenance, save_commit
from headwater.store.manifest import Fingerprint, Manifest
from headwater.store.objects import Objects
from headwater.versions.repo import Repo

__all__ = ["assert_sound", "manifest_rows", "multiset", "pairs", "rows_of", "save", "state_of"]

START = datetime(2026, 11, 1, tzinfo=UTC)


def save(objects: Objects, message: str, *parents: Commit, minutes: int = 0) -> Commit:
    """Store a commit without datasets, so many minutes after the first of November."""
    return save_commit(
        objects,
        datasets={},
        parents=tuple(parent.id for parent in parents),
        author="Ada",
        message=message,
        provenance=Provenance(),
        time=START + timedelta(minutes=minutes),
    )


def multiset(table: pa.Table) -> Counter[str]:
    """Return how often each row occurs, the row as text."""
    names = sorted(table.schema.names)
    if not names:
        return Counter({"": table.num_rows})
    return Counter(repr([(name, _plain(row[name])) for name in names]) for row in table.to_pylist())


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return "nan" if value != value else value + 0.0
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def manifest_rows(manifest: Manifest, objects: Objects) -> pa.Table:
    """Return the live rows of a manifest."""
    parts = [read_chunk(chunk, manifest.schema, objects) for chunk in manifest.chunks]
    return pa.concat_tables([manifest.schema.empty_table(), *parts])


def pairs(dataset: Dataset) -> Counter[str]:
    """Return the rows of a dataset as `multiset` does."""
    return multiset(dataset.to_arrow())


def rows_of(repo: Repo, dataset: str, ref: str) -> dict[Any, dict[str, Any]]:
    """Return the rows of a dataset at a ref by their column ``id``."""
    return {row["id"]: row for row in repo.at(ref)[dataset].to_arrow().to_pylist()}


def state_of(repo: Repo) -> dict[str, dict[str, Counter[str]]]:
    """Return what every branch and tag holds."""
    refs = {**repo.branches(), **repo.tags()}
    return {
        ref: {name: pairs(repo.at(commit)[name]) for name in repo.at(commit).datasets()}
        for ref, commit in refs.items()
    }


def assert_sound(manifest: Manifest, objects: Objects) -> None:
    """Hold all that a manifest says of its rows against the rows themselves."""
    total, keys = Fingerprint(), []
    for chunk in manifest.chunks:
        table = read_chunk(chunk, manifest.schema, objects, deleted=True)
        live = live_mask(chunk, objects)
        hashes = hash_columns(table)
        assert chunk.hashes(objects).tolist() == hashes.tolist()
        assert 0 < chunk.live_rows == int(live.sum())
        assert table.num_rows == chunk.rows
        total += Fingerprint.of(hashes[live])
        if manifest.key:
            by_key = hash_keys(table, manifest.key)
            assert chunk.key_index(objects).by_position().tolist() == by_key.tolist()
            assert (np.diff(chunk.key_index(objects).hashes.astype(object)) >= 0).all()
            keys += table.filter(pa.array(live)).select(list(manifest.key)).to_pylist()
        else:
            assert chunk.keys is None
        for name in chunk.objects():
            objects.get(name)
    assert total == manifest.fingerprint
    assert len({repr(key) for key in keys}) == len(keys)
