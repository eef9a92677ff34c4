"""Pictures that are nearly the same."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.alike import alike_pairs
from headwater.recipes.near_images import NearImages
from headwater.versions.repo import Repo

image: Any = pytest.importorskip("PIL.Image")


def data(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(rng: np.random.Generator) -> Any:
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return image.fromarray(coarse).resize((240, 200), image.Resampling.BICUBIC)


def found(values: list[bytes | None]) -> set[tuple[int, int]]:
    repo = Repo.init("memory://")
    with repo.transaction("pictures") as tx:
        rows = pa.table({"id": np.arange(len(values)), "bytes": pa.array(values, pa.binary())})
        tx.append("photos", rows, key="id")
    pairs = alike_pairs(repo["photos"], NearImages(column="bytes"))
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


def test_copies_at_another_size_or_quality_are_found_and_other_scenes_are_not(
    rng: np.random.Generator,
) -> None:
    first, *others = (scene(rng) for _ in range(40))
    values = [data(first), data(first, "JPEG", quality=60), data(first.resize((120, 100)))]
    pairs = found([*values, *(data(other) for other in others)])
    assert pairs
    assert {row for pair in pairs for row in pair} == {0, 1, 2}


def test_broken_files_nulls_and_pictures_of_one_colour_are_left_out() -> None:
    plain = data(image.new("RGB", (64, 64), (200, 10, 10)))
    assert found([b"no picture", b"no picture", None, None, plain, plain]) == set()


def test_more_bits_than_can_be_searched_are_refused() -> None:
    with pytest.raises(UsageError, match="0 to 7"):
        NearImages(column="bytes", bits=8)
