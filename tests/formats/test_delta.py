"""Delta tables: what comes back, what is refused, deleted rows, and logs that name files elsewhere."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyroaring
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import InputError, UsageError
from headwater.formats.base import About
from headwater.formats.read import read
from headwater.formats.write import write
from tests.formats.folders import converted, require_type_kept, round_trip

deltalake = pytest.importorskip("deltalake")

TYPES: dict[str, pa.DataType | None] = {
    "uint8": pa.int16(),
    "uint64": pa.decimal128(20, 0),
    "fixed_binary": pa.binary(),
    "timestamp_ms": pa.timestamp("us"),
    "timestamp_zone": pa.timestamp("us", "UTC"),
    "time": None,
    "duration": None,
    "decimal256": None,
    "embedding": pa.list_(pa.float32()),
}


@pytest.mark.parametrize(("name", "kind"), converted(TYPES), ids=str)
def test_types_come_back_converted_as_documented_or_are_refused(
    name: str, kind: pa.DataType | None, tmp_path: Path
) -> None:
    require_type_kept(
        name,
        kind,
        tmp_path / "ta ble ü",
        "delta",
        lambda: pytest.raises(UsageError, match=f"no type for column '{name}'"),
    )


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "ü": pa.array([], pa.string())})
    source, back = round_trip(table, tmp_path / "t", "delta")
    assert (back.schema, source.num_rows) == (table.schema, 0)


def test_nanoseconds_that_delta_would_cut_off_are_refused(tmp_path: Path) -> None:
    table = pa.table({"at": pa.array([1_000, 1_001], pa.timestamp("ns"))})
    with pytest.raises(UsageError, match=r"A value of column 'at' .* does not fit Delta.*would lose data"):
        write(table, table.schema, tmp_path / "t", format="delta")
    assert list(tmp_path.iterdir()) == []


def test_a_large_table_is_several_files_and_the_name_and_description_are_kept(tmp_path: Path) -> None:
    table = pa.table({"a": range(300_000), "b": [f"{number:032d}" for number in range(300_000)]})
    about = About(name="orders", contract=Contract(dataset="orders", description="All orders."))
    source, back = round_trip(table, tmp_path / "t", "delta", about, shard_bytes=1 << 20)
    assert back.sort_by("a").equals(table)
    assert source.num_rows == 300_000
    assert len(list((tmp_path / "t").glob("*.parquet"))) > 1
    facts = deltalake.DeltaTable(str(tmp_path / "t")).metadata()
    assert (facts.name, facts.description) == ("orders", "All orders.")


def test_the_newest_version_is_read_and_partitions_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": [1, 2], "part": ["x", "ü"]}), partition_by=["part"])
    deltalake.write_deltalake(str(path), pa.table({"a": [3], "part": ["x"]}), mode="append")
    deltalake.DeltaTable(str(path)).delete("a = 1")
    assert read(path).table().sort_by("a").to_pylist() == [{"a": 2, "part": "ü"}, {"a": 3, "part": "x"}]
    with pytest.raises(UsageError, match=r"holds a whole dataset, t \(delta\). Name that folder"):
        read(tmp_path)


def test_rows_marked_as_deleted_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": range(10)}))
    bitmap = struct.pack("<iqi", 1681511377, 1, 0) + pyroaring.BitMap([1, 3]).serialize()
    bitmap += bytes(-len(bitmap) % 4)
    mark_deleted(path, {"storageType": "i", "pathOrInlineDv": z85(bitmap), "sizeInBytes": len(bitmap)})
    source = read(path)
    assert source.table().column("a").to_pylist() == [0, 2, 4, 5, 6, 7, 8, 9]
    assert source.num_rows is None


def test_lists_of_deleted_rows_elsewhere_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": range(10)}))
    outside = {"storageType": "p", "pathOrInlineDv": "file:///etc/hostname", "offset": 1, "sizeInBytes": 4}
    mark_deleted(path, outside)
    with pytest.raises(InputError, match="refers to '/etc/hostname', which is not inside its folder"):
        read(path)
    deltalake.DeltaTable(str(path)).create_checkpoint()
    (path / "_delta_log" / f"{0:020d}.json").unlink()
    with pytest.raises(InputError, match="refers to '/etc/hostname', which is not inside its folder"):
        read(path)


@pytest.mark.parametrize("named", ["../secret.parquet", "file:///etc/secret.parquet", "/etc/secret.parquet"])
def test_files_outside_the_folder_are_refused(named: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": [1]}))
    edit_log(path, lambda action: action["add"].update(path=named) if "add" in action else None)
    with pytest.raises(InputError, match="not inside its folder"):
        read(path).table()


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": [1]}))
    file = next(path.glob("*.parquet"))
    file.rename(tmp_path / "outside.parquet")
    file.symlink_to(tmp_path / "outside.parquet")
    with pytest.raises(InputError, match="not inside its folder"):
        read(path)


def test_tables_that_are_not_whole_say_so(tmp_path: Path) -> None:
    path = tmp_path / "t"
    deltalake.write_deltalake(str(path), pa.table({"a": range(1000)}))
    log, file = path / "_delta_log" / f"{0:020d}.json", next(path.glob("*.parquet"))
    whole, data = log.read_bytes(), file.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"{]"):
        log.write_bytes(broken)
        with pytest.raises(InputError, match="t: it is not a whole Delta table"):
            read(path).table()
    log.write_bytes(whole)
    for damaged in (data[:-20], data[:8] + bytes(100) + data[108:]):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="t: it is not a whole Delta table"):
            read(path).table()
    file.unlink()
    with pytest.raises(InputError, match="t: it is not a whole Delta table"):
        read(path).table()
    (path / "_delta_log").rename(path / "_log")
    with pytest.raises(InputError, match="it has no folder _delta_log"):
        read(path, format="delta")


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    (tmp_path / "t").mkdir()
    write(table, table.schema, tmp_path / "t", format="delta")
    with pytest.raises(UsageError, match="is there already; choose a new folder"):
        write(table, table.schema, tmp_path / "t", format="delta")


def edit_log(path: Path, change: Any) -> None:
    """Change each action of the first version of a table."""
    log = path / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        change(action)
    log.write_text("\n".join(map(json.dumps, actions)))


def mark_deleted(path: Path, vector: dict[str, Any]) -> None:
    """Give the files of a table a list of two deleted rows, and the table the feature for it."""

    def change(action: dict[str, Any]) -> None:
        if "protocol" in action:
            features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
        if "add" in action:
            action["add"]["deletionVector"] = {**vector, "cardinality": 2}

    edit_log(path, change)


def z85(data: bytes) -> str:
    """Return bytes, a multiple of four, as Z85 text (ZeroMQ RFC 32), which Delta's logs use."""
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    words = struct.unpack(f">{len(data) // 4}I", data)
    return "".join(letters[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))
