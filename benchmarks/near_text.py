"""Near-duplicate texts at size: clusters by MinHash beside datasketch; recall of typed copies, time and peak memory.

Run as ``python benchmarks/near_text.py [ROWS] [TEXTS.parquet]``; 100,000 short texts by default, a tenth of which are
copies with typing errors. ``benchmarks/peers/datasketch_near_text.py`` does the same with datasketch, on the same file.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from neighbours import sentences

import headwater as hw
from headwater.methods.typos import add_typos
from headwater.recipes.alike import alike_pairs, clusters
from headwater.recipes.near_text import NearText

THRESHOLD = 0.8


def texts(rows: int) -> pa.Array:
    """Return texts of which the last tenth are the first ones with typing errors."""
    rng = np.random.default_rng(0)
    copies = rows // 10
    made = sentences(rng, rows - copies)
    typed, _ = add_typos(made.slice(0, copies), rate=0.01, rng=rng)
    return pa.concat_arrays([made, typed.cast(made.type)])


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    place = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp()) / "texts.parquet"
    table = pa.table({"id": np.arange(rows), "text": texts(rows)})
    pq.write_table(table, place)
    repo = hw.init(tempfile.mkdtemp(prefix="headwater-bench-"))
    repo.import_("notes", table, key="id")
    wall, used = time.perf_counter(), time.process_time()
    likeness = NearText(column="text", threshold=THRESHOLD)
    pairs = alike_pairs(repo["notes"], likeness, cache=repo.cache, executor=repo.executor)
    label = clusters(pairs, rows)
    seconds, cpu = time.perf_counter() - wall, time.process_time() - used
    copies = rows // 10
    linked = int((label[:copies] == label[rows - copies :]).sum())
    with repo.transaction("one more chunk") as tx:
        tx.append(
            "notes", pa.table({"id": np.arange(rows, rows + 1000), "text": table["text"].slice(0, 1000)})
        )
    wall = time.perf_counter()
    alike_pairs(repo["notes"], likeness, cache=repo.cache, executor=repo.executor)
    figures = {
        "rows": rows,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "copies_linked": linked,
        "seconds_after_1000_more": round(time.perf_counter() - wall, 2),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
