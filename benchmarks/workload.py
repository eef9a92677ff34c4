"""The workload of the versioning benchmarks: a table of mixed columns, and a change set.

2,000,000 rows × 12 columns; then 1 % of the rows updated, 0.1 % deleted, 0.5 % inserted. Needs numpy
and pyarrow only, so that every peer's environment can read what it writes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 2_000_000
SEED = 20_261_123


def make(folder: Path, rows: int = ROWS) -> None:
    """Write base, change set and changed table below ``folder``, unless they are there for as many rows."""
    done = folder / "workload.json"
    if done.exists() and json.loads(done.read_text())["rows"] == rows:
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    base = table(rng, 0, rows)
    picked = rng.permutation(rows)
    updated, deleted = picked[: rows // 100], picked[rows // 100 : rows // 100 + rows // 1000]
    updates = base.take(pa.array(np.sort(updated)))
    updates = updates.set_column(3, "score", pa.array(rng.normal(size=len(updated))))
    updates = updates.set_column(11, "label", pa.array(np.repeat("checked", len(updated))))
    inserts = table(rng, rows, rows // 200)
    # The changed table has the updated rows in their places, as a user's rewrite of the file would.
    keep = np.ones(rows, np.bool_)
    keep[deleted] = False
    place = np.arange(rows)
    place[np.sort(updated)] = rows + np.arange(len(updated))
    changed = pa.concat_tables([pa.concat_tables([base, updates]).take(pa.array(place[keep])), inserts])
    tenth = table(rng, rows + len(inserts), rows // 100)
    for name, part in [
        ("base", base), ("updates", updates), ("inserts", inserts), ("changed", changed), ("appended", tenth),
        ("deletes", pa.table({"id": np.sort(deleted)})),
    ]:  # fmt: skip
        pq.write_table(part, folder / f"{name}.parquet", compression="zstd")
    done.write_text(json.dumps({"rows": rows, "columns": base.num_columns, "bytes": base.nbytes}))


def table(rng: np.random.Generator, start: int, rows: int) -> pa.Table:
    """Return rows with keys from ``start`` on: numbers, categories, text, e-mail addresses, times, nulls."""
    words = np.array([f"word{number}" for number in range(5000)])
    second = rng.integers(0, 5000, rows)
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "user": rng.integers(0, 200_000, rows),
            "amount": rng.gamma(2, 50, rows).round(2),
            "score": rng.normal(size=rows),
            "age": pa.array(rng.integers(18, 90, rows), pa.int32(), mask=rng.random(rows) < 0.03),
            "flag": rng.random(rows) < 0.3,
            "country": np.array(["DE", "FR", "US", "GB", "IN", "CN"])[rng.integers(0, 6, rows)],
            "city": words[rng.integers(0, 5000, rows)],
            "email": np.char.add(
                np.char.add("user", rng.integers(0, 10**9, rows).astype(str)), "@example.com"
            ),
            "text": np.char.add(np.char.add(words[second], " "), words[rng.integers(0, 5000, rows)]),
            "time": np.datetime64("2026-01-01", "us") + rng.integers(0, 10**13, rows).astype("m8[us]"),
            "label": np.array(["spam", "ham"])[(rng.random(rows) < 0.8).astype(int)],
        }
    )
