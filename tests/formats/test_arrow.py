"""Arrow's own files and streams."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import given

from headwater.core.errors import InputError, UsageError
from headwater.formats.arrow import ArrowIpc
from headwater.formats.base import BATCH_ROWS, ReadOptions, Source, WriteOptions
from tests.formats.strategies import tables


def read(path: Path) -> Source:
    return ArrowIpc().read(str(path), options=ReadOptions())


@pytest.mark.parametrize("name", ["t.arrow", "t.arrows", "t.feather"])
@given(table=tables())
def test_what_is_written_is_read_back_equal(tmp_path: Path, name: str, table: pa.Table) -> None:
    path = tmp_path / name
    ArrowIpc().write(table.to_batches(), table.schema, path, options=WriteOptions())
    source = read(path)
    assert source.num_rows == (None if name == "t.arrows" else len(table))
    assert source.table().equals(table)


def test_feather_of_other_tools_is_read_in_bounded_batches(tmp_path: Path) -> None:
    path = tmp_path / "t.feather"
    table = pa.table({"a": range(300_000), "b": ["x"] * 300_000})
    pyarrow.feather.write_feather(table, str(path), compression="lz4", chunksize=250_000)
    source = read(path)
    assert max(batch.num_rows for batch in source.batches()) <= BATCH_ROWS
    assert source.table().equals(table)


@pytest.mark.parametrize("name", ["t.arrow", "t.arrows"])
def test_cut_off_files_say_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table = pa.table({"a": range(100_000)})
    ArrowIpc().write(table.to_batches(), table.schema, path, options=WriteOptions())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="not whole Arrow data"):
        read(path).table()


@pytest.mark.parametrize(
    ("data", "said"), [(b"", "empty"), (b"FEA1\0\0", "old Feather format"), (b"hello", "not whole")]
)
def test_other_files_say_what_they_are(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "t.arrow"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read(path)


def test_dictionaries_that_change_cannot_be_in_a_file(tmp_path: Path) -> None:
    batches = [pa.record_batch({"a": pa.array([word] * BATCH_ROWS).dictionary_encode()}) for word in "ab"]
    with pytest.raises(UsageError, match="Arrow cannot write"):
        ArrowIpc().write(batches, batches[0].schema, tmp_path / "t.arrow", options=WriteOptions())
