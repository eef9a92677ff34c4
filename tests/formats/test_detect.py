"""The format of a file, from its bytes, name and text."""

from __future__ import annotations

import bz2
import gzip
import sqlite3
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from headwater.core.errors import InputError, NotFound
from headwater.formats.detect import by_suffix, detect, reader_named


@pytest.mark.parametrize(
    ("name", "format"),
    [
        *[
            ("a.csv", "csv"),
            ("A.CSV", "csv"),
            ("a.tsv.gz", "tsv"),
            ("a.csv.zst", "csv"),
            ("a.ndjson", "jsonl"),
        ],
        *[
            ("a.json", "json"),
            ("a.pq", "parquet"),
            ("a.feather", "arrow"),
            ("a.db", "sqlite"),
            ("a.xlsx", "excel"),
        ],
        *[("a.gz", None), ("a", None), ("a.png", None), ("a.b.c", None), (".csv", None)],
    ],
)
def test_names_say_formats(name: str, format: str | None) -> None:
    assert by_suffix(name) == format


def test_what_the_bytes_say_goes_before_the_name(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    pq.write_table(table, tmp_path / "a.csv")
    pyarrow.feather.write_feather(table, str(tmp_path / "b.parquet"))
    connection = sqlite3.connect(tmp_path / "c.bin")
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with zipfile.ZipFile(tmp_path / "d.dat", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    assert detect(tmp_path / "a.csv") == ("parquet", "a.csv is parquet in spite of its name.")
    assert detect(tmp_path / "b.parquet")[0] == "arrow"
    assert detect(tmp_path / "c.bin") == ("sqlite", None)
    assert detect(tmp_path / "d.dat") == ("excel", None)


@pytest.mark.parametrize(
    ("data", "format"), [(b"a,b\n1,2\n", "csv"), (b' {"a":1}\n', "json"), (b"\n[1]", "json"), (b"", "csv")]
)
def test_text_is_told_apart_by_its_beginning_even_when_compressed(
    tmp_path: Path, data: bytes, format: str
) -> None:
    path = tmp_path / "data"
    for packed in (data, gzip.compress(data)):
        path.write_bytes(packed)
        assert detect(path) == (format, None)


def test_what_is_no_known_format_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"\x7fELF\0\0\0\0")
    with pytest.raises(InputError, match=r"its format is not known.*--input-format"):
        detect(path)
    path.write_bytes(bz2.compress(b"a,b\n1,2\n"))
    with pytest.raises(InputError, match="compressed by bzip2; unpack it"):
        detect(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "a")
    with pytest.raises(InputError, match="zip archive; unpack it"):
        detect(path)


def test_unknown_formats_are_refused_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match=r"Format 'parqet' not found\. Did you mean 'parquet'"):
        reader_named("parqet")
