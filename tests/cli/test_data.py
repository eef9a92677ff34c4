"""import, export and datasets bring data in and out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headwater as hw
from headwater.cli.data import dataset_name
from tests.cli.conftest import Cli

REVIEWS = "id,text,label,lang\n1,good,pos,de\n2,bad,neg,de\n3,fine,pos,fr\n"


@pytest.fixture
def reviews(folder: Path, cli: Cli) -> Path:
    """Return a CSV file beside an empty repository."""
    cli("init")
    path = folder / "réviews.csv"
    path.write_text(REVIEWS, encoding="utf-8")
    return path


def test_import_makes_a_dataset_named_after_the_file(reviews: Path, cli: Cli) -> None:
    answer = cli("import", reviews.name, "--key", "id", "--label", "label", "--sensitive", "lang")
    assert "réviews: 3 added; 3 rows now" in answer.stdout
    assert "on main" in answer.stdout
    assert "Next: hw check 'réviews'" in answer.stderr
    facts = cli.json("datasets")[0]
    assert (facts["name"], facts["key"], facts["label"], facts["sensitive"]) == (
        "réviews",
        ["id"],
        "label",
        ["lang"],
    )
    assert "réviews" in cli("datasets").stdout


def test_importing_again_stores_only_what_differs(reviews: Path, cli: Cli) -> None:
    cli("import", reviews.name, "--dataset", "reviews", "--key", "id")
    again = cli("import", reviews.name, "--dataset", "reviews")
    assert "reviews holds exactly these 3 rows already" in again.stdout
    reviews.write_text(REVIEWS.replace("bad", "awful").replace("3,fine,pos,fr\n", ""), encoding="utf-8")
    value = cli.json("import", reviews.name, "--dataset", "reviews", "-m", "newer")
    assert (value["added"], value["removed"], value["changed"], value["is_new"]) == (0, 1, 1, True)
    assert cli.json("log", "-n", "1")[0]["message"] == "newer"


@pytest.mark.parametrize(("mode", "rows"), [("append", 4), ("upsert", 4)])
def test_modes_add_and_change_rows(mode: str, rows: int, reviews: Path, cli: Cli, folder: Path) -> None:
    cli("import", reviews.name, "--dataset", "reviews", "--key", "id")
    more = folder / "more.csv"
    more.write_text("id,text,label,lang\n4,new,pos,de\n" + ("1,better,pos,de\n" if mode == "upsert" else ""))
    assert cli.json("import", "more.csv", "--dataset", "reviews", "--mode", mode)["rows"] == rows
    if mode == "append":
        error = cli.json("import", "more.csv", "--dataset", "reviews", "--mode", mode, code=2)["error"]
        assert error["type"] == "InvalidKeys"


def test_bad_rows_go_to_quarantine_when_asked(reviews: Path, cli: Cli) -> None:
    reviews.write_text(REVIEWS + "1,again,pos,de\n,lost,pos,de\n", encoding="utf-8")
    assert "no value in the key 'id'" in cli("import", reviews.name, "--key", "id", code=2).stderr
    answer = cli("import", reviews.name, "--key", "id", "--on-bad-rows", "quarantine", "--dataset", "r")
    assert "went to r.quarantine" in answer.stdout
    assert "hw quarantine r" in answer.stderr


def test_types_and_readers_can_be_told(folder: Path, cli: Cli) -> None:
    cli("init")
    (folder / "people.txt").write_bytes("zip;born\n01234;3.2.2001\nN.A.;-\n".encode("latin-1"))
    cli(
        *("import", "people.txt", "--format", "csv", "--delimiter", ";", "--encoding", "latin-1"),
        *("--schema", "zip:string", "--null", "N.A.", "--null", "-", "--dataset", "people"),
    )
    rows = cli.json("sql", "SELECT * FROM people")["rows"]
    assert [row["zip"] for row in rows] == ["01234", None]


def test_a_malformed_line_says_where_and_can_be_skipped(folder: Path, cli: Cli) -> None:
    cli("init")
    (folder / "bad.csv").write_text("a,b\n1,2\n3\n4,5\n")
    answer = cli("import", "bad.csv", code=2)
    assert "bad.csv" in answer.stderr
    assert "line 3" in answer.stderr
    assert cli.json("import", "bad.csv", "--on-bad-lines", "skip")["rows"] == 2


def test_several_files_need_a_name_and_become_one_dataset(reviews: Path, cli: Cli, folder: Path) -> None:
    (folder / "b.csv").write_text("id,text,label,lang\n9,x,pos,de\n")
    assert "--dataset NAME" in cli("import", reviews.name, "b.csv", code=2).stderr
    assert cli.json("import", reviews.name, "b.csv", "--dataset", "all", "--key", "id")["rows"] == 4


def test_a_file_that_is_not_there_is_wrong_usage(reviews: Path, cli: Cli) -> None:
    answer = cli("import", "nope.csv", code=2)
    assert "nope.csv" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert cli.json("import", "nope.csv", code=2)["error"]["message"]


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        (("reviews.csv",), "reviews"),
        (("data/my reviews.csv.gz",), "my_reviews"),
        (("s3://bucket/dir/events.parquet?version=3",), "events"),
        (("folder/",), "folder"),
        (("v1.2.parquet",), "v1"),
        (("may [copy].csv",), "may_copy"),
    ],
)
def test_the_name_of_a_file_names_its_dataset(folder: Path, sources: tuple[str, ...], name: str) -> None:
    (folder / "may [copy].csv").touch()
    assert dataset_name(sources) == name


@pytest.mark.parametrize(
    "sources", [("a.csv", "b.csv"), ("part-*.csv",), ("***",), (".",), ("HEAD.csv",), ("n" * 250,)]
)
def test_a_name_that_says_nothing_is_asked_for(sources: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError, match="--dataset NAME"):
        dataset_name(sources)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet", "arrow"])
def test_export_writes_what_was(suffix: str, shop: hw.Repo, cli: Cli, folder: Path) -> None:
    answer = cli("export", "people@v1", f"früher.{suffix}", "--where", "age > 21", "--columns", "name,id")
    assert answer.stdout.startswith(f"Wrote people@v1 to früher.{suffix} (")
    cli("import", f"früher.{suffix}", "--dataset", "back", "--key", "id")
    rows = cli.json("sql", "SELECT * FROM back ORDER BY id")["rows"]
    assert rows == [{"name": "Bob", "id": 2}, {"name": "Cleo", "id": 3}, {"name": "Dora", "id": 4}]


def test_export_tells_the_size_and_refuses_what_is_not_there(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    value = cli.json("export", "people", "p.parquet")
    assert value["size_bytes"] == (folder / "p.parquet").stat().st_size
    assert pq.read_table("p.parquet").num_rows == 4
    assert "Column 'nmae' not found" in cli("export", "people", "p.csv", "--columns", "nmae", code=2).stderr
    assert "Dataset 'nope' not found" in cli("export", "nope", "p.csv", code=2).stderr
    assert not (folder / "p.csv").exists()


def test_datasets_lists_those_of_any_ref(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    with shop.transaction("towns") as tx:
        tx.append("towns", pa.table({"id": [1]}), key="id")
    assert [entry["name"] for entry in cli.json("datasets")] == ["people", "towns"]
    assert [entry["name"] for entry in cli.json("datasets", "v1")] == ["people"]
    cli("-C", "empty", "init")
    assert "There are no datasets." in cli("-C", "empty", "datasets").stderr


def test_real_messages_come_in_whole(shared: Path, folder: Path, cli: Cli) -> None:
    cli("init")
    value = cli.json(
        "import", str(shared / "sms_spam" / "sms_spam.csv.gz"), "--label", "label", "--dataset", "sms"
    )
    assert value["rows"] == 5574
    assert cli.json("sql", "SELECT count(*) n FROM sms WHERE label = 'spam'")["rows"] == [{"n": 747}]
    cli("export", "sms", "sms.jsonl.gz")
    with gzip.open("sms.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert sum("label" in json.loads(line) for line in lines) == 5574


@pytest.mark.parametrize(
    ("form", "package"),
    [
        ("delta", "deltalake"),
        ("lance", "lance"),
        ("iceberg", "pyiceberg"),
        ("huggingface", ""),
        ("webdataset", ""),
    ],
)
def test_a_dataset_goes_out_and_comes_back_the_same(
    form: str, package: str, reviews: Path, cli: Cli, folder: Path
) -> None:
    if package:
        pytest.importorskip(package)
    cli("import", reviews.name, "--dataset", "reviews", "--key", "id", "--label", "label")
    cli("export", "reviews", "out", "--format", form, "--shard-size", "1MB")
    assert "reviews holds exactly these 3 rows already" in cli("import", "out", "--dataset", "reviews").stdout


def test_export_says_which_types_were_changed_and_names_those_that_are_lost(
    reviews: Path, cli: Cli, folder: Path
) -> None:
    pytest.importorskip("deltalake")
    cli("import", reviews.name, "--dataset", "reviews", "--key", "id", "--schema", "id:uint8")
    assert (
        "Column 'id' is uint8; Delta holds it as int16."
        in cli("export", "reviews", "d", "--format", "delta").stderr
    )
    cli("import", reviews.name, "--dataset", "other", "--schema", "id:duration[s]")
    failed = cli("export", "other", "e", "--format", "delta", code=2)
    assert "Delta has no type for column 'id' (duration[s])" in failed.stderr
    assert not (folder / "e").exists()


def test_splits_and_classes_of_a_dataset_from_hugging_face_are_kept(cli: Cli, folder: Path) -> None:
    from headwater.formats.base import About
    from headwater.formats.write import write

    tags: dict[str, dict[str, Any]] = {
        "label": {"huggingface": {"names": ["neg", "pos"], "_type": "ClassLabel"}},
        "part": {"role": "split"},
    }
    table = pa.table({"id": [1, 2], "label": ["pos", "neg"], "part": ["train", "test"]})
    contract = hw.Contract(dataset="x", description="Reviews.", license="MIT")
    write(table, table.schema, folder / "in", format="huggingface", about=About(tags=tags, contract=contract))
    cli("init")
    cli("import", "in", "--dataset", "reviews", "--key", "id")
    cli("export", "reviews", "out", "--format", "huggingface")
    for split in ("train", "test"):
        there = [
            json.loads((folder / place / split / "dataset_info.json").read_text()) for place in ("in", "out")
        ]
        assert there[0] == there[1]
    again = hw.open(folder)["reviews"].contract
    assert again is not None
    assert (again.description, again.license) == ("Reviews.", "MIT")


def test_a_folder_is_imported_and_exported_byte_for_byte(cli: Cli, folder: Path) -> None:
    photos = folder / "photos"
    files = {
        "cat/a b.png": b"\x89PNG",
        "dog/\u65e5\u672c.bin": bytes(range(256)) * 5000,
        "dog/bom.txt": b"\xef\xbb\xbfx\r\n",
        "dog/empty.jpg": b"",
    }
    for name, data in files.items():
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(data)
    cli("init")
    cli("import", str(photos), "--no-metadata")
    cli("export", "photos", "out")

    def tree(root: Path) -> dict[str, bytes]:
        return {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}

    assert tree(folder / "out") == files
    refused = cli("export", "photos", "out", code=2)
    assert "is there already" in refused.stderr
    (folder / "out" / "mine").write_bytes(b"mine")
    (folder / "out" / "cat" / "a b.png").write_bytes(b"old")
    cli("export", "photos", "out", "--overwrite")
    assert tree(folder / "out") == {**files, "mine": b"mine"}
