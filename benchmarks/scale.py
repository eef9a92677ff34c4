"""Does the cost of daily work grow with the dataset or with history? Figures, for docs/scale.md; no peer.

A dataset of made-up chunks stands for one too big for this machine: its manifest and pages are real, the rows behind
them are not there. Commits of ten real rows follow on it, through the interface that users have.

    .venv/bin/python benchmarks/scale.py --chunks 1000 1000000 --commits 1000
    .venv/bin/python benchmarks/scale.py --chunks 1 --commits 100000
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from headwater.core.ids import ObjectId
from headwater.store.chunk import CHUNK_ROWS, Chunk, Group
from headwater.store.chunklist import ChunkList
from headwater.store.commit import Provenance, save_commit
from headwater.store.manifest import Fingerprint, Manifest, save_manifest
from headwater.versions.gc import collect
from headwater.versions.repo import Repo

COLUMNS = 12
SCHEMA = pa.schema([("id", pa.int64()), *((f"c{number}", pa.float64()) for number in range(1, COLUMNS))])


def main() -> None:
    """Print the figures for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--chunks", type=int, nargs="+", default=[1000, 100_000], help="full chunks before the first commit"
    )
    parser.add_argument("--commits", type=int, default=1000, help="commits of ten rows")
    options = parser.parse_args()
    table = Table(
        title=f"{options.commits:,} commits of 10 rows on a dataset of N chunks of {CHUNK_ROWS:,} rows"
    )
    table.add_column("work")
    columns = [measure(chunks, options.commits) for chunks in options.chunks]
    for chunks in options.chunks:
        table.add_column(f"{chunks:,} chunks", justify="right")
    for work in columns[0]:
        table.add_row(work, *(column[work] for column in columns))
    Console(width=160).print(table)


def measure(chunks: int, commits: int) -> dict[str, str]:
    """Return each figure for one size, as text."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        repo = Repo.init(Path(folder) / "repo")
        with timed(found, "build the dataset"):
            build(repo, chunks)
        times, sizes = [], []
        first = chunks * CHUNK_ROWS
        for number in range(commits):
            start = time.perf_counter()
            append(repo, first + 10 * number)
            times.append(time.perf_counter() - start)
            if number in (0, commits - 1):
                sizes.append(stored(repo))
        tenth = max(commits // 10, 1)
        found["commit 10 rows, the first tenth (median)"] = seconds(float(np.median(times[:tenth])))
        found["commit 10 rows, the last tenth (median)"] = seconds(float(np.median(times[-tenth:])))
        found["commit 10 rows, slowest"] = seconds(max(times))
        found["bytes added by a commit (mean)"] = f"{(sizes[-1] - sizes[0]) / max(commits - 1, 1):,.0f}"

        def again() -> Repo:
            return Repo.open(Path(folder) / "repo")

        work: dict[str, Callable[[], object]] = {
            "open, and count the rows": lambda: again()["d"].num_rows,
            "diff of the last commit, with cells": lambda: again().diff()["d"].cells().num_rows,
            "diff over all commits, with rows": lambda: len(
                again().diff(again().resolve("start"))["d"].changes.added
            ),
            "log, first 10": lambda: [c.id for c, _ in zip(again().log(), range(10), strict=False)],
            "log, all": lambda: sum(1 for _ in again().log()),
            "make a branch": lambda: again().create_branch("side", "HEAD~5"),
            "commit 10 rows there": lambda: append(again().branch("side"), first - 10**12),
            "merge it": lambda: again().merge("side"),
            "update 10 of the rows": lambda: update(again(), first),
            "gc": lambda: collect(again(), grace=timedelta(days=1)),
        }
        for name, task in work.items():
            with timed(found, name):
                task()
    return found


def build(repo: Repo, chunks: int) -> None:
    """Make the first version, of made-up chunks, with a tag ``start``."""
    made = ChunkList(made_up(number) for number in range(chunks))
    manifest = Manifest(schema=SCHEMA, key=("id",), chunks=made, fingerprint=Fingerprint(chunks * CHUNK_ROWS))
    name = save_manifest(manifest, repo.objects)
    commit = save_commit(
        repo.objects, datasets={"d": name}, parents=(), author="", message="start", provenance=Provenance()
    )
    repo.refs.require_move("heads", "main", commit.id, expected=None, reason="start")
    repo.create_tag("start")


def made_up(number: int) -> Chunk:
    """Return a full chunk whose objects are not there."""
    low = number * CHUNK_ROWS
    bounds = {name: [number * 0.5, number * 0.75 + 1.0, 0] for name in SCHEMA.names[1:]}
    return Chunk(
        rows=CHUNK_ROWS,
        groups=(Group(digest(number, "group"), {name: name for name in SCHEMA.names}),),
        row_hashes=digest(number, "rows"),
        keys=digest(number, "keys"),
        statistics={"id": [low, low + CHUNK_ROWS - 1, 0], **bounds},
    )


def digest(number: int, what: str) -> ObjectId:
    """Return a name as objects have."""
    return ObjectId(hashlib.blake2b(f"{what}{number}".encode(), digest_size=32).hexdigest())


def append(repo: Repo, start: int) -> None:
    """Commit ten rows with keys from ``start`` on."""
    with repo.transaction("ten rows") as tx:
        tx.append("d", rows(start, 0.0))


def update(repo: Repo, start: int) -> None:
    """Commit other values of ten rows."""
    with repo.transaction("ten updates") as tx:
        tx.upsert("d", rows(start, 1.0))


def rows(start: int, value: float) -> pa.Table:
    """Return ten rows."""
    ids = np.arange(start, start + 10)
    return pa.table([ids, *(ids * 0.5 + value for _ in SCHEMA.names[1:])], schema=SCHEMA)


def stored(repo: Repo) -> int:
    """Return the size of the repository."""
    return sum(entry.size for entry in repo.storage.list("objects"))


@contextmanager
def timed(found: dict[str, str], name: str) -> Iterator[None]:
    """Note how long the block took."""
    start = time.perf_counter()
    yield
    found[name] = seconds(time.perf_counter() - start)


def seconds(value: float) -> str:
    """Return a time for people."""
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.1f} s"


if __name__ == "__main__":
    main()
