"""Columns of pictures are found by what they hold, and small pictures are read as the large ones were."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.pictures import (
    only_pictures,
    picture_columns,
    require_picture,
    shrunk,
    small_pictures,
)
from tests.models.test_train import made
from tests.recipes.pictures import digits, files_of

pytest.importorskip("PIL")
pytest.importorskip("sklearn")


def test_a_column_is_one_of_pictures_by_how_its_values_begin() -> None:
    table = (
        digits(60)
        .append_column("blob", pa.array([b"\x00\x01"] * 60))
        .append_column("none", pa.array([None] * 60, pa.binary()))
    )
    dataset = made(table, key="path", label="label")
    assert picture_columns(dataset) == ["picture"]
    assert picture_columns(dataset, ["picture"]) == []
    assert only_pictures(dataset.schema, ["width"])
    assert not only_pictures(dataset.schema, ["width", "label"])


def test_shrunk_pictures_are_the_same_pixels(rng: np.random.Generator) -> None:
    large = rng.integers(0, 256, (3, 90, 70, 3), np.uint8)
    for form in ("PNG", "JPEG", "BMP"):
        files = pa.chunked_array([pa.array([*files_of(large, form), None, b"no picture"], pa.binary())])
        before, there = small_pictures(files)
        after, still = small_pictures(shrunk(files))
        assert there.tolist() == still.tolist() == [True, True, True, False, False]
        np.testing.assert_array_equal(before, after)
    assert len(shrunk(pa.array([], pa.binary()))) == 0


def test_one_column_of_bytes_is_needed() -> None:
    one = pa.schema([("a", pa.binary()), ("b", pa.string())])
    assert require_picture(one, "image") == "a"
    for names in ([], ["a", "c"]):
        with pytest.raises(UsageError, match="one column of pictures"):
            require_picture(pa.schema([(name, pa.binary()) for name in names]), "image")
