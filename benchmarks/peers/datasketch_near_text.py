"""The peer of ``near_text.py``: datasketch's MinHash and LSH over the same texts, shingles and threshold.

Run as ``python datasketch_near_text.py TEXTS.parquet`` in an environment with datasketch and pyarrow.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import pyarrow.parquet as pq
from datasketch import MinHash, MinHashLSH

THRESHOLD = 0.8
SIZE = 64


def shingles(text: str) -> set[bytes]:
    data = f" {text.lower()} ".encode()
    return {data[at : at + 5] for at in range(len(data) - 4)}


def main() -> None:
    texts = pq.read_table(sys.argv[1]).column("text").to_pylist()
    wall, used = time.perf_counter(), time.process_time()
    index = MinHashLSH(num_perm=SIZE, params=(16, 4))
    sets = [shingles(text) for text in texts]
    parent = list(range(len(texts)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, signature in enumerate(MinHash.generator(sets, num_perm=SIZE, seed=1)):
        for other in index.query(signature):
            if root(row) != root(other):
                one, two = sets[row], sets[other]
                if len(one & two) >= THRESHOLD * len(one | two):
                    parent[root(row)] = root(other)
        index.insert(row, signature, check_duplication=False)
    seconds, cpu = time.perf_counter() - wall, time.process_time() - used
    copies = len(texts) // 10
    linked = sum(root(row) == root(len(texts) - copies + row) for row in range(copies))
    figures = {
        "rows": len(texts),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "copies_linked": linked,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
