"""Run every benchmark beside its peer and print the ratios. ``make bench``; see README.md here.

Peers live in environments of their own below ``.bench``. Ours and the peer's run by turns, each in a
fresh process and folder, so that both meet the same machine; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from workload import make

HERE = Path(__file__).parent
BENCH = HERE.parent / ".bench"
PEERS = {
    "delta": ["deltalake", "pyarrow"],
    "dvc": ["dvc", "pyarrow"],
    "lance": ["pylance"],
    "polars": ["polars"],
    "great_expectations": ["great_expectations", "pyarrow"],
    "pandera": ["pandera[polars]", "polars"],
}


@dataclass(frozen=True)
class Side:
    """A script, the environment it runs in (None: ours), and the works to do, of which the last counts."""

    script: str
    works: tuple[str, ...]
    peer: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One row of the table: two sides, the figure compared, and what the ratio must reach."""

    title: str
    ours: Side
    peer: Side
    figure: str
    least: float | None = None
    most: float | None = None


FIRST, SECOND = ("import",), ("import", "commit")


def versioning(title: str, works: tuple[str, ...], peer: Side, **bound: float) -> Comparison:
    """Return a comparison of seconds with our versioning script."""
    return Comparison(title, Side("ours.py", works), peer, "seconds", **bound)


COMPARISONS = [
    versioning("commit the change set / DVC", SECOND, Side("peers/dvc_add.py", SECOND, "dvc"), least=15),
    versioning(
        "commit the change set / Delta", SECOND, Side("peers/delta_merge.py", SECOND, "delta"), least=15
    ),
    versioning(
        "commit the change set / Lance", SECOND, Side("peers/lance_merge.py", SECOND, "lance"), least=1
    ),
    versioning("first import / plain write", FIRST, Side("peers/parquet.py", FIRST), most=2.5),
    versioning(
        "diff with cells / Polars join",
        (*SECOND, "diff"),
        Side("peers/polars_join.py", ("diff",), "polars"),
        least=5,
    ),
    versioning(
        "scan after change / plain read", (*SECOND, "scan"), Side("peers/parquet.py", ("scan",)), most=1.3
    ),
]


def main() -> None:
    """Parse the command line, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the workload")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds; one more warms up")
    parser.add_argument("--only", default="", help="run the comparisons whose title holds this text")
    options = parser.parse_args()
    workload = BENCH / f"workload-{options.rows}"
    make(workload, options.rows)
    chosen = [item for item in COMPARISONS if options.only.lower() in item.title.lower()]
    table = Table(
        "work", "ours", "peer", "ratio", "must reach", "", title=f"{options.rows:,} rows × 12 columns"
    )
    missed = 0
    for item in chosen:
        row, reached = compare(item, workload, options.rounds)
        table.add_row(*row)
        missed += not reached
    Console(width=110).print(table)
    sys.exit(1 if missed else 0)


def compare(item: Comparison, workload: Path, rounds: int) -> tuple[list[str], bool]:
    """Run both sides by turns and return the row of the table, and whether the target was reached."""
    ours, peer = [], []
    for number in range(rounds + 1):
        pair = run(item.ours, workload), run(item.peer, workload)
        if number:
            ours.append(pair[0])
            peer.append(pair[1])
    mine, theirs = (statistics.median(run[item.figure] for run in side) for side in (ours, peer))
    faster = item.least is not None
    ratio = theirs / mine if faster else mine / theirs
    target = f"≥ {item.least:g}× faster" if faster else f"≤ {item.most:g}×"
    reached = ratio >= (item.least or 0) if faster else ratio <= (item.most or 0)
    facts = [f"{key} {value:,}" for key, value in ours[-1].items() if key in ("cells", "rows")]
    if "added_bytes" in ours[-1]:
        facts.append(f"added {ours[-1]['added_bytes'] / ours[-1]['first_bytes']:.2%}")
        facts.append(f"peer added {peer[-1]['added_bytes'] / peer[-1]['first_bytes']:.0%}")
    if "cells" in peer[-1] and peer[-1]["cells"] != ours[-1]["cells"]:
        raise SystemExit(f"{item.title}: the two sides found different cells: {ours[-1]} {peer[-1]}")
    row = [item.title, _spread(ours, item), _spread(peer, item), f"{ratio:.2f}×", target, ", ".join(facts)]
    return [*row[:3], row[3] + (" ✓" if reached else " ✗"), *row[4:]], reached


def run(side: Side, workload: Path) -> dict[str, Any]:
    """Do the works of one side in a fresh folder and return the figures of the last."""
    folder = Path(tempfile.mkdtemp(dir=BENCH))
    try:
        for work in side.works:
            command = [str(python(side.peer)), str(HERE / side.script), work, str(workload), str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return figures
    finally:
        shutil.rmtree(folder)


def python(peer: str | None) -> Path:
    """Return the interpreter of a peer's environment, made on first use; ours for None."""
    if peer is None:
        return Path(sys.executable)
    place = BENCH / peer / "bin" / "python"
    if not (BENCH / peer / "ready").exists():
        print(f"Setting up {peer} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(BENCH / peer)], check=True)
        subprocess.run([str(place), "-m", "pip", "install", "-qq", *PEERS[peer]], check=True)
        (BENCH / peer / "ready").touch()
    return place


def _spread(runs: list[dict[str, Any]], item: Comparison) -> str:
    values = [run[item.figure] for run in runs]
    return f"{statistics.median(values):.3f} s ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    BENCH.mkdir(exist_ok=True)
    main()
