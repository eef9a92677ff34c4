"""What Ray costs and brings: by hand, ``python benchmarks/cluster.py``; needs ``headwater[ray]``.

Overhead: seconds for each of many tasks that do nothing, here and on Ray. Speed-up: the default suite on a dataset of
which nothing is known, by one process of Ray and by two, and by threads; the bytes that driver and workers have to
themselves afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from workload import SEED, table

from headwater.api import Repo
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.engine.ray import RayExecutor

BENCH = Path(__file__).parent.parent / ".bench"


def nothing(number: int) -> int:
    """Do nothing."""
    return number


def own_bytes(_: int) -> int:
    """Return what this process has in memory to itself."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10
    return 0


def overhead(executor: Executor, tasks: int) -> float:
    """Return the seconds of one task that does nothing."""
    list(executor.map(nothing, range(100)))
    started = time.perf_counter()
    list(executor.map(nothing, range(tasks)))
    return (time.perf_counter() - started) / tasks


def checked(place: Path, executor: Executor) -> float:
    """Return the seconds of a check with nothing known from before."""
    shutil.rmtree(place / "states", ignore_errors=True)
    shutil.rmtree(place / "scores", ignore_errors=True)
    repo = Repo.open(place)
    repo.executor = executor
    started = time.perf_counter()
    repo.check("data", label="label")
    return time.perf_counter() - started


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    BENCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=BENCH))
    repo = Repo.init(folder / "repo")
    rng = np.random.default_rng(SEED)
    with repo.transaction("rows") as tx:
        for start in range(0, options.rows, 500_000):
            tx.append("data", table(rng, start, min(500_000, options.rows - start)), key="id")
    home = Path(repo.storage.location)
    ray = RayExecutor("local", workers=2)
    single = RayExecutor(workers=1)
    sides: dict[str, Executor] = {
        "threads, 1": LocalExecutor(1),
        "threads, 2": LocalExecutor(2),
        "Ray, 1 process": single,
        "Ray, 2 processes": ray,
    }
    for name, executor in sides.items():
        print(f"{name:>18}: {overhead(executor, 2000) * 1e3:.3f} ms a task that does nothing", flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds + 1):
        for name, executor in sides.items():
            seconds[name].append(checked(home, executor))
    chunks = len(Repo.open(home)["data"].chunks)
    for name, found in seconds.items():
        print(
            f"{name:>18}: {statistics.median(found[1:]):.2f} s ({min(found[1:]):.2f} at least) to check "
            f"{options.rows:,} rows in {chunks} chunks"
        )
    least = {name: min(found[1:]) for name, found in seconds.items()}
    print(f"speed-up of Ray from 1 to 2 processes: {least['Ray, 1 process'] / least['Ray, 2 processes']:.2f}")
    workers = max(ray.map(own_bytes, range(20)))
    print(f"memory: driver {own_bytes(0) >> 20} MiB, worker {workers >> 20} MiB")
    ray.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
