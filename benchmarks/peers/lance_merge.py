"""Lance: import, and the change set as merge_insert and delete."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import lance
import pyarrow as pa
import pyarrow.parquet as pq
from measure import arguments, measured, size_bytes

work, workload, folder = arguments()
place = str(folder / "lance")
if work == "import":
    table = pq.read_table(workload / "base.parquet")

    def first() -> None:
        dataset = lance.write_dataset(table, place)
        dataset.create_scalar_index("id", "BTREE")

    measured(first)
else:
    before = size_bytes(folder)
    rows = pa.concat_tables(
        [pq.read_table(workload / "updates.parquet"), pq.read_table(workload / "inserts.parquet")]
    )
    gone = pq.read_table(workload / "deletes.parquet")

    def change() -> None:
        dataset = lance.dataset(place)
        dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)
        keys = ", ".join(str(key) for key in gone.column("id").to_pylist())
        lance.dataset(place).delete(f"id IN ({keys})")

    measured(change, after=lambda: {"added_bytes": size_bytes(folder) - before, "first_bytes": before})
