"""Datasets of Hugging Face's library: read as it writes them, written so that it loads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import InputError, NotFound, UsageError
from headwater.formats.base import About
from headwater.formats.read import read
from headwater.formats.write import write
from tests.formats.folders import EVERY_TYPE, converted, require_type_kept, round_trip

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
TYPES: dict[str, pa.DataType | None] = {
    "map": pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())]))
}


@pytest.mark.parametrize(("name", "kind"), converted(TYPES), ids=str)
def test_types_come_back_as_they_were(name: str, kind: pa.DataType, tmp_path: Path) -> None:
    require_type_kept(name, kind, tmp_path / "ta ble ü", "huggingface", lambda: pytest.raises(UsageError))


def test_an_empty_dataset_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "ü": pa.array([], pa.string())})
    _, back = round_trip(table, tmp_path / "t", "huggingface")
    assert back.schema == table.schema


def test_shards_have_about_the_size_asked_for_and_keep_the_order(tmp_path: Path) -> None:
    table = pa.table({"a": range(200_000)})
    about = About(contract=Contract(dataset="t", description="Numbers.", license="CC0-1.0"))
    write(
        table.to_batches(10_000),
        table.schema,
        tmp_path / "t",
        format="huggingface",
        shard_bytes=200_000,
        about=about,
    )
    source = read(tmp_path / "t")
    assert source.table().equals(table)
    assert len(list((tmp_path / "t").glob("data-*-of-00007.arrow"))) == 7
    assert source.about.contract is not None
    assert (source.about.contract.description, source.about.contract.license) == ("Numbers.", "CC0-1.0")


def test_what_the_library_saves_is_read_and_what_we_write_it_loads(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "label": datasets.ClassLabel(names=["cat", "dög"]),
            "photo": datasets.Image(decode=False),
            "grid": datasets.Array2D((2, 2), "float32"),
            "topics": datasets.List(datasets.ClassLabel(names=["x", "y"])),
            "who": {"name": datasets.Value("string")},
            "at": datasets.Value("timestamp[us, tz=UTC]"),
            "vector": datasets.List(datasets.Value("float32"), length=2),
        }
    )
    rows = {
        "id": [1, 2, 3],
        "label": [1, -1, 0],
        "photo": [{"bytes": PNG, "path": "a.png"}, {"bytes": PNG, "path": None}, None],
        "grid": [[[1.0, 2.0], [3.0, 4.0]]] * 3,
        "topics": [[0, 1], [], None],
        "who": [{"name": "Zoë"}, {"name": None}, None],
        "at": [None] * 3,
        "vector": [[1.0, 2.0], None, [3.0, 4.0]],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": made, "test": made.select([0])}).save_to_disk(str(tmp_path / "theirs"))
    source = read(tmp_path / "theirs")
    assert source.notes == ("Read the splits train, test as one, with a column 'split'.",)
    table = source.table()
    assert table.column("label").to_pylist() == ["dög", None, "cat", "dög"]
    assert table.column("photo").to_pylist() == [PNG, PNG, None, PNG]
    assert table.column("photo_path").to_pylist() == ["a.png", None, None, "a.png"]
    assert table.column("split").to_pylist() == ["train"] * 3 + ["test"]

    write(table, table.schema, tmp_path / "ours", format="huggingface", about=source.about)
    ours = datasets.load_from_disk(str(tmp_path / "ours"))
    assert list(ours) == ["train", "test"]
    assert ours["train"].features == features
    expected = {**rows, "label": [1, None, 0]}
    assert ours["train"].to_dict() == {
        name: made.to_dict()[name] if name != "label" else expected[name] for name in rows
    }
    again = read(tmp_path / "ours")
    assert (again.table().equals(table), again.about.tags == source.about.tags) == (True, True)
    assert read(tmp_path / "theirs", table="test").num_rows in (1, None)
    assert read(tmp_path / "theirs", table="test").table().column("id").to_pylist() == [1]


def test_plain_columns_of_all_types_are_loaded_by_the_library(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    table = pa.table({name: values for name, values in EVERY_TYPE.items() if name != "map"})
    write(table, table.schema, tmp_path / "t", format="huggingface")
    loaded = datasets.load_from_disk(str(tmp_path / "t"))
    assert loaded.with_format("arrow")[:].to_pylist() == table.to_pylist()


def test_a_class_without_a_name_is_added_to_the_names(tmp_path: Path) -> None:
    tags = {"label": {"huggingface": {"names": ["b", "a"], "_type": "ClassLabel"}}}
    table = pa.table({"label": ["a", "new", None, "b"]})
    source, back = round_trip(table, tmp_path / "t", "huggingface", About(tags=tags))
    assert back.equals(table)
    assert source.about.tags["label"]["huggingface"]["names"] == ["b", "a", "new"]


def test_a_feature_that_no_longer_fits_its_column_is_left(tmp_path: Path) -> None:
    tags: dict[str, Any] = {
        "a": {"huggingface": {"names": ["x"], "_type": "ClassLabel"}},
        "b": {"huggingface": {"_type": "Image"}},
        "c": {"huggingface": {"_type": "Unheard", "of": [1]}},
    }
    table = pa.table({"a": [1.5], "b": ["text"], "c": [[1]]})
    source, back = round_trip(table, tmp_path / "t", "huggingface", About(tags=tags))
    assert (back.equals(table), dict(source.about.tags)) == (True, {})


@pytest.mark.parametrize("split", ["../out", "", None, "a/b"])
def test_splits_that_cannot_name_a_folder_are_refused(split: str | None, tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "part": pa.array(["train", split])})
    with pytest.raises(UsageError, match="a split has a name of letters"):
        write(
            table,
            table.schema,
            tmp_path / "t",
            format="huggingface",
            about=About(tags={"part": {"role": "split"}}),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_laid_out_as_on_the_hub_has_splits_and_class_names(tmp_path: Path) -> None:
    features = {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}
    table = pa.table({"label": [0, 1]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": features})}
    )
    (tmp_path / "data").mkdir()
    for name in ("test-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"):
        pq.write_table(table, tmp_path / "data" / f"{name}.parquet")
    (tmp_path / "README.md").write_text("---\ndataset_info:\n  splits: []\n---\n# Reviews\n")
    source = read(tmp_path)
    assert source.format == "huggingface"
    assert source.table().column("split").to_pylist() == ["train"] * 4 + ["test"] * 2
    assert source.table().column("label").to_pylist() == ["no", "yes"] * 3
    with pytest.raises(NotFound, match=r"Split 'tset' not found.*Did you mean 'test'"):
        read(tmp_path, table="tset")


def test_folders_that_are_not_whole_say_so(tmp_path: Path) -> None:
    table = pa.table({"a": range(1000)})
    path = tmp_path / "t"
    write(table, table.schema, path, format="huggingface")
    data, state = path / "data-00000-of-00001.arrow", path / "state.json"
    whole, said = data.read_bytes(), state.read_text()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"data-00000-of-00001.arrow: it is not whole Arrow data"):
        read(path).table()
    data.unlink()
    with pytest.raises(
        InputError, match=r"the file data-00000-of-00001.arrow is missing, which state.json names"
    ):
        read(path)
    for broken, complaint in (
        (said[:40], "not whole JSON"),
        ("[]", "no JSON object"),
        ("{}", "names no files"),
    ):
        state.write_text(broken)
        with pytest.raises(InputError, match=rf"t/state.json: .*{complaint}"):
            read(path)
    state.write_text(json.dumps({"_data_files": [{"filename": "../out.arrow"}]}))
    with pytest.raises(InputError, match=r"refers to '../out.arrow', which is not inside its folder"):
        read(path)


def test_a_split_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["../etc"]}')
    with pytest.raises(InputError, match=r"refers to '../etc', which is not inside its folder"):
        read(tmp_path)


def test_a_class_beyond_the_names_is_an_error(tmp_path: Path) -> None:
    tags = {"label": {"huggingface": {"names": ["a"], "_type": "ClassLabel"}}}
    table = pa.table({"label": ["a", "b"]})
    write(table, table.schema, tmp_path / "t", format="huggingface", about=About(tags=tags))
    info = tmp_path / "t" / "dataset_info.json"
    info.write_text(info.read_text().replace('"a",\n        "b"', '"a"'))
    with pytest.raises(
        InputError, match="column 'label' has the class 1, and there are names of 1 classes only"
    ):
        read(tmp_path / "t").table()


def test_a_column_of_too_many_values_is_no_column_of_splits(tmp_path: Path) -> None:
    table = pa.table({"a": range(101), "part": [f"s{number}" for number in range(101)]})
    with pytest.raises(UsageError, match="names more than 100 splits"):
        write(
            table,
            table.schema,
            tmp_path / "t",
            format="huggingface",
            about=About(tags={"part": {"role": "split"}}),
        )
    assert list(tmp_path.iterdir()) == []
