"""Measure one piece of work in this process, and print the figures as one line of JSON.

Shared by our own scripts and the peers', whose environments have little in common: standard library only.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def measured(work: Callable[[], Any], after: Callable[[], dict[str, Any]] = dict) -> None:
    """Run ``work`` and print seconds, CPU seconds, peak memory, and the facts that ``work`` and ``after`` return."""
    cpu, wall = time.process_time() + _children(), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - wall
    used = time.process_time() + _children() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    extra = result if isinstance(result, dict) else {}
    print(json.dumps({"seconds": seconds, "cpu": used, "peak_bytes": peak, **extra, **after()}))


def size_bytes(folder: Path) -> int:
    """Return the bytes of all files below ``folder``."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def arguments() -> tuple[str, Path, Path]:
    """Return what the command line names: the work, the folder with the workload, a folder to work in."""
    return sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
