"""The workload of files: 20,000 of 5 KB in ten folders, then 1 % of them with other content. Numpy only."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

FILES = 20_000
SIZE = 5_000
SEED = 20_261_123
_CLASSES = 10
_HEAD = b"\x89PNG\r\n\x1a\n"


def make(root: Path, count: int) -> None:
    """Write files that no compression makes smaller, as images are."""
    rng = np.random.default_rng(SEED)
    for number in range(count):
        folder = root / f"class{number % _CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05d}.png").write_bytes(_HEAD + rng.bytes(SIZE - len(_HEAD)))


def change(root: Path) -> int:
    """Give 1 % of the files other content, and return the bytes of them."""
    rng = np.random.default_rng(SEED + 1)
    files = sorted(root.rglob("*.png"))[::100]
    for file in files:
        file.write_bytes(_HEAD + rng.bytes(SIZE - len(_HEAD)))
    return SIZE * len(files)


def seconds_of_rest() -> None:
    """Wait until the clock of the file system has moved on, as it has between two commands of a person."""
    time.sleep(2.2)
