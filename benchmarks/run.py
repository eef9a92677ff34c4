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
    "dvc": ["dvc", "numpy", "pyarrow"],
    "lance": ["pylance"],
    "webdataset": ["webdataset"],
    "polars": ["polars"],
    "great_expectations": ["great_expectations", "pyarrow"],
    "pandera": ["pandera[polars]", "polars"],
    "pointblank": ["pointblank", "polars", "pyarrow"],
    "whylogs": ["whylogs", "numpy<2", "pandas<3", "pyarrow<21"],
    "evidently": ["evidently", "pandas<3", "pyarrow"],
}


@dataclass(frozen=True)
class Side:
    """A script, the environment it runs in (None: ours), and the works to do, of which the last counts.

    ``before`` are works of our other scripts that come first.
    """

    script: str
    works: tuple[str, ...]
    peer: str | None = None
    before: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One row of the table: two sides, the figure compared, and what the ratio must reach."""

    title: str
    ours: Side
    peer: Side
    figure: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Limit:
    """One row of the table without a peer: what a work of ours must reach by itself."""

    title: str
    ours: Side
    least_rows_per_s: float
    most_bytes: float


FIRST, SECOND = ("import",), ("import", "commit")


def versioning(title: str, works: tuple[str, ...], peer: Side, **bound: float) -> Comparison:
    """Return a comparison of seconds with our versioning script."""
    return Comparison(title, Side("ours.py", works), peer, "seconds", **bound)


def remote(title: str, work: str, peer: str) -> Comparison:
    """Return a comparison of a transfer with that of the same bytes by obstore alone."""
    sides = [
        Side("remote.py", (name,), before=tuple(("ours.py", first) for first in SECOND))
        for name in (work, peer)
    ]
    return Comparison(title, *sides, "seconds", most=1.3)


def again(change: str, work: str, *, most: float) -> Comparison:
    """Return a comparison of the CPU time of checking again with that of the first check."""
    sides = Side("checking.py", (work,)), Side("checking.py", ("full",))
    return Comparison(f"check again, {change} / full check (CPU)", *sides, "cpu", most=most)


def folders(title: str, works: tuple[str, ...], *, least: float) -> Comparison:
    """Return a comparison of seconds with DVC on a folder of 20,000 files."""
    sides = Side("folder.py", works), Side("peers/dvc_folder.py", works, "dvc")
    return Comparison(title, *sides, "seconds", least=least)


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
    versioning(
        "10,000 rows by key / Lance",
        ("import", "take"),
        Side("peers/lance_take.py", ("import", "take"), "lance"),
        most=1,
    ),
    versioning(
        "shuffled epoch of images / WebDataset",
        ("images", "epoch"),
        Side("peers/webdataset_epoch.py", ("images", "epoch"), "webdataset"),
        least=1,
    ),
    remote("push to S3 / obstore", "push", "upload"),
    remote("clone from S3 / obstore", "clone", "download"),
    folders("import 20,000 files / DVC", ("import",), least=5),
    folders("import again, 1 % of the files changed / DVC", ("import", "again"), least=20),
    Comparison(
        "ten expectations / Great Expectations",
        Side("checking.py", ("expectations",)),
        Side("peers/gx_expectations.py", ("expectations",), "great_expectations"),
        "seconds",
        least=10,
    ),
    Comparison(
        "ten expectations / pandera on Polars",
        Side("checking.py", ("expectations",)),
        Side("peers/pandera_expectations.py", ("expectations",), "pandera"),
        "seconds",
        most=2,
    ),
    Comparison(
        "drift of seven columns / Evidently",
        Side("checking.py", ("drift",)),
        Side("peers/evidently_drift.py", ("drift",), "evidently"),
        "seconds",
        least=2,
    ),
    Comparison(
        "ten expectations / pointblank on Polars",
        Side("checking.py", ("expectations",)),
        Side("peers/pointblank_expectations.py", ("expectations",), "pointblank"),
        "seconds",
        most=2,
    ),
    Comparison(
        "full profile / whylogs",
        Side("checking.py", ("profile",)),
        Side("peers/whylogs_profile.py", ("profile",), "whylogs"),
        "seconds",
        least=2,
    ),
    again("nothing changed", "nothing", most=0.02),
    again("1 % appended", "appended", most=0.05),
    again("1 % updated anywhere", "updated", most=0.15),
]
LIMITS = [Limit("full profile", Side("checking.py", ("profile",)), 500_000, 1 << 30)]


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
    for limit in LIMITS:
        if options.only.lower() in limit.title.lower():
            row, reached = measure(limit, workload, options.rounds)
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
    row = [item.title, _spread(ours, item), _spread(peer, item), f"{ratio:.3g}×", target, ", ".join(facts)]
    return [*row[:3], row[3] + (" ✓" if reached else " ✗"), *row[4:]], reached


def measure(item: Limit, workload: Path, rounds: int) -> tuple[list[str], bool]:
    """Run a work of ours and return the row of the table, and whether the limits were kept."""
    runs = [run(item.ours, workload) for _ in range(rounds + 1)][1:]
    seconds = statistics.median(run["seconds"] for run in runs)
    speed, peak = runs[0]["rows"] / seconds, max(run["peak_bytes"] for run in runs)
    reached = speed >= item.least_rows_per_s and peak <= item.most_bytes
    figures = f"{speed:,.0f} rows/s {'✓' if reached else '✗'}"
    target = f"≥ {item.least_rows_per_s:,.0f} rows/s, ≤ {item.most_bytes / 2**20:,.0f} MiB"
    return [item.title, f"{seconds:.3f} s", "", figures, target, f"peak {peak / 2**20:,.0f} MiB"], reached


def run(side: Side, workload: Path) -> dict[str, Any]:
    """Do the works of one side in a fresh folder and return the figures of the last."""
    folder = Path(tempfile.mkdtemp(dir=BENCH))
    try:
        for script, work in [*side.before, *((side.script, work) for work in side.works)]:
            command = [str(python(side.peer)), str(HERE / script), work, str(workload), str(folder)]
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
