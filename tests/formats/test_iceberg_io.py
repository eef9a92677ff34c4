"""Where the files of an Iceberg table lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.core.errors import InputError
from headwater.formats import iceberg_io
from headwater.formats.iceberg_io import file_io, mapped


def test_addresses_are_followed_to_where_the_table_lies_now(tmp_path: Path) -> None:
    for address, location in (
        ("/old/t/data/a", "/old/t"),
        ("file:///old/t/data/a", "/old/t/"),
        ("s3://bucket/t/data/a", "s3://bucket/t"),
        (str(tmp_path / "data" / "a"), "/elsewhere"),
    ):
        assert mapped(address, location, tmp_path) == tmp_path / "data" / "a"


@pytest.mark.parametrize(
    "address", ["/old/t/../secret", "/old/table2/a", "/etc/passwd", "file:///etc/passwd"]
)
def test_addresses_elsewhere_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not inside its folder"):
        mapped(address, "/old/t", tmp_path)


def test_files_are_written_read_and_removed_by_the_table_s_own_addresses(tmp_path: Path) -> None:
    pytest.importorskip("pyiceberg")
    io = file_io("/new/t", tmp_path)
    with io.new_output("/new/t/a").create() as file:
        file.write(b"data")
    assert io.new_input("/new/t/a").location == "/new/t/a"
    assert io.new_input("/new/t/a").open().read() == b"data"
    io.delete("/new/t/a")
    assert list(tmp_path.iterdir()) == []
    assert iceberg_io.FolderFileIO is type(io)
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        iceberg_io.Other  # noqa: B018
