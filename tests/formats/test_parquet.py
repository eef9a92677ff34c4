"""Parquet files: streamed, typed, and refused when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from headwater.core.errors import InputError, UsageError
from headwater.formats.base import BATCH_ROWS, READERS, ReadOptions, WriteOptions
from headwater.formats.parquet import Parquet
from tests.formats.strategies import tables


@given(table=tables())
def test_what_is_written_is_read_back_equal(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "t.parquet"
    Parquet().write(table.to_batches(), table.schema, path, options=WriteOptions())
    source = READERS["parquet"].read(str(path), options=ReadOptions())
    assert (source.num_rows, source.schema) == (len(table), table.schema)
    assert source.table().equals(table)


def test_batches_are_bounded_whatever_the_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"a": range(300_000)})
    pq.write_table(table, path, row_group_size=250_000)
    source = Parquet().read(str(path), options=ReadOptions())
    assert max(batch.num_rows for batch in source.batches()) <= BATCH_ROWS
    assert source.table().equals(table)


def test_many_small_batches_become_few_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    batches = [pa.record_batch({"a": [number]}) for number in range(500)]
    Parquet().write(batches, batches[0].schema, path, options=WriteOptions())
    assert pq.ParquetFile(path).metadata.num_row_groups == 1


def test_types_asked_for_are_kept_to_and_misfits_named_by_row(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1.0] * 200_000 + [1.5]}), path)
    source = Parquet().read(str(path), options=ReadOptions(schema={"a": pa.int64()}))
    with pytest.raises(InputError, match=r"t.parquet: row 200001, column 'a': '1.5' is not an int64"):
        source.table()


def test_damaged_files_say_so(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": range(100_000)}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="not a whole Parquet file"):
        Parquet().read(str(path), options=ReadOptions())
    path.write_bytes(whole[:100] + bytes(200) + whole[300:])
    with pytest.raises(InputError, match="its data is damaged"):
        Parquet().read(str(path), options=ReadOptions()).table()


def test_columns_that_parquet_cannot_hold_are_a_wrong_request(tmp_path: Path) -> None:
    table = pa.table({"a": pa.nulls(1, pa.month_day_nano_interval())})
    with pytest.raises(UsageError, match="Parquet cannot hold"):
        Parquet().write(table.to_batches(), table.schema, tmp_path / "t.parquet", options=WriteOptions())


def test_batches_of_large_values_have_few_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    rng = np.random.default_rng(1)
    pq.write_table(pa.table({"a": [rng.bytes(1 << 20) for _ in range(60)]}), path)
    assert max(batch.num_rows for batch in Parquet().read(str(path), options=ReadOptions()).batches()) == 16
