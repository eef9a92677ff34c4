"""Lance: rows by key, through its index on the key."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import lance
import pyarrow.parquet as pq
from measure import arguments, measured

work, workload, folder = arguments()
place = str(folder / "lance")
if work == "import":
    made = lance.write_dataset(pq.read_table(workload / "base.parquet"), place)
    made.create_scalar_index("id", "BTREE")
    print("{}")
else:
    dataset = lance.dataset(place)
    keys = random.Random(1).sample(dataset.to_table(columns=["id"]).column(0).to_pylist(), 10_000)
    listed = ", ".join(map(str, keys))
    measured(lambda: {"rows": dataset.to_table(filter=f"id IN ({listed})").num_rows})
