"""Samples of shards that other tools wrote."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import InputError
from headwater.formats.read import read
from tests.formats.test_tar_members import archive

JPEG = b"\xff\xd8\xff" + bytes(50)


def test_each_kind_of_file_is_a_column_and_json_becomes_columns(tmp_path: Path) -> None:
    archive(
        tmp_path / "train-000.tar",
        {
            "a/1.jpg": JPEG,
            "a/1.cls": b"3\n",
            "a/1.json": b'{\n "caption": "one\\ntwo",\n "score": 0.5}',
            "a/2.jpg": JPEG,
            "a/2.cls": b"-1",
            "a/2.seg.png": b"mask",
            "__meta__/info": b"?",
        },
    )
    archive(
        tmp_path / "train-001.tar", {"b/1.jpg": JPEG, "b/1.json": b'{"tags": ["x"]}', "b/1.txt": "ü".encode()}
    )
    (tmp_path / "index.json").write_text("{}")
    source = read(tmp_path)
    assert (source.format, source.num_rows) == ("webdataset", 3)
    table = source.table()
    assert table.schema.field("cls").type == pa.int64()
    assert table.drop_columns(["jpg"]).to_pylist() == [
        {
            "__key__": "a/1",
            "cls": 3,
            "seg.png": None,
            "txt": None,
            "caption": "one\ntwo",
            "score": 0.5,
            "tags": None,
        },
        {
            "__key__": "a/2",
            "cls": -1,
            "seg.png": b"mask",
            "txt": None,
            "caption": None,
            "score": None,
            "tags": None,
        },
        {
            "__key__": "b/1",
            "cls": None,
            "seg.png": None,
            "txt": "ü",
            "caption": None,
            "score": None,
            "tags": ["x"],
        },
    ]
    assert table.column("jpg").to_pylist() == [JPEG] * 3


def test_json_that_is_no_object_stays_text_and_classes_that_are_no_numbers_too(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"1.json": b"[1, 2]", "1.cls": b"cat", "2.json": b'{"a": 1}', "2.cls": b"7"})
    assert read(tmp_path / "t.tar").table().to_pylist() == [
        {"__key__": "1", "json": "[1, 2]", "cls": "cat"},
        {"__key__": "2", "json": '{"a": 1}', "cls": "7"},
    ]


def test_types_asked_for_are_given(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"1.json": b'{"n": 1}', "2.json": b'{"n": 2}'})
    assert read(tmp_path / "t.tar", schema={"n": "int8"}).schema.field("n").type == pa.int8()


def test_a_name_in_the_json_that_is_taken_gets_a_longer_one(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"1.json": b'{"jpg": 1}', "1.jpg": JPEG})
    assert read(tmp_path / "t.tar").schema.names == ["__key__", "jpg", "json.jpg"]


def test_files_of_no_sample_are_counted(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"README": b"", "1.jpg": JPEG, ".hidden": b""})
    source = read(tmp_path / "t.tar")
    assert (source.num_rows, source.notes) == (
        1,
        ("Left out 2 files whose names have no dot, so that they are of no sample.",),
    )


def test_an_archive_is_known_by_its_bytes_and_may_be_compressed(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.tar", {"1.txt": b"x"})
    (tmp_path / "data").write_bytes(path.read_bytes())
    assert read(tmp_path / "data").format == "webdataset"
    (tmp_path / "t.tar.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read(tmp_path / "t.tar.gz").table().to_pylist() == [{"__key__": "1", "txt": "x"}]


def test_two_files_of_a_kind_in_a_sample_are_refused(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"1.jpg": JPEG})
    data = (tmp_path / "t.tar").read_bytes()[:1024]
    (tmp_path / "t.tar").write_bytes(data + data + bytes(1024))
    with pytest.raises(InputError, match="sample '1' has two files 'jpg'"):
        read(tmp_path / "t.tar")


def test_broken_json_text_and_facts_are_named(tmp_path: Path) -> None:
    archive(tmp_path / "t.tar", {"1.json": b'{"a": 1}', "2.json": b'{"a": '})
    with pytest.raises(InputError, match=r"the json of t.tar, line 2"):
        read(tmp_path / "t.tar").table()
    archive(tmp_path / "t.tar", {"1.txt": b"\xff"})
    with pytest.raises(InputError, match=r"t.tar: a file '.txt' is no string"):
        read(tmp_path / "t.tar").table()
    archive(tmp_path / "t.tar", {"__headwater__/schema.json": b'{"columns": 3}', "1.txt": b""})
    with pytest.raises(InputError, match="it does not say columns and types"):
        read(tmp_path / "t.tar")


def test_shards_whose_columns_differ_are_refused(tmp_path: Path) -> None:
    for name, kind in (("0.tar", b"int64"), ("1.tar", b"string")):
        facts = b'{"columns": [{"name": "a", "type": "%s"}]}' % kind
        archive(tmp_path / name, {"__headwater__/schema.json": facts, "1.json": b'{"a": null}'})
    with pytest.raises(InputError, match=r"1.tar: its columns are not those of the shards before it"):
        read(tmp_path)
