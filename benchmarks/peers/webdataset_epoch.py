"""WebDataset: an epoch of images in batches, from shuffled shards through a buffer of 1,000."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import webdataset
from images import BATCH, images
from measure import arguments, measured

work, _, folder = arguments()
SHARD = 1_000
if work == "images":
    shard: Any = None
    for number, image, label in images():
        if number % SHARD == 0:
            if shard is not None:
                shard.close()
            shard = tarfile.open(folder / f"{number // SHARD:04}.tar", "w")  # noqa: SIM115
        for suffix, data in (("jpg", image), ("cls", str(label).encode())):
            entry = tarfile.TarInfo(f"{number:06}.{suffix}")
            entry.size = len(data)
            shard.addfile(entry, io.BytesIO(data))
    shard.close()
    print("{}")
else:
    shards = sorted(map(str, folder.glob("*.tar")))

    def epoch() -> dict[str, int]:
        source = webdataset.WebDataset(shards, shardshuffle=len(shards), empty_check=False)
        batches = source.shuffle(1_000).to_tuple("jpg", "cls").batched(BATCH)
        return {"rows": sum(len(labels) for _, labels in batches)}

    measured(epoch)
