"""The workload of files: 20,000 of 5 KB in ten folders, then 1 % of them with other content. Numpy only."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np

FILES = 20_000
SIDE = 40
SEED = 20_261_123
_CLASSES = 10
_HEAD = b"\x89PNG\r\n\x1a\n"


def make(root: Path, count: int) -> None:
    """Write images of noise, which no compression makes smaller."""
    rng = np.random.default_rng(SEED)
    for number in range(count):
        folder = root / f"class{number % _CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05d}.png").write_bytes(_picture(rng))


def change(root: Path) -> int:
    """Give 1 % of the files other content, and return the bytes of them."""
    rng = np.random.default_rng(SEED + 1)
    files = sorted(root.rglob("*.png"))[::100]
    return sum(file.write_bytes(_picture(rng)) for file in files)


def _picture(rng: np.random.Generator) -> bytes:
    """Return a PNG of 40 × 40 pixels in about 5 KB."""
    lines = b"".join(b"\0" + rng.bytes(3 * SIDE) for _ in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return _HEAD + b"".join(packed)


def seconds_of_rest() -> None:
    """Wait until the clock of the file system has moved on, as it has between two commands of a person."""
    time.sleep(2.2)
