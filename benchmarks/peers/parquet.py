"""Plain Parquet with pyarrow: write and read of the whole table."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow.parquet as pq
from measure import arguments, measured

work, workload, folder = arguments()
if work == "import":
    table = pq.read_table(workload / "base.parquet")
    measured(lambda: pq.write_table(table, folder / "plain.parquet", compression="zstd"))
else:
    measured(lambda: {"rows": pq.read_table(workload / "changed.parquet").num_rows})
