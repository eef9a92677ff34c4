"""DVC: the user reads the file, applies the change set and writes it, then ``dvc add`` and ``git commit``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measure import arguments, measured, size_bytes

work, workload, folder = arguments()
dvc = str(Path(sys.executable).parent / "dvc")


def run(*command: str) -> None:
    """Run a command in the work folder, quietly."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def add(message: str) -> None:
    """Add the data file and commit its pointer."""
    run(dvc, "add", "--quiet", "data.parquet")
    run("git", "add", "data.parquet.dvc", ".gitignore")
    run("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", message)


if work == "import":
    run("git", "init", "-q")
    run(dvc, "init", "--quiet")
    table = pq.read_table(workload / "base.parquet")

    def first() -> None:
        pq.write_table(table, folder / "data.parquet", compression="zstd")
        add("first")

    measured(first)
else:
    before = size_bytes(folder / ".dvc")
    rows = pa.concat_tables(
        [pq.read_table(workload / "updates.parquet"), pq.read_table(workload / "inserts.parquet")]
    )
    gone = pa.chunked_array(
        rows.column("id").chunks + pq.read_table(workload / "deletes.parquet").column("id").chunks
    )

    def change() -> None:
        table = pq.read_table(folder / "data.parquet")
        kept = table.filter(pc.invert(pc.is_in(table.column("id"), gone)))
        (folder / "data.parquet").unlink()
        pq.write_table(pa.concat_tables([kept, rows]), folder / "data.parquet", compression="zstd")
        add("change set")

    measured(
        change, after=lambda: {"added_bytes": size_bytes(folder / ".dvc") - before, "first_bytes": before}
    )
