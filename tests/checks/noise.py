"""Data sets with labels made wrong on purpose, to see which of them are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

__all__ = ["sms", "trec", "with_wrong_labels"]


def sms(shared: Path, rows: int = 5574) -> pa.Table:
    """Return short messages, ham or spam."""
    frame = pytest.importorskip("pandas").read_csv(shared / "sms_spam" / "sms_spam.csv.gz").head(rows)
    return _keyed(frame[["label", "text"]])


def trec(shared: Path, rows: int = 4907) -> pa.Table:
    """Return questions of six kinds."""
    frame = pytest.importorskip("pandas").read_csv(shared / "trec" / "trec_train.csv.gz").head(rows)
    return _keyed(frame[["label", "text"]])


def with_wrong_labels(table: pa.Table, share: float, *, seed: int = 0) -> tuple[pa.Table, NDArray[np.bool_]]:
    """Return the table with a share of labels changed to another class, and which were."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(table.column("label").to_pylist(), object)
    classes = sorted(set(labels.tolist()))
    wrong = rng.random(len(labels)) < share
    places = np.array([classes.index(label) for label in labels])
    shift = rng.integers(1, len(classes), len(labels))
    labels[wrong] = np.array(classes, object)[(places + shift) % len(classes)][wrong]
    at = table.schema.get_field_index("label")
    return table.set_column(at, "label", pa.array(labels.tolist())), wrong


def _keyed(frame: object) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return table.append_column("id", pa.array(np.arange(table.num_rows)))
