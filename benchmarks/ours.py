"""Headwater's side of the versioning benchmarks. Usage: ``ours.py WORK WORKLOAD_FOLDER WORK_FOLDER``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from images import BATCH, images
from measure import arguments, measured, size_bytes

from headwater.versions.repo import Repo

# With its first array pyarrow loads pandas, where that is installed. Imports count on neither side.
pa.array([0])


def read(path: Path) -> pa.RecordBatchReader:
    """Stream a Parquet file, as ``hw import`` does."""
    file = pq.ParquetFile(path)
    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(131_072))


def import_(workload: Path, folder: Path) -> None:
    """Measure the first import from Parquet."""

    def work() -> dict[str, Any]:
        repo = Repo.init(folder)
        with repo.transaction("import") as tx:
            tx.append("data", read(workload / "base.parquet"), key="id")
        return {"bytes": size_bytes(folder)}

    measured(work)


def commit(workload: Path, folder: Path) -> None:
    """Measure the commit of the change set on top of the import."""
    repo = Repo.open(folder)
    updates, inserts, deletes = (
        pq.read_table(workload / f"{name}.parquet") for name in ("updates", "inserts", "deletes")
    )
    before = size_bytes(folder)

    def work() -> None:
        with repo.transaction("change set") as tx:
            tx.upsert("data", pa.concat_tables([updates, inserts]))
            tx.delete("data", keys=deletes)

    measured(work, after=lambda: {"added_bytes": size_bytes(folder) - before, "first_bytes": before})


def diff(workload: Path, folder: Path) -> None:
    """Measure the diff of both versions down to the cells."""
    repo = Repo.open(folder)

    def work() -> dict[str, Any]:
        changed = repo.diff()["data"]
        return {
            "cells": changed.cells().num_rows,
            "rows": len(changed.changes.added) + len(changed.changes.removed),
        }

    measured(work)


def scan(workload: Path, folder: Path) -> None:
    """Measure the full scan of the changed version."""
    repo = Repo.open(folder)
    repo["data"].head(1)
    measured(lambda: {"rows": repo["data"].to_arrow().num_rows})


def take(workload: Path, folder: Path) -> None:
    """Measure reading 10,000 rows by their keys, anywhere in the dataset."""
    data = Repo.open(folder)["data"]
    keys = random.Random(1).sample(data.to_arrow(["id"]).column(0).to_pylist(), 10_000)
    texts = list(map(str, keys))
    measured(lambda: {"rows": data.take(texts).num_rows})


def import_images(workload: Path, folder: Path) -> None:
    """Import made-up images; this is not measured."""
    numbers, values, labels = zip(*images(), strict=True)
    table = pa.table({"id": numbers, "image": pa.array(values, pa.binary()), "label": labels})
    with Repo.init(folder).transaction("images") as tx:
        tx.append("images", table, key="id")
    print("{}")


def epoch(workload: Path, folder: Path) -> None:
    """Measure a shuffled epoch of images in batches; needs PyTorch."""
    data = Repo.open(folder)["images"]
    # Not the start of PyTorch.
    next(iter(data.to_torch(["label"])))

    def work() -> dict[str, Any]:
        batches = data.to_torch(["image", "label"], batch_size=BATCH, shuffle=True)
        return {"rows": sum(len(batch["label"]) for batch in batches)}

    measured(work)


if __name__ == "__main__":
    name, workload_folder, work_folder = arguments()
    works = {
        "import": import_,
        "commit": commit,
        "diff": diff,
        "scan": scan,
        "take": take,
        "images": import_images,
        "epoch": epoch,
    }
    works[name](workload_folder, work_folder)
