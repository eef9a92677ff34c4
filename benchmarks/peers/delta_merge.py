"""Delta Lake (delta-rs): import, and the change set as a merge and a delete."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from measure import arguments, measured, size_bytes

work, workload, folder = arguments()
place = str(folder / "delta")
if work == "import":
    table = pq.read_table(workload / "base.parquet")
    measured(lambda: write_deltalake(place, table))
else:
    before = size_bytes(folder)
    rows = pa.concat_tables(
        [pq.read_table(workload / "updates.parquet"), pq.read_table(workload / "inserts.parquet")]
    )
    gone = pq.read_table(workload / "deletes.parquet")

    def change() -> None:
        (
            DeltaTable(place)
            .merge(rows, predicate="t.id = s.id", source_alias="s", target_alias="t")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )
        (
            DeltaTable(place)
            .merge(gone, predicate="t.id = s.id", source_alias="s", target_alias="t")
            .when_matched_delete()
            .execute()
        )

    measured(change, after=lambda: {"added_bytes": size_bytes(folder) - before, "first_bytes": before})
