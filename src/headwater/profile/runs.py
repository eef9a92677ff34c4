"""Sorted hashes of a whole dataset in a few runs, so that counting an append costs what it adds.

A run is kept in a file of its own, which is mapped into memory and looked through by bisection. Each is more than twice
as long as the next, so that there are few of them, and a hash is written again only when runs are put together.

References
----------
O'Neil, Cheng, Gawlick, O'Neil (1996). The log-structured merge-tree. doi:10.1007/s002360050048
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.hashing import U64
from headwater.profile.codec import decode, encode

__all__ = ["Run", "count", "counts_in", "folded", "read_run", "runs_of", "write_run"]

I64 = NDArray[np.int64]

_RATIO = 2


class Run(NamedTuple):
    """Ascending distinct hashes and their counts; ``name`` is that of the file they are kept in, if they are."""

    hashes: U64
    counts: I64
    name: str = ""


def count(parts: Sequence[Run]) -> Run:
    """Return the distinct hashes of several runs, with their summed counts."""
    if len(parts) == 1:
        return parts[0]
    hashes = np.concatenate([part.hashes for part in parts])
    if all((part.counts == 1).all() for part in parts):
        return runs_of(np.sort(hashes))
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(hashes)
    hashes, counts = hashes[order], counts[order]
    if len(hashes) == 0:
        return Run(hashes, counts)
    starts = np.concatenate([[0], np.flatnonzero(hashes[1:] != hashes[:-1]) + 1])
    return Run(hashes[starts], np.add.reduceat(counts, starts))


def runs_of(hashes: U64) -> Run:
    """Return the distinct ones of sorted hashes, with their counts."""
    if len(hashes) == 0:
        return Run(hashes, np.zeros(0, np.int64))
    starts = np.concatenate([[0], np.flatnonzero(hashes[1:] != hashes[:-1]) + 1])
    return Run(hashes[starts], np.diff(np.append(starts, len(hashes))).astype(np.int64))


def counts_in(parts: Sequence[Run], hashes: U64) -> I64:
    """Return how often each of some hashes is in runs; m log n steps a run."""
    found = np.zeros(len(hashes), np.int64)
    for part in parts:
        if len(part.hashes):
            places = np.minimum(np.searchsorted(part.hashes, hashes), len(part.hashes) - 1)
            found += np.where(part.hashes[places] == hashes, part.counts[places], 0)
    return found


def folded(parts: Sequence[Run]) -> tuple[Run, ...]:
    """Put runs together until each is more than twice as long as the next."""
    out: list[Run] = []
    for part in parts:
        while out and len(out[-1].hashes) <= _RATIO * len(part.hashes):
            part = count([out.pop(), part])
        out.append(part)
    return tuple(out)


def write_run(run: Run, write: Callable[[bytes], str]) -> Run:
    """Keep a run that is not kept yet; return it with its name."""
    if run.name:
        return run
    fields: dict[str, Any] = {"hashes": run.hashes}
    if (run.counts != 1).any():
        fields["counts"] = run.counts.astype(np.uint32)
    return run._replace(name=write(encode("run", 1, fields)))


def read_run(name: str, data: pa.Buffer) -> Run:
    """Read a run that was kept, without a copy."""
    fields = decode("run", 1, data)
    hashes = fields["hashes"]
    # One number seen over and over takes no memory.
    counts = fields["counts"] if "counts" in fields else np.broadcast_to(np.int64(1), hashes.shape)
    return Run(hashes, counts.astype(np.int64) if "counts" in fields else counts, name)
