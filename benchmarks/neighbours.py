"""Embeddings at size: a million texts in full and after 1 % changed; one query, exactly and by graphs.

Run as ``python benchmarks/neighbours.py [ROWS] [FOLDER]``; 1,000,000 rows of 64 numbers in a new folder by default.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import headwater as hw
from headwater.recipes.embedding import vector_array
from headwater.recipes.nearest_rows import nearest_rows

SIZE = 64
QUERIES = 50


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    said = work()
    return time.perf_counter() - start, said


def sentences(rng: np.random.Generator, rows: int) -> pa.Array:
    """Return texts of 4 to 12 words out of 20,000, common ones more often."""
    words = pa.array([f"{'bcdfghklmnprst'[n % 14]}{'aeiou'[n % 5]}{n:x}" for n in range(20_000)])
    lengths = rng.integers(4, 13, rows)
    drawn = words.take(pa.array(np.minimum(rng.zipf(1.3, lengths.sum()) - 1, 19_999)))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), drawn)
    return pc.binary_join(lists, " ")


def embedding(repo: hw.Repo, rows: int, rng: np.random.Generator) -> None:
    texts = sentences(rng, rows)
    repo.import_("notes", pa.table({"id": np.arange(rows), "text": texts}), key="id")
    options = {"encoder": "hash", "options": {"dimensions": SIZE}}
    full, done = timed(lambda: repo.embed("notes", "text", **options))
    print(f"embed {rows:,} texts: {full:.1f} s, {done.record['encoded']:,} encoded", flush=True)
    some = np.sort(rng.choice(rows, rows // 100, replace=False))
    with repo.transaction("1 % change") as tx:
        tx.upsert("notes", pa.table({"id": some, "text": sentences(rng, len(some))}))
    part, done = timed(lambda: repo.embed("notes", "text"))
    print(
        f"after 1 % changed: {part:.1f} s, {done.record['encoded']:,} encoded, {full / part:.0f} times as fast"
    )
    nothing, _ = timed(lambda: repo.embed("notes", "text"))
    print(f"with nothing changed: {nothing:.2f} s", flush=True)


def searching(repo: hw.Repo, rows: int, rng: np.random.Generator) -> None:
    centres = rng.normal(size=(2000, SIZE)).astype(np.float32)
    start = 0
    for _ in range(0, rows, 131_072):
        count = min(131_072, rows - start)
        made = centres[rng.integers(0, 2000, count)] + rng.normal(size=(count, SIZE)).astype(np.float32)
        table = pa.table(
            {"id": np.arange(start, start + count), "e": vector_array(made, np.zeros(count, np.bool_))}
        )
        with repo.transaction("vectors") as tx:
            tx.append("v", table, key="id")
        start += count
    queries = centres[:QUERIES] + rng.normal(size=(QUERIES, SIZE)).astype(np.float32)
    dataset = repo["v"]

    def ask(query: np.ndarray, exact: bool) -> Any:
        return nearest_rows(dataset, "e", query, 10, exact=exact, cache=repo.cache, executor=repo.executor)

    found = {}
    build, _ = timed(lambda: ask(queries[:1], exact=False))
    print(f"graphs of {rows:,} × {SIZE}: {build:.1f} s", flush=True)
    for exact in (True, False):
        each = [timed(lambda query=query, exact=exact: ask(query, exact)) for query in queries[:, None]]
        times = [seconds for seconds, _ in each]
        found[exact] = [said.rows[0] for _, said in each]
        many, _ = timed(lambda exact=exact: ask(queries, exact))
        name = "exact" if exact else "graphs"
        print(
            f"{name}: one query {1e3 * statistics.median(times):.0f} ms (max {1e3 * max(times):.0f}), "
            f"{QUERIES} at once {1e3 * many / QUERIES:.1f} ms each",
            flush=True,
        )
    recall = [len(set(a) & set(b)) / len(a) for a, b in zip(found[True], found[False], strict=True)]
    print(f"recall of 10: {np.mean(recall):.3f}")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    place = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    repo, rng = hw.init(place), np.random.default_rng(0)
    embedding(repo, rows, rng)
    searching(repo, rows, rng)


if __name__ == "__main__":
    main()
