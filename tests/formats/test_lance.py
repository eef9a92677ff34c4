"""Lance datasets: what comes back, versions, deleted rows, and damage."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.read import read
from tests.formats.folders import converted, require_type_kept, round_trip

lance = pytest.importorskip("lance")


@pytest.mark.parametrize(("name", "kind"), converted({}), ids=str)
def test_types_come_back_as_they_were(name: str, kind: pa.DataType, tmp_path: Path) -> None:
    require_type_kept(name, kind, tmp_path / "ta ble ü", "lance", lambda: pytest.raises(UsageError))


def test_an_empty_dataset_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "ü": pa.array([], pa.string())})
    source, back = round_trip(table, tmp_path / "t.lance", "lance")
    assert (back.schema, source.num_rows, source.about.name) == (table.schema, 0, "t")


def test_a_large_dataset_is_several_files_in_order(tmp_path: Path) -> None:
    table = pa.table({"a": range(300_000), "b": [f"{number * 7919:032d}" for number in range(300_000)]})
    _, back = round_trip(table, tmp_path / "t", "lance", shard_bytes=1 << 20)
    assert back.equals(table)
    assert len(list((tmp_path / "t" / "data").iterdir())) > 1


def test_the_newest_version_is_read_without_deleted_rows(tmp_path: Path) -> None:
    lance.write_dataset(pa.table({"a": [1, 2, 3]}), str(tmp_path / "t"))
    lance.write_dataset(pa.table({"a": [4]}), str(tmp_path / "t"), mode="append").delete("a = 2")
    source = read(tmp_path / "t")
    assert (source.num_rows, source.table().column("a").to_pylist()) == (3, [1, 3, 4])


def test_an_interval_has_no_type(tmp_path: Path) -> None:
    table = pa.table({"every": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(UsageError, match=r"Lance has no type for column 'every' \(interval\)"):
        round_trip(table, tmp_path / "t", "lance")


def test_datasets_that_are_not_whole_say_so(tmp_path: Path) -> None:
    path = tmp_path / "t"
    lance.write_dataset(pa.table({"a": range(1000)}), str(path))
    file = next((path / "data").iterdir())
    manifest = next((path / "_versions").glob("*.manifest"))
    whole, versions = file.read_bytes(), manifest.read_bytes()
    for broken in (whole[: len(whole) // 2], b""):
        file.write_bytes(broken)
        with pytest.raises(InputError, match="t: it is not a whole Lance dataset"):
            read(path).table()
    file.unlink()
    with pytest.raises(InputError, match="t: it is not a whole Lance dataset"):
        read(path).table()
    file.write_bytes(whole)
    manifest.write_bytes(versions[: len(versions) // 2])
    with pytest.raises(InputError, match="t: it is not a whole Lance dataset"):
        read(path).table()
    with pytest.raises(InputError, match="it is no Lance dataset"):
        read(path / "data", format="lance")


def test_files_outside_the_folder_are_refused(tmp_path: Path) -> None:
    lance.write_dataset(pa.table({"a": [1]}), str(tmp_path / "t"))
    lance.dataset(str(tmp_path / "t")).shallow_clone(str(tmp_path / "copy"), 1)
    with pytest.raises(InputError, match=r"copy: it refers to .*, which is not inside its folder"):
        read(tmp_path / "copy")
    file = next((tmp_path / "t" / "data").iterdir())
    file.rename(tmp_path / "outside.lance")
    file.symlink_to(tmp_path / "outside.lance")
    with pytest.raises(InputError, match="not inside its folder"):
        read(tmp_path / "t")
