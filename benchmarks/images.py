"""Made-up images for benchmarks, alike on both sides: standard library only, as peers share little else."""

from __future__ import annotations

import random
from collections.abc import Iterator

COUNT, SIZE_BYTES, CLASSES, BATCH = 20_000, 5_000, 10, 64


def images() -> Iterator[tuple[int, bytes, int]]:
    """Yield number, bytes and class of each image."""
    for number in range(COUNT):
        yield number, random.Random(number).randbytes(SIZE_BYTES), number % CLASSES
