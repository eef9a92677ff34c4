"""Croissant: the reference library accepts what is written, and loads the same rows."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.contract import ColumnPromise, Contract
from headwater.core.errors import InputError, UsageError
from headwater.formats.base import About
from headwater.formats.read import read
from headwater.formats.write import write
from tests.formats.folders import EVERY_TYPE

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
LOADS = """
import sys, mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
assert not dataset.metadata.ctx.issues.errors
for record in dataset.records("records"):
    print(repr({name: plain(value) for name, value in record.items()}))
"""
PLAIN = """
def plain(value):
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if value is None or value != value:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value
"""


def test_the_library_accepts_it_and_loads_the_same_rows_of_every_type(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant")
    table = pa.table(EVERY_TYPE)
    contract = Contract(
        dataset="all",
        key=("int64",),
        label="string",
        license="CC0-1.0",
        owner="Zoë",
        description="All types.",
        columns=(ColumnPromise(name="bool", description="Yes or no."),),
    )
    notes: list[str] = []
    about = About(name="all types", contract=contract, published="2026-11-23")
    write(table, table.schema, tmp_path / "t", format="croissant", about=about, note=notes.append)
    assert [note.partition(";")[2].strip() for note in notes] == [
        "it is written as JSON text.",
        "it is written as JSON text.",
        "Croissant holds it as int64.",
        "Croissant holds it as string.",
    ]
    assert "Error" not in validated(tmp_path / "t")
    found = loaded(tmp_path / "t")
    assert len(found) == len(table)
    for name in table.column_names:
        assert [row[name] for row in found] == [
            expected(name, value) for value in table.column(name).to_pylist()
        ], name


def test_key_label_splits_licence_and_descriptions_are_said(tmp_path: Path) -> None:
    table = pa.table({"a b": [1, 2], "photo": [PNG, None], "split": ["train", "test"], "y": ["x", "z"]})
    contract = Contract(
        dataset="d",
        key=("a b",),
        label="y",
        license="MIT",
        columns=(ColumnPromise(name="y", description="Answer."),),
    )
    write(table, table.schema, tmp_path / "t", format="croissant", about=About(name="d", contract=contract))
    document = json.loads((tmp_path / "t" / "croissant.json").read_text())
    splits, records = document["recordSet"]
    assert document["license"] == "MIT"
    assert [row["splits/url"] for row in splits["data"]] == ["cr:TrainingSplit", "cr:TestSplit"]
    assert records["key"] == {"@id": "records/a%20b"}
    fields = {field["name"]: field for field in records["field"]}
    assert fields["y"]["dataType"] == ["sc:Text", "cr:Label"]
    assert fields["y"]["description"] == "Answer."
    assert fields["photo"]["dataType"] == "sc:ImageObject"
    assert fields["split"]["references"] == {"field": {"@id": "splits/name"}}
    assert "Error" not in validated(tmp_path / "t")


def test_a_column_called_split_whose_values_are_no_splits_is_a_plain_one(tmp_path: Path) -> None:
    table = pa.table({"split": ["left", "right"]})
    write(table, table.schema, tmp_path / "t", format="croissant")
    document = json.loads((tmp_path / "t" / "croissant.json").read_text())
    assert [records["@id"] for records in document["recordSet"]] == ["records"]


def test_an_empty_dataset_is_described(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    write(table, table.schema, tmp_path / "t", format="croissant")
    assert "Error" not in validated(tmp_path / "t")
    assert read(tmp_path / "t").table().equals(table)


def test_it_is_read_again_with_its_description_and_licence(tmp_path: Path) -> None:
    table = pa.table({"id": pa.array([1, None, 2**62]), "tags": [["x"], [], None]})
    contract = Contract(dataset="d", description="Tags.", license="MIT")
    write(table, table.schema, tmp_path / "t", format="croissant", about=About(name="d", contract=contract))
    source = read(tmp_path / "t")
    assert (source.format, source.num_rows, source.table().equals(table)) == ("croissant", 3, True)
    assert source.about.contract is not None
    assert (source.about.contract.description, source.about.contract.license) == ("Tags.", "MIT")


def test_bytes_deep_inside_are_refused_by_name(tmp_path: Path) -> None:
    table = pa.table({"parts": pa.array([[{"x": b"1"}]])})
    with pytest.raises(UsageError, match="Column 'parts' has bytes deep inside"):
        write(table, table.schema, tmp_path / "t", format="croissant")
    assert list(tmp_path.iterdir()) == []


def test_descriptions_that_are_broken_or_lead_elsewhere_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    write(table, table.schema, tmp_path / "t", format="croissant", about=About(name="d"))
    path = tmp_path / "t" / "croissant.json"
    whole = json.loads(path.read_text())
    rows = {**whole["distribution"][0]}
    for files, complaint in (
        ([{**rows, "contentUrl": "../d.parquet"}], "not inside its folder"),
        ([{**rows, "contentUrl": "data/x.parquet"}], "the file data/x.parquet is missing"),
        ([{**rows, "sha256": "0"}], "its hash differs"),
        (
            [{**rows, "contentUrl": "https://example.org/d.parquet"}],
            "not in one Parquet file in the same folder",
        ),
        ([], "not in one Parquet file in the same folder"),
    ):
        path.write_text(json.dumps({**whole, "distribution": files}))
        with pytest.raises(InputError, match=complaint):
            read(tmp_path / "t")
    for text, complaint in (("{", "not whole JSON"), ("[]", "no JSON object")):
        path.write_text(text)
        with pytest.raises(InputError, match=complaint):
            read(tmp_path / "t")


def validated(folder: Path) -> str:
    """Return what `mlcroissant validate` says, which has to accept the folder."""
    pytest.importorskip("mlcroissant")
    tool = Path(sys.executable).with_name("mlcroissant")
    done = subprocess.run(
        [tool, "validate", "--jsonld", folder / "croissant.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def loaded(folder: Path) -> list[dict[str, Any]]:
    """Return the rows that the library loads, in a process of its own: it warns a lot."""
    command = [sys.executable, "-c", PLAIN + LOADS, str(folder / "croissant.json")]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names = {f"records/{quoted(name)}": name for name in EVERY_TYPE}
    rows = [eval(line, {"inf": float("inf")}) for line in done.stdout.splitlines()]
    return [{names[name]: value for name, value in row.items()} for row in rows]


def expected(name: str, value: Any) -> Any:
    """Return what the library makes of a value."""
    if name == "struct":
        return {
            f"records/struct/{quoted(part)}": expected("", (value or {}).get(part)) for part in ("a", "ü")
        }
    if name in ("list_of_structs", "map") and value is not None:
        rows = dict(value) if name == "map" else [{k: str(v) for k, v in row.items()} for row in value]
        return json.dumps(rows, separators=(",", ":")).encode()
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.timedelta):
        return value // dt.timedelta(microseconds=1)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f"{value.isoformat()}T00:00:00"
    return value.isoformat() if hasattr(value, "isoformat") else value


def quoted(name: str) -> str:
    """Return a name as it is in an address."""
    from urllib.parse import quote

    return quote(name, safe="")
