"""What it costs to check a fixed append while the dataset grows: by hand, ``python benchmarks/append.py``.

A dataset is imported up to each size, checked, given 100,000 more rows, and checked again in a fresh process. Printed
are the rows, seconds and CPU seconds of committing and of checking the append, and the ratio of the last to the first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import measured
from workload import SEED, table

from headwater.api import Repo
from headwater.engine.local import LocalExecutor

BENCH = Path(__file__).parent.parent / ".bench"
STEP = 500_000
APPENDED = 100_000


def grow(repo: Repo, start: int, rows: int) -> None:
    """Append rows with keys from ``start`` on."""
    rng = np.random.default_rng([SEED, start])
    with repo.transaction(f"{rows:,} rows from {start:,}") as tx:
        tx.append("data", table(rng, start, rows), key="id")


def check(folder: Path, start: int) -> None:
    """Append rows to a repository and measure the check; in a process of its own."""
    repo = Repo.open(folder)
    repo.executor = LocalExecutor(1)
    # What is loaded with the first of anything does not count.
    warm = Repo.init("memory://")
    grow(warm, 0, 1000)
    warm.check("data", label="label")
    grow(repo, start, APPENDED)
    measured(
        lambda: {"rows": repo["data"].num_rows, "scanned": repo.check("data", label="label").scanned_rows}
    )


def main() -> None:
    """Grow, append, check; print the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,2,4,7,10", help="millions of rows, ascending")
    parser.add_argument("--rounds", type=int, default=3, help="appends at each size")
    parser.add_argument("--keep", type=Path, help="a folder to keep the repositories in, or to find them in")
    options = parser.parse_args()
    BENCH.mkdir(exist_ok=True)
    home = options.keep or Path(tempfile.mkdtemp(dir=BENCH))
    curve = []
    for size in [int(float(text) * 1_000_000) for text in options.sizes.split(",")]:
        folder = home / f"rows-{size}"
        if not folder.exists():
            before = [home / f"rows-{done}" for done, _ in curve]
            if before:
                shutil.copytree(before[-1], folder)
            repo = Repo.open(folder) if before else Repo.init(folder)
            start = repo["data"].num_rows if before else 0
            for at in range(start, size, STEP):
                grow(repo, at, min(STEP, size - at))
            repo.check("data", label="label")
        figures = [once(folder, size) for _ in range(options.rounds)]
        cpu, wall = (statistics.median(one[name] for one in figures) for name in ("cpu", "seconds"))
        curve.append((size, cpu))
        print(
            f"{size:>12,} rows + {APPENDED:,}: {cpu:.3f} s CPU ({min(f['cpu'] for f in figures):.3f} at least), "
            f"{wall:.3f} s, {figures[0]['scanned']:,} rows read",
            flush=True,
        )
    print(f"last / first: {curve[-1][1] / curve[0][1]:.2f}")
    if options.keep is None:
        shutil.rmtree(home)


def once(folder: Path, size: int) -> dict[str, float]:
    """Measure one append, to a copy."""
    copy = Path(tempfile.mkdtemp(dir=folder.parent)) / "copy"
    # Objects never change, so links to them do.
    subprocess.run(["cp", "-al", str(folder), str(copy)], check=True)
    done = subprocess.run(
        [sys.executable, __file__, "--check", str(copy), str(size)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    shutil.rmtree(copy.parent)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
